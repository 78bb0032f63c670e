"""What the user decides: how sure a verdict must be, from which change on it counts, and what fails the command."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from ganbench.compare.metric import MetricRule
from ganbench.compare.verdict import Gate


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
