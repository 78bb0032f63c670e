"""What a reproduction plugin gives: a published table as cells and columns, and for each cell something that trains all its seeds at once.

A cell is one row of the table, one configuration; a column is one score. The budget is counted in intervals (epochs, say), after each of
which the scores may be read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch


@dataclass(frozen=True, kw_only=True, slots=True)
class PublishedFigure:
    """One number of the published table."""

    value: float
    error: float | None = None
    """Half the width of the published interval; None where none was published."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ExperimentColumn:
    """One score."""

    name: str
    """As in the record: ``high_quality``."""
    label: str
    """As a table's heading shows it, with its unit."""
    digits: int = 2
    """Decimals in a table."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ExperimentCell:
    """One configuration of the published table."""

    name: str
    """Lower case, digits and hyphens."""
    label: str
    published: Mapping[str, PublishedFigure]
    """By the column's name; a column without a published figure is left out."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ExperimentSetup:
    """What is asked of a cell."""

    cell: str
    seeds: tuple[int, ...]
    device: torch.device


@dataclass(frozen=True, kw_only=True, slots=True)
class ExperimentFacts:
    """What is the same at every moment of a cell."""

    steps_per_interval: int
    flops_per_step: int
    """Multiply-adds count twice; of one seed, forward and backward."""
    parameters: tuple[tuple[str, int], ...]
    """How many parameters each network of one seed has."""
    runner: str
    """How a step is executed: ``eager``, ``cuda_graph``."""


class ExperimentRun(Protocol):
    """All seeds of one cell. The numbers of a seed do not depend on the seeds beside it."""

    facts: ExperimentFacts

    @property
    def steps(self) -> int:
        """Steps done."""
        ...

    @property
    def intervals(self) -> int:
        """Whole intervals done."""
        ...

    def advance(self, pause: Callable[[], bool]) -> bool:
        """Train to the end of the interval.

        Args:
            pause: asked after each step; when it says yes, training stops at once, in the middle of the interval. The next call goes on.

        Returns:
            Whether the interval is complete. The device has done all the work.
        """
        ...

    def scores(self) -> Mapping[str, Sequence[float]]:
        """Return each column's score of each seed, at the end of an interval; changes nothing."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """Return everything that goes on to the same bits, in the middle of an interval too: tensors, numbers and strings only."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what :meth:`state_dict` returned."""
        ...


@runtime_checkable
class ShowsSamples(Protocol):
    """An :class:`ExperimentRun` that can be looked at and listened to, beside its scores."""

    def save_samples(self, place: Path) -> None:
        """Write what the first seed generates: a picture beside ``place``, and in the folder ``place`` a few as files of their own."""
        ...


class Experiment(Protocol):
    """A published table."""

    columns: tuple[ExperimentColumn, ...]
    cells: tuple[ExperimentCell, ...]
    """Those that the options ask for, in the order of the table."""
    intervals: int
    """How many intervals the whole budget has."""
    interval_name: str
    """What an interval is, in the plural: ``epochs``."""
    num_seeds: int
    """As many as were published."""
    error_name: str
    """What the published intervals are: ``standard error over 10 runs``."""
    notes: tuple[str, ...]
    """What a reader of the table must know, one sentence each: ceilings, deviations from the source."""

    def start(self, setup: ExperimentSetup) -> ExperimentRun:
        """Return a cell before its first step."""
        ...
