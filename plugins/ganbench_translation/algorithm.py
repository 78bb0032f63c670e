"""What the iterations of both families share: one phase, samplers and streams by name, and the state of these.

An iteration is one phase, in which every network is updated once; the families fill in its mathematics.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ganbench.data.sampler import Sampler
from ganbench.errors import ConfigError
from ganbench.training.algorithm import AlgorithmContext, Phase, Wrap
from ganbench.training.ledger import logit_statistics
from ganbench.training.updates import NetworkUpdates


class TranslationAlgorithm(NetworkUpdates, ABC):
    """One phase for all updates.

    Args:
        context: what the harness gives.
        generators: the networks that one optimizer updates; the first is averaged and evaluated.
        discriminators: the networks that the other optimizer updates.
        samplers: what an iteration takes a batch from, by name.
        streams: the random generators that an iteration draws from, by name.

    Raises:
        ConfigError: a setting that an iteration of this form cannot heed.
    """

    runners: tuple[str, ...] = ("eager", "cuda_graph", "compile")
    functions: tuple[str, ...] = ()
    """The methods that a runner may replace: functions of tensors."""

    def __init__(
        self,
        context: AlgorithmContext,
        *,
        generators: Sequence[nn.Module],
        discriminators: Sequence[nn.Module],
        samplers: Mapping[str, Sampler],
        streams: Mapping[str, torch.Generator],
    ) -> None:
        check_settings(context)
        self.samples_per_iteration = context.config.training.batch_size
        super().__init__(context, generators=generators, discriminators=discriminators, images_per_update=self.samples_per_iteration)
        self._samplers, self._streams = samplers, streams

    @abstractmethod
    def joint_update(self) -> None:
        """Update every network once, and tell the ledger."""

    def _take(self, name: str) -> Tensor:
        """Return the staged real images of a sampler, ``[N, C, H, W]``."""
        return self._samplers[name].take(self._training.batch_size).samples

    def _uniform(self, name: str, count: int) -> Tensor:
        """Return ``[count]`` numbers in [0, 1) from a stream."""
        return torch.rand(count, device=self._device, generator=self._streams[name])

    def _judge(self, real_logits: Tensor, fake_logits: Tensor) -> tuple[Tensor, Tensor]:
        """Return a discriminator's loss, and the statistics ``[5]`` of its logits."""
        real_logits, fake_logits = real_logits.float(), fake_logits.float()
        loss = self._objective.discriminator_loss(real_logits, fake_logits)
        return loss if isinstance(loss, tuple) else (loss, logit_statistics(real_logits, fake_logits))

    def plan(self, iteration: int) -> tuple[str, ...]:
        """Return the one phase."""
        return ("joint",)

    def phases(self) -> Mapping[str, Phase]:
        """Return the one phase."""
        return {"joint": self.joint_update}

    def prepare(self, phase: str) -> None:
        """Have every sampler stage a batch."""
        for sampler in self._samplers.values():
            sampler.stage(self._training.batch_size)

    def transform(self, wrap: Wrap) -> None:
        """Let a runner replace the functions of tensors."""
        for name in self.functions:
            setattr(self, name, wrap(name, getattr(self, name)))

    def capture_key(self) -> Hashable:
        """Whether the average averages already."""
        return self._ema.active

    def random_generators(self) -> Sequence[torch.Generator]:
        """Return the streams."""
        return tuple(self._streams.values())

    def samples_shown(self, iteration: int) -> int:
        """Return the images of one batch: what each discriminator is shown of its own domain."""
        return self.samples_per_iteration

    def state_dict(self) -> dict[str, Any]:
        """Return networks, optimizers, random streams, the samplers' positions and the running sums."""
        return {
            **super().state_dict(),
            "streams": {name: stream.get_state() for name, stream in self._streams.items()},
            "samplers": {name: sampler.state_dict() for name, sampler in self._samplers.items()},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what :meth:`state_dict` returned, in place."""
        super().load_state_dict(state)
        for name, stream in self._streams.items():
            stream.set_state(state["streams"][name].cpu())
        for name, sampler in self._samplers.items():
            sampler.load_state_dict(state["samplers"][name])


def check_settings(context: AlgorithmContext) -> None:
    """Refuse what an iteration with one update of each network cannot heed.

    Raises:
        ConfigError: the setting, its value and the one that is allowed.
    """
    training, objective = context.config.training, context.objective
    name = context.config.architecture.name
    for field, wanted in (("d_steps", 1), ("d_steps_boost", 0), ("generator_batch_factor", 1), ("dequantise", False)):
        value = getattr(training, field)
        if value != wanted:
            raise ConfigError(f"training.{field} must be {str(wanted).lower()} for {name} (got {str(value).lower()})")
    if context.augment is not None:
        raise ConfigError(f"{name} shows its discriminators images as they are, without an augmentation", hint="use --augment none")
    extra = (objective.penalties, objective.terms, objective.weight_terms, objective.weight_clip, objective.paired_generator_loss)
    if any(extra):
        raise ConfigError(f"{name} takes a loss without penalties, terms and clipping", hint="leave the loss's options at their defaults")
