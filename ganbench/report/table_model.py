"""What a table is, whatever it will look like: groups of rows by machine, columns, cells and numbered notes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ganbench.record.record import Key, Scalar

Direction = Literal["", "higher", "lower"]
Part = Literal["", "best", "final", "floor"]
Kind = Literal["runs", "replicates"]
"""A row is one run, or all runs that differ in their seed only."""
_BY_BADNESS = ("unreadable", "failed", "diverged", "collapsed", "interrupted", "running", "complete")


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """One column of the whole table; a metric has three of them for each evaluation key."""

    id: str
    """Unique and in ASCII: ``samples_per_second``, ``fd5k_digits@0123456789ab.best``."""
    heading: str
    """``images/s``, ``best``."""
    metric: str = ""
    """Full name of the metric; empty elsewhere."""
    metric_heading: str = ""
    """``FD digits``; empty elsewhere."""
    evaluation_key: str = ""
    part: Part = ""
    direction: Direction = ""
    """Which values are better, for a metric."""
    is_number: bool = True
    """Numbers are aligned to the right."""
    averaged: bool = False
    """Whether a cell is a mean over runs, with an interval."""
    in_text: bool = True
    """False for what only CSV and JSON hold."""
    priority: int = 0
    """A narrow terminal leaves out the highest first; 0 is always shown."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """One value, as a number for programs and as text for readers."""

    value: Scalar = None
    text: str = ""
    """Empty where there is no value."""
    spread: float | None = None
    """Standard deviation over an extractor's members; for a single run only."""
    half_width: float | None = None
    """Half of the 95 % interval, where the value is a mean over several runs."""
    num_runs: int | None = None
    """How many runs a mean is over."""
    notes: tuple[int, ...] = ()
    """Numbers of the group's notes, from 1."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One run, or the replicates of one."""

    run_id: str
    """How the run column names it."""
    cells: tuple[Cell, ...]
    """One for each column of the table."""
    runs: tuple[str, ...] = ()
    """Ids of the replicates, by seed; empty where the row is one run."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """The runs of one kind of machine; only their speeds may be compared with each other."""

    machine: str
    """One line that names it."""
    hardware: Key | None
    """None where no record could be read."""
    rows: tuple[Row, ...]
    """By dataset, name and seed, which ranks nothing, unless :func:`ganbench.report.order.order_by` put them in another order."""
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """Runs side by side. Values under different evaluation keys are never in one column."""

    columns: tuple[Column, ...]
    groups: tuple[Group, ...]
    notes: tuple[str, ...]
    """What the metrics' headings mean."""
    kind: Kind = "runs"

    def text_columns(self, group: Group) -> tuple[int, ...]:
        """Return the indices of the columns that a reader of ``group`` needs: those with a value in it."""
        shown = (i for i, column in enumerate(self.columns) if column.in_text)
        return tuple(i for i in shown if any(row.cells[i].text for row in group.rows))


def unit_heading(column: Column, *, ascii_only: bool = False) -> str:
    """Return a heading that stands alone: ``FD digits ↓ best``.

    Args:
        column: the column.
        ascii_only: write the direction as ``(lower is better)``.
    """
    if not column.metric_heading:
        return column.heading
    if ascii_only:
        return f"{column.metric_heading} {column.heading} ({column.direction} is better)"
    return f"{metric_with_arrow(column)} {column.heading}"


def metric_with_arrow(column: Column) -> str:
    """Return ``FD digits ↓``."""
    return f"{column.metric_heading} {'↑' if column.direction == 'higher' else '↓'}"


def worst_status(text: str) -> str:
    """Return the worst word of a status, for its colour: ``diverged`` of ``4 complete, 1 diverged``."""
    return next((word for word in _BY_BADNESS if word in text), text)
