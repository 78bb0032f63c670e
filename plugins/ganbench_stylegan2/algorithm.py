"""StyleGAN2's iteration (Karras et al. 2020, https://arxiv.org/abs/1912.04958, section 3 and appendix B).

It differs from the default one in four things. Regularisation is lazy: R1 in every k-th iteration and path lengths in every k'-th are
steps of their own behind the losses', k times as strong, and the optimizers' learning rates and betas are corrected to
``lr * k / (k + 1)`` and ``beta ** (k / (k + 1))``, since they take k + 1 steps where they took k. R1 is the gradient at the images before
their augmentation. A batch mixes the styles of two latents. And the half-life of the average may grow with the images seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from ganbench import AdversarialAlgorithm, Algorithm, AlgorithmContext, OptimizerConfig, Phase
from ganbench_stylegan2 import StyleGAN2Options
from ganbench_stylegan2.generator import Generator
from ganbench_stylegan2.path_length import path_lengths


class StyleGAN2Algorithm(AdversarialAlgorithm):
    """Alternating updates of two networks, with lazy regularisation of both."""

    functions = ("generate", "discriminator_loss", "generator_loss")  # a compiled region cannot be differentiated twice

    def __init__(self, context: AlgorithmContext) -> None:
        context.require(shared_fakes=False, generator_batch_factor=1, d_steps=1, d_steps_boost=0)
        options, generator = context.config.architecture.options, context.networks["generator"]
        assert isinstance(options, StyleGAN2Options)
        assert isinstance(generator, Generator)
        self._options, self._layers = options, generator.num_layers
        super().__init__(context)
        self.path_mean = self.track("path_mean", torch.zeros((), device=context.device))
        """The mean path length, which lengths are drawn to."""
        self._move_average(0)

    def optimise(self, name: str, *modules: nn.Module, config: OptimizerConfig | None = None) -> None:
        """Build an optimizer whose numbers are corrected for lazy regularisation."""
        every = self._options.path_every
        if config is None:
            config = self.config.generator_optimizer
            if name == "discriminator":
                config, every = self.config.discriminator_optimizer, self.training.penalty_every
        super().optimise(name, *modules, config=corrected(config, every))

    def set_progress(self, samples_seen: int) -> None:
        """Move all schedules to this point."""
        super().set_progress(samples_seen)
        self._move_average(samples_seen)

    def _move_average(self, samples_seen: int) -> None:
        if self._options.average_ramp is not None:
            for average in self.averages.values():
                average.set_halflife(min(self.training.ema_halflife_kimg, self._options.average_ramp * samples_seen / 1000))

    def generate(self, latents: Tensor, labels: Tensor | None, other: Tensor | None = None, first_layers: Tensor | None = None) -> Tensor:
        """Return float32 images ``[N, C, H, W]``."""
        with self.autocast():
            images: Tensor = self.generator(latents, labels, other, first_layers)
        return images.float()

    def _mixing(self, count: int) -> tuple[Tensor | None, Tensor | None]:
        """Return the second latents, and how many layers keep the first: as many for the whole batch."""
        if not self._options.style_mixing:
            return None, None
        place, whether = self.uniform(2).unbind()
        first_layers = torch.where(whether < self._options.style_mixing, 1 + torch.floor(place * (self._layers - 1)), self._layers)
        return self.draw_inputs(count), first_layers

    def _fake(self, labels: Tensor | None) -> Tensor:
        count = self.training.batch_size
        return self.generate(self.draw_inputs(count), labels, *self._mixing(count))

    def discriminator_update(self, penalised: bool = False) -> None:
        """Ascend the discriminator on one real and one generated batch, and then descend R1 on the real one."""
        batch = self.draw_real()
        with torch.no_grad():
            labels = self.draw_labels(self.training.batch_size)
            fake = self._fake(labels)
        loss, statistics = self.discriminator_loss(self.present(batch.samples), self.present(fake), batch.labels, labels)
        penalty = self._penalty(batch.samples, fake, batch.labels) if penalised and self.training.penalty_every == 1 else None
        self.step("discriminator", loss if penalty is None else loss + penalty)
        if penalised and penalty is None:
            penalty = self._penalty(batch.samples, fake, batch.labels)
            self._regularise("discriminator", self.training.penalty_every * penalty)
        self.ledger.add_discriminator(loss, statistics, penalty)

    def _penalty(self, real: Tensor, fake: Tensor, labels: Tensor | None) -> Tensor:
        """Return the sum of the objective's penalties, at the images before their augmentation."""

        def discriminate(images: Tensor) -> Tensor:
            return self.judge(self.present(images), labels).logits

        penalties = [penalty(discriminate, real.detach(), fake.detach(), self.uniform) for penalty in self.objective.penalties]
        return torch.stack(penalties).sum()

    def generator_update(self, regularised: bool = False) -> None:
        """Descend the generator through a frozen discriminator, and then descend the deviation of its path lengths."""
        labels = self.draw_labels(self.training.batch_size)
        fake = self._fake(labels)
        real: tuple[Any, ...] = ()
        if self.generator_needs_real:
            batch = self.draw_real()
            real = (self.present(batch.samples), batch.labels)
        with self.frozen("discriminator"):
            loss = self.generator_loss(self.present(fake), labels, *real)
            self.step("generator", loss)
        if regularised:
            self._regularise("generator", self._options.path_every * self._options.path_weight * self._path_penalty())
        self.update_averages()
        self.ledger.add_generator(loss)

    def _path_penalty(self) -> Tensor:
        """Return the mean squared distance of the path lengths from their mean, which moves (equation 4 of the article)."""
        count = max(self.training.batch_size // self._options.path_batch_fraction, 1)
        labels = self.draw_labels(count)
        assert isinstance(self.generator, Generator)
        with self.autocast():
            styles = self.generator.styles(self.draw_inputs(count), labels, *self._mixing(count))
            images = self.generator.synthesis(styles)
        of_all = (len(images) * self.ranks.world, *images.shape[1:])
        noise = self.ranks.share(torch.randn(of_all, device=self.device, generator=self.random))
        lengths = path_lengths(images, styles, noise)
        mean = self.path_mean.lerp(lengths.mean(), self._options.path_decay)
        self.path_mean.copy_(mean.detach())
        return (lengths - mean).square().mean()

    def _regularise(self, name: str, loss: Tensor) -> None:
        """Take a step of its own, in which what the loss does not depend on has a gradient of 0, as in the source."""
        nothing = torch.stack([parameter.sum() for parameter in self.parameters[name]]).sum() * 0.0
        Algorithm.step(self, name, loss + nothing)

    def plan(self, iteration: int) -> tuple[str, ...]:
        """Return the phases of this iteration."""
        penalised = bool(self.objective.penalties) and iteration % self.training.penalty_every == 0
        regularised = self._options.path_weight > 0 and iteration % self._options.path_every == 0
        return ("discriminator_penalty" if penalised else "discriminator", "generator_path" if regularised else "generator")

    def phases(self) -> Sequence[Phase]:
        """Return the updates; those that no plan names are left out."""
        staged = self.stage_real if self.generator_needs_real else None
        found = [
            Phase("discriminator_penalty", lambda: self.discriminator_update(penalised=True), self.stage_real),
            Phase("discriminator", self.discriminator_update, self.stage_real),
            Phase("generator_path", lambda: self.generator_update(regularised=True), staged),
            Phase("generator", self.generator_update, staged),
        ]
        period = range(self.training.penalty_every * self._options.path_every)
        named = {name for iteration in period for name in self.plan(iteration)}
        return [phase for phase in found if phase.name in named]


def corrected(config: OptimizerConfig, every: int) -> OptimizerConfig:
    """Return what an optimizer is given whose regularisation is a step of its own in every so many iterations; 1: there are no such."""
    if every == 1:
        return config
    ratio = every / (every + 1)
    return replace(config, learning_rate=config.learning_rate * ratio, beta1=config.beta1**ratio, beta2=config.beta2**ratio)
