"""What is known of one loop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ganbench_bench.interval import Interval

Status = Literal["ok", "wrong", "not run"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One way to take a training step."""

    loop: str
    """``pytorch/examples``, ``+ torch.compile``, ``+ all a user can do``, or ``ganbench``."""
    how: str = ""
    """The runner, or torch.compile's mode."""
    kernels: str = ""
    """``ref`` or ``triton``, for ganbench."""

    def __str__(self) -> str:
        return " ".join(filter(None, (self.loop, self.how, self.kernels)))


@dataclass(frozen=True, kw_only=True, slots=True)
class SingleStep:
    """What one step shows by itself; None on a CPU, or where nothing could measure it."""

    host_milliseconds: Interval | None
    """Until the host has issued a step to an idle device; a loop that waits for the device in its steps has all of it here."""
    requests: int | None
    """Launches, copies, fills and graphs that the host asks for."""
    device_launches: int | None
    """Kernels, copies and fills that the device runs."""
    peak_mib: float | None
    """Allocated on the device from the loop's building to its first steps, on top of what was there."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """The figures of a loop whose losses were right."""

    milliseconds: Interval
    """How long a step takes."""
    samples_per_second: Interval
    """Real images into the discriminator."""
    speedup_over_published: Interval | None
    """Block by block."""
    speedup_over_compile: Interval | None
    """Over the faster of the compiled published loops."""
    percent_of_matrix_rate: float
    """The step's arithmetic over its time, over the rate of a large matrix product in the same precision."""
    ready_seconds: float
    """From the beginning of its building to the first losses: compiling and capturing, where it does that."""
    error: float
    """Of the first losses against the published loop's in float64, at most, relative to them, or to 0.1 where they are smaller."""
    single: SingleStep


@dataclass(frozen=True, kw_only=True, slots=True)
class StepRow:
    """One loop."""

    entry: Entry
    status: Status
    reason: str = ""
    """Why there are no figures; empty where there are."""
    first_losses: tuple[tuple[float, float], ...] = ()
    """Discriminator and generator, of the steps that were compared."""
    measured: Measured | None = None
