"""Builders for records of one cell that differ in what they measured."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from ganbench.record.record import Evaluation, Key, MetricValue, RunRecord

Runs = Callable[..., list[RunRecord]]


def with_field(key: Key, **fields: Any) -> Key:
    """Return a key with some fields changed."""
    return Key.of(**{**dict(key.fields), **fields})


@pytest.fixture
def make_run(make_record: Callable[..., RunRecord], make_value: Callable[..., MetricValue]) -> Callable[..., RunRecord]:
    """Return a builder: ``make_run(seed=3, value=12.5, speed=1250.0, batch_size=64, hardware={...})``; other words replace fields."""

    def build(seed: int = 0, value: float = 12.5, speed: float = 1250.0, **changes: Any) -> RunRecord:
        record = make_record(seed=seed, run_id=f"{changes.pop('side', 'run')}-{changes.get('name', 'dcgan')}-{seed}")
        work = with_field(record.keys.work, **changes.pop("work_key", {}), **{"loss.code": f"ganbench 0.1.0 {changes.pop('code', 'ab')}"})
        keys = dataclasses.replace(
            record.keys,
            work=work,
            hardware=with_field(record.keys.hardware, **changes.pop("hardware", {})),
            software=with_field(record.keys.software, **changes.pop("software", {})),
        )
        throughput = dataclasses.replace(
            record.throughput, samples_per_second=speed, peak_memory_mib=changes.pop("memory", record.throughput.peak_memory_mib)
        )
        trajectory = changes.pop("trajectory", f"{seed}-{value}-{speed}")
        counted = dataclasses.replace(record.work, trajectory_hash=trajectory, **changes.pop("counts", {}))
        evaluation = Evaluation(samples_seen=100_000, training_seconds=80.0, values=(make_value(value, **changes.pop("metric", {})),))
        fields = {"keys": keys, "throughput": throughput, "work": counted, "evaluations": (evaluation,)}
        return dataclasses.replace(record, **{**fields, **changes})

    return build


@pytest.fixture
def make_runs(make_run: Callable[..., RunRecord]) -> Runs:
    """Return a builder of one run for each value, with the seeds 0, 1, ...: ``make_runs([12.5, 13.0], speeds=[...])``."""

    def build(values: Iterable[float], speeds: Iterable[float] | None = None, **changes: Any) -> list[RunRecord]:
        values = list(values)
        speeds = list(speeds) if speeds is not None else [1250.0 + seed for seed in range(len(values))]
        return [make_run(seed, value, speed, **changes) for seed, (value, speed) in enumerate(zip(values, speeds, strict=True))]

    return build
