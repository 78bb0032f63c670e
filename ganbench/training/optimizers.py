"""Optimizers whose learning rate and momentum are device tensors, so that a captured step follows a schedule as it is.

Gradient descent with momentum as pylearn2 has it: ``v = m v - lr g``, then ``w = w + v``.

A falling learning rate slows new steps only. torch's own SGD scales the whole velocity by the present rate, so the two differ where that
moves. Both numbers are device tensors, so that a captured step follows their schedules.

Beside them stands what follows the weights: the averaged generator that is evaluated (Karras et al. 2018,
https://arxiv.org/abs/1710.10196, section 4). Parameters are averaged with a half-life in images; buffers are copied, because batch
statistics of old weights describe nothing.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._foreach_utils import _group_tensors_by_device_and_dtype

from ganbench.config.model import OptimizerConfig


class _MomentumSGD(torch.optim.Optimizer):
    """Stochastic gradient descent with classical momentum.

    Args:
        parameters: what is trained.
        lr: scalar tensor on the parameters' device, read in every step.
        momentum: scalar tensor on the parameters' device, in [0, 1), read in every step.
        weight_decay: L2 penalty added to the gradient.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], *, lr: Tensor, momentum: Tensor, weight_decay: float = 0.0) -> None:
        super().__init__(parameters, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """Move every parameter that has a gradient."""
        for group in self.param_groups:
            parameters = [p for p in group["params"] if p.grad is not None]
            if not parameters:
                continue
            velocities = [self._velocity(p) for p in parameters]
            gradients = [p.grad for p in parameters if p.grad is not None]
            if group["weight_decay"]:
                gradients = list(torch._foreach_add(gradients, parameters, alpha=group["weight_decay"]))
            torch._foreach_mul_(velocities, group["momentum"])
            torch._foreach_sub_(velocities, torch._foreach_mul(gradients, group["lr"]))
            torch._foreach_add_(parameters, velocities)

    def _velocity(self, parameter: nn.Parameter) -> Tensor:
        state = self.state[parameter]
        if not state:
            state["velocity"] = torch.zeros_like(parameter)
        velocity: Tensor = state["velocity"]
        return velocity


def build_optimizer(config: OptimizerConfig, parameters: Iterable[nn.Parameter], device: torch.device) -> torch.optim.Optimizer:
    """Build an optimizer whose state and learning rate live on the device, and whose state exists already.

    Adam is the fused implementation on both devices. RMSprop follows torch: eps is added after the root.
    """
    optimizer = _build(config, parameters, device)
    _materialise_state(optimizer)
    return optimizer


def _build(config: OptimizerConfig, parameters: Iterable[nn.Parameter], device: torch.device) -> torch.optim.Optimizer:
    learning_rate = torch.tensor(config.learning_rate, dtype=torch.float32, device=device)
    on_gpu = device.type == "cuda"
    if config.kind == "adam":
        return torch.optim.Adam(
            parameters,
            lr=learning_rate,
            betas=(config.beta1, config.beta2),
            eps=config.eps,
            weight_decay=config.weight_decay,
            fused=True,
            capturable=on_gpu,
        )
    if config.kind == "sgd":
        momentum = torch.tensor(config.momentum, dtype=torch.float32, device=device)
        return _MomentumSGD(parameters, lr=learning_rate, momentum=momentum, weight_decay=config.weight_decay)
    return torch.optim.RMSprop(
        parameters,
        lr=learning_rate,
        alpha=config.rmsprop_alpha,
        eps=config.eps,
        weight_decay=config.weight_decay,
        capturable=on_gpu,
        foreach=on_gpu,
    )


@torch.no_grad()
def _materialise_state(optimizer: torch.optim.Optimizer) -> None:
    """Create the state that torch creates at the first step: inside a captured step it would be created, as zeros, at every replay."""
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    before = [p.clone() for p in parameters]
    for parameter in parameters:
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    for parameter, value in zip(parameters, before, strict=True):
        parameter.copy_(value)
        parameter.grad = None
    for state in optimizer.state.values():
        for tensor in state.values():
            tensor.zero_()


def copy_state(tensor: Tensor, saved: Tensor) -> None:
    """Take back a saved tensor in place; one of another shape is damaged, where ``copy_`` would repeat it.

    Raises:
        ValueError: the shapes differ.
    """
    if saved.shape != tensor.shape:
        raise ValueError(f"a tensor {list(tensor.shape)} was saved as {list(saved.shape)}")
    tensor.copy_(saved)


@torch.no_grad()
def load_optimizer_state(optimizer: torch.optim.Optimizer, saved: dict[str, Any]) -> None:
    """Take back ``optimizer.state_dict()`` in place: torch's own method replaces the tensors, and a captured step would keep the old."""
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    for index, parameter in enumerate(parameters):
        for name, tensor in optimizer.state[parameter].items():
            copy_state(tensor, saved["state"][index][name])
    for group, old in zip(optimizer.param_groups, saved["param_groups"], strict=True):
        for name in ("lr", "momentum"):
            if isinstance(group.get(name), torch.Tensor):
                copy_state(group[name], old[name])


class LearningRate:
    """A schedule over images that writes into the optimizer's learning-rate tensor, and into the momentum's where that rises.

    Args:
        config: kind, start and base rate.
        optimizer: its first parameter group is scheduled.
        total_kimg: where the schedule reaches 0.
    """

    def __init__(self, config: OptimizerConfig, optimizer: torch.optim.Optimizer, total_kimg: float) -> None:
        self._config = config
        self._optimizer = optimizer
        self._total_images = total_kimg * 1000
        self._start_images = min(config.schedule_start_kimg * 1000, self._total_images)

    def value(self, samples_seen: int) -> float:
        """Return the learning rate at this point of training."""
        config = self._config
        if config.schedule == "exponential":
            halvings = max(samples_seen / 1000 - config.schedule_start_kimg, 0.0) / config.halflife_kimg
            return max(config.learning_rate * math.pow(0.5, halvings), config.min_learning_rate)
        length = self._total_images - self._start_images
        if config.schedule == "constant" or length <= 0:
            return config.learning_rate
        done = min(max((samples_seen - self._start_images) / length, 0.0), 1.0)
        return config.learning_rate * (1.0 - done if config.schedule == "linear" else 0.5 * (1.0 + math.cos(math.pi * done)))

    def change(self, learning_rate: float, samples_seen: int) -> None:
        """Begin with another learning rate, as if it had been so from the start.

        Raises:
            ConfigError: it is none.
        """
        self._config = replace(self._config, learning_rate=learning_rate)
        self._optimizer.param_groups[0]["lr"].fill_(self.value(samples_seen))

    def momentum(self, samples_seen: int) -> float:
        """Return SGD's momentum at this point of training."""
        config = self._config
        if config.final_momentum is None:
            return config.momentum
        done = min(samples_seen / (config.momentum_ramp_kimg * 1000), 1.0) if config.momentum_ramp_kimg else 1.0
        return config.momentum + done * (config.final_momentum - config.momentum)

    def set_progress(self, samples_seen: int) -> None:
        """Write the numbers for the next iteration; where nothing moves, this does nothing."""
        group = self._optimizer.param_groups[0]
        if self._config.schedule != "constant":
            group["lr"].fill_(self.value(samples_seen))
        if self._config.final_momentum is not None:
            group["momentum"].fill_(self.momentum(samples_seen))


class EMA:
    """An exponential moving average of a module.

    Args:
        module: the network that is trained.
        halflife_kimg: thousands of images after which an old weight counts half; 0 copies.
        start_kimg: the average is a copy until then.
        images_per_update: real images between two updates.
    """

    def __init__(self, module: nn.Module, *, halflife_kimg: float, start_kimg: float, images_per_update: int) -> None:
        self.module = copy.deepcopy(module).eval().requires_grad_(False)
        self._images_per_update = images_per_update
        self._weight = self._weight_of(halflife_kimg)
        self._number: Tensor | None = None
        self._scheduled: list[Tensor] = []
        self._start_images = round(start_kimg * 1000)
        self._active = self._start_images == 0
        self._averaged: list[Tensor] = list(self.module.parameters())
        self._source: list[Tensor] = list(module.parameters())
        buffers: Any = [list(self.module.buffers()), list(module.buffers())]  # in lists of one dtype: one of several is copied one by one
        self._buffers: list[Any] = [two for two, _ in _group_tensors_by_device_and_dtype(buffers).values()] if buffers[0] else []

    def _weight_of(self, halflife_kimg: float) -> float:
        return 1.0 - 0.5 ** (self._images_per_update / (halflife_kimg * 1000)) if halflife_kimg > 0 else 1.0

    def set_halflife(self, kimg: float) -> None:
        """Average with this half-life from here on. It goes into a tensor, which captured updates follow: a ``set_progress`` calls this."""
        if self._number is None:
            self._number = torch.empty((), device=self._averaged[0].device)
            self._scheduled = [self._number.expand_as(one) for one in self._averaged]
        self._number.fill_(self._weight_of(kimg))

    def set_progress(self, samples_seen: int) -> None:
        """Start averaging when its time has come."""
        self._active = samples_seen >= self._start_images

    def capture_key(self) -> tuple[bool, bool]:
        """Return whether it averages already, and whether the half-life follows a schedule: both are frozen in a captured update."""
        return self._active, bool(self._scheduled)

    @torch.no_grad()
    def update(self) -> None:
        """Move the average one step towards the trained network."""
        weight: Any = 1.0 if not self._active else self._scheduled or self._weight
        torch._foreach_lerp_(self._averaged, self._source, weight)
        for own, source in self._buffers:
            torch._foreach_copy_(own, source)
