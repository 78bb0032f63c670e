"""What a run adds up on the device, so that a step never waits for the host: losses and logits since the last report, and the first losses.

Every position and every count is a tensor: a captured step repeats what was recorded, and a number of the host would stand still in it.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ganbench.training.optimizers import copy_state
from ganbench_kernels.gan_loss_formulas import reference_statistics

TRAJECTORY_LENGTH = 64


@torch.no_grad()
def logit_statistics(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """Return ``[5]`` float32: mean real, mean fake, mean sign of real, mean absolute real, mean absolute fake."""
    return reference_statistics(real_logits.float(), fake_logits.float())


class Statistics:
    """Sums of named numbers, and the losses of the first iterations.

    Args:
        device: where the steps run.
        groups: names that are always told together, the first of which stands for its group.
        losses: which of the groups' first names are the losses of an iteration; telling the last of them ends it.
    """

    def __init__(self, device: torch.device, *groups: tuple[str, ...], losses: tuple[str, ...]) -> None:
        self._one = torch.ones(1, device=device)
        self._sums = torch.zeros(sum(len(names) + 1 for names in groups), device=device)
        self._losses = torch.zeros(1, len(losses), device=device)
        self._trajectory = torch.zeros(TRAJECTORY_LENGTH + 1, len(losses), device=device)  # the last row takes what comes too late
        self._position = torch.zeros(1, dtype=torch.int64, device=device)
        self._groups, self._last = groups, losses[-1]
        # Views of the above, made once: making them costs as much as filling them.
        pieces = torch.split(self._sums, [len(names) + 1 for names in groups])
        self._parts = {names[0]: part for names, part in zip(groups, pieces, strict=True)}
        self._loss = {name: self._losses[0, place : place + 1] for place, name in enumerate(losses)}

    @torch.no_grad()
    def tell(self, name: str, *values: Tensor) -> None:
        """Add what a group's names stand for, without waiting for the device.

        Args:
            name: the first of the group.
            values: scalars, or vectors of several at once, as many numbers as the group has names.
        """
        self._parts[name].add_(torch.cat([*(value if value.ndim else value.view(1) for value in values), self._one]))
        if name in self._loss:
            self._loss[name].copy_(values[0])
        if name == self._last:
            self._trajectory.index_copy_(0, self._position, self._losses)
            self._position.add_(1).clamp_max_(TRAJECTORY_LENGTH)

    def read(self) -> dict[str, float]:
        """Return the means since the last call and start anew; this synchronises."""
        sums = iter(self._sums.tolist())
        self._sums.zero_()
        means: dict[str, float] = {}
        for names in self._groups:
            *totals, count = (next(sums) for _ in range(len(names) + 1))
            means |= {name: total / max(count, 1) for name, total in zip(names, totals, strict=True)}
        return means

    def trajectory(self) -> Tensor:
        """Return the losses of the first iterations, ``[n, losses]`` float32 on the CPU; this synchronises."""
        return self._trajectory[: int(self._position)].to("cpu", copy=True)

    def state_dict(self) -> dict[str, Any]:
        """Return all of it."""
        return {"sums": self._sums, "losses": self._losses, "trajectory": self._trajectory, "position": self._position}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what :meth:`state_dict` returned, in place."""
        for name, tensor in self.state_dict().items():
            copy_state(tensor, state[name])


class Ledger(Statistics):
    """The statistics of a generator and a discriminator.

    Args:
        device: where the steps run.
    """

    def __init__(self, device: torch.device) -> None:
        discriminator = ("discriminator_loss", "real_logits", "fake_logits", "real_signs", "abs_real_logits", "abs_fake_logits")
        super().__init__(device, discriminator, ("penalty",), ("generator_loss",), losses=("discriminator_loss", "generator_loss"))

    def add_discriminator(self, loss: Tensor, statistics: Tensor, penalty: Tensor | None) -> None:
        """Add one update of the discriminator.

        Args:
            loss: scalar, without the penalty.
            statistics: ``[5]`` as :func:`ganbench_kernels.gan_loss` gives them.
            penalty: scalar, or None where there was none.
        """
        self.tell("discriminator_loss", loss, statistics)
        if penalty is not None:
            self.tell("penalty", penalty)

    def add_generator(self, loss: Tensor) -> None:
        """Add one update of the generator, which ends an iteration."""
        self.tell("generator_loss", loss)

    def read(self) -> dict[str, float]:
        """Return the means since the last call and start anew; this synchronises.

        Returns:
            discriminator_loss, penalty, real_logits, fake_logits, abs_logits and generator_loss.
        """
        means = super().read()
        means["abs_logits"] = max(means["abs_real_logits"], means["abs_fake_logits"])
        names = ("discriminator_loss", "penalty", "real_logits", "fake_logits", "abs_logits", "generator_loss")
        return {name: means[name] for name in names}
