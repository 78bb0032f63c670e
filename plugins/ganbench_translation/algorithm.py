"""What the iterations of both families share: one phase, samplers and streams by name, and the state of these.

An iteration is one phase, in which every network is updated once; the families fill in its mathematics.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from ganbench import Algorithm, AlgorithmContext, ConfigError, Ledger, Phase, Sampler, logit_statistics


class TranslationAlgorithm(Algorithm):
    """One phase for all updates.

    Args:
        context: what the harness gives.
        generators: the networks that one optimizer updates.
        discriminators: the networks that the other optimizer updates.
        samplers: what an iteration takes a batch from, by name.
        streams: purposes of the random generators that an iteration draws from.

    Raises:
        ConfigError: a setting that an iteration of this form cannot heed.
    """

    runners = ("eager", "cuda_graph", "compile")
    shares_batches = True

    def __init__(
        self,
        context: AlgorithmContext,
        *,
        generators: Sequence[nn.Module],
        discriminators: Sequence[nn.Module],
        samplers: Mapping[str, Sampler],
        streams: Sequence[str],
    ) -> None:
        check_settings(context)
        self.ledger = Ledger(context.device)
        super().__init__(context, self.ledger)
        self.optimise("generator", *generators)
        self.optimise("discriminator", *discriminators)
        self.streams = {purpose: self.stream(purpose) for purpose in streams}
        self.samplers = samplers
        for name, sampler in samplers.items():
            if sampler is not self.sampler:
                self.track(f"{name}_sampler", sampler)

    @abstractmethod
    def joint_update(self) -> None:
        """Update every network once, and tell the ledger."""

    def take(self, name: str) -> Tensor:
        """Return the staged real images of a sampler, ``[N, C, H, W]``."""
        return self.samplers[name].take(self.training.batch_size).samples

    def draw(self, purpose: str, count: int) -> Tensor:
        """Return ``[count]`` numbers in [0, 1) from a stream, for this process's samples."""
        return self.ranks.share(torch.rand(count * self.ranks.world, device=self.device, generator=self.streams[purpose]))

    def judge(self, real_logits: Tensor, fake_logits: Tensor) -> tuple[Tensor, Tensor]:
        """Return a discriminator's loss, and the statistics ``[5]`` of its logits."""
        real_logits, fake_logits = real_logits.float(), fake_logits.float()
        loss = self.objective.discriminator_loss(real_logits, fake_logits)
        return loss if isinstance(loss, tuple) else (loss, logit_statistics(real_logits, fake_logits))

    def phases(self) -> Sequence[Phase]:
        """Return the one phase."""
        return (Phase("joint", self.joint_update, self._stage),)

    def _stage(self) -> None:
        """Have every sampler stage a batch."""
        for sampler in self.samplers.values():
            sampler.stage(self.training.batch_size)


def check_settings(context: AlgorithmContext) -> None:
    """Refuse what an iteration with one update of each network cannot heed.

    Raises:
        ConfigError: the setting, its value and the one that is allowed.
    """
    objective = context.objective
    name = context.config.architecture.name
    as_they_are = "shows its discriminators images"
    context.require(d_steps=1, d_steps_boost=0, generator_batch_factor=1, dequantise=False, as_they_are=as_they_are)
    assert objective is not None
    extra = (objective.penalties, objective.terms, objective.weight_terms, objective.weight_clip, objective.paired_generator_loss)
    if any(extra):
        raise ConfigError(f"{name} takes a loss without penalties, terms and clipping", hint="leave the loss's options at their defaults")
