"""The table of a reproduction: published beside measured, the difference, and whether it lies in the published interval."""

from __future__ import annotations

import math
from collections.abc import Iterator

from ganbench import Cell, Column, Document, Key, Row, Section
from ganbench_reproduce.experiment import PublishedFigure
from ganbench_reproduce.record import CellResult, ReproductionRecord, Score

_SCORES = (
    Column(heading="cell", kind="name", width=12),
    Column(heading="score", kind="text", width=14),
    Column(heading="published", kind="text"),
    Column(heading="measured", kind="text"),
    Column(heading="difference"),
    Column(heading="inside", kind="state"),
    Column(heading="distance"),
    Column(heading="n"),
)
_COSTS = (
    Column(heading="cell", kind="name", width=12),
    Column(heading="parameters", kind="text", width=22),
    Column(heading="steps"),
    Column(heading="GFLOP a step\nand seed"),
    Column(heading="ms a step,\nall seeds"),
    Column(heading="hours"),
)


def reproduction_document(record: ReproductionRecord) -> Document:
    """Return the scores, and what they cost, with budget, machine and notes."""
    scores = tuple(row for cell in record.cells for row in _scores(record, cell))
    num_seeds, num_cells = len(record.seeds), len(record.cells)
    options = ", ".join(f"{name}={value}" for name, value in record.options.items())
    return Document(
        title=f"ganbench reproduce {record.name}",
        heading=(
            f"{record.name}: {record.summary}",
            f"{record.paper}.",
            f"Measured with {_budget(record)}, {num_seeds} seed{'s' if num_seeds > 1 else ''}, on",
            f"{_machine(record.hardware, record.software)}.",
            *([f"Not finished: {num_cells} cell{'s' if num_cells != 1 else ''} so far."] if record.status != "complete" else []),
        ),
        sections=(
            Section(title="scores", columns=_SCORES, rows=scores),
            Section(title="costs", columns=_COSTS, rows=tuple(map(_cost, record.cells))),
        ),
        legend=(
            f"published: +- {record.error_name}. measured: +- standard error of the mean over {num_seeds} seeds.",
            "inside: whether the measured mean lies in the published interval."
            " distance: the difference in standard errors of both together.",
            f"options: {options or 'none'}",
            *record.notes,
        ),
    )


def _budget(record: ReproductionRecord) -> str:
    """Return ``10 % of the budget (40 of 400 epochs)``."""
    share = f"{100 * record.budget:.3g} % of the budget" if record.budget != 1 else "the whole budget"
    return f"{share} ({record.intervals} of {record.whole_intervals} {record.interval_name})"


def _machine(hardware: Key, software: Key) -> str:
    """Return the machine and the versions in one line."""
    fields = dict(hardware.fields) | dict(software.fields)
    where = fields["gpu"] or f"{fields['cpu']}, {fields['threads']} of {fields['cpu_cores']} cores"
    return f"{where}; torch {fields['torch']}, Python {fields['python']}, {fields['precision']}"


def _scores(record: ReproductionRecord, cell: CellResult) -> Iterator[Row]:
    for column in record.columns:
        texts = (cell.label, column.label, *_figures(record.score(cell, column), column.digits))
        yield Row(tuple(map(Cell, texts)), is_joined=column != record.columns[0])


def _figures(score: Score, digits: int) -> tuple[str, ...]:
    published = score.published
    error = "" if score.standard_error is None or not math.isfinite(score.mean) else f" +- {score.standard_error:.{digits}f}"
    return (
        "" if published is None else _published(published, digits),
        f"{score.mean:.{digits}f}{error}",
        "" if score.difference is None else f"{score.difference:+.{digits}f}",
        {True: "yes", False: "no", None: ""}[score.is_inside],
        "" if score.distance is None else f"{score.distance:+.1f}",
        str(len(score.values)),
    )


def _published(figure: PublishedFigure, digits: int) -> str:
    return f"{figure.value:.{digits}f}" + ("" if figure.error is None else f" +- {figure.error:.{digits}f}")


def _cost(cell: CellResult) -> Row:
    texts = (
        cell.label,
        ", ".join(f"{name} {count:,}" for name, count in cell.facts.parameters),
        f"{cell.intervals * cell.facts.steps_per_interval:,}",
        f"{cell.facts.flops_per_step / 1e9:.3f}",
        f"{cell.milliseconds_per_step:.3g} ({cell.facts.runner})",
        f"{cell.training_seconds / 3600:.2f}",
    )
    return Row(tuple(map(Cell, texts)))
