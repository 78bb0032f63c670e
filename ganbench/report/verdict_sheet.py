"""A comparison as a table of sections: narrow for a terminal, with two values in a cell, and flat for markdown."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from ganbench.record.record import Difference
from ganbench.report import words
from ganbench.report.document import Block, Cell, Column, Notes, Section, Sheet
from ganbench.report.folding import folded
from ganbench.report.groups import Group, groups_of, num_hidden
from ganbench.report.sentence import verdict_sentence
from ganbench.text import clean
from ganbench.verdict.findings import Comparison, Finding

_NAME_WIDTH = 28
_NAME_WIDTH_BESIDE_NULL = 16
_NAME_WIDTH_BESIDE_FIELDS, _FIELD_WIDTH, _VALUE_WIDTH = 16, 28, 16
_BLANK = Cell(" ")
"""Of a line that goes on from the one above; an empty cell would be shown as a missing value."""
_CHANGE = "change: of the metric itself, from base to head; visible: the smallest change that would have been seen 4 times in 5"
_THRESHOLD = "threshold: a verdict needs an interval without 0, and a change past the threshold; unchanged: the interval lies within it"
_NULL = "null: base against base, what the machine makes of no change"


def narrow_sheet(comparison: Comparison, *, show_all: bool = False) -> Sheet:
    """Return the table for a terminal: 80 columns wide, each finding on two lines or more, the reasons as notes.

    Args:
        comparison: the verdict.
        show_all: whether unchanged findings are shown.
    """
    notes = Notes()
    sections = [_narrow(group, notes) for group in groups_of(comparison, show_all=show_all)]
    return _sheet(comparison, sections, notes, show_all=show_all)


def flat_sheet(comparison: Comparison, *, show_all: bool = False) -> Sheet:
    """Return the table for markdown: each finding on one line, its reason in the last column."""
    sections = [_flat(group) for group in groups_of(comparison, show_all=show_all)]
    return _sheet(comparison, sections, Notes(), show_all=show_all)


def _sheet(comparison: Comparison, sections: Sequence[Section], notes: Notes, *, show_all: bool) -> Sheet:
    hidden = num_hidden(comparison, show_all=show_all)
    heading = (
        verdict_sentence(comparison),
        f"base: {clean(comparison.base)}; head: {clean(comparison.head)}",
        *(filter(None, [clean(comparison.machine)])),
    )
    legend = (
        *([f"{hidden} unchanged {'is' if hidden == 1 else 'are'} not shown; --all shows them"] if hidden else []),
        *(f"new in head: {clean(name)}" for name in comparison.new),
        *(clean(note) for note in comparison.notes),
        *(_legend(comparison, sections)),
    )
    return Sheet(heading=heading, sections=tuple(sections), notes=tuple(notes.texts), legend=legend)


def _legend(comparison: Comparison, sections: Sequence[Section]) -> tuple[str, ...]:
    """Return how to read the sections: only what is in them."""
    if not sections:
        return ()
    unit = "process pairs" if comparison.kind == "paired" else "runs"
    told = [found for found in comparison.findings if found.change is not None]
    if not told:
        return (f"n, in parentheses or a column: {unit} of base and head",)
    levels = sorted({found.confidence for found in told if found.confidence is not None})
    sure = " to ".join(f"{100 * level:.3g}%" for level in dict.fromkeys((levels[0], levels[-1]))) if levels else ""
    ranges = "" if all(found.confidence is not None for found in told) else "; of counts and memory the range"
    interval = f"of the change, at a confidence of {sure}{ranges}" if sure else "the range of all values"
    null = (_NULL,) if any(found.null for found in told) else ()
    return _CHANGE, _THRESHOLD, f"n: {unit} of base and head; interval: {interval}", *null


def _narrow(group: Group, notes: Notes) -> Section:
    if group.state == "not-comparable":
        return _unlike(group, notes)
    columns = (
        Column(heading="", is_number=False),
        Column(heading="base\nhead"),
        Column(heading="change\ninterval"),
        Column(heading="threshold\nvisible"),
        Column(heading="n\ngate", is_number=False),
        Column(heading="null", priority=1),
    )
    width = _NAME_WIDTH_BESIDE_NULL if any(found.null for found in group.findings) else _NAME_WIDTH
    blocks = []
    for found, name in zip(group.findings, group.names, strict=True):
        blocks.append(Block(folded(name, width), tuple(zip(*_stacks(found), strict=True)), notes.add(words.why(found))))
    return Section(title=group.title, columns=columns, blocks=tuple(blocks))


def _stacks(found: Finding) -> tuple[tuple[Cell, Cell], ...]:
    """Return for each column the two cells of a finding."""
    bad = found.fails
    null = words.null_texts(found.null)
    return (
        (Cell(words.value_text(found.base)), Cell(words.value_text(found.head))),
        (Cell(words.change_text(found), is_bad=bad), Cell(words.interval_text(found), is_bad=bad)),
        (Cell(words.threshold_text(found)), Cell(words.visible_text(found))),
        (Cell(words.count_text(found)), Cell(found.gate)),
        (Cell(null[0]), Cell(null[1])),
    )


def _unlike(group: Group, notes: Notes) -> Section:
    """Return the fields that differ, with both values; findings that differ in the same fields share a block."""
    blocks = []
    for names, alike in _by_differences(group):
        lines = [line for one in alike[0].differences for line in _wrapped(one)] or [(_BLANK, _BLANK, _BLANK)]
        reasons = "; ".join(dict.fromkeys(words.why(found) for found in alike))
        name = tuple(line for text in names for line in folded(text, _NAME_WIDTH_BESIDE_FIELDS))
        blocks.append(Block(name, tuple(lines), notes.add(reasons)))
    return Section(title=group.title, columns=_unlike_columns(), blocks=tuple(blocks))


def _unlike_columns() -> tuple[Column, ...]:
    return tuple(Column(heading=text, is_number=False) for text in ("", "field", "base", "head"))


def _by_differences(group: Group) -> list[tuple[list[str], list[Finding]]]:
    alike: dict[tuple[Difference, ...], list[tuple[str, Finding]]] = {}
    for found, name in zip(group.findings, group.names, strict=True):
        alike.setdefault(found.differences, []).append((f"{name} ({words.count_text(found)})", found))
    return [([name for name, _ in members], [found for _, found in members]) for members in alike.values()]


def _wrapped(one: Difference) -> list[tuple[Cell, ...]]:
    """Return a field and its two values in as many lines as the longest of them needs."""
    texts = (clean(f"{one.key} {one.field}"), _FIELD_WIDTH), *((words.scalar_text(v), _VALUE_WIDTH) for v in (one.base, one.head))
    columns = [folded(text, width) for text, width in texts]
    return [tuple(Cell(text) if text else _BLANK for text in line) for line in zip_longest(*columns)]


def _flat(group: Group) -> Section:
    if group.state == "not-comparable":
        return _flat_unlike(group)
    headings = ("", "base", "head", "change", "interval", "threshold", "visible", "n", "gate", "null", "null interval", "why")
    columns = tuple(Column(heading=text, is_number=0 < i < 7 or i in (9, 10)) for i, text in enumerate(headings))
    blocks = [
        Block((name,), ((*(cell for stack in _stacks(found) for cell in stack), Cell(words.why(found))),))
        for found, name in zip(group.findings, group.names, strict=True)
    ]
    return Section(title=group.title, columns=columns, blocks=tuple(blocks))


def _flat_unlike(group: Group) -> Section:
    columns = (*_unlike_columns(), Column(heading="why", is_number=False))
    blocks = []
    for found, name in zip(group.findings, group.names, strict=True):
        why = Cell(words.why(found))
        lines = [
            (Cell(clean(f"{one.key} {one.field}")), Cell(words.scalar_text(one.base)), Cell(words.scalar_text(one.head)), why)
            for one in found.differences
        ]
        blocks.append(Block((f"{name} ({words.count_text(found)})",), tuple(lines) or ((Cell(), Cell(), Cell(), why),)))
    return Section(title=group.title, columns=columns, blocks=tuple(blocks))
