"""A generator that enlarges, and a discriminator; an image and its small copy are one pair.

Shapes: N images of a batch, C, H, W a large one.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate, l1_loss

from ganbench import AdversarialAlgorithm, BuildContext, Dataset, FromData, Networks, NoOptions, Phase, Targets

FACTOR = 4


class Generator(nn.Sequential):
    """Small images to large ones, beginning with interpolated ones."""

    def __init__(self, channels: int) -> None:
        super().__init__(nn.Conv2d(channels, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, channels * FACTOR**2, 3, padding=1))

    def forward(self, small: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return ``[N, C, H, W]``."""
        details: Tensor = super().forward(small)
        return torch.tanh(nn.functional.pixel_shuffle(details, FACTOR) + interpolate(small, scale_factor=float(FACTOR)))


class Discriminator(nn.Sequential):
    """Patches of images to logits."""

    def __init__(self, channels: int) -> None:
        super().__init__(nn.Conv2d(channels, 8, 4, 2, 1), nn.LeakyReLU(0.2), nn.Conv2d(8, 1, 3, padding=1))

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return ``[N, 1, H / 2, W / 2]``."""
        logits: Tensor = super().forward(images)
        return logits


def answers(dataset: Dataset, count: int, random: torch.Generator) -> Targets:
    """Return held-out images, ``[count, C, H, W]``."""
    source = dataset.test or dataset.train
    chosen = torch.randint(source.num_samples, (count,), generator=random)
    return Targets(samples=source.space.to_network(source.space.arrange(source.read(chosen))))


def questions(dataset: Dataset, count: int, random: torch.Generator) -> Tensor:
    """Return small copies of the same images."""
    return avg_pool2d(answers(dataset, count, random).samples, FACTOR)


def build(options: NoOptions, context: BuildContext) -> Networks:
    """Build both networks, and say what is asked and what the right answer is."""
    channels = context.space.size[0]
    modules = {"generator": Generator(channels), "discriminator": Discriminator(channels)}
    return Networks(modules=modules, inputs=FromData(inputs=questions, targets=answers))


class Enlargement(AdversarialAlgorithm):
    """Both updates on one batch of pairs; the generator's loss is the objective's and the absolute error."""

    functions = ("generate", "discriminator_loss", "enlargement_loss")

    def plan(self, iteration: int) -> tuple[str, ...]:
        """Return the only phase."""
        return ("update",)

    def phases(self) -> Sequence[Phase]:
        """Return it."""
        return (Phase("update", self.update, self.stage_real),)

    def update(self) -> None:
        """Take a step of the discriminator, then one of the generator."""
        real = self.draw_real().samples
        fake = self.generate(avg_pool2d(real, FACTOR), None)
        loss, statistics = self.discriminator_loss(real, fake.detach(), None, None)
        self.step("discriminator", loss)
        self.ledger.add_discriminator(loss, statistics, None)
        with self.frozen("discriminator"):
            loss = self.enlargement_loss(fake, real)
            self.step("generator", loss)
        self.update_averages()
        self.ledger.add_generator(loss)

    def enlargement_loss(self, fake: Tensor, real: Tensor) -> Tensor:
        """Return the generator's loss."""
        return 100 * l1_loss(fake, real) + self.generator_loss(fake, None)
