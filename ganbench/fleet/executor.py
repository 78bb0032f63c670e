"""What runs cells: submit one, wait for what happens. ``local`` (:mod:`ganbench.fleet.local`) is the one that ships.

The scheduler calls an executor from one thread. An executor never raises for what a cell does; that is an outcome.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from ganbench.fleet.resolve_process import CellRequest

Ending = Literal["done", "diverged", "failed", "unsupported", "interrupted", "killed", "no-space"]
"""How an attempt ended. killed: from outside, so that another attempt makes sense; no-space: nothing else will succeed either."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CellTask:
    """One attempt at one cell."""

    name: str
    """Of the cell; unique among the running."""
    request: CellRequest
    directory: Path
    """Of the run: absent, or of an unfinished run that is gone on with."""
    log: Path
    """File for what the worker prints."""
    threads: int
    """CPU threads that the cell may use."""
    device: str = "auto"
    """As configured."""
    timeout_seconds: float | None = None
    """For this attempt; None for no limit."""
    memory_limit_mib: float | None = None
    """Resident memory of all its processes together; None for no limit."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CellProgress:
    """How far a running cell is."""

    name: str
    samples_seen: int
    total_samples: int
    samples_per_second: float


@dataclass(frozen=True, kw_only=True, slots=True)
class CellOutcome:
    """How an attempt ended."""

    name: str
    state: Ending
    reason: str = ""
    """One line; empty for done."""
    output: tuple[str, ...] = ()
    """The last lines that the worker printed, where it failed."""
    seconds: float = 0.0
    """From the start of the worker's process for this cell to its end."""


class Executor(Protocol):
    """Runs cells somewhere."""

    slots: int
    """Cells that may run at the same time."""

    def submit(self, task: CellTask) -> None:
        """Begin a cell; there is a free slot."""
        ...

    def wait(self) -> list[CellProgress | CellOutcome]:
        """Return what has happened, after at most a second; also when nothing has."""
        ...

    def interrupt(self) -> None:
        """Ask every running cell to save and stop; their outcomes follow. A second call ends them at once."""
        ...

    def close(self) -> None:
        """End whatever still runs and give everything back."""
        ...
