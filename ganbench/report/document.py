"""What is shown, whatever it will look like: a heading, sections of columns and rows, notes and a legend. Formats know nothing else.

A format has a width. What all rows of a section share is said once, above them; columns stand in the order in which readers want them, and
those that do not fit are left out from the right.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import Literal

from ganbench.errors import UsageError, did_you_mean

Value = str | int | float | bool | tuple[str, ...] | None
_Fact = Value | Mapping[str, Value]
Kind = Literal["name", "text", "state", "reason", "number", "speed", "quality"]
"""What a column holds; the last three are numbers. ``name`` tells rows apart, ``state`` is how it went, ``reason`` a sentence."""
_Direction = Literal["", "higher", "lower"]
Beside = Literal["", "spread", "interval"]
Tone = Literal["", "good", "going", "doubtful", "bad"]
_Layout = Literal["table", "page"]
"""A ``table`` has a line for each row, as far as that fits. A ``page`` lists facts, and folds them."""
_GAP = 2
_HEADING_LINES, _MORE_HEADING = 2, 4
"""A heading may be a few characters wider than its values, if two lines are enough then."""
_PLAIN_KINDS = ("text", "state", "number")


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
    """False for what only CSV and JSON hold, and whoever asks for it."""
    width: int = 0
    """A terminal folds longer texts; 0 for never."""

    @property
    def is_number(self) -> bool:
        """Whether it is aligned to the right."""
        return self.kind in ("number", "speed", "quality")

    @property
    def names(self) -> tuple[str, ...]:
        """What users may call it: ``fd5k_digits``, which is the final value, ``fd5k_digits.best``, or its id and its heading."""
        if not self.metric:
            return tuple(filter(None, dict.fromkeys((self.id, " ".join(self.heading.split())))))
        final = (self.metric, self.metric_heading) if self.part == "final" else ()
        return (*final, f"{self.metric}.{self.part}", f"{self.metric_heading} {self.part}")

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


@dataclass(frozen=True, slots=True)
class Row:
    """A cell for each column of the section."""

    cells: tuple[Cell, ...]
    is_joined: bool = False
    """Whether it belongs to the row above, whose name it has; a terminal writes both as one block."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """Rows under one title."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    facts: tuple[tuple[str, _Fact], ...] = ()
    """What programs are told of all rows: the machine."""
    merges: bool = False
    """Whether a terminal may write rows that differ only in their names and reasons as one."""

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
class Excerpt:
    """What a format of some width shows of a section."""

    columns: tuple[int, ...]
    """Indices of the columns."""
    headings: tuple[tuple[str, ...], ...]
    """Of each, in lines that are about as wide as its values."""
    same: tuple[str, ...] = ()
    """What all rows share: ``dataset digits``."""
    left_out: tuple[str, ...] = ()
    """Titles of the columns for which there is no room."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Document:
    """Everything that one command shows. A notebook shows it as HTML."""

    sections: tuple[Section, ...]
    layout: _Layout = "table"
    heading: tuple[str, ...] = ()
    """Lines above."""
    legend: tuple[str, ...] = ()
    """Lines below that every reader needs, at most two."""
    explanation: tuple[str, ...] = ()
    """How to read it, for whoever asks."""
    title: str = "ganbench"
    """What a page that needs a title is called."""
    row_kind: str = ""
    """What a row is, for programs: ``runs``, ``replicates``."""
    options: tuple[str, ...] = ()
    """The flags with which the command shows columns that are left out, and the explanation."""
    is_whole: bool = False
    """Whether all columns are shown, however wide they are together."""

    def numbers(self) -> dict[str, int]:
        """Return the number of each note that cells refer to, from 1."""
        return {note: number for number, note in enumerate(dict.fromkeys(note for one in self.sections for note in one.notes), start=1)}

    def excerpt(self, section: Section, width: int, measure: Callable[[str], int] = len) -> Excerpt:
        """Return what fits into a number of characters: the name of a row and one column always, then from left to right.

        Args:
            section: one of its sections.
            width: characters of a line.
            measure: how many characters a text takes.
        """
        shown, rows = section.shown(), section.rows
        if self.is_whole or self.layout == "page":
            return _excerpt(section, shown, measure)
        same = [i for i in shown if len(rows) > 1 and _is_constant(section.columns[i], [row.cells[i] for row in rows])]
        varying = [i for i in shown if i not in same]
        kept, used = list[int](), -_GAP
        for i in varying:
            used += _GAP + _width(section, i, measure) if section.columns[i].kind != "reason" else 0
            if used <= width or len(kept) < 2 or section.columns[i].kind == "reason":
                kept.append(i)
        return replace(
            _excerpt(section, kept, measure),
            same=tuple(f"{section.columns[i].title()} {rows[0].cells[i].text}" for i in same),
            left_out=tuple(section.columns[i].title() for i in varying if i not in kept),
        )

    def find(self, name: str) -> list[Column]:
        """Return the columns that a user calls by a name: several only where a metric was measured in several ways.

        Raises:
            UsageError: there is none.
        """
        columns = dict.fromkeys(column for section in self.sections for column in section.columns)
        found = [column for column in columns if name in column.names]
        if not found:
            known = dict.fromkeys(one for column in columns if column.in_text for one in column.names if " " not in one)
            raise UsageError(f"no column is called {name!r}", hint=did_you_mean(name, list(known)))
        return found

    def with_columns(self, names: Sequence[str]) -> Document:
        """Return it with some columns only, in this order, behind the names of the rows; each is shown, however wide that is.

        Raises:
            UsageError: there is no such column.
        """
        wanted = [column for name in names for column in self.find(name)]
        return replace(self, sections=tuple(_chosen(section, wanted) for section in self.sections), is_whole=True)

    def explained(self) -> Document:
        """Return it with the explanation below."""
        return replace(self, legend=(*self.legend, *self.explanation), explanation=())

    def _repr_html_(self) -> str:
        """Return what a notebook shows."""
        text: str = import_module("ganbench.report.formats.html").fragment(self)  # formats import documents, not the other way round
        return text


def _excerpt(section: Section, indices: Sequence[int], measure: Callable[[str], int]) -> Excerpt:
    return Excerpt(columns=tuple(indices), headings=tuple(tuple(_heading(section, i, measure)) for i in indices))


def _heading(section: Section, index: int, measure: Callable[[str], int]) -> list[str]:
    """Return the title of a column in lines that are about as wide as its values, where its words allow that."""
    title = re.sub(" (?=[↑↓])", "\N{NO-BREAK SPACE}", section.columns[index].title())
    least = max(max(map(measure, title.split(" ")), default=1), _value_width(section, index, measure))
    for width in (*range(least, least + _MORE_HEADING), least):
        lines = textwrap.wrap(title, width, break_long_words=False, break_on_hyphens=False)
        if len(lines) <= _HEADING_LINES:
            break
    return [line.replace("\N{NO-BREAK SPACE}", " ") for line in lines]


def _width(section: Section, index: int, measure: Callable[[str], int]) -> int:
    return max([_value_width(section, index, measure), *map(measure, _heading(section, index, measure))])


def _value_width(section: Section, index: int, measure: Callable[[str], int]) -> int:
    most, cells = section.columns[index].width, [row.cells[index] for row in section.rows]
    # the numbers of a cell's notes, up to 99, take three characters each but for a comma
    widest = max((measure(line) + max(3 * len(cell.notes) - 1, 0) for cell in cells for line in cell.text.split("\n")), default=1)
    return min(widest, most) if most else widest


def _is_constant(column: Column, cells: Sequence[Cell]) -> bool:
    """Return whether a column says one thing only, so that a line above the rows can say it."""
    return column.kind in _PLAIN_KINDS and len({cell.text for cell in cells}) == 1 and not any(cell.notes for cell in cells)


def _chosen(section: Section, wanted: Sequence[Column]) -> Section:
    columns = section.columns
    names = [i for i, column in enumerate(columns) if column.kind == "name"]
    kept = tuple(dict.fromkeys((*names, *(columns.index(column) for column in wanted if column in columns))))
    return replace(
        section,
        columns=tuple(replace(columns[i], in_text=True) for i in kept),
        rows=tuple(replace(row, cells=tuple(row.cells[i] for i in kept)) for row in section.rows),
    )
