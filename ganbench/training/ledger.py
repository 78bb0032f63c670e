"""What a run adds up on the device, so that a step never waits for the host: losses and logits since the last report, and the first losses.

Every position and every count is a tensor: a captured step repeats what was recorded, and a number of the host would stand still in it.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ganbench_kernels.gan_loss_formulas import reference_statistics

TRAJECTORY_LENGTH = 64
_DISCRIMINATOR = slice(0, 7)  # loss, then mean real, mean fake, mean sign of real, mean |real|, mean |fake|, then the number of updates
_PENALTY = slice(7, 9)  # penalty, number of penalised updates
_GENERATOR = slice(9, 11)  # loss, number of updates


@torch.no_grad()
def logit_statistics(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """Return ``[5]`` float32: mean real, mean fake, mean sign of real, mean absolute real, mean absolute fake."""
    return reference_statistics(real_logits.float(), fake_logits.float())


class Ledger:
    """Sums and the trajectory of a run.

    Args:
        device: where the steps run.
    """

    def __init__(self, device: torch.device) -> None:
        self._one = torch.ones(1, device=device)
        self._sums = torch.zeros(11, device=device)
        self._losses = torch.zeros(1, 2, device=device)
        self._trajectory = torch.zeros(TRAJECTORY_LENGTH + 1, 2, device=device)  # the last row takes what comes too late
        self._position = torch.zeros(1, dtype=torch.int64, device=device)
        # Views of the above, made once: making them costs as much as filling them.
        self._of_discriminator, self._of_penalty, self._of_generator = (self._sums[p] for p in (_DISCRIMINATOR, _PENALTY, _GENERATOR))
        self._discriminator_loss, self._generator_loss = self._losses[0, :1], self._losses[0, 1:]

    @torch.no_grad()
    def add_discriminator(self, loss: Tensor, statistics: Tensor, penalty: Tensor | None) -> None:
        """Add one update of the discriminator.

        Args:
            loss: scalar, without the penalty.
            statistics: ``[5]`` as :func:`ganbench_kernels.gan_loss` gives them.
            penalty: scalar, or None where there was none.
        """
        self._of_discriminator.add_(torch.cat([loss.view(1), statistics, self._one]))
        if penalty is not None:
            self._of_penalty.add_(torch.cat([penalty.view(1), self._one]))
        self._discriminator_loss.copy_(loss)

    @torch.no_grad()
    def add_generator(self, loss: Tensor) -> None:
        """Add one update of the generator, which ends an iteration."""
        self._of_generator.add_(torch.cat([loss.view(1), self._one]))
        self._generator_loss.copy_(loss)
        self._trajectory.index_copy_(0, self._position, self._losses)
        self._position.add_(1).clamp_max_(TRAJECTORY_LENGTH)

    def read(self) -> dict[str, float]:
        """Return the means since the last call and start anew; this synchronises."""
        loss, real, fake, _, real_size, fake_size, updates, penalty, penalised, generator_loss, generator_updates = self._sums.tolist()
        self._sums.zero_()
        updates, penalised, generator_updates = max(updates, 1), max(penalised, 1), max(generator_updates, 1)
        return {
            "discriminator_loss": loss / updates,
            "penalty": penalty / penalised,
            "real_logits": real / updates,
            "fake_logits": fake / updates,
            "abs_logits": max(real_size, fake_size) / updates,
            "generator_loss": generator_loss / generator_updates,
        }

    def trajectory(self) -> Tensor:
        """Return the losses of the first iterations, ``[n, 2]`` float32 on the CPU; this synchronises."""
        return self._trajectory[: int(self._position)].to("cpu", copy=True)

    def state_dict(self) -> dict[str, Any]:
        """Return all of it."""
        return {"sums": self._sums, "losses": self._losses, "trajectory": self._trajectory, "position": self._position}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what :meth:`state_dict` returned, in place."""
        for name, tensor in self.state_dict().items():
            tensor.copy_(state[name])
