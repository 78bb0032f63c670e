"""A finding in words and short numbers, and the verdict in a sentence. No text holds a line feed or a control character."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

from ganbench.record.record import Difference, Scalar
from ganbench.text import clean, number, plain
from ganbench.verdict.findings import Comparison, Finding, NullRatio, State

ORDER: tuple[State, ...] = ("broken", "regressed", "missing", "improved", "inconclusive", "not-comparable", "new", "unchanged")
"""In which order readers want to see the states: what changed comes first."""
GATES = {"fail": "blocks the merge", "warn": "warns", "off": "is reported"}
"""What a regression does, the worst first."""
_HASH_DIGITS = 12
_SHOWN_FIELDS = 3
_NO_REGRESSION = "no regression"
_CONFIGURATION = ("setting", "plugin", "version", "requirement")
"""Keys of changes that are of the configuration; the others are of what is computed."""
_KEY_WORDS = {"parameters": "parameters of the", "schedule": "", "version": ""}
_PLURAL = re.compile(r"((?! (of|per|that) ).)*[^su\W]s\b", re.IGNORECASE)
"""A label whose noun is in the plural; ``loss`` and ``modulus`` are not."""
_HEX = frozenset("0123456789abcdef")


def state_name(state: State) -> str:
    """Return ``not comparable`` for ``not-comparable``."""
    return state.replace("-", " ")


def metric_name(found: Finding) -> str:
    """Return ``throughput, images/s``."""
    return clean(f"{found.label}, {found.unit}" if found.unit else found.label)


def full_name(found: Finding) -> str:
    """Return ``throughput of dcgan digits``."""
    return clean(f"{found.label} of {found.cell}" if found.cell else found.label)


def percent(change: float, *, signed: bool = True) -> str:
    """Return a relative change: ``+10.2%``, ``+0.013%``, ``+1,234%``; ``inf`` where it is infinite."""
    if not math.isfinite(change):
        return "inf"
    sign = ("+" if change > 0 else "-" if change < 0 else "") if signed else ""
    size = abs(100 * change)
    text = f"{size:,.0f}" if size >= 100 else f"{size:.1f}" if size >= 0.05 or size == 0 else number(size, 2)
    return f"{sign}{text}%"


def change_text(found: Finding) -> str:
    """Return the estimate, in per cent of base, or in the metric's own unit where that touches zero; empty where there is none."""
    return "" if found.change is None else _amount(found.change, found.scale)


def interval_text(found: Finding) -> str:
    """Return ``-12.1 to -8.3%``, or both in the unit of :func:`change_text`; an end that is not known is ``open``."""
    return "" if found.low is None or found.high is None else _between(found.low, found.high, found.scale)


def threshold_text(found: Finding) -> str:
    """Return ``5%``, or the size in the unit of :func:`change_text`."""
    return f"{100 * found.threshold:.3g}%" if found.scale is None else number(found.threshold * found.scale, 3)


def detectable_text(found: Finding) -> str:
    """Return the smallest change that had a chance to be detected; empty where none had, or where nothing was tested."""
    return "" if found.smallest_visible is None else _amount(found.smallest_visible, found.scale).removeprefix("+")


def count_text(found: Finding) -> str:
    """Return how many runs or pairs each side has: ``5/3``."""
    return f"{found.num_base}/{found.num_head}"


def null_text(null: NullRatio | None) -> str:
    """Return change and interval of base against base; empty where it was not measured."""
    return "" if null is None else f"{percent(null.change)}, {_between(null.low, null.high)}"


def value_text(value: float | str | None) -> str:
    """Return what was measured; empty where nothing was."""
    if isinstance(value, str):
        return clean(value)
    return "" if value is None else plain(value) if value == round(value) else number(value)


def scalar_text(value: Scalar) -> str:
    """Return a field of a key: ``on``, ``none``, ``2.15.0``; of a hash the first digits."""
    if value is None or isinstance(value, bool):
        return {None: "none", True: "on", False: "off"}[value]
    text = clean(str(value))
    return text[:_HASH_DIGITS] if len(text) == 64 and set(text) <= _HEX else text


def difference_text(one: Difference) -> str:
    """Return ``software torch: 2.15.0 / 2.14.0``."""
    return f"{clean(one.key)} {clean(one.field)}: {scalar_text(one.base)} / {scalar_text(one.head)}"


