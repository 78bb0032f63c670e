"""One iteration of SRGAN and ESRGAN, as Lornatang/SRGAN-PyTorch orders it: the discriminator, then the generator, on one restored batch.

Shapes: N images of a batch, C channels, H, W height and width.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from ganbench import AlgorithmContext, ConfigError, Ledger, Phase, logit_statistics
from ganbench_restoration.content import build_content
from ganbench_restoration.options import ESRGANOptions, SRGANOptions
from ganbench_restoration.pixel_algorithm import RestorationAlgorithm


class AdversarialRestoration(RestorationAlgorithm):
    """The losses of pixels, of content and of a discriminator, weighted."""

    functions = ("restore", "discriminator_loss", "generator_loss")

    def __init__(self, context: AlgorithmContext) -> None:
        options = context.config.architecture.options
        assert isinstance(options, (SRGANOptions, ESRGANOptions))
        _check_objective(context)
        self.ledger = Ledger(context.device)
        super().__init__(context, self.ledger)
        self._options, self._discriminator = options, self.networks["discriminator"]
        content = build_content(options.content)
        self._content = None if content is None else content.to(context.device)
        self.optimise("discriminator", self._discriminator)

    def phases(self) -> Sequence[Phase]:
        """Return the only one."""
        return (Phase("joint", self.joint_update, self.stage_real),)

    def joint_update(self) -> None:
        """Descend the discriminator on the restored batch, then the generator through its new state."""
        given, answers = self.draw_questions()
        made = self.restore(given)
        discriminator_loss, statistics = self.discriminator_loss(answers, made.detach())
        self.step("discriminator", discriminator_loss)
        with self.frozen("discriminator"):
            generator_loss = self.generator_loss(answers, made)
            self.step("generator", generator_loss)
        self.update_averages()
        self.ledger.add_discriminator(discriminator_loss, statistics, None)
        self.ledger.add_generator(generator_loss)

    def discriminator_loss(self, answers: Tensor, made: Tensor) -> tuple[Tensor, Tensor]:
        """Return the objective's loss, and the statistics ``[5]`` of the logits."""
        real, fake = self._judge(answers), self._judge(made)
        loss = self.objective.discriminator_loss(real, fake)
        return loss if isinstance(loss, tuple) else (loss, logit_statistics(real, fake))

    def generator_loss(self, answers: Tensor, made: Tensor) -> Tensor:
        """Return the weighted sum (SRGAN's equation 3 and the loss of pixels; ESRGAN's equation 3)."""
        fake, options = self._judge(made), self._options
        paired = self.objective.paired_generator_loss
        adversarial = self.objective.generator_loss(fake) if paired is None else paired(self._judge(answers), fake)
        loss = options.pixel_weight * self.pixel_loss(made, answers) + options.adversarial_weight * adversarial
        if self._content is not None:
            loss = loss + options.content_weight * self._content_loss(made, answers)
        return loss

    def _content_loss(self, made: Tensor, answers: Tensor) -> Tensor:
        """Return the distance of the features, by squares or by absolute values as that of the pixels."""
        assert self._content is not None
        with torch.no_grad():
            wanted = self._content(answers)
        found = self._content(made)
        return F.l1_loss(found, wanted) if self._absolute else F.mse_loss(found, wanted)

    def _judge(self, images: Tensor) -> Tensor:
        """Return logits ``[N]`` float32."""
        with self.autocast():
            logits: Tensor = self._discriminator(images)
        return logits.float()


def _check_objective(context: AlgorithmContext) -> None:
    objective, name = context.objective, context.config.architecture.name
    assert objective is not None
    if any((objective.penalties, objective.terms, objective.weight_terms, objective.weight_clip)):
        raise ConfigError(f"{name} takes a loss without penalties, terms and clipping", hint="leave the loss's options at their defaults")
