"""A comparison as a report for people, and as rows for spreadsheets. What changed comes first; like stands with like."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from ganbench.report import words
from ganbench.report.document import Cell, Column, Document, Row, Section, Tone, Value
from ganbench.text import clean
from ganbench.verdict.findings import Comparison, Finding, State

_NAME_WIDTH_BESIDE_FIELDS, _FIELD_WIDTH, _VALUE_WIDTH = 16, 24, 16
_EXPLANATION = (
    "change: of the metric itself, from base to head",
    "a verdict needs an interval without 0, and a change past the threshold; unchanged: the interval lies within it",
    "interval: of counts and memory the range of all values",
    "detectable: the smallest change that this comparison had a chance of 4 in 5 to detect",
    "if worse: whether a regression blocks the merge, warns, or is only reported",
)
_NULL = "base against base: what the machine makes of no change"
_WHY = Column(heading="why", kind="reason")
_COLUMNS = (
    Column(heading="base"),
    Column(heading="head"),
    Column(heading="change"),
    Column(heading="interval"),
    Column(heading="detectable"),
    Column(heading="n", kind="text"),
    Column(heading="threshold"),
    Column(heading="if worse", kind="text"),
    Column(heading="base against base"),
    _WHY,
)
_UNLIKE_COLUMNS = (
    Column(heading="", kind="name", width=_NAME_WIDTH_BESIDE_FIELDS),
    Column(heading="field", kind="text", width=_FIELD_WIDTH),
    Column(heading="base", kind="text", width=_VALUE_WIDTH),
    Column(heading="head", kind="text", width=_VALUE_WIDTH),
    _WHY,
)
COLUMN_NAMES = tuple(dict.fromkeys(column.heading for column in (*_COLUMNS, *_UNLIKE_COLUMNS) if column.heading))
"""What the columns of a verdict may be called."""
_FIELDS = (
    *("cell", "cell_id", "metric", "label", "unit", "tier", "direction", "gate", "state", "base", "head", "num_base", "num_head"),
    *("change", "low", "high", "confidence", "threshold", "p_value", "adjusted_p", "smallest_p", "smallest_visible", "not_worse"),
)
_COMPUTED: dict[str, Callable[[Finding], Value]] = {
    "null_change": lambda f: f.null.change if f.null else None,
    "null_low": lambda f: f.null.low if f.null else None,
    "null_high": lambda f: f.null.high if f.null else None,
    "null_pairs": lambda f: f.null.num_pairs if f.null else None,
    "why": words.why,
    "differences": lambda f: "; ".join(map(words.difference_text, f.differences)),
    "base_values": lambda f: tuple(map(repr, f.base_values)),
    "head_values": lambda f: tuple(map(repr, f.head_values)),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """Findings of one state, of one cell or of one metric."""

    state: State
    title: str
    findings: tuple[Finding, ...]
    names: tuple[str, ...]
    """What tells the findings from each other: their metrics, or their cells."""


def verdict_document(comparison: Comparison, *, show_all: bool = False) -> Document:
    """Return the report of a comparison, whose first line is the verdict sentence. A terminal needs 80 columns for it.

    Args:
        comparison: the verdict.
        show_all: whether unchanged findings are shown.
    """
    groups = _groups_of(comparison, show_all=show_all)
    hidden = 0 if show_all else comparison.counts.get("unchanged", 0)
    heading = (
        words.verdict_sentence(comparison),
        f"base: {clean(comparison.base)}; head: {clean(comparison.head)}",
        *(filter(None, [clean(comparison.machine)])),
    )
    legend = (
        *([f"{hidden} unchanged {'is' if hidden == 1 else 'are'} not shown; --all shows them"] if hidden else []),
        *(f"new in head: {clean(name)}" for name in comparison.new),
        *(clean(note) for note in comparison.notes),
        *([_counted(comparison)] if groups else []),
    )
    return Document(
        title="ganbench verdict",
        heading=heading,
        sections=tuple(_unlike(group) if group.state == "not-comparable" else _section(group) for group in groups),
        legend=legend,
        explanation=_explanation(comparison) if groups else (),
    )


def findings_document(comparison: Comparison) -> Document:
    """Return every finding as a row with all its fields, for programs: numbers in full, changes as fractions."""
    columns = tuple(Column(heading=name, id=name) for name in (*_FIELDS, *_COMPUTED))
    rows = []
    for found in comparison.findings:
        values = [*(getattr(found, name) for name in _FIELDS), *(value(found) for value in _COMPUTED.values())]
        rows.append(Row(tuple(Cell(value=clean(value) if isinstance(value, str) else value) for value in values)))
    return Document(sections=(Section(title="findings", columns=columns, rows=tuple(rows)),))


def _groups_of(comparison: Comparison, *, show_all: bool) -> tuple[Group, ...]:
    """Return the groups of a comparison, the worst first; those of unchanged findings only if all are to be shown."""
    shown = [state for state in words.ORDER if show_all or state != "unchanged"]
    return tuple(group for state in shown for group in _of_state(state, [f for f in comparison.findings if f.state == state]))


def _of_state(state: State, findings: Sequence[Finding]) -> Iterator[Group]:
    """Yield a group for each cell, or for each metric where those are fewer; in each, what is gated comes first."""
    metrics, cells = (list(dict.fromkeys(map(key, findings))) for key in (words.metric_name, _cell))
    by_metric = len(metrics) < len(cells)
    key, name = (words.metric_name, _cell) if by_metric else (_cell, words.metric_name)
    for common in metrics if by_metric else cells:
        yield _group(state, common, [found for found in findings if key(found) == common], name)


def _group(state: State, common: str, findings: Sequence[Finding], name: Callable[[Finding], str]) -> Group:
    ordered = sorted(findings, key=lambda found: list(words.GATES).index(found.gate))
    title = f"{words.state_name(state)}: {common}" if common else words.state_name(state)
    return Group(state=state, title=title, findings=tuple(ordered), names=tuple(name(found) or common for found in ordered))


def _cell(found: Finding) -> str:
    return clean(found.cell)


def _counted(comparison: Comparison) -> str:
    """Return what the numbers of runs and the intervals are of."""
    unit = "process pairs" if comparison.kind == "paired" else "runs"
    told = [found for found in comparison.findings if found.change is not None]
    if not told:
        return f"n, in parentheses or a column: {unit} of base and head"
    levels = sorted({found.confidence for found in told if found.confidence is not None})
    sure = " to ".join(f"{100 * level:.3g}%" for level in dict.fromkeys((levels[0], levels[-1]))) if levels else ""
    return f"n: {unit} of base and head; interval: {f'of the change, at a confidence of {sure}' if sure else 'the range of all values'}"


def _explanation(comparison: Comparison) -> tuple[str, ...]:
    """Return how to read the columns: only what is there."""
    if all(found.change is None for found in comparison.findings):
        return ()
    return (*_EXPLANATION, *([_NULL] if any(found.null for found in comparison.findings) else []))


def _section(group: Group) -> Section:
    rows = tuple(Row((Cell(name), *_figures(found))) for found, name in zip(group.findings, group.names, strict=True))
    return Section(title=group.title, columns=(Column(heading="", kind="name"), *_COLUMNS), rows=rows)


def _figures(found: Finding) -> tuple[Cell, ...]:
    tone: Tone = "bad" if found.fails else ""
    return (
        Cell(words.value_text(found.base)),
        Cell(words.value_text(found.head)),
        Cell(words.change_text(found), tone=tone),
        Cell(words.interval_text(found), tone=tone),
        Cell(words.detectable_text(found)),
        Cell(words.count_text(found)),
        Cell(words.threshold_text(found)),
        Cell(words.GATES[found.gate]),
        Cell(words.null_text(found.null)),
        Cell(words.why(found)),
    )


def _unlike(group: Group) -> Section:
    """Return the fields that differ, with both values."""
    rows = []
    for found, name in zip(group.findings, group.names, strict=True):
        who, why = Cell(f"{name} ({words.count_text(found)})"), Cell(words.why(found))
        fields = [(clean(f"{one.key} {one.field}"), words.scalar_text(one.base), words.scalar_text(one.head)) for one in found.differences]
        rows += [Row((who, *map(Cell, texts), why), is_joined=i > 0) for i, texts in enumerate(fields or [("", "", "")])]
    return Section(title=group.title, columns=_UNLIKE_COLUMNS, rows=tuple(rows), merges=True)
