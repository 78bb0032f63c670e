"""SeqGAN's training (Yu et al. 2017, https://arxiv.org/abs/1609.05473, algorithm 1), as LantaoYu/SeqGAN's sequence_gan.py orders it.

Maximum likelihood, then the discriminator alone, then rounds: one policy gradient of the generator, whose reward for a token is what the
discriminator says of texts that begin with it, rolled out to their end, and some updates of the discriminator. The loss is a sum over
texts and tokens, as the source has it. There ``update_params`` makes new nodes that the graph of the roll-outs does not read, so that the
source's roll-outs follow the generator at once; here the network that rolls out moves slowly, as its article says.

A batch of the discriminator is half real and half generated, of which the real half counts towards the budget; every generated text is new,
where the source shows 10,000 of them three times.

Shapes: n texts of a batch, T tokens of a text, V tokens in the vocabulary.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from ganbench import AlgorithmContext, BuildContext, ConfigError, Networks, Phase, Statistics
from ganbench_text.convolutions import TokenDiscriminator
from ganbench_text.likelihood import TextAlgorithm
from ganbench_text.lstm import inputs_of, make_generator, score
from ganbench_text.options import SeqGANOptions
from ganbench_text.space import tokens_of


class SeqGAN(TextAlgorithm):
    """Three parts, one after the other."""

    functions = ("likelihood_loss", "discriminator_loss", "generator_loss")

    def __init__(self, context: AlgorithmContext) -> None:
        options, training = context.config.architecture.options, context.config.training
        assert isinstance(options, SeqGANOptions)
        if training.batch_size % 2:
            raise ConfigError(f"training.batch_size must be even for seqgan, whose batches are half real (got {training.batch_size})")
        groups = (("likelihood_loss",), ("discriminator_loss", "real_logits", "fake_logits"), ("generator_loss", "reward"), ("loss",))
        self.half = training.batch_size // 2
        statistics = Statistics(context.device, *groups, losses=("loss",))
        super().__init__(context, statistics, self.half * training.d_steps, options.likelihood_rate)
        discriminator = self.networks["discriminator"]
        assert isinstance(discriminator, TokenDiscriminator)
        self.discriminator, self.options = discriminator, options
        self.optimise("generator", self.generator)
        self.optimise("discriminator", discriminator)
        self.rollout = self.track("rollout", copy.deepcopy(self.generator).requires_grad_(False))
        self.num_likelihood = round(options.likelihood_kimg * 1000 / training.batch_size)
        self.first_round = self.num_likelihood + round(options.discriminator_kimg * 1000 / self.half)

    def plan(self, iteration: int) -> tuple[str, ...]:
        """Return the phases of this iteration."""
        if iteration < self.num_likelihood:
            return ("likelihood",)
        if iteration < self.first_round:
            return ("discriminator_alone",)
        begin = ("begin_rollouts",) if iteration == self.first_round else ()
        return (*begin, "generator", *["discriminator"] * self.training.d_steps)

    def samples_shown(self, iteration: int) -> int:
        """Return how many real texts this iteration shows to either network."""
        if iteration < self.num_likelihood:
            return self.training.batch_size
        return self.half * (1 if iteration < self.first_round else self.training.d_steps)

    def phases(self) -> Sequence[Phase]:
        """Return the updates."""
        return (
            Phase("likelihood", self.likelihood_update, self.stage_real),
            Phase("discriminator_alone", lambda: self.discriminator_update(alone=True), self.stage_half),
            Phase("begin_rollouts", self.begin_rollouts),
            Phase("generator", self.generator_update),
            Phase("discriminator", self.discriminator_update, self.stage_half),
        )

    def stage_half(self) -> None:
        """Do the host's part of the discriminator's real half."""
        self.sampler.stage(self.half)

    def discriminator_update(self, alone: bool = False) -> None:
        """Descend the cross-entropy of real and of new generated texts."""
        real = self.sampler.take(self.half).samples.argmax(-1)
        loss, statistics = self.discriminator_loss(real, self.draw_texts(self.half))
        self.step("discriminator", loss)
        self.statistics.tell("discriminator_loss", loss, statistics)
        if alone:
            self.statistics.tell("loss", loss)

    def generator_update(self) -> None:
        """Ascend the expected reward, and let the network that rolls out follow."""
        texts = self.draw_texts(self.training.batch_size)
        rewards = self.rewards(texts)
        loss = self.generator_loss(texts, rewards)
        self.step("generator", loss)
        self.move_rollouts(self.options.rollout_rate)
        self.update_averages()
        self.statistics.tell("generator_loss", loss, rewards.mean())
        self.statistics.tell("loss", loss)

    @torch.no_grad()
    def draw_texts(self, count: int) -> Tensor:
        """Return generated texts ``[count, T]``."""
        length = self.generator.length
        with self.autocast():
            return self.generator.draw(self.uniform(count * length).view(count, length))

    @torch.no_grad()
    def rewards(self, texts: Tensor) -> Tensor:
        """Return how real the discriminator takes texts to be that begin as these do, for each beginning ``[n, T]``: the last is whole."""
        count, length = texts.shape
        given = texts.repeat(length - 1, 1)
        num_given = torch.arange(1, length, device=texts.device).repeat_interleave(count)
        sums = torch.zeros(length - 1, count, device=texts.device)
        self.discriminator.eval()
        with self.autocast():
            for _ in range(self.options.rollouts):
                uniform = self.uniform(given.numel()).view(-1, length)
                whole = self.rollout.draw(uniform, given=given, num_given=num_given)
                sums += self.discriminator.judge(whole).float().sigmoid().view(length - 1, count)
            last = self.discriminator.judge(texts).float().sigmoid()
        self.discriminator.train()
        return torch.cat([sums / self.options.rollouts, last[None]]).T

    def generator_loss(self, texts: Tensor, rewards: Tensor) -> Tensor:
        """Return minus the log-likelihood of drawn tokens, each weighted by its reward."""
        with self.autocast():
            return (self.generator.nll(texts) * rewards).sum()

    def discriminator_loss(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mean cross-entropy with the penalty of the last layer, and the mean logits ``[2]``, real and generated."""
        with self.autocast():
            logits = self.discriminator.judge(torch.cat([real, fake])).float()
        answers = (torch.arange(len(logits), device=logits.device) < len(real)).float()
        loss = F.binary_cross_entropy_with_logits(logits, answers) + self.options.l2_weight * self.discriminator.penalty()
        of_real, of_fake = torch.split(logits.detach(), [len(real), len(fake)])
        return loss, torch.stack([of_real.mean(), of_fake.mean()])

    def begin_rollouts(self) -> None:
        """Make the network that rolls out the generator as it is."""
        self.move_rollouts(0.0)

    @torch.no_grad()
    def move_rollouts(self, kept: float) -> None:
        """Move the network that rolls out towards the generator: of its weights so much is kept, of its embeddings nothing."""
        for (name, mine), theirs in zip(self.rollout.named_parameters(), self.generator.parameters(), strict=True):
            mine.lerp_(theirs, 1.0 if name.startswith("embedding") else 1 - kept)


def build(options: SeqGANOptions, context: BuildContext) -> Networks:
    """Build both networks."""
    discriminator = TokenDiscriminator(options, tokens_of(context.space))
    modules = {"generator": make_generator(options, context), "discriminator": discriminator}
    return Networks(modules=modules, inputs=inputs_of(context), scorers={"nll_gen": score})
