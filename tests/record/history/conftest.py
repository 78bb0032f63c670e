"""Builders of histories: one record for each commit, a day apart."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from ganbench.record.history import _add_record
from ganbench.record.record import Evaluation, Key, RunRecord

START = datetime(2026, 1, 1, tzinfo=timezone.utc)


def commit_of(day: int) -> str:
    """Return the commit of a day: 12 hex digits."""
    return f"{day + 1:06x}abcdef"


@pytest.fixture
def make_run(make_record: Callable[..., RunRecord], make_value: Callable[..., Any]) -> Callable[..., RunRecord]:
    """Return a builder: ``make_run(day=3, speed=1250.0, quality=12.5, flops=10**9)``; keys by name; other words replace fields."""

    def build(day: int = 0, *, speed: float = 1250.0, quality: float = 12.5, memory: float = 612.5, **changes: Any) -> RunRecord:
        seed = changes.get("seed", 0)
        moment = START + timedelta(days=day, seconds=seed)
        record = make_record(run_id=f"{moment:%Y%m%d-%H%M%S}-dcgan-digits-s{seed}", created=moment.isoformat())
        kinds = ("hardware", "software", "work")
        keys = {kind: Key.of(**{**dict(getattr(record.keys, kind).fields), **changes.pop(kind, {})}) for kind in kinds}
        counted = {"flops_per_iteration": changes.pop("flops", record.work.flops_per_iteration)}
        value = make_value(quality, **changes.pop("metric", {}))
        fields = {
            "keys": dataclasses.replace(record.keys, **keys),
            "throughput": dataclasses.replace(record.throughput, samples_per_second=speed, peak_memory_mib=memory),
            "work": dataclasses.replace(record.work, **counted),
            "evaluations": (Evaluation(samples_seen=100_000, training_seconds=80.0, values=(value,)),),
        }
        return dataclasses.replace(record, **{**fields, **changes})

    return build


@pytest.fixture
def make_history(tmp_path: Path, make_run: Callable[..., RunRecord]) -> Callable[..., Path]:
    """Return a builder of a directory: ``make_history([1250.0, 1240.0, ...])``, one run of each speed on successive days and commits."""

    def build(speeds: Sequence[float], folder: str = "history", **changes: Any) -> Path:
        for day, speed in enumerate(speeds):
            _add_record(tmp_path / folder, make_run(day, speed=speed, **changes), commit_of(day))
        return tmp_path / folder

    return build
