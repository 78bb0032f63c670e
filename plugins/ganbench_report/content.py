"""Everything that a page shows, as plain values: boards of runs with their tables, settings, curves, pictures and verdicts."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import ganbench
from ganbench import Cell, Column, Document, Key, RunRecord, Section, clean, describe_machine, table, verdict_document
from ganbench_report.curves import finite, metrics_of, statistics_of
from ganbench_report.inputs import Inputs, PlacedRun
from ganbench_report.pictures import choose, pictures_of
from ganbench_report.sources import read_sources

_WIDTH = 150
"""Characters of a table's line in a window of 1280 pixels."""
_CURVE_NUMBERS, _FEWEST_POINTS, _MOST_POINTS = 150_000, 24, 200
"""How many numbers all curves of losses may have together, and a curve at least and at most."""
_HASH_DIGITS = 12


def make_content(inputs: Inputs, *, title: str = "", moments: int = 12, picture_bytes: int = 20 * 2**20) -> dict[str, Any]:
    """Return what a page shows.

    Args:
        inputs: runs and verdicts.
        title: what the page is called; empty for the folders' names.
        moments: pictures of a run at most.
        picture_bytes: of all pictures together at most.

    Returns:
        Plain values for JSON, but for ``pictures``: for each run the files, which a page embeds one after the other.
    """
    boards: dict[str, list[int]] = {}
    for number, run in enumerate(inputs.runs):
        boards.setdefault(run.board, []).append(number)
    boards = dict(sorted(boards.items(), key=lambda board: -len(board[1])))  # the largest first, what else there is as it was given
    found = [pictures_of(run.path) if moments else () for run in inputs.runs]
    chosen = choose(found, moments, picture_bytes)
    points = _CURVE_NUMBERS // max(1, 8 * len(inputs.runs))
    most = min(max(points, _FEWEST_POINTS), _MOST_POINTS)
    names = _board_names(boards)
    shown = [run_facts(run, names[run.board], most) for run in inputs.runs]
    return {
        "title": clean(title) or _title(boards),
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "version": ganbench.__version__,
        "boards": [_board(names[name], numbers, inputs.runs, shown) for name, numbers in boards.items()],
        "runs": shown,
        "settings": _pooled([{**run.record.config} for run in inputs.runs]),
        "sources": _pooled([dict(read_sources(run.path / "config.toml")) for run in inputs.runs]),
        "keys": _keys(run.record for run in inputs.runs),
        "verdicts": [{"name": clean(name), "document": _document(verdict_document(one, show_all=True))} for name, one in inputs.verdicts],
        "unreadable": [{"path": clean(str(item.path)), "reason": clean(item.reason)} for item in inputs.unreadable],
        "pictures_left_out": sum(map(len, found)) - sum(map(len, chosen)),
        "pictures": chosen,
    }


def _board_names(boards: Iterable[str]) -> dict[str, str]:
    """Return what boards are called: their folders; of those elsewhere only what is below the folder that they all share, and its name."""
    far = [board for board in boards if os.path.isabs(board)]  # noqa: PTH117 - of the text alone
    above = os.path.dirname(os.path.commonpath(far)) if far else ""  # noqa: PTH120
    return {board: os.path.relpath(board, above) if board in far else board for board in boards}


def _title(boards: Iterable[str]) -> str:
    """Return the folder that all boards lie in, from the current one; of one elsewhere two parts are enough to know it again."""
    names = [os.path.abspath(board) for board in boards]  # noqa: PTH100 - of the path alone
    if not names:
        return "ganbench report"
    common, here = Path(os.path.commonpath(names)), Path.cwd()
    parts = common.relative_to(here).parts if common.is_relative_to(here) else common.parts[1:][-2:]
    return clean("/".join(parts)) or "ganbench report"


