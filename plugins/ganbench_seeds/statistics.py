"""The statistics of many seeds, added up as :class:`ganbench.Ledger` adds up those of one.

Shapes: S seeds, T iterations of the trajectory and the row that takes what comes later.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ganbench import Ledger

_DISCRIMINATOR, _PENALTY, _GENERATOR = slice(0, 7), slice(7, 9), slice(9, 11)
"""Where a ledger's sums have the parts, each of which ends with its count."""


class StackedLedger(Ledger):
    """What the phases of a stack tell.

    Args:
        states: of the seeds' own ledgers.
        device: where the steps run.
    """

    def __init__(self, states: Sequence[Mapping[str, Tensor]], device: torch.device) -> None:
        super().__init__(device)
        self._stacked = {name: torch.stack([state[name] for state in states]) for name in states[0]}
        self._count = torch.ones(len(states), 1, device=device)

    @torch.no_grad()
    def add_discriminator(self, loss: Tensor, statistics: Tensor, penalty: Tensor | None) -> None:
        """Add one update of the discriminators: losses ``[S]``, statistics of the logits ``[S, 5]``, penalties ``[S]``."""
        self._stacked["sums"][:, _DISCRIMINATOR] += torch.cat([loss[:, None], statistics, self._count], dim=1)
        if penalty is not None:
            self._stacked["sums"][:, _PENALTY] += torch.cat([penalty[:, None], self._count], dim=1)
        self._stacked["losses"][:, 0, 0] = loss

    @torch.no_grad()
    def add_generator(self, loss: Tensor) -> None:
        """Add one update of the generators, which ends an iteration."""
        losses, trajectory, position = self._stacked["losses"], self._stacked["trajectory"], self._stacked["position"]
        self._stacked["sums"][:, _GENERATOR] += torch.cat([loss[:, None], self._count], dim=1)
        losses[:, 0, 1] = loss
        trajectory.index_copy_(1, position[0], losses)
        position.add_(1).clamp_max_(trajectory.shape[1] - 1)

    def of_seed(self, index: int) -> dict[str, Any]:
        """Return what one seed's own ledger would hold."""
        return {name: tensor[index] for name, tensor in self._stacked.items()}

    def forget(self, index: int) -> None:
        """Begin one seed's means anew, as its own ledger does when it is read."""
        self._stacked["sums"][index].zero_()
