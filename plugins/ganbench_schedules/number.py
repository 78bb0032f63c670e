"""A scheduled number on the device, which eager, captured and compiled steps follow alike."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ganbench_schedules import Schedule


class ScheduledNumber(nn.Module):
    """One number in a tensor that is written in place before each iteration, so that a captured step reads the new one.

    Give it to :meth:`ganbench.Steps.track`, which moves it and saves it with the run; a module that holds one passes ``set_progress`` on.

    Args:
        schedule: how it moves.
        device: where it is read; ``to`` moves it like any buffer.
    """

    value: Tensor
    """A float32 scalar, at first what the schedule begins with."""

    def __init__(self, schedule: Schedule, device: torch.device | str | None = None) -> None:
        super().__init__()
        self.schedule = schedule
        self.register_buffer("value", torch.tensor(schedule.value(0), dtype=torch.float32, device=device))

    def forward(self) -> Tensor:
        """Return the tensor."""
        return self.value

    def set_progress(self, samples_seen: int) -> None:
        """Write the number for the next iteration; a constant is left alone."""
        if self.schedule.kind != "constant":
            self.value.fill_(self.schedule.value(samples_seen))
