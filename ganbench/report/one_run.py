"""Everything that a record says of its run, on one page; and the run's last line."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from ganbench import text as formats
from ganbench.record.directory import RunDirectory
from ganbench.record.machine import describe_machine
from ganbench.record.record import Key, MetricValue, RunRecord, Scalar
from ganbench.report.document import Cell, Column, Document, Kind, Row, Section

_HASH_DIGITS = 12


def run_document(record: RunRecord, directory: Path) -> Document:
    """Return the page of a record, the most important first; sections without rows are left out.

    Args:
        record: the run's.
        directory: where its files are.
    """
    headings = (f"{name} {'↑' if record.final(name).higher_is_better else '↓'}" for name in record.metric_names)
    plugins = ((p.kind, p.name, p.distribution, p.version, p.source_hash[:_HASH_DIGITS]) for p in record.plugins)
    sections = (
        _section("run", _run(record)),
        _section("quality", _quality(record), ("kimg", "training", *headings)),
        _section("speed", _speed(record) if record.kind == "run" else ()),
        _section("time", _time(record) if record.kind == "run" else ()),
        _section("work", _work(record) if record.kind == "run" else ()),
        _section("machine", _machine(record)),
        _section("plugins", plugins, ("kind", "name", "distribution", "version", "source")),
        _section("configuration", ((path, _say(value)) for path, value in record.config.items())),
        _section("notes", ((note,) for note in record.notes)),
        _section(f"files in {directory}", _files(directory)),
    )
    title = formats.clean(f"{record.name} on {record.dataset}, seed {record.seed}")
    return Document(layout="page", title=title, sections=tuple(section for section in sections if section.rows))


def _section(title: str, texts: Iterable[Sequence[str]], headings: Sequence[str] = ()) -> Section:
    rows = tuple(Row(tuple(Cell(formats.clean(text)) for text in line)) for line in texts)
    num_columns = len(rows[0].cells) if rows else 0
    kinds: list[Kind] = ["name" if i == 0 and num_columns > 1 else "text" for i in range(num_columns)]
    shown = [formats.clean(heading) for heading in headings] or [""] * num_columns
    columns = tuple(Column(heading=heading, kind=kind) for heading, kind in zip(shown, kinds, strict=bool(rows)))
    return Section(title=formats.clean(title), columns=columns, rows=rows)


def _files(path: Path) -> Iterator[tuple[str, str]]:
    """Yield which of a run's files there are, and what each is."""
    run = RunDirectory(path)
    about = (
        (run.config_path, "`ganbench run --config` with it repeats the run"),
        (run.record_path, "the record"),
        (run.partial_record_path, "the record so far; `ganbench run --resume` with the folder continues the run"),
        (run.curves_path, "losses and metrics"),
        (run.progress_path, "the same latents over training"),
        (run.samples_path, "sample grids"),
        (run.checkpoints_path, "states to resume from"),
        (run.events_path, "every measured number"),
        (run.log_path, "the log"),
    )
    return ((file.name, text) for file, text in about if os.path.exists(file))


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


def _quality(record: RunRecord) -> Iterator[tuple[str, ...]]:
    """Yield a row for each evaluation, best values marked with a star, and one for real against real."""
    names = record.metric_names
    best = {name: record.best(name) for name in names}
    for evaluation in record.evaluations if names else ():
        values = {value.name: value for value in evaluation.values}
        cells = (_value(values[name], best[name]) if name in values else "-" for name in names)
        is_run, seen = record.kind == "run", evaluation.samples_seen / 1000
        yield formats.plain(seen) if is_run or seen else "-", formats.seconds(evaluation.training_seconds) if is_run else "-", *cells
    finals = [record.final(name) for name in names]
    if any(final.floor is not None for final in finals):
        yield "real against real", "", *("-" if v.floor is None else formats.with_spread(v.floor, v.floor_spread) for v in finals)


def _value(value: MetricValue, best: MetricValue) -> str:
    text = formats.with_spread(value.value, value.spread)
    return f"{text} *" if value is best and math.isfinite(value.value) else text


def _speed(record: RunRecord) -> tuple[tuple[str, str], ...]:
    speed = record.throughput
    phases = ", ".join(f"{name} {formats.number(milliseconds)} ms" for name, milliseconds in speed.phase_milliseconds)
    rows = [
        (f"{record.unit} per second", formats.number(speed.samples_per_second) if speed.samples_per_second > 0 else "-"),
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
        (f"{record.unit} seen", f"{work.samples_seen:,}"),
        ("generator steps", f"{work.generator_steps:,}"),
        ("parameters", ", ".join(f"{name} {count:,}" for name, count in work.parameters.items())),
        ("flops per iteration", f"{work.flops_per_iteration:.4g}" if work.flops_per_iteration else "not counted"),
        ("loss trajectory", work.trajectory_hash[:_HASH_DIGITS]),
    )


def _machine(record: RunRecord) -> tuple[tuple[str, str], ...]:
    keys = record.keys
    rows = [("hardware", f"{describe_machine(keys.hardware)} [{keys.hardware.digest}]")]
    if record.host:
        rows.append(("host", record.host))
    if record.load is not None:
        rows.append(("load", f"{record.load:g} processes wanted a CPU at the end"))
    rows += [("software", f"{_fields(keys.software)} [{keys.software.digest}]"), ("work key", keys.work.digest)]
    rows += [("evaluation key", f"{_fields(key)} [{key.digest}]") for key in keys.evaluation]
    return tuple(rows)


def _fields(key: Key) -> str:
    return ", ".join(f"{name} {_short(_say(value))}" for name, value in key.fields if value is not None)


def _short(text: str) -> str:
    """Shorten a hash."""
    return text[:_HASH_DIGITS] if len(text) == 64 and all(c in "0123456789abcdef" for c in text) else text


def _say(value: Scalar | list[str]) -> str:
    if value is None or isinstance(value, bool):
        return {None: "-", True: "on", False: "off"}[value]
    return ", ".join(value) if isinstance(value, list) else str(value)


def result_sentence(record: RunRecord, where: str) -> str:
    """Return who reached which value of the first metric (best and real ones beside it), when, how fast, and where it lies."""
    who = f"{record.name} on {record.dataset}, seed {record.seed}"
    how = f"after {record.work.samples_seen / 1000:.1f} kimg at {record.throughput.samples_per_second:,.0f} {record.unit}/s"
    ending = f"; everything is in {where}"
    if record.status == "diverged":
        return f"{who}: diverged {how}: {record.status_detail}{ending}"
    if not record.metric_names:
        return f"{who}: trained {how}{ending}"
    name = record.metric_names[0]
    final, best = record.final(name), record.best(name)
    floor = "" if final.floor is None else f", real {final.floor:.3g}"
    collapsed = " (collapsed)" if record.collapsed else ""
    return f"{who}: {final.label} {final.value:.4g}{collapsed} (best {best.value:.4g}{floor}) {how}{ending}"
