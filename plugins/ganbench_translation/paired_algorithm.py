"""One iteration of pix2pix, as junyanz/pytorch-CycleGAN-and-pix2pix orders it (pix2pix_model.py): the discriminator, then the generator.

One generator forward serves both updates. Feature matching is pix2pixHD's (pix2pixHD_model.py).
Shapes: N images of a batch, C, H, W an image.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from ganbench import AlgorithmContext
from ganbench_translation.algorithm import TranslationAlgorithm
from ganbench_translation.patch import MultiScaleDiscriminator
from ganbench_translation.pix2pix_options import Pix2PixOptions
from ganbench_translation.tasks import make_task


class PairedAlgorithm(TranslationAlgorithm):
    """A generator that comes close to its target, and a discriminator that sees what it was made of."""

    functions = ("generate", "discriminator_loss", "generator_loss")

    def __init__(self, context: AlgorithmContext) -> None:
        options, networks = context.config.architecture.options, context.networks
        assert isinstance(options, Pix2PixOptions)
        assert isinstance(networks["discriminator"], MultiScaleDiscriminator)
        self._options, self._task = options, make_task(options, context.dataset.space)
        self._generator, self._discriminator = networks["generator"], networks["discriminator"]
        super().__init__(
            context,
            generators=(networks["generator"],),
            discriminators=(networks["discriminator"],),
            samplers={"images": context.sampler},
            streams=["task"],
        )

    def joint_update(self) -> None:
        """Descend the discriminator on the generated batch, then the generator through its new state."""
        inputs, targets = self._task(self.take("images"), lambda n: self.draw("task", n))
        made = self.generate(inputs)
        discriminator_loss, statistics = self.discriminator_loss(inputs, targets, made.detach())
        self.step("discriminator", discriminator_loss)
        with self.frozen("discriminator"):
            generator_loss = self.generator_loss(inputs, targets, made)
            self.step("generator", generator_loss)
        self.update_averages()
        self.ledger.add_discriminator(discriminator_loss, statistics, None)
        self.ledger.add_generator(generator_loss)

    def generate(self, inputs: Tensor) -> Tensor:
        """Return float32 images ``[N, C, H, W]``."""
        with self.autocast():
            images: Tensor = self._generator(inputs)
        return images.float()

    def discriminator_loss(self, inputs: Tensor, targets: Tensor, made: Tensor) -> tuple[Tensor, Tensor]:
        """Return the weighted sum of the losses at all scales, and the mean of their logits' statistics ``[5]``."""
        real, fake = self._see(inputs, targets), self._see(inputs, made)
        judged = [self.judge(of_real, of_fake) for (of_real, _), (of_fake, _) in zip(real, fake, strict=True)]
        loss = torch.stack([loss for loss, _ in judged]).sum()
        return self._options.discriminator_weight * loss, torch.stack([statistics for _, statistics in judged]).mean(dim=0)

    def generator_loss(self, inputs: Tensor, targets: Tensor, made: Tensor) -> Tensor:
        """Return equation 4 of the paper for the generator, and feature matching where it is wanted."""
        fake = self._see(inputs, made)
        loss = torch.stack([self.objective.generator_loss(logits.float()) for logits, _ in fake]).sum()
        if self._options.feature_weight:
            loss = loss + self._options.feature_weight * self._feature_distance(inputs, targets, [f for _, f in fake])
        return loss + self._options.l1_weight * F.l1_loss(made, targets)

    def _feature_distance(self, inputs: Tensor, targets: Tensor, fake: list[list[Tensor]]) -> Tensor:
        """Return 4 times the mean L1 distance of all layers' features, as the source weighs it (equation 4 of Wang et al. 2018).

        Its factors: 4 / (layers + 1) for the sum over the layers, 1 / scales for the sum over the scales.
        """
        with torch.no_grad():
            real = [features for _, features in self._see(inputs, targets)]
        means = [_mean_distance(of_fake, of_real) for of_fake, of_real in zip(fake, real, strict=True)]
        return 4 * torch.stack(means).mean()

    def _see(self, inputs: Tensor, images: Tensor) -> list[tuple[Tensor, list[Tensor]]]:
        """Return what the discriminators say of images and of what these were made of."""
        with self.autocast():
            return self._discriminator.judge(torch.cat([inputs, images], dim=1))


def _mean_distance(fake: list[Tensor], real: list[Tensor]) -> Tensor:
    return torch.stack([F.l1_loss(f.float(), r.float()) for f, r in zip(fake, real, strict=True)]).mean()
