"""The findings of the frozen samples: do head's metrics still give the values that are stored beside the images?"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganbench.fleet.pairs.side import Side, launch_script
from ganbench.fleet.worker import Worker
from ganbench.verdict import Finding, Policy, compare_frozen_score
from ganbench.verdict.decide import plain_finding
from ganbench.verdict.rules import frozen_score_rule

_TIMEOUT_SECONDS = 600.0


@dataclass(frozen=True, kw_only=True, slots=True)
class FrozenVerdict:
    """What the frozen samples say."""

    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    """Why there is no finding."""


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
    worker = Worker(launch_script("frozen samples", head, Path(__file__).parents[1] / "frozen_process.py", job, threads=threads))
    try:
        answer = worker.answer("scores", _TIMEOUT_SECONDS)
    finally:
        worker.close()
    return verdict_of(answer, policy)


def verdict_of(answer: Sequence[Mapping[str, Any]] | None, policy: Policy) -> FrozenVerdict:
    """Return the findings of what the process answered.

    Args:
        answer: for each set ``samples``, ``error`` and ``metrics``; None of a version that knows no frozen samples.
        policy: thresholds and gates.
    """
    if not answer:
        why = "no plugin has frozen samples" if answer is not None else "this version of head has no frozen samples"
        return FrozenVerdict(notes=(f"{why}, so that the metrics themselves were not checked",))
    found = [(one["samples"], finding) for one in answer for finding in _findings(one, policy)]
    cells = len(answer) > 1
    return FrozenVerdict(findings=tuple(dataclasses.replace(finding, cell=name if cells else "") for name, finding in found))


def _findings(one: Mapping[str, Any], policy: Policy) -> Iterator[Finding]:
    if one["error"]:
        rule = policy.applied(frozen_score_rule(one["samples"], "scores"))
        yield plain_finding(rule, "missing", f"they cannot be scored: {one['error']}")
    for metric in one["metrics"]:
        stored, measured = (math.nan if metric[side] is None else metric[side] for side in ("stored", "measured"))
        finding = compare_frozen_score(metric["name"], metric["label"], stored, measured, policy)
        yield dataclasses.replace(finding, reason="; ".join(filter(None, (finding.reason, _says(metric["differences"])))))


def _says(differences: Sequence[Sequence[Any]]) -> str:
    """Return which fields of the evaluation key are others than when the scores were stored."""
    fields = ", ".join(f"{field} was {stored} and is {now}" for field, stored, now in differences)
    return f"the evaluation key differs: {fields}" if fields else ""
