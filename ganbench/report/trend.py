"""A trend for a terminal: a line for each series, a line for each step, and the verdict in the last; and as JSON for programs.

Schema history of the JSON
    1  (0.1.0) first version
"""

from __future__ import annotations

import itertools
import json
import math
import statistics
from collections.abc import Iterator, Sequence

from ganbench import text as formats
from ganbench.record.serialise import encode
from ganbench.report.formats.terminal import make_console, printed
from ganbench.verdict.trend import Trend, TrendSeries, TrendStep

_ARROWS = {"higher": " ↑", "lower": " ↓", "equal": ""}
_SPACES = 7
"""Columns of a series' line besides its label, its plot and its text."""
_PLOT = (10, 40)
_HASH_DIGITS = 12
_BLOCKS = "▁▂▃▄▅▆▇█"
_ASCII = "_.-=+*#@"
_DIVERGED = "x"
_Line = tuple[str, str]
"""Text and style."""


def render_trend(trend: Trend, *, width: int = 80, colour: bool = False, ascii_only: bool = False) -> str:
    """Return a trend as text.

    Args:
        trend: what :func:`ganbench.verdict.trend.follow` returned.
        width: columns of the terminal.
        colour: whether to use its colours.
        ascii_only: whether the stream's encoding lacks blocks.
    """
    from rich.padding import Padding
    from rich.text import Text

    console = make_console(width=width, colour=colour)
    for text, style in _lines(trend, width, ascii_only=ascii_only):
        indent = len(text) - len(text.lstrip(" "))
        console.print(Padding(Text(text.strip(), style=style), (0, 0, 0, indent)))
    return printed(console)


