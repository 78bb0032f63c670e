"""What happens in a run, told once to everybody who listens: plain frozen values, and the function that tells them.

The event log writes them down, the screen draws them, a matrix reads them from a pipe, and plugins get them in their hooks.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ganbench.record.record import Evaluation, RunRecord, Scalar

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """Something that has just happened in a run."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Started(Event):
    """Everything is built and the run directory is there; training has not begun."""

    directory: Path
    name: str
    """The recipe or the architecture, as the user named it."""
    dataset: str
    seed: int
    config: Mapping[str, Scalar | list[str]]
    """The resolved configuration by path, as in config.toml."""
    description: str
    """What is run, in a few words."""
    resumed: bool
    """Whether the run goes on from a checkpoint."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Message(Event):
    """One line that the user should see."""

    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Progressed(Event):
    """A reporting interval has ended."""

    samples_seen: int
    total_samples: int
    generator_steps: int
    training_seconds: float
    samples_per_second: float
    """Over all training so far."""
    statistics: Mapping[str, float]
    """Means over the interval; see ``Algorithm.read_statistics``."""
    eta_seconds: float
    """Training that is left at this speed, evaluations not included."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Evaluated(Event):
    """The metrics have been measured."""

    evaluation: Evaluation


@dataclass(frozen=True, kw_only=True, slots=True)
class Saved(Event):
    """A file has been written."""

    what: Literal["checkpoint", "samples"]
    path: Path
    samples_seen: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Ended(Event):
    """The run has come to an end in this process, and its record is written, whatever its status."""

    record: RunRecord


Listener = Callable[[Event], None]
"""Whoever wants to know what happens in a run."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReporterContext:
    """What a reporter that a plugin registers is told before the run."""

    quiet: bool = False
    """Whether the user wants nothing on the screen."""


class Listeners:
    """The listeners of a run. One that raises is named in a warning and not told again; it never ends the run.

    Args:
        listeners: told in this order.
    """

    def __init__(self, listeners: Iterable[Listener]) -> None:
        self._listeners = list(listeners)

    def tell(self, event: Event) -> None:
        """Tell everybody."""
        for listener in tuple(self._listeners):
            try:
                listener(event)
            except (Exception, SystemExit) as error:
                self._listeners.remove(listener)
                name = getattr(listener, "__qualname__", type(listener).__qualname__)
                text = " ".join(f"{type(error).__name__}: {error}".split())
                logger.warning("the listener %s raised %s; it is not told anything more", name, text)
