"""What is shown, whatever it will look like: a heading, sections of columns and rows, notes and a legend. Formats know nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Literal

Value = str | int | float | bool | tuple[str, ...] | None
_Fact = Value | Mapping[str, Value]
Kind = Literal["name", "text", "state", "reason", "number", "speed", "quality"]
"""What a column holds; the last three are numbers. ``name`` tells rows apart, ``state`` is how it went, ``reason`` a sentence."""
_Direction = Literal["", "higher", "lower"]
Beside = Literal["", "spread", "interval"]
Tone = Literal["", "good", "going", "doubtful", "bad"]
_Layout = Literal["table", "report", "page"]
"""How sections belong together.

A ``table``'s sections stand alone: each numbers its own notes, and what does not fit a terminal is turned, a field on each line. The
sections of a ``report`` share the numbers of their notes, and rows that are joined are one block. A ``page`` lists facts, and folds them.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """One column of a section, which says what it is."""

    heading: str
    """``images/s``, ``best``; may have two lines."""
    id: str = ""
    """ASCII and unique: the name under which programs get the values. Without one they get the texts, under the heading."""
    kind: Kind = "number"
    direction: _Direction = ""
    """Which values are better."""
    metric: str = ""
    """Full name of the metric, of a quality; ``metric_heading`` is short, ``FD digits``, and its columns stand side by side."""
    metric_heading: str = ""
    evaluation_key: str = ""
    """How the quality was measured; only values under one key compare."""
    part: str = ""
    """Which value of the metric: ``best``, ``final``, ``floor``."""
    beside: Beside = ""
    """What programs get beside a value: its spread, or half of a mean's interval and the number of runs."""
    in_text: bool = True
    """False for what only CSV and JSON hold."""
    priority: int = 0
    """A narrow terminal leaves out the highest first; 0 is always shown."""
    width: int = 0
    """A report on a terminal folds longer texts; 0 for never."""
    is_below: bool = False
    """A report on a terminal writes it below the column on its left, on the row's second line."""

    @property
    def is_number(self) -> bool:
        """Whether it is aligned to the right."""
        return self.kind in ("number", "speed", "quality")

    def title(self) -> str:
        """Return a heading that stands alone, in one line: ``FD digits ↓ best``."""
        return " ".join(f"{self.metric_title()} {self.heading}".split())

    def metric_title(self) -> str:
        """Return ``FD digits ↓``; nothing where it is no quality."""
        return f"{self.metric_heading} {'↑' if self.direction == 'higher' else '↓'}" if self.metric_heading else ""


@dataclass(frozen=True, slots=True)
class Cell:
    """One value, as text for readers and raw for programs."""

    text: str = ""
    """Empty where there is no value; may have several lines."""
    value: Value = field(default=None, kw_only=True)
    spread: float | None = field(default=None, kw_only=True)
    """Standard deviation over an extractor's members; for a single run only."""
    half_width: float | None = field(default=None, kw_only=True)
    """Half of the 95 % interval, where the value is a mean over several runs."""
    num_runs: int | None = field(default=None, kw_only=True)
    """How many runs a mean is over."""
    notes: tuple[str, ...] = field(default=(), kw_only=True)
    """What must be said of the value; formats number them."""
    tone: Tone = field(default="", kw_only=True)
    """How good the news is."""
    short: str = field(default="", kw_only=True)
    """What a narrow terminal may write in its place, as long as that tells the rows apart."""


@dataclass(frozen=True, slots=True)
class Row:
    """A cell for each column of the section."""

    cells: tuple[Cell, ...]
    is_joined: bool = False
    """Whether it belongs to the row above, whose name it has; a report on a terminal writes both as one block."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """Rows under one title."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    facts: tuple[tuple[str, _Fact], ...] = ()
    """What programs are told of all rows: the machine."""
    merges: bool = False
    """Whether a report on a terminal may write rows that differ only in their names and reasons as one."""

    @property
    def notes(self) -> tuple[str, ...]:
        """The notes of its cells, in order, each once."""
        return tuple(dict.fromkeys(note for row in self.rows for cell in row.cells for note in cell.notes))

    def shown(self) -> tuple[int, ...]:
        """Return the indices of the columns that a reader needs: those with a text in them, and the name of the rows."""
        return tuple(
            i
            for i, column in enumerate(self.columns)
            if column.in_text and (any(row.cells[i].text for row in self.rows) or (column.kind == "name" and not column.heading))
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Document:
    """Everything that one command shows. A notebook shows it as HTML."""

    sections: tuple[Section, ...]
    layout: _Layout = "table"
    heading: tuple[str, ...] = ()
    """Lines above."""
    legend: tuple[str, ...] = ()
    """Lines below: how to read it."""
    title: str = "ganbench"
    """What a page that needs a title is called."""
    row_kind: str = ""
    """What a row is, for programs: ``runs``, ``replicates``."""

    def numbers(self, section: Section) -> dict[str, int]:
        """Return the number of each note that cells of a section refer to, from 1."""
        sections = self.sections if self.layout == "report" else (section,)
        return {note: number for number, note in enumerate(dict.fromkeys(note for one in sections for note in one.notes), start=1)}

    def _repr_html_(self) -> str:
        """Return what a notebook shows."""
        text: str = import_module("ganbench.report.formats.html").fragment(self)  # formats import documents, not the other way round
        return text
