"""What can be compared: for each metric its tier, what is better, and from which change on it counts."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from ganbench.record.record import MetricValue
from ganbench.verdict.findings import Direction, Gate, Tier

LOCK_STEP_THRESHOLD = 0.05
"""For time measured in lock-step on any machine: what slows the machine slows both sides."""
STORED_CPU_THRESHOLD = 0.10
"""For time in stored records of a CPU, which is hardly ever free of neighbours."""
_STORED_GPU_THRESHOLD = 0.05
MEMORY_THRESHOLD = 0.05
QUALITY_MARGIN = 0.10
COUNT_THRESHOLD = 0.001
"""For counts that may be estimated a little differently by another version of a library."""
FROZEN_SCORE_THRESHOLD = 0.001


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


def parameter_rule(module: str) -> MetricRule:
    """Return the rule of the number of a network's parameters: ``generator_parameters``."""
    return _count(f"{module}_parameters", f"parameters of the {module}")


def counted_in(rule: MetricRule, unit: str) -> MetricRule:
    """Return a rule in the words of a run's samples: a throughput in ``points/s``."""
    return dataclasses.replace(rule, label=rule.label.replace("images", unit), unit=rule.unit.replace("images", unit))


def time_rule(name: str, label: str, unit: str = "s", *, threshold: float = LOCK_STEP_THRESHOLD, gate: Gate = "fail") -> MetricRule:
    """Return the rule of a time that is measured in lock-step."""
    return MetricRule(name=name, label=label, unit=unit, tier="throughput", direction="lower", threshold=threshold, gate=gate)


def phase_rule(phase: str) -> MetricRule:
    """Return the rule of a phase of an iteration: told, not gated, because the throughput holds it."""
    return time_rule(f"phase_milliseconds.{phase}", f"time of {phase}", "ms", gate="off")


def startup_rule() -> MetricRule:
    """Return the rule of the start-up: told, not gated, because one file cache makes all the difference."""
    return time_rule("startup_seconds", "start-up", gate="off")


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


def frozen_score_rule(metric: str, label: str) -> MetricRule:
    """Return the rule of a metric's value for the frozen samples: a change means that the metric drifted, not a model."""
    return MetricRule(
        name=f"frozen.{metric}",
        label=f"{label} of the frozen samples",
        unit="",
        tier="deterministic",
        direction="equal",
        threshold=FROZEN_SCORE_THRESHOLD,
    )
