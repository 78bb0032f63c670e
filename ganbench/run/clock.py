"""Where the wall clock goes (training apart from everything that is not training), how far a run is, and what is due when."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import torch

_PARTS = ("training", "evaluation", "checkpoint", "sampling", "startup", "calibration")


class Clock:
    """Seconds spent in each part. Segments do not nest; the device is synchronised at their borders.

    Args:
        device: whose queue is drained before a border is read.
        began: when the call began that the run is a part of, by ``time.perf_counter``.
        seconds: what earlier sessions of the same run spent.
    """

    def __init__(self, device: torch.device, began: float, seconds: Mapping[str, float] | None = None) -> None:
        self._device, self._began = device, began
        self.seconds = {part: float((seconds or {}).get(part, 0.0)) for part in _PARTS}
        self._before = float((seconds or {}).get("wall", sum(self.seconds.values())))
        self._part: str | None = None
        self._since = 0.0

    @contextmanager
    def measure(self, part: str | None) -> Iterator[None]:
        """Charge a block to a part, or to none; what was running is suspended meanwhile."""
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
        """Return the seconds up to now, the open segment included, and those of the wall; this synchronises."""
        self._switch(self._part)
        return {**self.seconds, "wall": self.wall()}

    def wall(self) -> float:
        """Return what the call has taken, with those before it: more than all parts, none of which claims imports and pictures."""
        return self._before + time.perf_counter() - self._began


@dataclass(frozen=True, slots=True)
class Counters:
    """How far a run is."""

    samples_seen: int = 0
    generator_steps: int = 0
    iteration: int = 0
    num_resumes: int = 0


class Cadence:
    """Due whenever a multiple of ``every_images`` is reached or passed, and at the end.

    Args:
        every_images: the distance.
        total_samples: the end of the run.
    """

    def __init__(self, every_images: float, total_samples: int) -> None:
        self._every = max(float(every_images), 1.0)
        self._total = total_samples

    def is_due(self, before: int, after: int) -> bool:
        """Tell whether the step from ``before`` to ``after`` images reached the next moment."""
        if after >= self._total > before:
            return True
        # The last multiple and the end may fall together but for rounding; the end then stands for both.
        return after < self._total and int(after / self._every + 1e-9) > int(before / self._every + 1e-9)
