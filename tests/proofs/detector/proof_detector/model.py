"""Generator, discriminator, and an encoder that learns to find the latents of samples.

Shapes: N samples of a batch, L the length of z.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod

from torch import Tensor, nn

from ganbench import AdversarialAlgorithm, AlgorithmContext, BuildContext, Latents, Networks, NoOptions, Phase

L = 8


class Generator(nn.Sequential):
    """Latents to samples."""

    def __init__(self, size: tuple[int, ...]) -> None:
        super().__init__(nn.Linear(L, 64), nn.ReLU(), nn.Linear(64, prod(size)), nn.Tanh(), nn.Unflatten(1, size))

    def forward(self, latents: Tensor, labels: Tensor | None) -> Tensor:
        """Return samples."""
        samples: Tensor = super().forward(latents)
        return samples


class Discriminator(nn.Sequential):
    """Samples to logits."""

    def __init__(self, size: tuple[int, ...]) -> None:
        super().__init__(nn.Flatten(), nn.Linear(prod(size), 64), nn.LeakyReLU(0.2), nn.Linear(64, 1), nn.Flatten(0))

    def forward(self, samples: Tensor, labels: Tensor | None) -> Tensor:
        """Return logits ``[N]``."""
        logits: Tensor = super().forward(samples)
        return logits


def distance(modules: Mapping[str, nn.Module], samples: Tensor) -> Tensor:
    """Return how far each sample is from what the generator makes of its code, ``[N]``."""
    again: Tensor = modules["generator"](modules["encoder"](samples), None)
    return (again - samples).square().flatten(1).mean(1)


def build(options: NoOptions, context: BuildContext) -> Networks:
    """Build the three networks, and the score of an anomaly."""
    size = context.space.size
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(prod(size), 64), nn.ReLU(), nn.Linear(64, L))
    modules = {"generator": Generator(size), "discriminator": Discriminator(size), "encoder": encoder}
    return Networks(modules=modules, inputs=Latents(L), scorers={"anomaly": distance})


class Detector(AdversarialAlgorithm):
    """The default iteration, with an update of the encoder on real samples before it."""

    functions = (*AdversarialAlgorithm.functions, "encoder_loss")

    def __init__(self, context: AlgorithmContext) -> None:
        super().__init__(context)
        self.optimise("encoder", self.networks["encoder"])

    def phases(self) -> Sequence[Phase]:
        """Return those of a GAN and the encoder's."""
        return (Phase("encoder", self.encoder_update, self.stage_real), *super().phases())

    def plan(self, iteration: int) -> tuple[str, ...]:
        """Return the encoder's update, then what a GAN does."""
        return ("encoder", *super().plan(iteration))

    def encoder_update(self) -> None:
        """Take a step of the encoder alone."""
        with self.frozen("generator"):
            self.step("encoder", self.encoder_loss(self.draw_real().samples))

    def encoder_loss(self, real: Tensor) -> Tensor:
        """Return the mean distance of real samples."""
        return distance(self.networks.modules, real).mean()
