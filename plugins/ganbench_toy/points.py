"""The datasets of points: drawn once from a seed, a training split and a tenth as many to test on."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ganbench import ArraySource, DataContext, Dataset
from ganbench_spaces.points import point_source
from ganbench_toy.curves import one_spiral, swiss_roll, two_spirals
from ganbench_toy.distributions import Modes, ceiling, grid25, nearest_modes, ring8, sample
from ganbench_toy.options import GridOptions, RingOptions, SpiralOptions, SwissRollOptions

_TEST_DIVISOR = 10
Draw = Callable[[int, torch.Generator], Tensor]

RINGS = {
    "pacgan": ring8(),
    "wgan-gp": ring8(radius=2 / 1.414, std=0.02 / 1.414),  # igul222/improved_wgan_training gan_toy.py
    "unrolled": ring8(radius=2.0, std=0.02),  # Metz et al., 2017, https://arxiv.org/abs/1611.02163, appendix A
}
GRIDS = {"pacgan": grid25(), "wgan-gp": grid25(spacing=2 / 2.828, std=0.05 / 2.828)}


def build_ring8(options: RingOptions, context: DataContext) -> Dataset:
    """Return the Gaussians on a circle."""
    return _mixture("ring8", RINGS[options.definition], options.num_samples, options.seed)


def build_grid25(options: GridOptions, context: DataContext) -> Dataset:
    """Return the Gaussians on a grid."""
    return _mixture("grid25", GRIDS[options.definition], options.num_samples, options.seed)


def build_swissroll(options: SwissRollOptions, context: DataContext) -> Dataset:
    """Return the roll."""
    noise, scale = {"wgan-gp": (0.25, 7.5), "ffjord": (1.0, 5.0)}[options.definition]
    train, test = _splits(lambda n, g: swiss_roll(n, g, noise=noise, scale=scale), options.num_samples, options.seed)
    return Dataset(name="swissroll", train=train, test=test)


def build_spiral(options: SpiralOptions, context: DataContext) -> Dataset:
    """Return the spirals."""
    draw = {"ffjord": two_spirals, "fuel": one_spiral}[options.definition]
    train, test = _splits(draw, options.num_samples, options.seed)
    return Dataset(name="spiral", train=train, test=test)


def _mixture(name: str, modes: Modes, num_samples: int, seed: int) -> Dataset:
    train, test = _splits(lambda n, g: sample(modes, n, g), num_samples, seed)
    return Dataset(
        name=name,
        train=train,
        test=test,
        mode_of=lambda points: nearest_modes(points.flatten(1), Modes(modes.centres.to(points.device), modes.std)),
        num_modes=len(modes.centres),
        notes=(f"high quality is {100 * ceiling():.2f} % for the mixture itself: points nearer than 3 standard deviations to a mode",),
    )


def _splits(draw: Draw, num_samples: int, seed: int) -> tuple[ArraySource, ArraySource]:
    """Return train and test points, one after the other from one stream."""
    generator = torch.Generator().manual_seed(seed)
    counts = (num_samples, max(1, num_samples // _TEST_DIVISOR))
    train, test = (point_source(draw(count, generator).float()[:, :, None, None]) for count in counts)
    return train, test
