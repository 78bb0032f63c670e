"""One iteration of GANomaly (Akcay et al. 2018, equations 1 to 4), in samet-akcay/ganomaly's order: generator, then discriminator.

The generator descends the distance of the discriminator's features of an image and of its reconstruction, the absolute error of pixels, and
the distance of the two codes. The discriminator descends the mean of both cross-entropies. Where that falls below a bound, the source draws
the discriminator's weights anew; here it goes back to those that it began with, by work of the device alone.

Shapes: N images of a batch, C channels, H, W height and width.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import l1_loss, mse_loss, softplus

from ganbench import Algorithm, AlgorithmContext, Ledger, Phase, logit_statistics
from ganbench_detection.ganomaly import Discriminator, Generator
from ganbench_detection.options import GANomalyOptions


class GANomaly(Algorithm):
    """Reconstructs normal images, and their codes."""

    runners = ("eager", "cuda_graph", "compile")
    functions = ("generator_loss", "discriminator_loss")

    def __init__(self, context: AlgorithmContext) -> None:
        options = context.config.architecture.options
        assert isinstance(options, GANomalyOptions)
        require_images_as_they_are(context, d_steps=1)
        self.ledger = Ledger(context.device)
        super().__init__(context, self.ledger)
        generator, discriminator = self.networks["generator"], self.networks["discriminator"]
        assert isinstance(generator, Generator)
        assert isinstance(discriminator, Discriminator)
        self._options, self._generator, self._discriminator = options, generator, discriminator
        self.optimise("generator", generator)
        self.optimise("discriminator", discriminator)
        first = torch.cat([parameter.detach().flatten() for parameter in self.parameters["discriminator"]])
        self._first = self.track("first_discriminator", first)

    def phases(self) -> Sequence[Phase]:
        """Return the only one."""
        return (Phase("joint", self.joint_update, self.stage_real),)

    def joint_update(self) -> None:
        """Descend the generator, then the discriminator on the reconstructions that the generator made before."""
        real = self.draw_real().samples
        with self.frozen("discriminator"):
            generator_loss, again = self.generator_loss(real)
            self.step("generator", generator_loss)
        self.update_averages()
        loss, statistics = self.discriminator_loss(real, again.detach())
        self.step("discriminator", loss)
        self.reset_discriminator(loss.detach())
        self.ledger.add_discriminator(loss, statistics, None)
        self.ledger.add_generator(generator_loss)

    def generator_loss(self, real: Tensor) -> tuple[Tensor, Tensor]:
        """Return the weighted sum, and the reconstructions ``[N, C, H, W]`` float32."""
        options = self._options
        with self.autocast():
            again, codes, codes_again = self._generator.with_codes(real)
            of_real, of_again = self._discriminator.features(real), self._discriminator.features(again)
        adversarial = mse_loss(of_again.float(), of_real.float())
        code = mse_loss(codes_again.float(), codes.float())
        pixels = l1_loss(again.float(), real)
        loss = options.adversarial_weight * adversarial + options.reconstruction_weight * pixels + options.code_weight * code
        return loss, again.float()

    def discriminator_loss(self, real: Tensor, again: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mean of both cross-entropies, and the statistics ``[5]`` of the logits."""
        with self.autocast():
            of_real, of_again = self._discriminator(real), self._discriminator(again)
        of_real, of_again = of_real.float(), of_again.float()
        return (softplus(-of_real).mean() + softplus(of_again).mean()) / 2, logit_statistics(of_real, of_again)

    @torch.no_grad()
    def reset_discriminator(self, loss: Tensor) -> None:
        """Put the first weights back where the loss is below the bound; nothing waits for the device."""
        parameters = self.parameters["discriminator"]
        pieces = torch.split(self._first, [parameter.numel() for parameter in parameters])
        won = loss < self._options.reset_below
        for parameter, piece in zip(parameters, pieces, strict=True):
            parameter.copy_(torch.where(won, piece.view_as(parameter), parameter))


def require_images_as_they_are(context: AlgorithmContext, **training: object) -> None:
    """Refuse what an iteration of these networks cannot heed.

    Raises:
        ConfigError: the setting, its value and the one that is allowed.
    """
    context.require(d_steps_boost=0, generator_batch_factor=1, dequantise=False, as_they_are="trains on images", **training)
