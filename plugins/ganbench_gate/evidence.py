"""What the gate knows of head's quality without training it: that it is base's, because all that makes it is; or nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ganbench import Difference, Finding, MetricRule, Policy, plain_finding

RUN = MetricRule(
    name="whole_run",
    label="steps and evaluation all over the budget",
    unit="",
    tier="deterministic",
    direction="equal",
    threshold=0.0,
    gate="warn",
)
UNTESTED = "quality was not tested"
"""How the reason begins where nothing is known."""
SAMPLES = "evaluated samples"
_NAMED = 5


def quality_finding(base: Mapping[str, Any], head: Mapping[str, Any], policy: Policy) -> Finding:
    """Return whether the fingerprints of both runs are the same; then their quality is, and nothing less shows it.

    Args:
        base: what base's process says: ``digests`` by moment and name, or an ``error``; empty where it was not asked.
        head: the same.
        policy: of the user.
    """
    rule = policy.applied(RUN)
    for side, said in (("base", base), ("head", head)):
        if "digests" not in said:
            why = said.get("error") or "it was not asked"
            return plain_finding(rule, "inconclusive", f"{UNTESTED}: there is no fingerprint of {side}'s run ({why})")
    differing = list(_differences(base["digests"], head["digests"]))
    if differing:
        return plain_finding(rule, "inconclusive", f"{UNTESTED}; {'; '.join(differing)}")
    points = ", ".join(moment.removesuffix(" %") for moment in head["digests"] if moment.endswith(" %"))
    same = f"steps, averages, schedules and evaluated samples are the same to the bit at {points} % of the budget of {head['kimg']:g} kimg"
    return plain_finding(rule, "unchanged", same, counts=(1, 1))


def changed_later(base: Mapping[str, Any], head: Mapping[str, Any]) -> Iterator[Difference]:
    """Yield the first moment at which two runs differ, for what no other comparison has seen: a change far behind the first steps."""
    ours, theirs = (said.get("digests", {}) for said in (base, head))
    for moment in ours if theirs else ():
        unlike = [name for name in ours[moment] if ours[moment][name] != theirs.get(moment, {}).get(name)]
        if unlike:
            unlike.sort(key=lambda name: name != SAMPLES)  # what is measured first; networks may differ in their running statistics alone
            trained = any(name.endswith("optimizer") for name in unlike)
            what = "and weights" if trained else ", ".join(unlike[:_NAMED])
            values = [side.get(moment, {}).get(unlike[0]) for side in (ours, theirs)]
            yield Difference(key="losses" if trained else "evaluation", field=f"{what} {_where(moment)}", base=values[0], head=values[1])
            return


def _differences(base: Mapping[str, Mapping[str, str]], head: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    """Yield what differs, each thing at the first moment at which it does."""
    told: set[str] = set()
    for moment in dict.fromkeys((*base, *head)):
        ours, theirs = base.get(moment, {}), head.get(moment, {})
        unlike = [name for name in dict.fromkeys((*ours, *theirs)) if ours.get(name) != theirs.get(name) and name not in told]
        told.update(unlike)
        if unlike:
            more = f" and {len(unlike) - _NAMED} more" if len(unlike) > _NAMED else ""
            yield f"different {_where(moment)}: {', '.join(unlike[:_NAMED])}{more}"


def _where(moment: str) -> str:
    return f"at {moment} of the budget" if moment.endswith(" %") else "before the first step"