def why(found: Finding) -> str:
    """Return why a finding is what it is, in a sentence without an end; the fields that are not alike are left to the caller."""
    differences = "" if found.state == "not-comparable" else "; ".join(map(difference_text, found.differences))
    instead = f"what head has instead differs in {differences}" if differences else ""
    return clean("; ".join(filter(None, (_decided(found), found.reason, instead))))


def _amount(change: float, scale: float | None) -> str:
    size = 0.0 if scale is None else abs(change * scale)
    return percent(change) if scale is None or math.isinf(size) else f"{'-' if change < 0 else '+'}{number(size, 3)}"


def _between(low: float, high: float, scale: float | None = None) -> str:
    lowest = -1 if scale is None else -math.inf
    ends = "" if low <= lowest else _amount(low, scale), "" if math.isinf(high) else _amount(high, scale)
    if not any(ends):
        return "open"
    return f"{ends[0].removesuffix('%') if ends[0] and ends[1] else ends[0] or 'open'} to {ends[1] or 'open'}"


def _decided(found: Finding) -> str:
    """Return what decided it; empty where the finding's own reason tells that."""
    if found.state == "unchanged":
        return "equal" if found.threshold == 0 or found.low is None else "the interval lies within the threshold on both sides"
    if found.state == "inconclusive":
        return "a worsening past the threshold is ruled out" if found.not_worse else ""
    if found.state not in ("regressed", "improved"):
        return ""
    return f"{_past(found)}{_probability(found)}{_told_only(found)}"


def _past(found: Finding) -> str:
    if found.direction == "equal":
        past = f", and differs by more than {threshold_text(found)}" if found.threshold else ""
        return f"must be equal{past}"
    word = "worse" if found.state == "regressed" else "better"
    every = ", for every value" if found.confidence is None else ""
    return f"{word} by more than the threshold of {threshold_text(found)}{every}"


def _probability(found: Finding) -> str:
    p = found.p_value if found.adjusted_p is None else found.adjusted_p
    if p is None:
        return ""
    corrected = "" if found.adjusted_p is None else " after Holm's correction"
    return f", {f'p {p:.2g}' if p > 1e-4 else 'p below 0.0001'}{corrected}"


def _told_only(found: Finding) -> str:
    if found.state != "regressed" or found.gate == "fail":
        return ""
    return "; a warning, which blocks no merge" if found.gate == "warn" else "; reported only"


def verdict_sentence(comparison: Comparison) -> str:
    """Return the verdict of a whole comparison: what it came to, the worst of what was measured, and what changed before that."""
    if comparison.outcome == "nothing":
        return "nothing to compare: base holds nothing that head could be held against"
    if comparison.outcome == "not-comparable":
        return f"not comparable: {_unlike_fields(comparison.findings)}"
    told, changed = _told(comparison), changes_text(comparison.changes)
    passed = comparison.outcome == "passed"
    untested = comparison.quality == "untested" and comparison.outcome in ("passed", "undecided")
    parts = [changed, "" if passed and changed and told == _NO_REGRESSION else told] if passed else [told, changed]
    said = "; ".join(filter(None, (*parts, "quality was not tested" if untested else "")))
    counts = f" ({_counts(comparison.findings)})" if comparison.findings else ""
    return f"{comparison.outcome}{', but ' if passed and changed else ': '}{said}{counts}"


def _told(comparison: Comparison) -> str:
    """Return what the outcome says of the findings."""
    findings = comparison.findings
    if comparison.outcome == "interrupted":
        failing = [found for found in findings if found.fails]
        return f"the measurement was not finished{f', and {_worst_of(failing)}' if failing else ''}"
    if comparison.outcome in ("broken", "new"):
        return next(clean(found.reason) for found in findings if found.state == comparison.outcome)
    if comparison.outcome == "failed":
        return _worst_of([found for found in findings if found.fails])
    if comparison.outcome == "undecided":
        still = [found for found in findings if found.is_open]
        return f"{_open_text(still[0])}{_and_more(still)}"
    improved = [found for found in findings if found.state == "improved"]
    return _worst_of(improved) if improved else _NO_REGRESSION