def render_trend_json(trend: Trend) -> str:
    """Return all series with points and steps; NaN and the infinities are ``{"$float": "nan"}``, as in a record."""
    whole = {"schema": "ganbench-trend", **encode(trend)}
    for series, data in zip(trend.series, whole["series"], strict=True):
        for step, fields in zip(series.steps, data["steps"], strict=True):
            fields["fails"] = step.fails
    return json.dumps(whole, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _verdict(trend: Trend) -> str:
    """Return in one sentence what came out."""
    failures, commits = trend.failures, f"the newest {trend.newest} commits"
    if not any(not series.reason for series in trend.series):
        return f"nothing to look at: {_too_little(trend)}"
    if not failures:
        return f"no step for the worse in {commits} that is not accepted"
    first = ", ".join(f"{formats.clean(s.label)} of {formats.clean(s.cell)} at {step.commit}" for s, step in failures[:3])
    more = f" and {len(failures) - 3} more" if len(failures) > 3 else ""
    return f"{len(failures)} step{'s' if len(failures) > 1 else ''} for the worse in {commits}: {first}{more}"


def _too_little(trend: Trend) -> str:
    longest = max(trend.series, key=lambda series: len(series.points))
    return f"{formats.clean(longest.label)} has {longest.reason}" if longest.reason[0].isdigit() else longest.reason


def _lines(trend: Trend, width: int, *, ascii_only: bool) -> Iterator[_Line]:
    shown = [series for series in trend.series if not _is_constant(series)]
    labels = max((len(_label(series)) for series in shown), default=0)
    texts = max((len(_text(series, trend.series)) for series in shown), default=0)
    plot = min(_PLOT[1], max(_PLOT[0], width - labels - texts - _SPACES))
    for key in dict.fromkeys(series.hardware_key for series in trend.series):
        here = [series for series in trend.series if series.hardware_key == key]
        yield formats.clean(here[0].machine), "bold"
        for cell in dict.fromkeys(series.cell_id for series in here):
            siblings = [series for series in here if series.cell_id == cell]
            yield f"  {formats.clean(siblings[0].cell)} [{cell}]", "cyan"
            for series in siblings:
                if not _is_constant(series):
                    line = _sparkline([point.value for point in series.points], width=plot, ascii_only=ascii_only)
                    yield f"    {_label(series):<{labels}} {line:<{plot}}  {_text(series, siblings)}", "dim" if series.reason else ""
                    yield from ((_step_line(step), _style(step)) for step in series.steps)
            yield from _constant(siblings)
        yield "", ""
    for note in trend.notes:
        yield formats.clean(note), "yellow"
    yield _verdict(trend), "bold red" if trend.failures else "bold"


def _is_constant(series: TrendSeries) -> bool:
    return series.tier == "deterministic" and not series.steps and not series.reason


def _constant(siblings: Sequence[TrendSeries]) -> Iterator[_Line]:
    """Yield one line for all that must not change and did not."""
    texts = [f"{formats.clean(s.label)} {formats.plain(s.points[-1].value)}" for s in siblings if _is_constant(s)]
    if texts:
        yield f"    the same in all commits: {', '.join(texts)}", "dim"


def _label(series: TrendSeries) -> str:
    return formats.clean(series.label) + _ARROWS[series.direction]


def _text(series: TrendSeries, siblings: Sequence[TrendSeries]) -> str:
    """Return the newest value and how many there are; the evaluation key only where there is more than one."""
    unit = f" {series.unit}" if series.unit else ""
    several = sum(other.metric == series.metric for other in siblings) > 1
    key = f" under {series.evaluation_key}" if several else ""
    return f"now {formats.number(series.points[-1].value)}{unit}, {series.reason or f'{len(series.points)} commits'}{key}"


def _step_line(step: TrendStep) -> str:
    size = f" by {abs(100 * step.change):.3g}%" if math.isfinite(step.change) else ""
    probability = f", p {step.p_value:.2g}" if step.p_value else ""
    what = f"{step.state}{size}: {formats.number(step.before)} to {formats.number(step.after)}"
    return f"      {what} from {step.commit} on ({step.time[:10]}{probability}){_standing(step)}{_changed(step)}"


def _standing(step: TrendStep) -> str:
    """Return why a step does not fail, or that it does."""
    if step.fails:
        return "; FAILS"
    if step.accepted:
        return f"; accepted: {formats.clean(step.accepted)}"
    if step.state == "better":
        return ""
    return "; undone since" if step.undone else "; not in the newest part"


def _changed(step: TrendStep) -> str:
    fields = [f"{d.field} {_short(d.base)} to {_short(d.head)}" for d in step.differences]
    return f"; with it {formats.clean(', '.join(fields))}" if fields else ""


def _short(value: object) -> str:
    return {None: "none", True: "on", False: "off"}[value] if value is None or isinstance(value, bool) else str(value)[:_HASH_DIGITS]


def _style(step: TrendStep) -> str:
    if step.fails:
        return "red"
    return "green" if step.state == "better" else "yellow"


def _sparkline(values: Sequence[float], *, width: int = 30, ascii_only: bool = False) -> str:
    """Return one block for each value, the lowest for the smallest; ``x`` for what is no number.

    Args:
        values: oldest first.
        width: the most blocks; of more values each block is the median of its share.
        ascii_only: use only what every encoding has.
    """
    blocks = _ASCII if ascii_only else _BLOCKS
    edges = [i * len(values) // width for i in range(width + 1)]
    shown = [_middle(values[a:b]) for a, b in itertools.pairwise(edges)] if len(values) > width else values
    finite = [value for value in shown if math.isfinite(value)]
    low, high = min(finite, default=0.0), max(finite, default=0.0)
    return "".join(_block(value, low, high, blocks) for value in shown)


def _middle(values: Sequence[float]) -> float:
    finite = [value for value in values if math.isfinite(value)]
    return statistics.median(finite) if finite else math.nan


def _block(value: float, low: float, high: float, blocks: str) -> str:
    if not math.isfinite(value):
        return _DIVERGED
    share = (value - low) / (high - low) if high > low else 0.5
    return blocks[min(len(blocks) - 1, int(share * len(blocks)))]
