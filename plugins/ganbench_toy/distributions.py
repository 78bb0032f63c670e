"""Mixtures of Gaussians in the plane, and how many of their modes a generator finds.

The definitions and the rule of counting are those of PacGAN (Lin et al., 2018), https://arxiv.org/abs/1712.04086, and of its source,
fjxmlzn/PacGAN ``synthetic_data_experiments``. Nothing here needs a run.

Shapes: K modes, N points, any leading dimensions ``...`` (seeds, say), which are scored apart.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ganbench_spaces.modes import ModeScores, score_modes

__all__ = ["ModeScores", "Modes", "ceiling", "grid25", "mode_scores", "nearest_modes", "ring8", "sample", "squared_distances"]

RADIUS = 3.0
"""A point is good if it is nearer than this to its nearest mode, in standard deviations (``dis_thre`` of the source)."""
NUM_SCORED = 2500
"""Generated points that the published scores are taken over."""


@dataclass(frozen=True, slots=True)
class Modes:
    """An even mixture of round Gaussians."""

    centres: Tensor
    """``[K, 2]`` float32, each mode once."""
    std: float
    """Standard deviation of each mode along each axis."""

    def __post_init__(self) -> None:
        if self.centres.ndim != 2 or self.centres.shape[1] != 2 or len(self.centres) == 0:
            raise ValueError(f"centres must be [K, 2] with K of 1 or more (got {list(self.centres.shape)})")
        if not (self.std > 0 and math.isfinite(self.std)):
            raise ValueError(f"std must be above 0 (got {self.std})")


def ring8(*, num_modes: int = 8, radius: float = 1.0, std: float = 0.01) -> Modes:
    """Return modes at equal angles on a circle; the defaults are PacGAN's.

    The angles leave out the end of the circle: ``linspace(0, 2 pi, 8)`` with both ends would put two modes into one place.
    """
    angles = torch.arange(num_modes, dtype=torch.float64) * (2 * math.pi / num_modes)
    return Modes((radius * torch.stack([angles.cos(), angles.sin()], dim=1)).float(), std)


def grid25(*, side: int = 5, spacing: float = 2.0, std: float = 0.05) -> Modes:
    """Return modes on a square grid around the origin; the defaults are PacGAN's, {-4, -2, 0, 2, 4} squared."""
    line = (torch.arange(side, dtype=torch.float64) - (side - 1) / 2) * spacing
    return Modes(torch.cartesian_prod(line, line).reshape(-1, 2).float(), std)


def sample(modes: Modes, n: int, generator: torch.Generator | None = None) -> Tensor:
    """Draw from a mixture: each point's mode at random, then the point.

    Args:
        modes: the mixture; the points lie on the device of its centres, as must the generator.
        n: number of points.
        generator: the stream; None for torch's global one.

    Returns:
        ``[n, 2]`` float32.
    """
    centres = modes.centres
    chosen = torch.randint(len(centres), (n,), generator=generator, device=centres.device)
    return centres[chosen] + modes.std * torch.randn(n, 2, generator=generator, device=centres.device)


def squared_distances(points: Tensor, modes: Modes) -> Tensor:
    """Return the squared Mahalanobis distance to each mode.

    Args:
        points: ``[..., N, 2]`` floating point.
        modes: the mixture, on the same device.

    Returns:
        ``[..., N, K]``, in squared standard deviations.
    """
    offsets = points.unsqueeze(-2) - modes.centres.to(points.dtype)  # [..., N, K, 2]
    return (offsets / modes.std).square().sum(-1)


def nearest_modes(points: Tensor, modes: Modes) -> Tensor:
    """Return the mode that each point lies at: the nearest by Mahalanobis distance, or -1 where that is :data:`RADIUS` away or more.

    Args:
        points: ``[..., N, 2]`` floating point; a point that is NaN or infinite lies at none.
        modes: the mixture, on the same device.

    Returns:
        ``[..., N]`` int64.
    """
    nearest = squared_distances(points, modes).nan_to_num(nan=math.inf).min(dim=-1)
    return nearest.indices.masked_fill(nearest.values >= RADIUS**2, -1)


def mode_scores(points: Tensor, modes: Modes) -> ModeScores:
    """Score points by PacGAN's rule: nearest mode by Mahalanobis distance, good if nearer than 3, captured with one good point or more.

    Args:
        points: ``[..., N, 2]`` floating point; a point that is NaN or infinite is not good.
        modes: the mixture, on the same device.

    Raises:
        ValueError: no points, or points that are not of the plane.
    """
    if points.ndim < 2 or points.shape[-1] != 2 or points.shape[-2] == 0:
        raise ValueError(f"points must be [..., N, 2] with N of 1 or more (got {list(points.shape)})")
    nearest = nearest_modes(points, modes)  # [..., N]
    counts = torch.zeros(*points.shape[:-2], 1 + len(modes.centres), dtype=torch.int64, device=points.device)
    counts.scatter_add_(-1, nearest + 1, torch.ones_like(nearest))
    return score_modes(counts[..., 1:], points.shape[-2])


def ceiling() -> float:
    """Return the share of good points among those of the mixture itself: 1 - exp(-9/2), 98.89 %, in the plane."""
    return -math.expm1(-(RADIUS**2) / 2)