def _board(name: str, numbers: Sequence[int], runs: Sequence[PlacedRun], shown: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return one folder's tables, of means and of single runs, and tell its runs what the tables call them."""
    by_id: dict[str, list[int]] = {}
    for number in numbers:
        by_id.setdefault(clean(runs[number].record.run_id), []).append(number)
    records = [runs[number].record for number in numbers]
    means, each = _document(table(*records), by_id), _document(table(*records, each=True), by_id)
    for document, called in ((each, "name"), (means, "row")):
        for section in document["sections"]:
            at = next(i for i, column in enumerate(section["columns"]) if column["kind"] == "name")
            for row in section["rows"]:
                for number in row["runs"]:
                    shown[number][called] = _text(row["cells"][at])
    return {"name": clean(name), "runs": list(numbers), "means": means, "each": each}


def _text(cell: Any) -> str:
    return str(cell["t"] if isinstance(cell, dict) else cell)


def _document(document: Document, by_id: dict[str, list[int]] | None = None) -> dict[str, Any]:
    """Return a document as plain values.

    Args:
        document: what to show.
        by_id: the numbers of runs by their ids; None where rows are no runs.
    """
    return {
        "title": document.title,
        "heading": list(document.heading),
        "legend": list(document.legend),
        "explanation": list(document.explanation),
        "sections": [_section(document, section, by_id) for section in document.sections],
    }


def _section(document: Document, section: Section, by_id: dict[str, list[int]] | None) -> dict[str, Any]:
    excerpt = document.excerpt(section, _WIDTH)
    kept = [i for i, column in enumerate(section.columns) if column.in_text]
    ids = [i for i, column in enumerate(section.columns) if column.id in ("runs", "run")]
    rows = []
    for row in section.rows:
        said = next((row.cells[i].value for i in reversed(ids) if row.cells[i].value is not None), ())
        names = [said] if isinstance(said, str) else said if isinstance(said, tuple) else []
        numbers = dict.fromkeys(number for name in names for number in (by_id or {}).get(clean(str(name)), []))
        rows.append({"cells": [_cell(row.cells[i]) for i in kept], "runs": list(numbers)})
    return {
        "title": section.title,
        "columns": [_column(section.columns[i], i in excerpt.columns) for i in kept],
        "rows": rows,
        "same": list(excerpt.same),
    }


def _column(column: Column, shown: bool) -> dict[str, Any]:
    return {
        "id": column.id or column.heading,
        "title": column.title(),
        "kind": column.kind,
        "number": column.is_number,
        "direction": column.direction,
        "metric": column.metric,
        "key": column.evaluation_key,
        "part": column.part,
        "shown": shown,
    }


def _cell(cell: Cell) -> Any:
    """Return a cell: its text alone where that says everything."""
    value = cell.value if isinstance(cell.value, (int, float)) and not isinstance(cell.value, bool) else None
    value = None if value is None else finite(float(value))
    if value is None and not cell.notes and not cell.tone:
        return cell.text
    parts: dict[str, Any] = {"t": cell.text, "v": value, "n": list(cell.notes), "o": cell.tone}
    return {name: part for name, part in parts.items() if part or name == "t" or (name == "v" and part is not None)}


def run_facts(run: PlacedRun, board: str, most: int) -> dict[str, Any]:
    """Return what is known of one run.

    Args:
        run: with its place.
        board: what its folder is called.
        most: points of a curve of losses.
    """
    record = run.record
    timing, speed, work = record.timing, record.throughput, record.work
    parts = {
        "training": timing.training_seconds,
        "evaluation": timing.evaluation_seconds,
        "checkpoints": timing.checkpoint_seconds,
        "samples": timing.sampling_seconds,
        "start-up and data": timing.startup_seconds,
        "calibration": timing.calibration_seconds,
    }
    parts["other"] = max(0.0, timing.wall_seconds - sum(parts.values()))
    trained = record.kind == "run"  # an evaluation took no step, so that nothing of it is a speed
    facts = {
        "id": record.run_id,
        "path": str(run.path),
        "model": record.name,
        "dataset": record.dataset,
        "loss": next((plugin.name for plugin in record.plugins if plugin.kind == "loss"), ""),
        "status": record.status,
        "reason": record.status_detail,
        "kind": record.kind,
        "created": record.created,
        "version": record.ganbench_version,
        "unit": record.unit,
        "space": record.space,
        "host": record.host,
        "machine": describe_machine(record.keys.hardware),
    }
    return {
        **{name: clean(text) for name, text in facts.items()},
        "name": clean(record.name),
        "row": clean(record.name),
        "board": clean(board),
        "seed": record.seed,
        "collapsed": record.collapsed,
        "resumes": record.num_resumes,
        "notes": [clean(note) for note in record.notes],
        "load": record.load,
        "kimg": work.samples_seen / 1000,
        "steps": work.generator_steps,
        "parameters": {clean(name): count for name, count in work.parameters.items()},
        "flops": work.flops_per_iteration,
        "trajectory": work.trajectory_hash[:_HASH_DIGITS],
        "speed": finite(speed.samples_per_second) if trained else None,
        "seconds_per_kimg": finite(speed.seconds_per_kimg) if trained else None,
        "memory_mib": finite(speed.peak_memory_mib) if trained else None,
        "phases": [[clean(name), finite(milliseconds)] for name, milliseconds in speed.phase_milliseconds],
        "seconds": {name: finite(value) for name, value in parts.items() if trained or name == "evaluation"},
        "wall_seconds": finite(timing.wall_seconds),
        "plugins": [
            [clean(p.kind), clean(p.name), clean(p.distribution), clean(p.version), p.source_hash[:_HASH_DIGITS]] for p in record.plugins
        ],
        "keys": {name: getattr(record.keys, name).digest for name in ("hardware", "software", "work")},
        "evaluation_keys": [key.digest for key in record.keys.evaluation],
        "metrics": metrics_of(record),
        "curves": statistics_of(run.path, most),
    }


def _pooled(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return values by name as the different ones and an index for each row, -1 where it has none: most runs agree in most."""
    pooled: dict[str, Any] = {}
    for name in dict.fromkeys(name for row in rows for name in row):
        texts = [_say(row[name]) if name in row else None for row in rows]
        values = list(dict.fromkeys(text for text in texts if text is not None))
        pooled[clean(name)] = {"values": values, "at": [-1 if text is None else values.index(text) for text in texts]}
    return pooled


def _keys(records: Iterable[RunRecord]) -> dict[str, Any]:
    """Return the fields of every key by its digest."""
    keys: dict[str, Key] = {}
    for record in records:
        for key in (record.keys.hardware, record.keys.software, record.keys.work, *record.keys.evaluation):
            keys.setdefault(key.digest, key)
    return {digest: {clean(name): _say(value) for name, value in key.fields if value is not None} for digest, key in keys.items()}


def _say(value: object) -> str:
    if value is None or isinstance(value, bool):
        return {None: "-", True: "on", False: "off"}[value]
    return clean(", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value))
