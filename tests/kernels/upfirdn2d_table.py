"""What upfirdn2d is by its definition, and numbers that it is tried with."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

CASES: dict[str, dict[str, Any]] = {
    "filter": {"taps": 4, "padding": (2, 1, 1, 2)},
    "up": {"taps": 4, "up": 2, "padding": (2, 1, 2, 1), "gain": 4.0},
    "down": {"taps": 4, "down": 2, "padding": 1},
    "up-and-down": {"taps": 5, "up": 3, "down": 2, "padding": (4, 2, 1, 3), "gain": 1.5},
    "cropped": {"taps": 3, "padding": (-1, -1, 1, -1)},
    "up-and-cropped": {"taps": 4, "up": 2, "padding": (-3, 2, -1, -2), "gain": 4.0},
    "down-and-cropped": {"taps": 2, "down": 3, "padding": (-1, 0, 0, -1)},
    "one-tap": {"taps": 1, "up": 2, "padding": (1, 0, 0, 3)},
    "fewer-taps-than-zeros": {"taps": 2, "up": 4, "padding": (3, 5, 0, 2)},
    "wide-borders": {"taps": 3, "up": 2, "padding": 9},
    "long": {"taps": 12, "up": 2, "padding": (6, 5, 6, 5), "gain": 4.0},
    "long-down": {"taps": 12, "down": 2, "padding": 5},
    "long-up-and-down": {"taps": 9, "up": 3, "down": 2, "padding": (4, -1, 7, 3)},
}
"""By name: the number of taps, and arguments. Long filters are those that the reference takes apart."""


def taps(count: int, dtype: torch.dtype = torch.float64) -> Tensor:
    """Return a filter that is not its own mirror image."""
    return torch.linspace(0.5, -0.25, count, dtype=dtype) + 0.1 * torch.arange(count, dtype=dtype) ** 2 / count


def by_definition(
    x: Tensor, filter: Tensor, *, up: int = 1, down: int = 1, padding: int | tuple[int, ...] = 0, gain: float = 1.0, flip: bool = False
) -> Tensor:
    """Insert zeros, pad, sum over all taps, one by one, and leave samples out."""
    left, right, top, bottom = (padding,) * 4 if isinstance(padding, int) else padding
    images, channels, height, width = x.shape
    z = x.new_zeros(images, channels, height * up, width * up)
    z[:, :, ::up, ::up] = x
    z = torch.nn.functional.pad(z, (left, right, top, bottom))
    weights, count = (filter.flip(0) if flip else filter).to(x.dtype), len(filter)
    rows, columns = z.shape[2] - count + 1, z.shape[3] - count + 1
    y = x.new_zeros(images, channels, rows, columns)
    for s in range(count):
        for t in range(count):
            y = y + weights[s] * weights[t] * z[:, :, s : s + rows, t : t + columns]
    return gain * y[:, :, ::down, ::down]
