"""The iterations of f-AnoGAN (Schlegl et al. 2019): first a GAN's, then an encoder's, with generator and discriminator frozen.

An iteration of the encoder has as many updates as one of the GAN has of the discriminator, so that both show as many images. The encoder
descends the score itself (izi_f): the squared error of pixels and of the discriminator's features.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from torch import Tensor

from ganbench import AdversarialAlgorithm, AlgorithmContext, Phase, Statistics
from ganbench_detection.f_anogan import distance
from ganbench_detection.ganomaly_step import require_images_as_they_are
from ganbench_detection.options import FAnoGANOptions


class FAnoGAN(AdversarialAlgorithm):
    """The default iterations, then an encoder's."""

    runners = ("eager", "cuda_graph")

    def __init__(self, context: AlgorithmContext) -> None:
        options = context.config.architecture.options
        assert isinstance(options, FAnoGANOptions)
        require_images_as_they_are(context)
        super().__init__(context)
        self._feature_weight = options.feature_weight
        optimizer = replace(context.config.generator_optimizer, learning_rate=options.encoder_learning_rate)
        self.optimise("encoder", self.networks["encoder"], config=optimizer)
        self._encoding = self.track("encoder_statistics", Statistics(context.device, ("encoder_loss",), losses=("encoder_loss",)))
        shown = self.training.batch_size * self.training.d_steps
        self.gan_iterations = max(round(options.gan_share * self.training.total_kimg * 1000 / shown), 1)

    def phases(self) -> Sequence[Phase]:
        """Return those of a GAN, and the encoder's."""
        return (*super().phases(), Phase("encoder", self.encoder_update, self.stage_real))

    def plan(self, iteration: int) -> tuple[str, ...]:
        """Return what a GAN does, and after its share of the budget the encoder's updates."""
        return super().plan(iteration) if iteration < self.gan_iterations else ("encoder",) * self.training.d_steps

    def encoder_update(self) -> None:
        """Take a step of the encoder alone, through the generator as it is evaluated."""
        with self.frozen("discriminator"):
            loss = self.encoder_loss(self.draw_real().samples)
            self.step("encoder", loss)
        self._encoding.tell("encoder_loss", loss)

    def encoder_loss(self, real: Tensor) -> Tensor:
        """Return the mean distance of real images."""
        modules = {**self.networks.modules, "generator": self.averages["generator"].module}
        with self.autocast():
            return distance(modules, real, self._feature_weight).mean()

    def read_statistics(self) -> dict[str, float]:
        """Return the means since the last call; those of a part that had no turn are 0."""
        return {**super().read_statistics(), **self._encoding.read()}
