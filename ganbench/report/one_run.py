"""Everything that a record says of its run, as sections of short text; how it is printed is the caller's business."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from ganbench import text as formats
from ganbench.record.machine import describe_machine
from ganbench.record.record import Key, MetricValue, RunRecord, Scalar

_HASH_DIGITS = 12


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """A heading and rows of text under it."""

    title: str
    rows: tuple[tuple[str, ...], ...]
    headings: tuple[str, ...] = ()
    """One for each column; empty for a list of fields."""


def summarise(record: RunRecord) -> tuple[Section, ...]:
    """Return the sections of a record, the most important first; sections without rows are left out."""
    sections = (
        Section(title="run", rows=_run(record)),
        Section(title="quality", rows=tuple(_quality(record)), headings=("kimg", "training", *_metric_headings(record))),
        Section(title="speed", rows=_speed(record)),
        Section(title="time", rows=tuple(_time(record))),
        Section(title="work", rows=_work(record)),
        Section(title="machine", rows=_machine(record)),
        Section(title="plugins", rows=_plugins(record), headings=("kind", "name", "distribution", "version", "source")),
        Section(title="configuration", rows=tuple((path, _say(value)) for path, value in record.config.items())),
        Section(title="notes", rows=tuple((note,) for note in record.notes)),
    )
    return tuple(_cleaned(section) for section in sections if section.rows)


def _run(record: RunRecord) -> tuple[tuple[str, str], ...]:
    status = f"{record.status}: {record.status_detail}" if record.status_detail else record.status
    rows = [
        ("id", record.run_id),
        ("model", record.name),
        ("dataset", f"{record.dataset} (content {record.dataset_hash[:_HASH_DIGITS]})"),
        ("seed", str(record.seed)),
        ("status", f"{status}, collapsed" if record.collapsed else status),
        ("created", record.created),
        ("ganbench", record.ganbench_version),
    ]
    if record.num_resumes:
        rows.append(("resumed", f"{record.num_resumes} {'time' if record.num_resumes == 1 else 'times'}"))
    return tuple(rows)


def _metric_headings(record: RunRecord) -> tuple[str, ...]:
    return tuple(f"{name} {'↑' if record.final(name).higher_is_better else '↓'}" for name in record.metric_names)


def _quality(record: RunRecord) -> Iterator[tuple[str, ...]]:
    """Yield a row for each evaluation, best values marked with a star, and one for the floors."""
    names = record.metric_names
    best = {name: record.best(name) for name in names}
    for evaluation in record.evaluations if names else ():
        values = {value.name: value for value in evaluation.values}
        cells = (_value(values[name], best[name]) if name in values else "-" for name in names)
        yield formats.plain(evaluation.samples_seen / 1000), formats.seconds(evaluation.training_seconds), *cells
    floors = [record.final(name).floor for name in names]
    if any(floor is not None for floor in floors):
        yield "floor", "", *("-" if floor is None else formats.number(floor) for floor in floors)


def _value(value: MetricValue, best: MetricValue) -> str:
    text = formats.with_spread(value.value, value.spread)
    return f"{text} *" if value is best and math.isfinite(value.value) else text


def _speed(record: RunRecord) -> tuple[tuple[str, str], ...]:
    speed = record.throughput
    phases = ", ".join(f"{name} {formats.number(milliseconds)} ms" for name, milliseconds in speed.phase_milliseconds)
    rows = [
        ("images per second", formats.number(speed.samples_per_second) if speed.samples_per_second > 0 else "-"),
        ("seconds per kimg", formats.number(speed.seconds_per_kimg) if speed.seconds_per_kimg > 0 else "-"),
        ("peak memory", formats.mib(speed.peak_memory_mib)),
    ]
    return (*rows, ("phases", phases)) if phases else tuple(rows)


def _time(record: RunRecord) -> Iterator[tuple[str, str, str]]:
    """Yield part, duration and share of the wall clock; what no part claims is told too."""
    timing = record.timing
    parts = {
        "training": timing.training_seconds,
        "evaluation": timing.evaluation_seconds,
        "checkpoints": timing.checkpoint_seconds,
        "samples": timing.sampling_seconds,
        "start-up": timing.startup_seconds,
        "calibration": timing.calibration_seconds,
    }
    wall = timing.wall_seconds
    parts["other"] = max(0.0, wall - sum(parts.values()))
    for name, duration in parts.items():
        yield name, formats.seconds(duration), f"{duration / wall:.1%}" if wall > 0 else ""
    yield "wall clock", formats.seconds(wall), ""


def _work(record: RunRecord) -> tuple[tuple[str, str], ...]:
    work = record.work
    return (
        ("images seen", f"{work.samples_seen:,}"),
        ("generator steps", f"{work.generator_steps:,}"),
        ("parameters", f"generator {work.generator_parameters:,}, discriminator {work.discriminator_parameters:,}"),
        ("flops per iteration", f"{work.flops_per_iteration:.4g}" if work.flops_per_iteration else "not counted"),
        ("loss trajectory", work.trajectory_hash[:_HASH_DIGITS]),
    )


def _machine(record: RunRecord) -> tuple[tuple[str, str], ...]:
    keys = record.keys
    rows = [("hardware", f"{describe_machine(keys.hardware)} [{keys.hardware.digest}]")]
    if record.host:
        rows.append(("host", record.host))
    rows += [("software", f"{_fields(keys.software)} [{keys.software.digest}]"), ("work key", keys.work.digest)]
    rows += [("evaluation key", f"{_fields(key)} [{key.digest}]") for key in keys.evaluation]
    return tuple(rows)


def _plugins(record: RunRecord) -> tuple[tuple[str, ...], ...]:
    return tuple((p.kind, p.name, p.distribution, p.version, p.source_hash[:_HASH_DIGITS]) for p in record.plugins)


def _fields(key: Key) -> str:
    return ", ".join(f"{name} {_short(_say(value))}" for name, value in key.fields if value is not None)


def _short(text: str) -> str:
    """Shorten a hash."""
    return text[:_HASH_DIGITS] if len(text) == 64 and all(c in "0123456789abcdef" for c in text) else text


def _say(value: Scalar | list[str]) -> str:
    if value is None or isinstance(value, bool):
        return {None: "-", True: "on", False: "off"}[value]
    return ", ".join(value) if isinstance(value, list) else str(value)


def _cleaned(section: Section) -> Section:
    rows = tuple(tuple(formats.clean(cell) for cell in row) for row in section.rows)
    return Section(title=section.title, rows=rows, headings=tuple(formats.clean(heading) for heading in section.headings))
