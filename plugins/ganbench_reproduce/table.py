"""The table of a reproduction in Markdown: published beside measured, the difference, and whether it lies in the published interval."""

from __future__ import annotations

import math
from collections.abc import Iterator

from ganbench import Key
from ganbench_reproduce.experiment import ExperimentColumn
from ganbench_reproduce.record import CellResult, ReproductionRecord, Score

_HEADS = ("cell", "score", "published", "measured", "difference", "inside", "distance", "n")


def render_markdown(record: ReproductionRecord) -> str:
    """Return the table with its budget, machine, costs and notes."""
    return "\n".join([*_heading(record), *_scores(record), "", *_costs(record), "", *_legend(record)]) + "\n"


def budget_label(record: ReproductionRecord) -> str:
    """Return ``10 % of the budget (40 of 400 epochs)``."""
    share = f"{100 * record.budget:.3g} % of the budget" if record.budget != 1 else "the whole budget"
    return f"{share} ({record.intervals} of {record.whole_intervals} {record.interval_name})"


def machine_label(hardware: Key, software: Key) -> str:
    """Return the machine and the versions in one line."""
    fields = dict(hardware.fields) | dict(software.fields)
    where = fields["gpu"] or f"{fields['cpu']}, {fields['threads']} of {fields['cpu_cores']} cores"
    return f"{where}; torch {fields['torch']}, Python {fields['python']}, {fields['precision']}"


def _heading(record: ReproductionRecord) -> Iterator[str]:
    yield f"# {record.name}: {record.summary}"
    yield ""
    yield f"{record.paper}."
    yield ""
    yield f"Measured with {budget_label(record)}, {len(record.seeds)} seed{'s' if len(record.seeds) > 1 else ''}, on"
    yield f"{machine_label(record.hardware, record.software)}."
    if record.status != "complete":
        yield f"Not finished: {len(record.cells)} cell{'s' if len(record.cells) != 1 else ''} so far."
    yield ""


def _scores(record: ReproductionRecord) -> list[str]:
    rows = [
        (
            cell.label,
            column.label,
            _published(score, column.digits),
            _measured(score, column.digits),
            "" if score.difference is None else _signed(score.difference, column.digits),
            {True: "yes", False: "no", None: ""}[score.is_inside],
            "" if score.distance is None else _signed(score.distance, 1),
            str(len(score.values)),
        )
        for cell, column, score in _all(record)
    ]
    return _aligned([_HEADS, *rows], right=4)


def _costs(record: ReproductionRecord) -> list[str]:
    heads = ("cell", "parameters", "steps", "GFLOP a step and seed", "ms a step, all seeds", "hours")
    rows = [
        (
            cell.label,
            ", ".join(f"{name} {count:,}" for name, count in cell.facts.parameters),
            f"{cell.intervals * cell.facts.steps_per_interval:,}",
            f"{cell.facts.flops_per_step / 1e9:.3f}",
            f"{cell.milliseconds_per_step:.3g} ({cell.facts.runner})",
            f"{cell.training_seconds / 3600:.2f}",
        )
        for cell in record.cells
    ]
    return _aligned([heads, *rows], right=2)


def _legend(record: ReproductionRecord) -> Iterator[str]:
    yield f"published: +- {record.error_name}. measured: +- standard error of the mean over {len(record.seeds)} seeds."
    yield "inside: whether the measured mean lies in the published interval. distance: the difference in standard errors of both together."
    options = ", ".join(f"{name}={value}" for name, value in record.options.items())
    yield ""
    yield f"- options: {options}" if options else "- options: none"
    for note in record.notes:
        yield f"- {note}"


def _all(record: ReproductionRecord) -> Iterator[tuple[CellResult, ExperimentColumn, Score]]:
    for cell in record.cells:
        for column in record.columns:
            yield cell, column, record.score(cell, column)


def _published(score: Score, digits: int) -> str:
    return "" if score.published is None else f"{score.published.value:.{digits}f} +- {score.published.error:.{digits}f}"


def _measured(score: Score, digits: int) -> str:
    mean = _number(score.mean, digits)
    return mean if score.standard_error is None or not math.isfinite(score.mean) else f"{mean} +- {score.standard_error:.{digits}f}"


def _signed(value: float, digits: int) -> str:
    return f"{value:+.{digits}f}" if math.isfinite(value) else str(value)


def _number(value: float, digits: int) -> str:
    return f"{value:.{digits}f}" if math.isfinite(value) else str(value)


def _aligned(rows: list[tuple[str, ...]], *, right: int) -> list[str]:
    """Return a Markdown table whose source can be read as it is; columns from ``right`` on are aligned to the right."""
    widths = [max(3, *map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [cell.rjust(width) if i >= right else cell.ljust(width) for i, (cell, width) in enumerate(zip(row, widths, strict=True))]
        lines.append(f"| {' | '.join(cells)} |")
    marks = ["-" * (width - 1) + ":" if i >= right else "-" * width for i, width in enumerate(widths)]
    lines.insert(1, f"| {' | '.join(marks)} |")
    return lines
