"""A table of sections, whatever it will look like; a block of lines that belong together stays together."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """One column of a section."""

    heading: str
    """May have two lines."""
    is_number: bool = True
    """Numbers are aligned to the right."""
    priority: int = 0
    """A narrow terminal leaves out the highest first; 0 is always shown."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A text with references to notes."""

    text: str = ""
    """Empty where there is no value."""
    notes: tuple[int, ...] = ()
    """Numbers of the sheet's notes, from 1."""
    is_bad: bool = False
    """Whether it tells of something wrong."""


@dataclass(frozen=True, slots=True)
class Block:
    """Lines of one case; its name is spread over the first column's cells."""

    name: tuple[str, ...]
    """One or more lines."""
    lines: tuple[tuple[Cell, ...], ...]
    """A cell for each column but the first."""
    notes: tuple[int, ...] = ()
    """Of the name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """Blocks under one title."""

    title: str
    columns: tuple[Column, ...]
    blocks: tuple[Block, ...]

    def shown(self) -> tuple[int, ...]:
        """Return the indices of the columns that hold anything; the first always does."""
        filled = (i for i in range(1, len(self.columns)) if any(line[i - 1].text for block in self.blocks for line in block.lines))
        return (0, *filled)


@dataclass(frozen=True, kw_only=True, slots=True)
class Sheet:
    """A whole report."""

    heading: tuple[str, ...]
    """Lines above: the machine, the software."""
    sections: tuple[Section, ...]
    notes: tuple[str, ...]
    """What the cells refer to."""
    legend: tuple[str, ...]
    """How to read it."""


@dataclass(slots=True)
class Notes:
    """Collects notes, numbered from 1; equal texts share a number."""

    texts: list[str] = field(default_factory=list)

    def add(self, text: str) -> tuple[int, ...]:
        """Return the number of a note, as cells hold it; nothing for an empty text."""
        if not text:
            return ()
        if text not in self.texts:
            self.texts.append(text)
        return (self.texts.index(text) + 1,)
