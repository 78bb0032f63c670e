"""A GAN of texts whose gradients reach the generator through a Gumbel-softmax (Jang et al. 2017, https://arxiv.org/abs/1611.01144).

The networks and numbers are those of RelGAN (Nie et al. 2019, https://openreview.net/forum?id=rJedV3R5tm; weilinie/RelGAN) with its LSTM
(``lstm_vanilla``) and not its relational memory: maximum likelihood, then one update of the generator and five of the discriminator, with a
relativistic loss. The discriminator sees softmaxes, which grow harder over training; what is measured and shown is always hard, drawn token
by token from the softmax at temperature 1.

Shapes: n texts of a batch, T tokens of a text, V tokens in the vocabulary, R logits of a text.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ganbench import AlgorithmContext, BuildContext, ConfigError, Networks, Phase, Statistics, logit_statistics
from ganbench_text.convolutions import RepeatedDiscriminator
from ganbench_text.likelihood import TextAlgorithm
from ganbench_text.lstm import inputs_of, make_generator, score
from ganbench_text.options import GumbelOptions
from ganbench_text.space import one_hot, tokens_of

_LEAST = 1e-10


class GumbelGAN(TextAlgorithm):
    """The likelihood, then both updates."""

    functions = ("likelihood_loss", "generate", "discriminator_loss", "generator_loss")

    def __init__(self, context: AlgorithmContext) -> None:
        options, training = context.config.architecture.options, context.config.training
        assert isinstance(options, GumbelOptions)
        _check_objective(context)
        logits = ("discriminator_loss", "real_logits", "fake_logits", "real_signs", "abs_real_logits", "abs_fake_logits")
        statistics = Statistics(context.device, ("likelihood_loss",), logits, ("generator_loss",), ("loss",), losses=("loss",))
        super().__init__(context, statistics, training.batch_size * training.d_steps, options.likelihood_rate)
        self.discriminator, self.options = self.networks["discriminator"], options
        self.optimise("generator", self.generator)
        self.optimise("discriminator", self.discriminator)
        self.num_likelihood = round(options.likelihood_kimg * 1000 / training.batch_size)
        self.inverse_temperature = torch.ones(1, device=self.device)
        self.paired = self.objective.paired_generator_loss is not None

    def set_progress(self, samples_seen: int) -> None:
        """Move the schedules and the temperature to this point."""
        super().set_progress(samples_seen)
        adversarial = max(samples_seen - self.num_likelihood * self.training.batch_size, 0) / self.samples_per_iteration
        self.inverse_temperature.fill_(self.options.most_inverse_temperature ** (adversarial / self.options.temperature_iterations))

    def plan(self, iteration: int) -> tuple[str, ...]:
        """Return the phases of this iteration; the generator comes first, as in the source."""
        return ("likelihood",) if iteration < self.num_likelihood else ("generator", *["discriminator"] * self.training.d_steps)

    def samples_shown(self, iteration: int) -> int:
        """Return how many real texts this iteration shows to the generator's likelihood or to the discriminator."""
        return self.training.batch_size if iteration < self.num_likelihood else self.samples_per_iteration

    def phases(self) -> Sequence[Phase]:
        """Return the updates."""
        return (
            Phase("likelihood", self.likelihood_update, self.stage_real),
            Phase("generator", self.generator_update, self.stage_real if self.paired else None),
            Phase("discriminator", self.discriminator_update, self.stage_real),
        )

    def discriminator_update(self) -> None:
        """Ascend the discriminator on one real and one generated batch."""
        with torch.no_grad():
            fake = self.generate(self.draw_noise())
        loss, statistics = self.discriminator_loss(self.draw_real().samples, fake)
        self.step("discriminator", loss)
        self.statistics.tell("discriminator_loss", loss, statistics)

    def generator_update(self) -> None:
        """Descend the generator through a frozen discriminator."""
        real = self.draw_real().samples if self.paired else None
        with self.frozen("discriminator"):
            loss = self.generator_loss(self.generate(self.draw_noise()), real)
            self.step("generator", loss)
        self.update_averages()
        self.statistics.tell("generator_loss", loss)
        self.statistics.tell("loss", loss)

    def clips(self, name: str) -> bool:
        """The source clips the discriminator's gradients too."""
        return True

    def draw_noise(self) -> Tensor:
        """Return Gumbel noise ``[n, T, V]``."""
        size = (self.training.batch_size, *self.dataset.space.size)
        uniform = torch.rand(size, device=self.device, generator=self.random).clamp_min(_LEAST)
        return -(-uniform.log()).clamp_min(_LEAST).log()

    def generate(self, noise: Tensor) -> Tensor:
        """Return texts ``[n, T, V]`` in float32 as the discriminator sees them."""
        with self.autocast():
            soft, hard = self.generator.relax(noise, self.inverse_temperature)
        soft = soft.float()
        return soft if self.options.relaxation == "soft" else one_hot(hard, soft.shape[-1]) + soft - soft.detach()

    def discriminator_loss(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """Return the objective's loss, and the statistics ``[5]`` of the logits."""
        of_real, of_fake = self.judge(real), self.judge(fake)
        loss = self.objective.discriminator_loss(of_real, of_fake)
        return loss if isinstance(loss, tuple) else (loss, logit_statistics(of_real, of_fake))

    def generator_loss(self, fake: Tensor, real: Tensor | None) -> Tensor:
        """Return the objective's loss; real texts only where it looks at them."""
        paired = self.objective.paired_generator_loss
        if real is None or paired is None:
            return self.objective.generator_loss(self.judge(fake))
        return paired(self.judge(real), self.judge(fake))

    def judge(self, texts: Tensor) -> Tensor:
        """Return logits ``[n, R]`` in float32."""
        with self.autocast():
            logits: Tensor = self.discriminator(texts)
        return logits.float()


def build(options: GumbelOptions, context: BuildContext) -> Networks:
    """Build both networks."""
    discriminator = RepeatedDiscriminator(options, tokens_of(context.space))
    modules = {"generator": make_generator(options, context), "discriminator": discriminator}
    return Networks(modules=modules, inputs=inputs_of(context), scorers={"nll_gen": score})


def _check_objective(context: AlgorithmContext) -> None:
    """Refuse what these updates cannot heed.

    Raises:
        ConfigError: a loss with more than its two scalars.
    """
    objective = context.objective
    assert objective is not None
    if any((objective.penalties, objective.terms, objective.weight_terms, objective.weight_clip)):
        raise ConfigError(
            "gumbel-softmax takes a loss without penalties, terms and clipping", hint="leave the loss's options at their defaults"
        )
