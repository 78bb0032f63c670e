"""Adam whose rate and second beta follow the images that were seen (Huang et al. 2024; brownvc/R3GAN).

torch's fused Adam is given its betas as numbers of the host, so that a captured step would keep the first. Here both numbers are tensors on
the device. The steps are torch's: bias corrections are by the present beta2, as where one sets that in a parameter group.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from ganbench import OptimizerConfig
from ganbench_schedules import Schedule


class MovingAdam(torch.optim.Optimizer):
    """Adam with its learning rate and beta2 on the device; its state is there from the beginning.

    Args:
        parameters: what is trained.
        lr, beta2: scalar tensors on the parameters' device, read in every step.
        beta1, eps, weight_decay: as of ``torch.optim.Adam``.
    """

    def __init__(
        self, parameters: Iterable[nn.Parameter], *, lr: Tensor, beta2: Tensor, beta1: float, eps: float, weight_decay: float = 0.0
    ) -> None:
        super().__init__(parameters, {"lr": lr, "beta2": beta2, "beta1": beta1, "eps": eps, "weight_decay": weight_decay})
        for group in self.param_groups:
            for parameter in group["params"]:
                self.state[parameter] = {
                    "step": torch.zeros((), device=parameter.device),
                    "exp_avg": torch.zeros_like(parameter),
                    "exp_avg_sq": torch.zeros_like(parameter),
                }

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """Move every parameter that has a gradient."""
        for group in self.param_groups:
            parameters: list[Tensor] = [p for p in group["params"] if p.grad is not None]
            if parameters:
                self._move(group, parameters, [self.state[p] for p in parameters])

    def _move(self, group: dict[str, Any], parameters: list[Tensor], states: list[dict[str, Tensor]]) -> None:
        steps, means, squares = ([state[name] for state in states] for name in ("step", "exp_avg", "exp_avg_sq"))
        gradients = [p.grad for p in parameters if p.grad is not None]
        if group["weight_decay"]:
            gradients = list(torch._foreach_add(gradients, parameters, alpha=group["weight_decay"]))
        torch._foreach_add_(steps, 1.0)
        torch._foreach_lerp_(means, gradients, 1.0 - group["beta1"])
        torch._foreach_mul_(squares, group["beta2"])
        torch._foreach_add_(squares, torch._foreach_mul(torch._foreach_mul(gradients, gradients), 1.0 - group["beta2"]))
        step = steps[0]  # the parameters of a network move together
        rate = group["lr"] / (1.0 - group["beta1"] ** step)
        roots = torch._foreach_div(torch._foreach_sqrt(squares), (1.0 - group["beta2"] ** step).sqrt())
        torch._foreach_add_(roots, group["eps"])
        torch._foreach_sub_(parameters, list(torch._foreach_mul(torch._foreach_div(means, roots), rate)))


class MovingRate:
    """Writes an optimizer's learning rate and beta2 for the next iteration.

    Args:
        config: their first values; other schedules are refused elsewhere.
        optimizer: a :class:`MovingAdam`.
        length_kimg: thousands of images after which both stand still.
        final_rate: the last learning rate over the first.
        final_beta2: the last beta2.
    """

    def __init__(
        self, config: OptimizerConfig, optimizer: MovingAdam, *, length_kimg: float, final_rate: float, final_beta2: float
    ) -> None:
        self._config, self._group = config, optimizer.param_groups[0]
        self._length, self._final_rate = length_kimg, final_rate
        self._beta2 = Schedule(kind="cosine", first=config.beta2, last=final_beta2, end_kimg=length_kimg)

    def value(self, samples_seen: int) -> float:
        """Return the learning rate at this point of training."""
        first = self._config.learning_rate
        return Schedule(kind="cosine", first=first, last=first * self._final_rate, end_kimg=self._length).value(samples_seen)

    def change(self, learning_rate: float, samples_seen: int) -> None:
        """Begin with another learning rate, as if it had been so from the start.

        Raises:
            ConfigError: it is none.
        """
        self._config = replace(self._config, learning_rate=learning_rate)
        self.set_progress(samples_seen)

    def set_progress(self, samples_seen: int) -> None:
        """Write both numbers."""
        self._group["lr"].fill_(self.value(samples_seen))
        self._group["beta2"].fill_(self._beta2.value(samples_seen))
