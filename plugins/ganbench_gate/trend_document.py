"""A trend as a document: the verdict, a section for each cell on each machine, a row for each series, and its steps as notes."""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Sequence

from ganbench import Cell, Column, Document, Row, Section, clean, number
from ganbench_gate.trend import Trend, TrendSeries, TrendStep

_COLUMNS = (
    Column(heading="metric", kind="name", width=24),
    Column(heading="commit by commit", kind="text"),
    Column(heading="now"),
    Column(heading="from", kind="text", width=16),
)
_ARROWS = {"higher": " ↑", "lower": " ↓", "equal": ""}
_HASH_DIGITS = 12
_BLOCKS = "▁▂▃▄▅▆▇█"
_DIVERGED = "x"
_PLOT_WIDTH = 20


def trend_document(trend: Trend) -> Document:
    """Return what :func:`ganbench_gate.trend.follow` found."""
    cells = dict.fromkeys((one.hardware_key, one.cell_id) for one in trend.series)
    return Document(
        title="ganbench trend",
        heading=(verdict_of(trend),),
        sections=tuple(_section([one for one in trend.series if (one.hardware_key, one.cell_id) == cell]) for cell in cells),
        legend=tuple(map(clean, trend.notes)),
    )


def verdict_of(trend: Trend) -> str:
    """Return in one sentence what came out."""
    failures, commits = trend.failures, f"the newest {trend.newest} commits"
    if not any(not series.reason for series in trend.series):
        return f"nothing to look at: {_too_little(trend)}"
    if not failures:
        return f"no step for the worse in {commits} that is not accepted"
    first = ", ".join(f"{clean(s.label)} of {clean(s.cell)} at {step.commit}" for s, step in failures[:3])
    more = f" and {len(failures) - 3} more" if len(failures) > 3 else ""
    return f"{len(failures)} step{'s' if len(failures) > 1 else ''} for the worse in {commits}: {first}{more}"


def _too_little(trend: Trend) -> str:
    longest = max(trend.series, key=lambda series: len(series.points))
    return f"{clean(longest.label)} has {longest.reason}" if longest.reason[0].isdigit() else longest.reason


def _section(siblings: Sequence[TrendSeries]) -> Section:
    first = siblings[0]
    title = f"{clean(first.cell)} [{first.cell_id}] on {clean(first.machine)}"
    return Section(title=title, columns=_COLUMNS, rows=tuple(_row(series, siblings) for series in siblings))


def _row(series: TrendSeries, siblings: Sequence[TrendSeries]) -> Row:
    """Return a series; its name holds the evaluation key only where there is more than one."""
    several = sum(other.metric == series.metric for other in siblings) > 1
    name = f"{series.label}{_ARROWS[series.direction]}{f' under {series.evaluation_key}' if several else ''}"
    states = {"fails" if step.fails else step.state for step in series.steps}
    values = [point.value for point in series.points]
    return Row(
        (
            Cell(
                name,
                notes=tuple(map(step_sentence, series.steps)),
                tone="bad" if "fails" in states else "doubtful" if "worse" in states else "good" if states else "",
            ),
            Cell(_sparkline(values)),
            Cell(f"{number(values[-1])} {series.unit}".rstrip()),
            Cell(series.reason or f"{len(values)} commits"),
        )
    )


def step_sentence(step: TrendStep) -> str:
    """Return what a step is, when it came, why it does or does not fail, and what changed with it."""
    size = f" by {abs(100 * step.change):.3g}%" if math.isfinite(step.change) else ""
    probability = f", p {step.p_value:.2g}" if step.p_value else ""
    what = f"{step.state}{size}: {number(step.before)} to {number(step.after)}"
    return f"{what} from {step.commit} on ({step.time[:10]}{probability}){_standing(step)}{_changed(step)}"


def _standing(step: TrendStep) -> str:
    """Return why a step does not fail, or that it does."""
    if step.fails:
        return "; FAILS"
    if step.accepted:
        return f"; accepted: {clean(step.accepted)}"
    if step.state == "better":
        return ""
    return "; undone since" if step.undone else "; not in the newest part"


def _changed(step: TrendStep) -> str:
    fields = [f"{d.field} {_short(d.base)} to {_short(d.head)}" for d in step.differences]
    return f"; with it {clean(', '.join(fields))}" if fields else ""


def _short(value: object) -> str:
    return {None: "none", True: "on", False: "off"}[value] if value is None or isinstance(value, bool) else str(value)[:_HASH_DIGITS]


def _sparkline(values: Sequence[float], *, width: int = _PLOT_WIDTH) -> str:
    """Return one block for each value, the lowest for the smallest; ``x`` for what is no number.

    Args:
        values: oldest first.
        width: the most blocks; of more values each block is the median of its share.
    """
    edges = [i * len(values) // width for i in range(width + 1)]
    shown = [_middle(values[a:b]) for a, b in itertools.pairwise(edges)] if len(values) > width else values
    finite = [value for value in shown if math.isfinite(value)]
    low, high = min(finite, default=0.0), max(finite, default=0.0)
    return "".join(_block(value, low, high) for value in shown)


def _middle(values: Sequence[float]) -> float:
    finite = [value for value in values if math.isfinite(value)]
    return statistics.median(finite) if finite else math.nan


def _block(value: float, low: float, high: float) -> str:
    if not math.isfinite(value):
        return _DIVERGED
    share = (value - low) / (high - low) if high > low else 0.5
    return _BLOCKS[min(len(_BLOCKS) - 1, int(share * len(_BLOCKS)))]
