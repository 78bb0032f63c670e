"""A run as it stands: what its record says, where there is one, and what its events have told since."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import ganbench
from ganbench import (
    SCHEMA_VERSION,
    Evaluation,
    GanbenchError,
    Key,
    Keys,
    MetricValue,
    RunDirectory,
    RunRecord,
    Throughput,
    Timing,
    Unreadable,
    Work,
    decode,
    load_runs,
    read_events,
    read_settings,
)

_NOTHING = Key.of()
"""The key of which nothing is known yet."""


def stamp_of(run: Path) -> tuple[object, ...]:
    """Return what changes whenever a run's folder says something new: cheap to ask, again and again.

    Args:
        run: its folder.
    """
    directory = RunDirectory(run)
    files = (directory.record_path, directory.partial_record_path, directory.events_path, directory.config_path, directory.samples_path)
    return (directory.is_active, *map(_signature, files))


def standing_record(run: Path) -> RunRecord | Unreadable:
    """Return the record of a run as it stands at this moment.

    A run that is under way writes a record with each checkpoint only. Its events have every number since; before the first checkpoint there
    is nothing but them and its configuration, and what nobody has told yet (parameters, keys, memory) is left empty.

    Args:
        run: its folder, or a record file.
    """
    directory = RunDirectory(run)
    (known,) = load_runs((run,))
    if isinstance(known, Unreadable):
        if os.path.exists(directory.record_path) or os.path.exists(directory.partial_record_path):
            return known
        try:
            known = _begun(directory)
        except (GanbenchError, OSError, ValueError) as error:
            return Unreadable(path=run, reason=str(error))
    if not os.path.isdir(run) or os.path.exists(directory.record_path):
        return known
    if directory.is_active:
        known = dataclasses.replace(known, status="running", status_detail="")
    return _with_events(known, list(read_events(directory.events_path)))


def total_samples(record: RunRecord) -> int:
    """Return how many real samples the budget of a run has; 0 where its configuration does not say."""
    kimg = record.config.get("training.total_kimg")
    return max(round(kimg * 1000), 1) if isinstance(kimg, (int, float)) and not isinstance(kimg, bool) and 0 < kimg < 1e15 else 0


def _begun(directory: RunDirectory) -> RunRecord:
    """Return what the configuration of a run says before there is any record.

    Raises:
        ConfigError: it cannot be read.
        ValueError: it is of no run.
    """
    settings = read_settings(directory.config_path, trust_files=True)  # it is shown here, and nothing of it is run
    config = {path: list(map(str, value)) if isinstance(value, list) else value for path, value in settings.items()}
    seed = config.get("training.seed", 0)
    moment = datetime.fromtimestamp(directory.config_path.stat().st_mtime, timezone.utc)
    is_active = directory.is_active
    return RunRecord(
        schema_version=SCHEMA_VERSION,
        run_id=directory.path.name,
        status="running" if is_active else "interrupted",
        status_detail="" if is_active else "ended before its first checkpoint",
        created=moment.isoformat(timespec="seconds"),
        ganbench_version=ganbench.__version__,
        name=str(config.get("name") or config.get("architecture.name") or directory.path.name),
        seed=seed if isinstance(seed, int) else 0,
        config=config,
        plugins=(),
        dataset=str(config.get("dataset.name", "")),
        dataset_hash="",
        space="",
        unit="samples",
        keys=Keys(hardware=_NOTHING, software=_NOTHING, work=_NOTHING, evaluation=()),
        timing=Timing(**dict.fromkeys((field.name for field in dataclasses.fields(Timing)), 0.0)),
        throughput=Throughput(samples_per_second=0.0, seconds_per_kimg=0.0, phase_milliseconds=(), peak_memory_mib=0.0),
        work=Work(parameters={}, flops_per_iteration=0, generator_steps=0, samples_seen=0, trajectory_hash=""),
        evaluations=(),
        collapsed=False,
        num_resumes=0,
    )


def _with_events(record: RunRecord, events: list[Mapping[str, Any]]) -> RunRecord:
    """Return a record with the counters, the speed and the evaluations that events tell."""
    seconds = {0: 0.0}
    last: Mapping[str, Any] = {}
    for event in events:
        if event.get("event") == "progress" and _is_progress(event):
            seconds[event["samples_seen"]] = float(event["training_seconds"])
            last = event
    known = {one.samples_seen: one for one in (*_evaluations(events, seconds), *record.evaluations)}
    evaluations = tuple(known[moment] for moment in sorted(known))
    if not last or last["samples_seen"] <= record.work.samples_seen:
        return dataclasses.replace(record, evaluations=evaluations)
    seen, spent = last["samples_seen"], float(last["training_seconds"])
    speed = seen / spent if spent > 0 else 0.0
    steps = last.get("generator_steps")
    work = dataclasses.replace(record.work, samples_seen=seen, generator_steps=steps if isinstance(steps, int) else 0)
    throughput = dataclasses.replace(record.throughput, samples_per_second=speed, seconds_per_kimg=1000 / speed if speed else 0.0)
    timing = dataclasses.replace(record.timing, training_seconds=spent, wall_seconds=max(spent, record.timing.wall_seconds))
    return dataclasses.replace(record, evaluations=evaluations, work=work, throughput=throughput, timing=timing)


def _is_progress(event: Mapping[str, Any]) -> bool:
    seen, spent = event.get("samples_seen"), event.get("training_seconds")
    return isinstance(seen, int) and isinstance(spent, (int, float)) and seen >= 0 and 0 <= spent < 1e12


def _evaluations(events: list[Mapping[str, Any]], seconds: Mapping[int, float]) -> Iterator[Evaluation]:
    """Yield the evaluations that events tell; the training clock stood still meanwhile, at the reading of the same moment."""
    for event in events:
        seen = event.get("samples_seen")
        if event.get("event") == "evaluation" and type(seen) is int:
            with contextlib.suppress(ValueError, TypeError):  # a damaged line
                values = tuple(decode(MetricValue, value, "value") for value in event["values"])
                before = [moment for moment in seconds if moment <= seen]
                yield Evaluation(samples_seen=seen, training_seconds=seconds[max(before)] if before else 0.0, values=values)


def _signature(path: Path) -> object:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
