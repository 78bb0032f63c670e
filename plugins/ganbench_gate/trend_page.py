"""A trend as one HTML file: a plot for each series with its steps marked. It holds no script, and its policy lets it load nothing."""

from __future__ import annotations

import base64
import hashlib
import html
import math
from collections.abc import Iterator, Sequence

from ganbench import clean, number
from ganbench_gate.trend import Trend, TrendPoint, TrendSeries, TrendStep
from ganbench_gate.trend_document import step_sentence, verdict_of

_WIDTH, _HEIGHT, _MARGIN = 640, 120, 8
_STYLE = """
:root { color-scheme: light dark; --line: #2563eb; --worse: #dc2626; --better: #16a34a; --muted: #78716c }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 44rem; margin: 2rem auto; padding: 0 1rem }
h2 { margin-top: 2.5rem; font-size: 1.1rem }
figure { margin: 1.2rem 0 }
figcaption { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 0 1rem }
.plot { display: grid; grid-template-columns: minmax(4.5rem, max-content) 1fr; gap: .1rem .5rem; font-size: .8rem; color: var(--muted) }
.scale { display: flex; justify-content: space-between }
.values { flex-direction: column; text-align: right }
.values span:only-child { margin: auto 0 }
.commits { grid-column: 2 }
svg { display: block; width: 100%; height: auto; border: 1px solid color-mix(in srgb, currentColor 20%, transparent) }
polyline { fill: none; stroke: var(--line); stroke-width: 1.5 }
circle { fill: var(--line) }
circle.diverged { fill: var(--worse) }
line { stroke: var(--muted); stroke-width: 1.5; stroke-dasharray: 4 3 }
line.fails, line.worse { stroke: var(--worse) }
line.better { stroke: var(--better) }
line.fails { stroke-dasharray: none; stroke-width: 2.5 }
ul { margin: .3rem 0; padding-left: 1.2rem }
small { color: var(--muted) }
.failed { color: var(--worse) }
"""


def trend_page(trend: Trend) -> str:
    """Return the page of a trend."""
    cells = dict.fromkeys((one.hardware_key, one.cell_id) for one in trend.series)
    policy = f"default-src 'none'; base-uri 'none'; form-action 'none'; style-src 'sha256-{_digest(_STYLE)}'"
    title, failed = f"ganbench trend of {trend.history}", ' class="failed"' if trend.failures else ""
    return "".join(
        (
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n',
            f'<meta http-equiv="Content-Security-Policy" content="{_text(policy)}">\n',
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n',
            f"<title>{_text(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<h1>{_text(title)}</h1>\n",
            f"<p{failed}>{_text(verdict_of(trend))}</p>\n",
            *(part for cell in cells for part in _section([one for one in trend.series if (one.hardware_key, one.cell_id) == cell])),
            *(f"<p><small>{_text(note)}</small></p>\n" for note in trend.notes),
            "</body>\n</html>\n",
        )
    )


def _section(siblings: Sequence[TrendSeries]) -> Iterator[str]:
    """Yield what was run on one machine, those series first that have steps."""
    yield f"<section>\n<h2>{_text(siblings[0].cell)}</h2>\n<p><small>on {_text(siblings[0].machine)}</small></p>\n"
    for one in sorted(siblings, key=lambda series: not series.steps):
        yield _figure(one)
    yield "</section>\n"


def _figure(series: TrendSeries) -> str:
    better = {"higher": ", higher is better", "lower": ", lower is better", "equal": ""}[series.direction]
    unit = f", {series.unit}" if series.unit else ""
    under = f" <small>under {_text(series.evaluation_key)}</small>" if series.evaluation_key else ""
    now = f"{number(series.points[-1].value)} now, {series.reason or f'{len(series.points)} commits'}"
    steps = "".join(f"<li>{_text(step_sentence(step))}</li>" for step in series.steps)
    told = f"\n<ul>{steps}</ul>" if steps else ""
    caption = f"<span>{_text(f'{series.label}{unit}{better}')}{under}</span> <span>{_text(now)}</span>"
    return f"<figure>\n<figcaption>{caption}</figcaption>\n{_plot(series)}{told}\n</figure>\n"


def _plot(series: TrendSeries) -> str:
    """Return the points from left to right between their scales, and a line where each new level begins.

    A run that diverged stands at the upper edge. The scale spans at least what would be a step, so that noise below it looks small.
    """
    finite = [point.value for point in series.points if math.isfinite(point.value)]
    low, high = _span(min(finite, default=0.0), max(finite, default=0.0), series.threshold)
    places = [(_x(i, len(series.points)), _y(point.value, low, high)) for i, point in enumerate(series.points)]
    line = " ".join(f"{x:.1f},{y:.1f}" for (x, y), point in zip(places, series.points, strict=True) if math.isfinite(point.value))
    marks = "".join(_mark(step, len(series.points)) for step in series.steps)
    points = "".join(_point(point, *place) for point, place in zip(series.points, places, strict=True))
    label = _text(f"{series.label} from {number(min(finite, default=0.0))} to {number(max(finite, default=0.0))}")
    edges = "".join(f"<span>{edge}</span>" for edge in dict.fromkeys((number(high), number(low))))
    ends = dict.fromkeys(f"{point.commit}, {point.time[:10]}" for point in (series.points[0], series.points[-1]))
    return (
        f'<div class="plot"><div class="scale values">{edges}</div>'
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{label}">{marks}<polyline points="{line}"/>{points}</svg>'
        f'<div class="scale commits">{"".join(f"<span>{_text(end)}</span>" for end in ends)}</div></div>'
    )


def _span(low: float, high: float, threshold: float) -> tuple[float, float]:
    middle = (low + high) / 2
    half = max((high - low) / 2, threshold * abs(middle))
    return middle - half, middle + half


def _x(index: int, count: int) -> float:
    return _MARGIN + (_WIDTH - 2 * _MARGIN) * (index / (count - 1) if count > 1 else 0.5)


def _y(value: float, low: float, high: float) -> float:
    if not math.isfinite(value):
        return _MARGIN
    share = (value - low) / (high - low) if high > low else 0.5
    return _HEIGHT - _MARGIN - (_HEIGHT - 2 * _MARGIN) * share


def _mark(step: TrendStep, count: int) -> str:
    x = (_x(step.index, count) + _x(step.index - 1, count)) / 2
    kind = "fails" if step.fails else "accepted" if step.accepted else step.state
    return f'<line class="{kind}" x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{_HEIGHT}"><title>{_text(step_sentence(step))}</title></line>'


def _point(point: TrendPoint, x: float, y: float) -> str:
    value = number(point.value) if math.isfinite(point.value) else "diverged"
    told = _text(f"{value} at {point.commit}, {point.time[:10]}")
    kind = "" if math.isfinite(point.value) else ' class="diverged"'
    return f'<circle{kind} cx="{x:.1f}" cy="{y:.1f}" r="2.5"><title>{told}</title></circle>'


def _text(text: str) -> str:
    return html.escape(clean(text))


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
