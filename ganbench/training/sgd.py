"""Gradient descent with momentum as pylearn2 has it: ``v = m v - lr g``, then ``w = w + v``.

A falling learning rate slows new steps only. torch's own SGD scales the whole velocity by the present rate, so the two differ where that
moves. Both numbers are device tensors, so that a captured step follows their schedules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn


class MomentumSGD(torch.optim.Optimizer):
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
