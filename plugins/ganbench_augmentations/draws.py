"""What ADA does to each image, as matrices of random numbers (Karras et al. 2020, https://arxiv.org/abs/2006.06676, appendix B).

Each kind of transformation is done with the probability p, and each image draws for itself. All stays on the device.

Shapes: N images; a map of the plane is ``[N, 3, 3]``, one of colours ``[N, 4, 4]``, both on homogeneous coordinates.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

Uniform = Callable[[int], Tensor]

SHIFT = 0.125
"""Of the image: the most of a shift by whole pixels, and the deviation of one by any."""
SCALE_DEVIATION = 0.2 * math.log(2)
BRIGHTNESS_DEVIATION = 0.2
CONTRAST_DEVIATION = 0.5 * math.log(2)
SATURATION_DEVIATION = math.log(2)


class Draws:
    """Random numbers of a batch, each of which is what leaves an image alone unless its turn comes.

    Args:
        uniform: the run's stream.
        count: N.
        probability: p, a scalar on the device.
    """

    def __init__(self, uniform: Uniform, count: int, probability: Tensor) -> None:
        self._uniform, self._count, self.probability = uniform, count, probability

    def uniform(self, low: float, high: float) -> Tensor:
        """Return ``[N]`` numbers in [low, high)."""
        return low + (high - low) * self._uniform(self._count)

    def normal(self, deviation: float) -> Tensor:
        """Return ``[N]`` normal numbers (Box and Muller 1958)."""
        radius = torch.sqrt(-2 * torch.log1p(-self._uniform(self._count)))
        return deviation * radius * torch.cos(2 * math.pi * self._uniform(self._count))

    def whole(self, number: int) -> Tensor:
        """Return ``[N]`` of 0, 1, ..., number - 1, each as likely."""
        return torch.floor(self.uniform(0, number))

    def perhaps(self, value: Tensor, otherwise: float, probability: Tensor | None = None) -> Tensor:
        """Return the value with the probability p, or another one."""
        chance = self.probability if probability is None else probability
        return torch.where(self._uniform(self._count) < chance.to(value.dtype), value, otherwise)


def _matrix(rows: list[list[Tensor | float]], like: Tensor) -> Tensor:
    """Return ``[N, n, n]`` of entries that are ``[N]`` or one number for all."""
    entries = [[one if isinstance(one, Tensor) else torch.full_like(like, one) for one in row] for row in rows]
    return torch.stack([torch.stack(row, dim=-1) for row in entries], dim=-2)


def shift(x: Tensor, y: Tensor) -> Tensor:
    """Return the shift by x and y."""
    return _matrix([[1.0, 0.0, x], [0.0, 1.0, y], [0.0, 0.0, 1.0]], x)


def scale(x: Tensor, y: Tensor) -> Tensor:
    """Return the scaling by x and y."""
    return _matrix([[x, 0.0, 0.0], [0.0, y, 0.0], [0.0, 0.0, 1.0]], x)


def rotation(angle: Tensor) -> Tensor:
    """Return the rotation of x towards y."""
    cosine, sine = angle.cos(), angle.sin()
    return _matrix([[cosine, -sine, 0.0], [sine, cosine, 0.0], [0.0, 0.0, 1.0]], angle)


def inverse_of_blits(draws: Draws, height: int, width: int) -> Tensor:
    """Return the inverse of a mirroring, quarter turns and a shift by whole pixels."""
    mirror = draws.perhaps(1 - 2 * draws.whole(2), 1.0)
    inverse = scale(mirror, torch.ones_like(mirror))
    turns = draws.perhaps(draws.whole(4), 0.0)
    inverse = inverse @ rotation(turns * (math.pi / 2))
    across, down = draws.uniform(-SHIFT, SHIFT), draws.uniform(-SHIFT, SHIFT)
    moved = draws.perhaps(torch.ones_like(across), 0.0)
    return inverse @ shift(-torch.round(across * width) * moved, -torch.round(down * height) * moved)


def inverse_of_geometry(draws: Draws, height: int, width: int) -> Tensor:
    """Return the inverse of scaling, rotation, stretching, rotation again and a shift by any distance.

    Each rotation has the probability 1 - sqrt(1 - p), so that one of the two at least has the probability p.
    """
    once = 1 - (1 - draws.probability).clamp(0, 1).sqrt()
    factor = draws.perhaps(torch.exp(draws.normal(SCALE_DEVIATION)), 1.0)
    inverse = scale(1 / factor, 1 / factor)
    inverse = inverse @ rotation(draws.perhaps(draws.uniform(-math.pi, math.pi), 0.0, once))
    factor = draws.perhaps(torch.exp(draws.normal(SCALE_DEVIATION)), 1.0)
    inverse = inverse @ scale(1 / factor, factor)
    inverse = inverse @ rotation(draws.perhaps(draws.uniform(-math.pi, math.pi), 0.0, once))
    across, down = draws.normal(SHIFT), draws.normal(SHIFT)
    moved = draws.perhaps(torch.ones_like(across), 0.0)
    return inverse @ shift(-across * width * moved, -down * height * moved)


def of_colours(draws: Draws) -> Tensor:
    """Return brightness, contrast, a mirroring of the lightness, a turn of the hue and saturation, one after the other."""
    brightness = draws.perhaps(draws.normal(BRIGHTNESS_DEVIATION), 0.0)
    contrast = draws.perhaps(torch.exp(draws.normal(CONTRAST_DEVIATION)), 1.0)
    mirror = draws.perhaps(draws.whole(2), 0.0)
    hue = draws.perhaps(draws.uniform(-math.pi, math.pi), 0.0)
    saturation = draws.perhaps(torch.exp(draws.normal(SATURATION_DEVIATION)), 1.0)
    one = torch.eye(4, dtype=brightness.dtype, device=brightness.device)
    grey = torch.zeros_like(one)
    grey[:3, :3] = 1 / 3  # the projection on the axis of greys, v v^T
    colours = one + brightness[:, None, None] * _last_column(one)
    colours = _times(contrast, one) @ colours
    colours = (one - 2 * grey * mirror[:, None, None]) @ colours
    colours = _turn(hue, one, grey) @ colours
    solid = grey + (_colour_part(one) - grey) * saturation[:, None, None] + _last_entry(one)
    return solid @ colours


def _colour_part(one: Tensor) -> Tensor:
    part = one.clone()
    part[3, 3] = 0
    return part


def _last_entry(one: Tensor) -> Tensor:
    return one - _colour_part(one)


def _last_column(one: Tensor) -> Tensor:
    column = torch.zeros_like(one)
    column[:3, 3] = 1
    return column


def _times(factor: Tensor, one: Tensor) -> Tensor:
    return _colour_part(one) * factor[:, None, None] + _last_entry(one)


def _turn(angle: Tensor, one: Tensor, grey: Tensor) -> Tensor:
    """Return rotations around the axis of greys (Rodrigues' formula)."""
    cross = torch.zeros_like(one)  # what the vector product with the axis does
    side = 1 / math.sqrt(3)
    cross[0, 1], cross[0, 2], cross[1, 0], cross[1, 2], cross[2, 0], cross[2, 1] = -side, side, side, -side, -side, side
    cosine, sine = angle.cos()[:, None, None], angle.sin()[:, None, None]
    return cosine * _colour_part(one) + sine * cross + (1 - cosine) * grey + _last_entry(one)
