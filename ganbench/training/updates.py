"""What algorithms share that update networks in two groups, by one optimizer each: optimizers, schedules, the average, sums, their state.

An algorithm adds its mathematics, and the state of whatever else it draws from.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from ganbench.training.algorithm import AlgorithmContext
from ganbench.training.ema import EMA
from ganbench.training.ledger import Ledger
from ganbench.training.optimizers import LearningRate, build_optimizer, load_optimizer_state

_NO_AUTOCAST = nullcontext()  # one for all: a torch.autocast that is switched off still takes its time, four times in each step


class NetworkUpdates:
    """The part of an algorithm that is the same whatever its losses are.

    Args:
        context: what the harness gives.
        generators: the networks that one optimizer updates; the first is averaged and evaluated.
        discriminators: the networks that the other optimizer updates.
        images_per_update: real images between two updates of the average.
    """

    def __init__(
        self,
        context: AlgorithmContext,
        *,
        generators: Sequence[nn.Module],
        discriminators: Sequence[nn.Module],
        images_per_update: int,
    ) -> None:
        config = context.config
        self._networks, self._objective = context.networks, context.objective
        self._training, self._device = config.training, context.device
        self._ema = EMA(
            generators[0],
            halflife_kimg=config.training.ema_halflife_kimg,
            start_kimg=config.training.ema_start_kimg,
            images_per_update=images_per_update,
        )
        self._parameters: dict[str, list[nn.Parameter]] = {
            "generator": [p for network in generators for p in network.parameters()],
            "discriminator": [p for network in discriminators for p in network.parameters()],
        }
        configs = {"generator": config.generator_optimizer, "discriminator": config.discriminator_optimizer}
        self._optimizers = {name: build_optimizer(configs[name], self._parameters[name], self._device) for name in configs}
        self._schedules = [LearningRate(configs[name], self._optimizers[name], config.training.total_kimg) for name in configs]
        self._ledger = Ledger(self._device)

    def _step(self, name: str, loss: Tensor) -> None:
        """One step of an optimizer."""
        for parameter in self._parameters[name]:  # Optimizer.zero_grad, but for the profiler's record of it
            parameter.grad = None
        torch.autograd.backward(loss)
        self._optimizers[name].step()

    @contextmanager
    def _frozen_discriminators(self) -> Iterator[None]:
        """Leave out the discriminators' weight gradients, which the generators' update would throw away."""
        for parameter in self._parameters["discriminator"]:
            parameter.requires_grad_(False)
        try:
            yield
        finally:
            for parameter in self._parameters["discriminator"]:
                parameter.requires_grad_(True)

    def _autocast(self) -> AbstractContextManager[object]:
        if self._training.precision != "bf16":
            return _NO_AUTOCAST
        return torch.autocast(self._device.type, dtype=torch.bfloat16)

    def set_progress(self, samples_seen: int) -> None:
        """Move the schedules and the average to this point."""
        for schedule in self._schedules:
            schedule.set_progress(samples_seen)
        self._ema.set_progress(samples_seen)

    def modules(self) -> Mapping[str, nn.Module]:
        """Return the networks, with the average."""
        return {
            **self._networks.modules,
            "generator_ema": self._ema.module,
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
        """Return networks, optimizers and the running sums."""
        return {
            "modules": {name: module.state_dict() for name, module in self.modules().items()},
            "optimizers": {name: optimizer.state_dict() for name, optimizer in self._optimizers.items()},
            "ledger": self._ledger.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what :meth:`state_dict` returned, in place."""
        for name, module in self.modules().items():
            module.load_state_dict(state["modules"][name])
        for name, optimizer in self._optimizers.items():
            load_optimizer_state(optimizer, state["optimizers"][name])
        self._ledger.load_state_dict(state["ledger"])
