"""Points along curves in the plane: rolls and spirals, by the definitions of three public sources.

The roll is scikit-learn's ``make_swiss_roll`` seen from the side, as igul222/improved_wgan_training ``gan_toy.py`` and rtqichen/ffjord
``lib/toy_data.py`` use it. The spirals are ffjord's ``2spirals`` and mila-iqia/fuel's ``Spiral`` with its defaults.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def swiss_roll(n: int, generator: torch.Generator, *, noise: float = 0.25, scale: float = 7.5) -> Tensor:
    """Draw from a roll: t uniform in [1.5 pi, 4.5 pi), (t cos t, t sin t) plus Gaussian noise, all divided by the scale.

    Returns:
        ``[n, 2]`` float32.
    """
    t = 1.5 * math.pi * (1 + 2 * torch.rand(n, generator=generator))
    points = torch.stack([t * t.cos(), t * t.sin()], dim=1)
    return (points + noise * torch.randn(n, 2, generator=generator)) / scale


def two_spirals(n: int, generator: torch.Generator) -> Tensor:
    """Draw from ffjord's two arms: t up to 3 pi, dense outside, with uniform noise along the curve and Gaussian noise around it.

    Returns:
        ``[n, 2]`` float32.
    """
    t = torch.rand(n, generator=generator).sqrt() * 3 * math.pi
    arm = torch.stack([-t.cos() * t, t.sin() * t], dim=1) + torch.rand(n, 2, generator=generator) / 2
    side = torch.randint(2, (n, 1), generator=generator) * 2 - 1
    return side * arm / 3 + 0.1 * torch.randn(n, 2, generator=generator)


def one_spiral(n: int, generator: torch.Generator) -> Tensor:
    """Draw from fuel's arm: one turn, of radius 1/3 at its beginning and 1 at its end, without noise.

    Returns:
        ``[n, 2]`` float32.
    """
    position = torch.rand(n, generator=generator)
    radius, angle = (2 * position + 1) / 3, 2 * math.pi * position
    return torch.stack([radius * angle.sin(), radius * angle.cos()], dim=1)
