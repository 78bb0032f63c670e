"""What a run tells its audience while it goes on. The command line draws it; the trainer never prints."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ganbench.record.record import Evaluation


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """One reporting interval."""

    samples_seen: int
    total_samples: int
    samples_per_second: float
    """Over all training so far."""
    statistics: dict[str, float]
    """Means over the interval; see ``Algorithm.read_statistics``."""
    eta_seconds: float
    """Training that is left at this speed, evaluations not included."""


class Reporter(Protocol):
    """An audience."""

    def started(self, directory: Path, description: str) -> None:
        """The run directory exists; what is run is described in a few words."""
        ...

    def message(self, text: str) -> None:
        """One line that the user should see."""
        ...

    def progressed(self, progress: Progress) -> None:
        """A reporting interval has ended."""
        ...

    def evaluated(self, evaluation: Evaluation) -> None:
        """The metrics have been measured."""
        ...


class SilentReporter:
    """Says nothing; for tests and for programs that use the trainer as a library."""

    def started(self, directory: Path, description: str) -> None:
        """Ignore it."""

    def message(self, text: str) -> None:
        """Ignore it."""

    def progressed(self, progress: Progress) -> None:
        """Ignore it."""

    def evaluated(self, evaluation: Evaluation) -> None:
        """Ignore it."""
