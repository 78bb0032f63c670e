"""The frozen samples: do head's metrics still give the values that are stored beside the images? Its own code is asked."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganbench import Finding, MetricRule, Policy, Worker, compare_values, plain_finding
from ganbench_gate.side import Side, launch_script

_TIMEOUT_SECONDS = 600.0
_THRESHOLD = 0.001
"""How closely a metric repeats itself on another machine."""


def check_frozen_samples(
    head: Side, policy: Policy, *, threads: int, device: str = "auto", data_root: str = "", off: Sequence[str] = ()
) -> FrozenVerdict:
    """Score all frozen samples with head's code, in a process of its own.

    Args:
        head: whose metrics, extractors and samples.
        policy: thresholds and gates.
        threads: CPU threads of the process.
        device: where the extractors run; ``auto`` for a GPU where there is one.
        data_root: folder of datasets; empty for the default.
        off: plugins that are switched off.

    Raises:
        WorkerFailed: the process died, hung or answered nonsense.
    """
    job = {"off": list(off), "device": device, "threads": threads, "data_root": data_root}
    worker = Worker(launch_script("frozen samples", head, Path(__file__).with_name("frozen_process.py"), job, threads=threads))
    try:
        answer = worker.answer("scores", _TIMEOUT_SECONDS)
    finally:
        worker.close()
    return frozen_verdict(answer, policy)


@dataclass(frozen=True, kw_only=True, slots=True)
class FrozenVerdict:
    """What the frozen samples say."""

    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    """Why there is no finding."""


def frozen_verdict(answer: Sequence[Mapping[str, Any]] | None, policy: Policy) -> FrozenVerdict:
    """Return the findings of what the process that scores frozen samples answered.

    Args:
        answer: for each set ``samples``, ``error`` and ``metrics``; None of a version that knows no frozen samples.
        policy: thresholds and gates.
    """
    if not answer:
        why = "no plugin has frozen samples" if answer is not None else "this version of head has no frozen samples"
        return FrozenVerdict(notes=(f"{why}, so that the metrics themselves were not checked",))
    several = len(answer) > 1
    named = [(one["samples"] if several else "", result) for one in answer for result in _frozen_findings(one, policy)]
    return FrozenVerdict(findings=tuple(dataclasses.replace(result, cell=name) for name, result in named))


def _frozen_findings(answer: Mapping[str, Any], policy: Policy) -> Iterator[Finding]:
    if answer["error"]:
        rule = policy.applied(frozen_score_rule(answer["samples"], "scores"))
        yield plain_finding(rule, "missing", f"they cannot be scored: {answer['error']}")
    for metric in answer["metrics"]:
        stored, measured = (math.nan if metric[side] is None else metric[side] for side in ("stored", "measured"))
        result = compare_frozen_score(metric["name"], metric["label"], stored, measured, policy)
        yield dataclasses.replace(result, reason="; ".join(filter(None, (result.reason, _differing_fields(metric["differences"])))))


def _differing_fields(differences: Sequence[Sequence[Any]]) -> str:
    """Return which fields of the evaluation key are others than when the scores were stored."""
    fields = ", ".join(f"{field} was {stored} and is {now}" for field, stored, now in differences)
    return f"the evaluation key differs: {fields}" if fields else ""


def compare_frozen_score(metric: str, label: str, expected: float, measured: float, policy: Policy) -> Finding:
    """Return whether a metric still gives the stored value for the samples that ship with the project, to 1e-3.

    Where it does not, the metric drifted, and no verdict on a model's quality can be trusted.
    """
    rule = policy.applied(frozen_score_rule(metric, label))
    return compare_values(rule, [expected], [measured]) or plain_finding(rule, "inconclusive", "there is no stored value")


def frozen_score_rule(metric: str, label: str) -> MetricRule:
    """Return the rule of a metric's value for the frozen samples: a change means that the metric drifted, not a model."""
    return MetricRule(
        name=f"frozen.{metric}",
        label=f"{label} of the frozen samples",
        unit="",
        tier="deterministic",
        direction="equal",
        threshold=_THRESHOLD,
    )
