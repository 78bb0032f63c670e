"""The verdicts of commits that follow each other, as one table and one exit code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ganbench import Cell, Column, Comparison, Document, Row, Section, clean

_COLUMNS = (
    Column(heading="commit", kind="name", width=10),
    Column(heading="verdict", kind="text"),
    Column(heading="what", kind="text", width=40),
    Column(heading="subject", kind="text", width=40),
)
_DIGITS = 9
_SHOWN = 2
_WORST_FIRST = (130, 1, 3, 4, 5)
"""Exit codes: ended from outside; failed or broken; base broken; not comparable; nothing to compare."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CommitVerdict:
    """What the gate says of one commit, held against the one before it."""

    commit: str
    subject: str
    """The first line of its message."""
    comparison: Comparison


def worst_exit_code(verdicts: Sequence[CommitVerdict]) -> int:
    """Return the exit code of all: that of the worst."""
    codes = {one.comparison.exit_code for one in verdicts}
    return next((code for code in _WORST_FIRST if code in codes), max(codes))


def each_document(verdicts: Sequence[CommitVerdict], *, num_commits: int) -> Document:
    """Return the table, the oldest commit first.

    Args:
        verdicts: of the commits that were measured.
        num_commits: how many there are.
    """
    bad = sum(one.comparison.exit_code != 0 for one in verdicts)
    left = num_commits - len(verdicts)
    commits = f"{len(verdicts)} commit{'' if len(verdicts) == 1 else 's'}"
    heading = f"{bad} of {commits} did not pass" if bad else f"no commit of {len(verdicts)} failed"
    legend = (f"{left} more {'was' if left == 1 else 'were'} not begun",) if left else ()
    section = Section(title="commit by commit", columns=_COLUMNS, rows=tuple(map(_row, verdicts)))
    return Document(title="ganbench ci --each", heading=(heading,), sections=(section,), legend=legend)


def _row(one: CommitVerdict) -> Row:
    comparison = one.comparison
    failing = [found.label for found in comparison.failures]
    changed = [f"{change.key} {change.field}".strip() for change in comparison.changes]
    named = failing or changed
    what = f"{', '.join(named[:_SHOWN])}{f' and {len(named) - _SHOWN} more' if len(named) > _SHOWN else ''}"
    outcome = Cell(comparison.outcome, tone="bad" if comparison.exit_code else "good")
    return Row((Cell(one.commit[:_DIGITS]), outcome, Cell(clean(what)), Cell(clean(one.subject))))
