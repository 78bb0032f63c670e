"""What runs the cells of a matrix, and the plain values that cross between the two. ``local`` (:mod:`ganbench.fleet.local`) ships.

An executor starts attempts at cells where and how it likes (processes here, a cluster, a queue) and tells how they end. Which cell comes
next, which is tried again and what is kept is the matrix's affair. Its values can be pickled.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

Ending = Literal["done", "diverged", "failed", "unsupported", "interrupted", "killed", "no-space"]
"""How an attempt ended. killed: from outside, so that another attempt makes sense; no-space: nothing else will succeed either."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CellRequest:
    """What is asked of a run."""

    plugin: str
    settings: dict[str, Any]
    """By configuration path."""
    options: dict[str, str] = field(default_factory=dict)
    """The plugins' options, as ``-o`` takes them."""
    off: list[str] = field(default_factory=list)
    """Plugins switched off by ``-p no:NAME``."""
    reporters: dict[str, dict[str, str]] = field(default_factory=dict)
    """Who is told of the run, by name, with the options of each; no part of what the run is."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CellTask:
    """One attempt at one cell, and what it may use."""

    name: str
    """What the cell is called; unique in the matrix. No two attempts at one cell may run at the same time."""
    request: CellRequest
    directory: Path
    """Where the run goes: absent, or of an unfinished run, which goes on. It must stand here, on the matrix's machine, before an outcome is
    told. A run locks it, which keeps a second attempt away where both see one folder."""
    log: Path
    """File for what the attempt prints."""
    attempt: int = 1
    """Counts from 1 in each call of the matrix: with the name it says whose lease it is."""
    exclusive: bool = False
    """Whether it must have a machine for itself, because it is timed."""
    threads: int = 1
    """CPU threads that it may use."""
    device: str = "auto"
    """As configured: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``."""
    timeout_seconds: float | None = None
    """For this attempt; None for no limit. To end it for that is a failure, and no kill from outside."""
    memory_limit_mib: float | None = None
    """Resident memory of all its processes together; None for no limit."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CellProgress:
    """How far a running cell is."""

    name: str
    samples_seen: int
    total_samples: int
    samples_per_second: float
    unit: str = "images"
    """The samples in plural."""
    machine: str = ""
    """Where it runs; empty for this machine."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CellOutcome:
    """How an attempt ended."""

    name: str
    state: Ending
    reason: str = ""
    """One line; empty for done."""
    output: tuple[str, ...] = ()
    """The last lines that it printed, where it failed."""
    seconds: float = 0.0
    """From the start of its process to its end."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ExecutorContext:
    """What the user asks of an executor."""

    jobs: int
    """Cells at a time, as ``--jobs`` has it."""
    folder: Path
    """The matrix's folder."""


class Executor(Protocol):
    """Runs cells somewhere. The matrix calls it from one thread; it raises for nothing that a cell does, for that is an outcome."""

    slots: int
    """Cells that may run at the same time."""
    machines: int
    """Exclusive cells that may run at the same time, each on a machine of its own; no other cell runs beside them."""
    cpus: int
    """CPUs of one of its machines."""

    def submit(self, task: CellTask) -> None:
        """Begin an attempt; a slot is free for it."""
        ...

    def wait(self) -> list[CellProgress | CellOutcome]:
        """Return what has happened, after at most a second; also when nothing has. Each attempt gets exactly one outcome."""
        ...

    def interrupt(self) -> None:
        """Ask every running cell to save and stop; their outcomes follow. A second call ends them at once."""
        ...

    def close(self) -> None:
        """End whatever still runs and give everything back."""
        ...
