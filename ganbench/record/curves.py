"""``curves.png``: the losses of a run and its metrics with their floors, over thousands of images."""

from __future__ import annotations

import io
import itertools
import logging
import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ganbench.record.directory import RunDirectory
from ganbench.record.events import read_events
from ganbench.record.files import write_bytes
from ganbench.record.record import RunRecord
from ganbench.text import clean

if TYPE_CHECKING:
    from matplotlib.axes import Axes

logger = logging.getLogger(__name__)

_COLOURS = ("#2a6f97", "#d1495b", "#66a182", "#edae49", "#7d5ba6", "#3d3d3d")
_LOG_RATIO = 20.0
"""A metric that spans more than this factor, its floor included, is drawn on a logarithmic scale."""
_LEAST_SHARE = 0.2
"""A floor beside which the curve would have less of the height is told in words at the edge instead."""
_INK = "#333333"
_PANEL_INCHES = (7.0, 2.9)
_DOTS_PER_INCH = 130
_PANELS_IN_ONE_COLUMN = 4


def save_curves(directory: RunDirectory, record: RunRecord) -> None:
    """Write ``curves.png`` of a run: one panel for the losses in its events, one for each metric.

    Without matplotlib the picture is left out with one line in the log: everything in it is in the record and the events.

    Args:
        directory: of the run; its ``events.jsonl`` gives the losses.
        record: gives the metrics.

    Raises:
        StorageError: the disk is full or not writable.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ModuleNotFoundError:
        logger.warning("matplotlib is not installed; %s is left out", directory.curves_path.name)
        return

    losses = _loss_history(read_events(directory.events_path, "progress"))
    num_panels = max(1, bool(losses) + len(record.metric_names))
    columns = 1 if num_panels <= _PANELS_IN_ONE_COLUMN else 2
    rows = math.ceil(num_panels / columns)
    width, height = _PANEL_INCHES[0] * columns, _PANEL_INCHES[1] * rows + 0.4
    figure = Figure(figsize=(width, height), facecolor="white")
    FigureCanvasAgg(figure)
    # Margins in inches, as fractions: a layout that matplotlib finds itself takes as long as the rest of the picture.
    figure.subplots_adjust(0.9 / width, 0.5 / height, 1 - 0.15 / width, 1 - 0.45 / height, 0.18, 0.16)
    axes = [figure.add_subplot(rows, columns, i + 1) for i in range(num_panels)]
    title = clean(f"{record.name} on {record.dataset}, seed {record.seed} ({record.status})").replace("$", r"\$")
    figure.suptitle(title, y=1 - 0.1 / height, fontsize=11, color=_INK)
    right = record.work.samples_seen / 1000
    for i, axis in enumerate(axes):
        axis.set_xlim(-0.02 * right, 1.02 * right or 1.0)
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(visible=True, color="#dddddd", linewidth=0.6)
        axis.tick_params(colors=_INK, labelsize=8)
        if i >= num_panels - columns:
            axis.set_xlabel(f"{record.unit} shown to the discriminator [kimg]", color=_INK)
    if losses:
        _draw_losses(axes.pop(0), losses)
    for axis, metric, colour in zip(axes, record.metric_names, itertools.cycle(_COLOURS), strict=False):
        _draw_metric(axis, record, metric, colour)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=_DOTS_PER_INCH)
    write_bytes(directory.curves_path, buffer.getvalue())


def _loss_history(events: Iterable[Any]) -> dict[str, list[tuple[float, float]]]:
    """Return (kimg, value) of each field of ``progress`` events whose name ends in ``loss``, values that are not finite left out."""
    history: dict[str, list[tuple[float, float]]] = {}
    for event in events:
        for name, value in event.items():
            if name.endswith("loss") and isinstance(value, (int, float)) and math.isfinite(value):
                history.setdefault(name, []).append((event["samples_seen"] / 1000, float(value)))
    return history


def _draw_losses(axis: Axes, losses: dict[str, list[tuple[float, float]]]) -> None:
    for (name, points), colour in zip(losses.items(), itertools.cycle(_COLOURS), strict=False):
        axis.plot(*zip(*points, strict=True), color=colour, linewidth=1.2, label=name.replace("_", " "))
    axis.set_ylabel("loss", color=_INK)
    axis.legend(frameon=False, fontsize=8, loc="best")


def _draw_metric(axis: Axes, record: RunRecord, metric: str, colour: str) -> None:
    """Draw one metric with its spread over the extractor's members, its best value and real against real."""
    history = [(seen / 1000, value) for seen, value in record.history(metric) if math.isfinite(value.value)]
    arrow = "higher is better" if record.final(metric).higher_is_better else "lower is better"
    axis.set_ylabel(f"{record.final(metric).label}\n({arrow})", color=_INK)
    if not history:
        axis.text(0.5, 0.5, "no finite value", transform=axis.transAxes, ha="center", color=_INK)
        return
    at, values = [x for x, _ in history], [value.value for _, value in history]
    axis.plot(at, values, color=colour, marker="o", markersize=4, linewidth=1.6, label=metric)
    low, high = [v.value - v.spread for _, v in history], [v.value + v.spread for _, v in history]
    floor = math.nan if (measured := record.final(metric).floor) is None else measured
    logarithmic, is_near = _scale(values, floor)
    if any(v.spread > 0 for _, v in history):
        smallest = min(values) / 2 if logarithmic else -math.inf
        axis.fill_between(at, [max(x, smallest) for x in low], high, color=colour, alpha=0.18, linewidth=0)
    best = record.best(metric)
    at_best = [x for x, v in history if v is best]
    axis.plot(at_best, [best.value], "o", color=colour, markersize=9, fillstyle="none", label=f"best {best.value:.4g}")
    if is_near:
        axis.axhline(floor, color=_INK, linestyle="--", linewidth=1, label=f"real against real {floor:.4g}")
        if splits := record.final(metric).floor_splits:
            axis.axhspan(min(splits), max(splits), color=_INK, alpha=0.12, linewidth=0)
    elif math.isfinite(floor):
        height, side = (0.96, "above") if floor > best.value else (0.04, "below")
        axis.text(0.01, height, f"real against real {floor:.4g}, far {side}", transform=axis.transAxes, va="center", fontsize=8, color=_INK)
    if logarithmic:
        axis.set_yscale("log")
    axis.legend(frameon=False, fontsize=8, loc="best")


def _scale(values: list[float], floor: float) -> tuple[bool, bool]:
    """Tell whether the axis is logarithmic, and whether real against real stands on it without pressing the curve flat."""
    for drawn in ([*values, floor], values) if math.isfinite(floor) else (values,):
        logarithmic = min(drawn) > 0 and max(drawn) / min(drawn) > _LOG_RATIO
        span, height = (math.log(max(some) / min(some)) if logarithmic else max(some) - min(some) for some in (values, drawn))
        if span == 0 or span >= _LEAST_SHARE * height:
            break
    return logarithmic, drawn is not values