def changes_text(changes: Sequence[Difference]) -> str:
    """Return what differs between two sides before anything is measured; empty where nothing does."""
    groups = (
        ("the configuration changed", [one for one in changes if one.key in _CONFIGURATION]),
        ("the mathematics changed", [one for one in changes if one.key not in _CONFIGURATION]),
    )
    return "; ".join(
        f"{what}: {', '.join(map(_change_of, group[:_SHOWN_FIELDS]))}{_and_more(group, _SHOWN_FIELDS)}" for what, group in groups if group
    )


def _change_of(one: Difference) -> str:
    """Return ``training.seed 0 -> 1``, ``+2 aten::repeat in the step`` or ``losses from step 3 on``."""
    if one.key == "operators":
        return clean(f"{int(one.head or 0) - int(one.base or 0):+,} {one.field} in the step")
    if one.key in ("losses", "data", "evaluation"):
        return clean(one.field if one.key == "evaluation" else f"{one.key} {one.field}".strip())
    which = one.field if one.key == "setting" else f"{_KEY_WORDS.get(one.key, one.key)} {one.field}".strip()
    return clean(f"{which} {scalar_text(one.base)} -> {scalar_text(one.head)}")


def finding_sentence(found: Finding) -> str:
    """Return what happened to one metric: ``throughput of dcgan digits is 10.2% lower``."""
    if found.reason and (found.metric == "run" or (found.state == "regressed" and found.base is None)):
        return clean(f"{found.cell or found.label}: {found.reason}")
    if found.state in ("regressed", "improved"):
        return f"{full_name(found)} {_moved(found)}"
    return f"{full_name(found)} {_be(found)} {state_name(found.state)}"


def _be(found: Finding) -> str:
    """Return ``is`` or ``are``: of ``throughput`` and ``loss``, of ``images seen`` and ``parameters of the discriminator``."""
    return "are" if _PLURAL.match(found.label) else "is"


def _worst_of(findings: Sequence[Finding]) -> str:
    return f"{finding_sentence(min(findings, key=_badness))}{_and_more(findings)}"


def _and_more(things: Sequence[object], shown: int = 1) -> str:
    return f", and {len(things) - shown} more" if len(things) > shown else ""


def _open_text(found: Finding) -> str:
    """Return what is known of something that could not be decided."""
    figures = ", interval ".join(filter(None, (change_text(found), interval_text(found))))
    return f"{full_name(found)} could not be decided{f' ({figures})' if figures else ''}"


def _badness(found: Finding) -> tuple[int, float]:
    """Sort by state, then by how large the change is."""
    size = abs(math.log1p(found.change)) if found.change is not None and -1 < found.change < math.inf else math.inf
    return ORDER.index(found.state), -size


def _moved(found: Finding) -> str:
    if found.change is None:
        return f"changed from {value_text(found.base)} to {value_text(found.head)}"
    if not math.isfinite(found.change):
        return (
            f"{_be(found)} lost: half of head's runs or more diverged" if found.head is None else f"went from 0 to {value_text(found.head)}"
        )
    if found.scale is not None:
        return f"went from {value_text(found.base)} to {value_text(found.head)}"
    return f"{_be(found)} {percent(found.change, signed=False)} {'higher' if found.change > 0 else 'lower'}"


def _unlike_fields(findings: Sequence[Finding]) -> str:
    fields = list(dict.fromkeys(f"{one.key} {one.field}" for found in findings for one in found.differences))
    if not fields:
        return clean(findings[0].reason)
    more = f" and {len(fields) - _SHOWN_FIELDS} more" if len(fields) > _SHOWN_FIELDS else ""
    return clean(f"{', '.join(fields[:_SHOWN_FIELDS])}{more} {'differ' if len(fields) > 1 else 'differs'}")


def _counts(findings: Sequence[Finding]) -> str:
    """Return ``1 regressed, 4 inconclusive, 10 unchanged``; regressions that are not gated are counted apart."""
    names = {state: state_name(state) for state in ORDER}
    counts = Counter(
        f"{names[found.state]} but not gated" if found.state in ("regressed", "missing") and not found.fails else names[found.state]
        for found in findings
    )
    order = [text for name in names.values() for text in (name, f"{name} but not gated")]
    return ", ".join(f"{counts[name]} {name}" for name in order if counts[name])
