"""What the user decides: how sure a verdict must be, from which change on it counts, and what fails the command.

What fails on which machine, and what is written.

On a hosted runner time is measured beside unknown neighbours, so that it is only told; what has no noise, and what the metrics say of the
frozen samples, fails. On a GPU of one's own, speed and memory fail too.

Intended changes: reviewed entries of the accept file whose commit is among those that head adds.

An entry holds for the pull request that makes the change, because only there its commit lies between base and head; afterwards the same
metric is gated again. ``ganbench trend`` reads the same file.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from ganbench.errors import UsageError, did_you_mean
from ganbench.record.accept import Accept
from ganbench.verdict.findings import Comparison, Gate, Tier
from ganbench.verdict.rules import RULES, MetricRule

_DECIDED_NOTHING = (4, 5)
"""Exit codes with which there are no findings that an option could be about."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Policy:
    """How findings are decided and gated."""

    alpha: float = 0.05
    """Probability of any false regression or improvement among the gated metrics of one call."""
    strict: bool = False
    """Whether a gated metric that stays inconclusive or not comparable fails the command."""
    looks: tuple[int, ...] = (5, 8, 12)
    """Process pairs after which a paired comparison is decided, or goes on."""
    thresholds: Mapping[str, float] = field(default_factory=dict)
    """Relative, by metric or by tier; a metric's own goes before its tier's, and both before the built-in one."""
    gates: Mapping[str, Gate] = field(default_factory=dict)
    """By metric or by tier, likewise."""
    quality: Literal["final", "best"] = "final"
    """Which value of a run is its quality."""

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 0.5:
            raise ValueError(f"alpha must be above 0 and below 0.5 (got {self.alpha})")
        if not self.looks or self.looks[0] < 2 or any(a >= b for a, b in zip(self.looks, self.looks[1:], strict=False)):
            raise ValueError(f"looks must be rising numbers of pairs, 2 or more (got {self.looks})")
        for name, threshold in self.thresholds.items():
            if not 0 <= threshold < float("inf"):
                raise ValueError(f"threshold of {name} must be 0 or more (got {threshold})")
        for name, gate in self.gates.items():
            if gate not in ("fail", "warn", "off"):
                raise ValueError(f"gate of {name} must be fail, warn or off (got {gate!r})")

    def applied(self, rule: MetricRule) -> MetricRule:
        """Return a metric's rule with the user's threshold and gate. A tier's gate leaves alone what is not gated by default."""
        threshold = self.thresholds.get(rule.name, self.thresholds.get(rule.tier, rule.threshold))
        of_tier = self.gates.get(rule.tier, rule.gate)
        gate = self.gates.get(rule.name, of_tier if rule.gate == "fail" else _weaker(of_tier, rule.gate))
        return dataclasses.replace(rule, threshold=threshold, gate=gate)


def _weaker(one: Gate, other: Gate) -> Gate:
    order: tuple[Gate, ...] = ("off", "warn", "fail")
    return min(one, other, key=order.index)


def refuse_unheeded(option: str, names: Iterable[str], comparison: Comparison) -> None:
    """Refuse a threshold or a gate of what was not compared: a name that is misspelt would switch a gate on or off unseen.

    Raises:
        UsageError: there is such, in a comparison that decided something.
    """
    tiers = get_args(Tier)
    compared = sorted({finding.metric for finding in comparison.findings})
    for name in names:
        if name not in {*tiers, *RULES, *compared} and comparison.exit_code not in _DECIDED_NOTHING:
            raise UsageError(f"{option} {name}: nothing that was compared is called so", hint=did_you_mean(name, [*tiers, *compared]))


_HOSTED: dict[Tier, Gate] = {"throughput": "warn", "memory": "warn"}
"""The gates of a runner that others use too."""
_OWN_GPU: dict[Tier, Gate] = {"throughput": "fail", "memory": "fail"}
"""The gates of a machine with a GPU for this job alone."""
FILES = {"json": "verdict.json", "markdown": "verdict.md", "junit": "verdict.xml", "github-benchmark": "benchmark.json"}
"""Kinds of output and the files that hold them; ``benchmark.json`` becomes ``benchmark-bigger.json`` and ``benchmark-smaller.json``."""
SAMPLES = "samples.json"
"""Every block of every process."""


def gates_of(*, gpu: bool) -> dict[Tier, Gate]:
    """Return the gates of a kind of machine."""
    return _OWN_GPU if gpu else _HOSTED


def outputs_in(folder: Path) -> tuple[str, ...]:
    """Return the files of a folder as ``-o`` takes them."""
    return tuple(f"{kind}={folder / name}" for kind, name in FILES.items())


@dataclass(frozen=True, kw_only=True, slots=True)
class Intended:
    """A metric whose change is no regression here."""

    metric: str
    reason: str


def intended_changes(accepts: Iterable[Accept], commits: Sequence[str], plugin: str) -> tuple[Intended, ...]:
    """Return which metrics may change.

    Args:
        accepts: the entries of the file; each says a metric, a cell, a commit and a reason.
        commits: that head has and base has not.
        plugin: what is trained; the cells of its name are meant.
    """
    found: dict[str, Intended] = {}
    for one in accepts:
        if one.cell.split()[0] == plugin and one.covers(one.metric, (one.cell,), commits, ()):
            found.setdefault(one.metric, Intended(metric=one.metric, reason=one.reason))
    return tuple(found.values())
