"""The perceptrons of the demonstration of unrolled GANs (poolio/unrolled_gan @67e2c7a): 49,666 and 17,025 parameters on points.

Shapes: N samples of a space's size, L the length of z.
"""

from __future__ import annotations

import math
from itertools import pairwise

from torch import Tensor, nn

from ganbench import BuildContext, Latents, Networks
from ganbench_unrolled import UnrolledOptions


def perceptron(before: int, after: int, options: UnrolledOptions) -> nn.Sequential:
    """Return hidden layers with tanh, and a linear one; weights are orthogonal, biases 0."""
    made: list[nn.Module] = []
    for first, second in pairwise([before, *[options.width] * options.layers, after]):
        layer = nn.Linear(first, second)
        nn.init.orthogonal_(layer.weight, options.gain)
        nn.init.zeros_(layer.bias)
        made += [layer, nn.Tanh()]
    return nn.Sequential(*made[:-1])


class Generator(nn.Module):
    """``[N, L]`` latents to samples ``[N, *size]``, without bounds."""

    def __init__(self, options: UnrolledOptions, size: tuple[int, ...]) -> None:
        super().__init__()
        self.size = size
        self.layers = perceptron(options.latent_dim, math.prod(size), options)

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return samples."""
        samples: Tensor = self.layers(latents)
        return samples.view(-1, *self.size)


class Discriminator(nn.Module):
    """Samples to logits ``[N]``."""

    def __init__(self, options: UnrolledOptions, size: tuple[int, ...]) -> None:
        super().__init__()
        self.layers = perceptron(math.prod(size), 1, options)

    def forward(self, samples: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return logits."""
        logits: Tensor = self.layers(samples.flatten(1))
        return logits[:, 0]


def build(options: UnrolledOptions, context: BuildContext) -> Networks:
    """Build both networks."""
    size = context.space.size
    return Networks(
        modules={"generator": Generator(options, size), "discriminator": Discriminator(options, size)},
        inputs=Latents(options.latent_dim),
    )
