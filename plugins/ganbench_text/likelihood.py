"""Maximum likelihood: the baseline of every table of texts, and what generators of texts are pre-trained by.

The loss is the mean negative log-likelihood of the tokens, those that fill a text up too, as LantaoYu/SeqGAN's ``pretrain_loss``.

Shapes: n texts of a batch, T tokens of a text, V tokens in the vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from ganbench import Algorithm, AlgorithmContext, Phase, Statistics
from ganbench_text.lstm import LanguageModel
from ganbench_text.options import GeneratorOptions


class TextAlgorithm(Algorithm):
    """What all of them share: an LSTM generator, updates of its likelihood, and clipped gradients.

    Args:
        context: what the harness gives.
        statistics: what the phases tell.
        samples_per_iteration: see :class:`ganbench.Algorithm`.
        likelihood_rate: learning rate of the likelihood's optimizer; None for the generator's own.
    """

    runners = ("eager", "cuda_graph", "compile")

    def __init__(
        self,
        context: AlgorithmContext,
        statistics: Statistics,
        samples_per_iteration: int | None = None,
        likelihood_rate: float | None = None,
    ) -> None:
        options = context.config.architecture.options
        assert isinstance(options, GeneratorOptions)
        context.require(d_steps_boost=0, generator_batch_factor=1, penalty_every=1, dequantise=False, as_they_are="trains on texts")
        super().__init__(context, statistics, samples_per_iteration)
        generator, optimizer = self.networks["generator"], self.config.generator_optimizer
        assert isinstance(generator, LanguageModel)
        self.generator, self.clip_norm = generator, options.clip_norm
        rate = optimizer.learning_rate if likelihood_rate is None else likelihood_rate
        self.optimise("likelihood", generator, config=replace(optimizer, learning_rate=rate))

    def likelihood_update(self) -> None:
        """Ascend the likelihood of real texts."""
        loss = self.likelihood_loss(self.draw_real().samples)
        self.step("likelihood", loss)
        self.update_averages()
        self.statistics.tell("likelihood_loss", loss)
        self.statistics.tell("loss", loss)

    def likelihood_loss(self, samples: Tensor) -> Tensor:
        """Return the mean over all tokens in nats."""
        with self.autocast():
            found: Tensor = self.generator.nll(samples.argmax(-1))
        return found.mean()

    def step(self, name: str, loss: Tensor) -> None:
        """Take one step of an optimizer; gradients of the generator are clipped by their norm."""
        parameters = self.parameters[name]
        for parameter in parameters:
            parameter.grad = None
        torch.autograd.backward(loss)
        if self.clips(name):
            torch.nn.utils.clip_grad_norm_(parameters, self.clip_norm)
        self.optimizers[name].step()

    def clips(self, name: str) -> bool:
        """Tell whether an optimizer's gradients are clipped."""
        return name != "discriminator"


class MaximumLikelihood(TextAlgorithm):
    """The likelihood alone."""

    functions = ("likelihood_loss",)

    def __init__(self, context: AlgorithmContext) -> None:
        context.require(d_steps=1)
        super().__init__(context, Statistics(context.device, ("likelihood_loss",), ("loss",), losses=("loss",)))

    def phases(self) -> Sequence[Phase]:
        """Return the only one."""
        return (Phase("likelihood", self.likelihood_update, self.stage_real),)
