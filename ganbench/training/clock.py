"""Where the wall clock goes: training apart from everything that is not training."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch

PARTS = ("training", "evaluation", "checkpoint", "sampling", "startup", "calibration")


class Clock:
    """Seconds spent in each part. Segments do not nest; the device is synchronised at their borders.

    Args:
        device: whose queue is drained before a border is read.
        seconds: what earlier sessions of the same run spent.
    """

    def __init__(self, device: torch.device, seconds: Mapping[str, float] | None = None) -> None:
        self._device = device
        self.seconds = {part: float((seconds or {}).get(part, 0.0)) for part in PARTS}
        self._part: str | None = None
        self._since = 0.0

    @contextmanager
    def measure(self, part: str) -> Iterator[None]:
        """Charge a block to a part; what was running is suspended meanwhile."""
        outer = self._part
        self._switch(part)
        try:
            yield
        finally:
            self._switch(outer)

    def _switch(self, part: str | None) -> None:
        now = self._now()
        if self._part is not None:
            self.seconds[self._part] += now - self._since
        self._part, self._since = part, now

    def _now(self) -> float:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        return time.perf_counter()

    def snapshot(self) -> dict[str, float]:
        """Return the seconds up to now, the open segment included; this synchronises."""
        self._switch(self._part)
        return dict(self.seconds)
