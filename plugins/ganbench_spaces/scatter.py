"""Points as a picture: the data in grey, what a generator makes of its fixed latents over them.

The picture is a grid of one cell (see :mod:`ganbench_spaces.grid`), so that the strip over training works as it does for images.
Shapes: N points.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from ganbench_spaces.grid import draw_grid

_SIZE = 300
_MARGIN = 0.15  # of the data's extent, on each side
_DOT = 2  # pixels
_BACKGROUND, _REAL, _GENERATED, _OUTSIDE, _TEXT = (24, 24, 24), (140, 140, 140), (255, 176, 59), (230, 60, 60), (200, 200, 200)
_TEXT_POINTS = 11
_Places = NDArray[np.int64]


def draw_scatter(real: Tensor, generated: Tensor) -> bytes:
    """Return a picture of points; its frame follows from the real ones, so that the pictures of a run can be compared.

    Generated points outside the frame lie on its edge, in red.

    Args:
        real: ``[N, 2, 1, 1]`` floating point, N of 1 or more.
        generated: the same shape with any N, finite.

    Raises:
        ValueError: another shape.
    """
    for name, points in (("real", real), ("generated", generated)):
        if points.shape[1:] != (2, 1, 1) or len(points) == 0:
            raise ValueError(f"{name} points must be [N, 2, 1, 1] with N of 1 or more (got {list(points.shape)})")
    return draw_grid(draw_points(real.cpu().flatten(1), generated.cpu().flatten(1))[None], columns=1)


def draw_points(real: Tensor, generated: Tensor) -> Tensor:
    """Return the picture ``[3, H, W]`` uint8 of points ``[N, 2]``."""
    middle = (real.amax(0) + real.amin(0)).double() / 2  # [2]
    reach = max(float((real.amax(0) - real.amin(0)).max()) * (0.5 + _MARGIN), 1e-6)
    canvas = np.full((_SIZE, _SIZE, 3), _BACKGROUND, dtype=np.uint8)
    for points, colour in ((real, _REAL), (generated, _GENERATED)):
        places, inside = _places(points, middle, reach)
        _dot(canvas, places[inside], colour)
        _dot(canvas, places[~inside], _OUTSIDE)
    picture = Image.fromarray(canvas)
    text = f"{middle[0] - reach:.3g} to {middle[0] + reach:.3g}, {middle[1] - reach:.3g} to {middle[1] + reach:.3g}"
    ImageDraw.Draw(picture).text((4, _SIZE - 16), text, fill=_TEXT, font=ImageFont.load_default(_TEXT_POINTS))
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1).contiguous()


def _places(points: Tensor, middle: Tensor, reach: float) -> tuple[_Places, NDArray[np.bool_]]:
    """Return row and column of each point ``[N, 2]``, and whether it lies inside the frame ``[N]``."""
    relative = (points.double() - middle) / reach  # -1 to 1 inside
    inside = (relative.abs() <= 1).all(1)
    across = ((relative.clamp(-1, 1) + 1) / 2 * (_SIZE - _DOT)).round().to(torch.int64)
    return torch.stack([_SIZE - _DOT - across[:, 1], across[:, 0]], dim=1).numpy(), inside.numpy()


def _dot(canvas: NDArray[np.uint8], places: _Places, colour: tuple[int, int, int]) -> None:
    for down in range(_DOT):
        for right in range(_DOT):
            canvas[places[:, 0] + down, places[:, 1] + right] = colour
