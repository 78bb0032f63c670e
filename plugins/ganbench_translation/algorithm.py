"""What the iterations of both families share: optimizers, schedules, the average, samplers, and the state of all of it.

An iteration is one phase, in which every network is updated once; the families fill in its mathematics.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from ganbench.data.sampler import Sampler
from ganbench.errors import ConfigError
from ganbench.training.algorithm import AlgorithmContext, Phase, Wrap
from ganbench.training.ema import EMA
from ganbench.training.ledger import Ledger, logit_statistics
from ganbench.training.optimizers import LearningRate, build_optimizer, load_optimizer_state


class TranslationAlgorithm(ABC):
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
        config = context.config
        self._training, self._objective, self._device = config.training, context.objective, context.device
        self._networks, self._samplers, self._streams = context.networks, samplers, streams
        self.images_per_iteration = config.training.batch_size
        self._ema = EMA(
            generators[0],
            halflife_kimg=config.training.ema_halflife_kimg,
            start_kimg=config.training.ema_start_kimg,
            images_per_update=self.images_per_iteration,
        )
        parameters = {
            "generator": [p for network in generators for p in network.parameters()],
            "discriminator": [p for network in discriminators for p in network.parameters()],
        }
        configs = {"generator": config.generator_optimizer, "discriminator": config.discriminator_optimizer}
        self._frozen_parameters = parameters["discriminator"]
        self._optimizers = {name: build_optimizer(configs[name], parameters[name], self._device) for name in parameters}
        self._schedules = [LearningRate(configs[name], self._optimizers[name], config.training.total_kimg) for name in parameters]
        self._ledger = Ledger(self._device)

    @abstractmethod
    def joint_update(self) -> None:
        """Update every network once, and tell the ledger."""

    def _take(self, name: str) -> Tensor:
        """Return the staged real images of a sampler, ``[N, C, H, W]``."""
        return self._samplers[name].take(self._training.batch_size).images

    def _uniform(self, name: str, count: int) -> Tensor:
        """Return ``[count]`` numbers in [0, 1) from a stream."""
        return torch.rand(count, device=self._device, generator=self._streams[name])

    def _step(self, name: str, loss: Tensor) -> None:
        """One step of an optimizer."""
        optimizer = self._optimizers[name]
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        optimizer.step()

    def _judge(self, real_logits: Tensor, fake_logits: Tensor) -> tuple[Tensor, Tensor]:
        """Return a discriminator's loss, and the statistics ``[5]`` of its logits."""
        real_logits, fake_logits = real_logits.float(), fake_logits.float()
        loss = self._objective.discriminator_loss(real_logits, fake_logits)
        return loss if isinstance(loss, tuple) else (loss, logit_statistics(real_logits, fake_logits))

    @contextmanager
    def _frozen_discriminators(self) -> Iterator[None]:
        """Leave out the discriminators' weight gradients, which the generators' update would throw away."""
        for parameter in self._frozen_parameters:
            parameter.requires_grad_(False)
        try:
            yield
        finally:
            for parameter in self._frozen_parameters:
                parameter.requires_grad_(True)

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self._device.type, dtype=torch.bfloat16, enabled=self._training.precision == "bf16")

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

    def images_shown(self, iteration: int) -> int:
        """Return the images of one batch: what each discriminator is shown of its own domain."""
        return self.images_per_iteration

    def set_progress(self, images_seen: int) -> None:
        """Move the schedules and the average to this point."""
        for schedule in self._schedules:
            schedule.set_progress(images_seen)
        self._ema.set_progress(images_seen)

    def modules(self) -> Mapping[str, nn.Module]:
        """Return the networks, with the average."""
        return {
            "generator": self._networks.generator,
            "discriminator": self._networks.discriminator,
            "generator_ema": self._ema.module,
            **self._networks.extra,
        }

    def evaluated_generator(self) -> nn.Module:
        """Return the averaged generator."""
        return self._ema.module

    def read_statistics(self) -> dict[str, float]:
        """Return the means since the last call."""
        return self._ledger.read()

    def trajectory(self) -> Tensor:
        """Return the losses of the first iterations."""
        return self._ledger.trajectory()

    def state_dict(self) -> dict[str, Any]:
        """Return networks, optimizers, random streams, the samplers' positions and the running sums."""
        return {
            "modules": {name: module.state_dict() for name, module in self.modules().items()},
            "optimizers": {name: optimizer.state_dict() for name, optimizer in self._optimizers.items()},
            "streams": {name: stream.get_state() for name, stream in self._streams.items()},
            "samplers": {name: sampler.state_dict() for name, sampler in self._samplers.items()},
            "ledger": self._ledger.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what :meth:`state_dict` returned, in place."""
        for name, module in self.modules().items():
            module.load_state_dict(state["modules"][name])
        for name, optimizer in self._optimizers.items():
            load_optimizer_state(optimizer, state["optimizers"][name])
        for name, stream in self._streams.items():
            stream.set_state(state["streams"][name].cpu())
        for name, sampler in self._samplers.items():
            sampler.load_state_dict(state["samplers"][name])
        self._ledger.load_state_dict(state["ledger"])


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
