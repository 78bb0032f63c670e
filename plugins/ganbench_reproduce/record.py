"""The record of a reproduction: published beside measured, with the machine that measured it.

Schema history
    1  first version
"""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ganbench import Key, LaterVersion, PluginIdentity, UsageError, decode
from ganbench_reproduce.experiment import ExperimentColumn, ExperimentFacts, PublishedFigure

SCHEMA_VERSION = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Score:
    """One number of the table, measured."""

    column: str
    values: tuple[float, ...]
    """One for each seed."""
    mean: float
    standard_error: float | None
    """The mean's standard error; None for a single seed."""
    published: PublishedFigure | None

    @classmethod
    def of(cls, column: ExperimentColumn, values: Sequence[float], published: PublishedFigure | None) -> Score:
        """Summarise the values of the seeds."""
        values = tuple(map(float, values))
        finite = all(map(math.isfinite, values))
        mean = statistics.fmean(values) if finite else sum(values)
        error = (statistics.stdev(values) / math.sqrt(len(values)) if finite else math.nan) if len(values) > 1 else None
        return cls(column=column.name, values=values, mean=mean, standard_error=error, published=published)

    @property
    def difference(self) -> float | None:
        """Measured less published."""
        return None if self.published is None else self.mean - self.published.value

    @property
    def is_inside(self) -> bool | None:
        """Whether the measured mean lies in the published interval; None where none is published."""
        if self.published is None or self.published.error is None:
            return None
        return abs(self.mean - self.published.value) <= self.published.error + _ROUNDING

    @property
    def distance(self) -> float | None:
        """The difference in standard errors of both means together; None where one of them has none."""
        if self.published is None or self.published.error is None or self.standard_error is None:
            return None
        both = math.hypot(self.standard_error, self.published.error)
        return (self.mean - self.published.value) / both if both > 0 else None


_ROUNDING = 1e-9
"""6.8 lies in 6.3 +- 0.5, whatever binary fractions make of them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Moment:
    """The means over the seeds at one moment of training."""

    interval: int
    means: tuple[float, ...]
    """In the order of the columns."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CellResult:
    """One cell, trained."""

    name: str
    label: str
    intervals: int
    facts: ExperimentFacts
    training_seconds: float
    """How long all seeds together trained, checkpoints left out."""
    scores: tuple[Score, ...]
    history: tuple[Moment, ...]

    @property
    def milliseconds_per_step(self) -> float:
        """Return how long a step of all seeds together takes."""
        return 1000 * self.training_seconds / max(self.intervals * self.facts.steps_per_interval, 1)


@dataclass(frozen=True, kw_only=True, slots=True)
class ReproductionRecord:
    """Everything that the table needs."""

    schema_version: int
    name: str
    summary: str
    paper: str
    status: Literal["complete", "unfinished"]
    created: str
    """UTC, ISO 8601."""
    ganbench_version: str
    plugin: PluginIdentity
    options: dict[str, str]
    """As ``-o`` takes them."""
    seeds: tuple[int, ...]
    budget: float
    """The fraction of the published training."""
    intervals: int
    """With this budget."""
    whole_intervals: int
    """How many intervals the whole budget has."""
    interval_name: str
    columns: tuple[ExperimentColumn, ...]
    error_name: str
    cells: tuple[CellResult, ...]
    """Those that are finished."""
    hardware: Key
    software: Key
    num_resumes: int
    notes: tuple[str, ...]
    host: str = ""

    def score(self, cell: CellResult, column: ExperimentColumn) -> Score:
        """Return one number of the table."""
        return next(score for score in cell.scores if score.column == column.name)


def from_json(text: str | bytes, source: str) -> ReproductionRecord:
    """Return the record that :func:`ganbench.to_json` wrote.

    Args:
        text: the JSON text.
        source: what to call it in an error, usually its path.

    Raises:
        UsageError: it is something else, or of a later schema version.
    """
    hint = "restore it from a copy, or choose another folder"
    try:
        data = json.loads(text)
        version = data.get("schema_version") if isinstance(data, dict) else None
        if isinstance(version, int) and version > SCHEMA_VERSION:
            raise LaterVersion(source, version, SCHEMA_VERSION)
        return decode(ReproductionRecord, data, "record")
    except (ValueError, RecursionError, OverflowError) as error:
        raise UsageError(f"{source} is damaged: {error}", hint=hint) from None
