"""Rows as a picture: a histogram of each column, the data in grey and what is generated in orange beside it.

The frame of a column follows from the real rows, so that the pictures of a run can be compared; what lies outside stands in red at the
edge. The picture is a grid of one cell (see :mod:`ganbench_spaces.grid`), so that the strip over training works as it does for images.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from ganbench_rows.columns import Category, Column
from ganbench_spaces.grid import draw_grid

_BINS = 20
_MOST_CATEGORIES = 10
_MOST_COLUMNS = 24
_WIDTH, _HEIGHT, _GAP, _LINE, _POINTS = 220, 90, 16, 14, 11
_BACKGROUND, _REAL, _GENERATED, _OUTSIDE, _TEXT, _FAINT = "#181818", "#8c8c8c", "#ffb03b", "#e63c3c", "#e0e0e0", "#a8a8a8"


def draw_marginals(columns: Sequence[Column], real: Tensor, generated: Tensor) -> bytes:
    """Return a PNG with one panel for each column, of 24 columns at most.

    Args:
        columns: what the rows hold.
        real: ``[N, C]``, N of 1 or more.
        generated: ``[n, C]``, finite.
    """
    shown = columns[:_MOST_COLUMNS]
    across = min(4, len(shown))
    cell_height = _HEIGHT + 2 * _LINE + _GAP
    legend = 2 * _LINE
    size = (_GAP + across * (_WIDTH + _GAP), legend + math.ceil(len(shown) / across) * cell_height + _GAP)
    picture = Image.new("RGB", size, _BACKGROUND)
    draw = ImageDraw.Draw(picture)
    _write_legend(draw, len(columns) - len(shown))
    for place, column in enumerate(shown):
        row, at = divmod(place, across)
        left, top = _GAP + at * (_WIDTH + _GAP), legend + row * cell_height
        sides = (real[:, place].double().cpu(), generated[:, place].double().cpu())
        _write(draw, left, top, column.name, _TEXT, _WIDTH)
        if isinstance(column, Category):
            _draw_categories(draw, left, top + _LINE, column, *sides)
        else:
            _draw_numbers(draw, left, top + _LINE, *sides)
    pixels = torch.from_numpy(np.array(picture)).permute(2, 0, 1).contiguous()
    return draw_grid(pixels[None], columns=1)


def _write_legend(draw: ImageDraw.ImageDraw, left_out: int) -> None:
    words = [("real", _REAL), ("generated", _GENERATED), ("generated, outside", _OUTSIDE)]
    left = _GAP
    for word, colour in words:
        draw.rectangle((left, 8, left + 8, 16), fill=colour)
        left = _write(draw, left + 13, 5, word, _TEXT, 200) + _GAP
    if left_out:
        _write(draw, left, 5, f"{left_out} more columns are not shown", _FAINT, 300)


def _draw_numbers(draw: ImageDraw.ImageDraw, left: int, top: int, real: Tensor, generated: Tensor) -> None:
    """Draw as many bins as fit; beyond them on either side the generated numbers that lie outside."""
    low, high = float(real.min()), float(real.max())
    high = high if high > low else low + 1
    shares = [torch.histc(side[(side >= low) & (side <= high)], _BINS, low, high) / len(side) for side in (real, generated)]
    outside = [float((generated < low).double().mean()), float((generated > high).double().mean())]
    most = max(float(torch.stack(shares).max()), *outside)
    step = _WIDTH / (_BINS + 2)
    for i in range(_BINS):
        _draw_pair(draw, left + (i + 1) * step, top, step, [float(side[i]) / most for side in shares])
    for i, share in ((0, outside[0]), (_BINS + 1, outside[1])):
        _draw_bar(draw, left + i * step, top, step - 2, share / most, _OUTSIDE)
    _write(draw, left, top + _HEIGHT + 2, f"{low:.4g} to {high:.4g}", _FAINT, _WIDTH)


def _draw_categories(draw: ImageDraw.ImageDraw, left: int, top: int, column: Category, real: Tensor, generated: Tensor) -> None:
    """Draw the commonest categories, with their names where they have room."""
    shares = torch.stack([torch.bincount(side.long(), minlength=column.width).double() / len(side) for side in (real, generated)])
    order = shares[0].argsort(descending=True, stable=True)[:_MOST_CATEGORIES]
    step = _WIDTH / len(order)
    for i, kind in enumerate(order.tolist()):
        _draw_pair(draw, left + i * step, top, step, (shares[:, kind] / shares[:, order].max()).tolist())
        _write(draw, left + i * step, top + _HEIGHT + 2, column.values[kind], _FAINT, step - 3)
    if len(order) < column.width:
        _write(draw, left + _WIDTH - 60, top, f"of {column.width}", _FAINT, 60)


def _draw_pair(draw: ImageDraw.ImageDraw, left: float, top: int, step: float, heights: Sequence[float]) -> None:
    wide = (step - 2) / 2
    for which, colour in ((0, _REAL), (1, _GENERATED)):
        _draw_bar(draw, left + which * wide, top, wide, heights[which], colour)


def _draw_bar(draw: ImageDraw.ImageDraw, left: float, top: int, width: float, height: float, colour: str) -> None:
    if height > 0:
        draw.rectangle((round(left), round(top + _HEIGHT * (1 - height)), round(left + width) - 1, top + _HEIGHT), fill=colour)


def _write(draw: ImageDraw.ImageDraw, left: float, top: float, text: str, colour: str, room: float) -> int:
    """Write as much of a text as there is room for; return where it ends."""
    font = ImageFont.load_default(_POINTS)
    whole = text
    while text and font.getlength(text if text == whole else f"{text}…") > room:
        text = text[:-1]
    written = text if text == whole else f"{text}…" if text else ""
    draw.text((left, top), written, fill=colour, font=font)
    return math.ceil(left + font.getlength(written))
