"""What can be compared, and what the user decides about it.

A rule says for each metric its tier, what is better, and from which change on it counts. A policy says how sure a verdict must be, and
what fails the command.
"""

from __future__ import annotations

import dataclasses
import math
import statistics
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

from ganbench.errors import UsageError, did_you_mean
from ganbench.record.record import MetricValue
from ganbench.verdict.findings import Comparison, Direction, Gate, Tier

LOCK_STEP_THRESHOLD = 0.05
"""For time measured in lock-step on any machine: what slows the machine slows both sides."""
STORED_CPU_THRESHOLD = 0.10
"""For time in stored records of a CPU, which is hardly ever free of neighbours."""
_STORED_GPU_THRESHOLD = 0.05
MEMORY_THRESHOLD = 0.05
QUALITY_MARGIN = 0.10
COUNT_THRESHOLD = 0.001
"""For counts that may be estimated a little differently by another version of a library."""
_ROUNDING = 4 * sys.float_info.epsilon


@dataclass(frozen=True, kw_only=True, slots=True)
class MetricRule:
    """How one metric is judged."""

    name: str
    label: str
    unit: str
    tier: Tier
    direction: Direction
    threshold: float
    """Relative; the ratio counts above ``1 + threshold`` and below its reciprocal."""
    gate: Gate = "fail"

    def worsening(self, value: float, scale: float | None = None) -> float:
        """Return the logarithm of a value, larger is worse; infinite where a run diverged, NaN where a ratio means nothing.

        Args:
            value: of the metric.
            scale: the unit in which the value itself is returned in the place of its logarithm; see :meth:`scale`.
        """
        sign = -1 if self.direction == "higher" else 1
        if not math.isfinite(value):
            return math.inf
        if scale is not None:
            return sign * value / scale if scale > 0 else sign * math.copysign(math.inf, value) if value else 0.0
        if value <= 0:
            return math.inf if value == 0 and self.direction == "higher" else math.nan
        return sign * math.log(value)

    def scale(self, base: Sequence[float], *others: float, least: float = 0.0) -> float | None:
        """Return in which unit to compare values of which one has no logarithm; None where all have one, and ratios mean something.

        Such a metric touches zero, so the unit is one that is left there: the median of base, its spread, or what is given.

        Args:
            base: values of what is known to be good.
            others: what they are compared with.
            least: another scale of the metric, as real samples against real ones have it.
        """
        if not any(math.isnan(self.worsening(value)) for value in (*base, *others)):
            return None
        finite = [value for value in base if math.isfinite(value)]
        spread = statistics.stdev(finite) if len(finite) > 1 else 0.0
        return max(abs(statistics.median(finite)) if finite else 0.0, spread, least)

    def limit(self, scale: float | None = None) -> float:
        """Return the worsening at the threshold, with the rounding of a ratio: what is at the threshold is not past it."""
        return (math.log1p(self.threshold) if scale is None else self.threshold) + _ROUNDING


def _count(name: str, label: str, *, direction: Direction = "equal", threshold: float = 0.0, unit: str = "") -> MetricRule:
    return MetricRule(name=name, label=label, unit=unit, tier="deterministic", direction=direction, threshold=threshold)


RUN = _count("run", "run")
"""The cell as a whole."""
RULES = {
    rule.name: rule
    for rule in (
        RUN,
        _count("generator_steps", "generator steps"),
        _count("samples_seen", "images seen"),
        _count("flops_per_iteration", "FLOPs per iteration", direction="lower", threshold=COUNT_THRESHOLD),
        _count("op_count", "operators per iteration", direction="lower", threshold=COUNT_THRESHOLD),
        _count("checkpoint_bytes", "checkpoint", direction="lower", threshold=COUNT_THRESHOLD, unit="bytes"),
        _count("data_hash", "data"),
        dataclasses.replace(_count("trajectory_hash", "losses of the first iterations"), gate="warn"),
        MetricRule(name="peak_memory_mib", label="peak memory", unit="MiB", tier="memory", direction="lower", threshold=MEMORY_THRESHOLD),
        MetricRule(
            name="samples_per_second",
            label="throughput",
            unit="images/s",
            tier="throughput",
            direction="higher",
            threshold=LOCK_STEP_THRESHOLD,
        ),
    )
}
"""Every metric that is not named by a plugin."""


def time_rule(name: str, label: str, unit: str = "s", *, threshold: float = LOCK_STEP_THRESHOLD, gate: Gate = "fail") -> MetricRule:
    """Return the rule of a time that is measured in lock-step."""
    return MetricRule(name=name, label=label, unit=unit, tier="throughput", direction="lower", threshold=threshold, gate=gate)


def rule_of(name: str, unit: str = "images") -> MetricRule:
    """Return the rule of a metric that no metric plugin names.

    A phase and the start-up are told and not gated: the throughput holds the one, and one file cache makes all the difference to the other.

    Args:
        name: one of :data:`RULES`, ``MODULE_parameters``, ``phase_milliseconds.PHASE`` or ``startup_seconds``.
        unit: what a run's samples are, as in ``points/s``.
    """
    if name == "startup_seconds":
        return time_rule(name, "start-up", gate="off")
    family, dot, phase = name.partition(".")
    if dot:  # a file may hold a phase without a name
        return time_rule(name, f"time of the {phase} phase", "ms", gate="off")
    module = family.removesuffix("_parameters")
    if module != family:
        return _count(name, f"parameters of the {module}")
    rule = RULES[name]
    return dataclasses.replace(rule, label=rule.label.replace("images", unit), unit=rule.unit.replace("images", unit))


def stored_rule(rule: MetricRule, *, on_gpu: bool) -> MetricRule:
    """Return the rule of a throughput metric for records that were not measured in lock-step."""
    return dataclasses.replace(rule, threshold=_STORED_GPU_THRESHOLD if on_gpu else STORED_CPU_THRESHOLD)


def quality_rule(value: MetricValue) -> MetricRule:
    """Return the rule of a metric of quality, from one of its values."""
    direction: Direction = "higher" if value.higher_is_better else "lower"
    return MetricRule(name=value.name, label=value.label, unit="", tier="quality", direction=direction, threshold=QUALITY_MARGIN)


def kimg_to_rule(metric: str, target: str, threshold: float) -> MetricRule:
    """Return the rule of the real images that a run needs to reach a quality; ``target`` is for instance ``FD digits 12.5``."""
    name, label = f"kimg_to.{metric}", f"images to {target}"
    return MetricRule(name=name, label=label, unit="kimg", tier="time-to-quality", direction="lower", threshold=threshold)


def seconds_to_rule(metric: str, target: str, threshold: float) -> MetricRule:
    """Return the rule of the seconds of training to the same quality: told, not gated, because images and throughput hold it."""
    name, label = f"seconds_to.{metric}", f"time to {target}"
    return MetricRule(name=name, label=label, unit="s", tier="time-to-quality", direction="lower", threshold=threshold, gate="off")


_DECIDED_NOTHING = (4, 5)
"""Exit codes with which there are no findings that an option could be about."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Policy:
    """How findings are decided and gated."""

    alpha: float = 0.05
    """Probability of any false regression or improvement among the gated metrics of one call."""
    strict: bool = False
    """Whether a gated metric that stays inconclusive or not comparable fails the command: ``--undecided fail``."""
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
