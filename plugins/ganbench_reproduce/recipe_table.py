"""A table whose rows are ordinary runs of recipes or architectures, each trained to its own budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ganbench import plan
from ganbench_reproduce.experiment import ExperimentCell, ExperimentColumn, ExperimentRun, ExperimentSetup, PublishedFigure
from ganbench_reproduce.trained import TrainedRuns

_SHARES = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class RecipeRow:
    """One row."""

    name: str
    """Lower case, digits and hyphens."""
    label: str
    plugin: str
    """What ``ganbench run --plugin`` takes."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """By configuration path, above the plugin's own; the budget is what these make of ``training.total_kimg``."""
    published: Mapping[str, PublishedFigure] = field(default_factory=dict)
    """By the column's name, where an article has figures of these data."""


class RecipeTable:
    """An :class:`~ganbench_reproduce.experiment.Experiment` that trains each row as ``ganbench run`` does.

    Args:
        rows: in the order of the table.
        metrics: their full names, the same for every row.
        columns: each score, and the full name of the metric's quantity that it is.
        notes: what a reader must know; published figures of other data belong here.
        error_name: what the published intervals are.
    """

    intervals = _SHARES
    interval_name = "twentieths of the budget"
    num_seeds = 3

    def __init__(
        self,
        rows: Sequence[RecipeRow],
        metrics: tuple[str, ...],
        columns: Mapping[ExperimentColumn, str],
        notes: tuple[str, ...],
        *,
        error_name: str = "nothing: no figure of these data is published",
    ) -> None:
        self._rows, self._metrics = {row.name: row for row in rows}, metrics
        self._quantities = {column.name: quantity for column, quantity in columns.items()}
        self.columns, self.notes, self.error_name = tuple(columns), notes, error_name
        self.cells = tuple(ExperimentCell(name=row.name, label=row.label, published=row.published) for row in rows)

    def start(self, setup: ExperimentSetup) -> ExperimentRun:
        """Return a row before its first step."""
        row = self._rows[setup.cell]
        settings = {**row.settings, "evaluation.metrics": self._metrics}
        kimg = plan(row.plugin, settings=settings).config.training.total_kimg
        return TrainedRuns(setup, row.plugin, settings, self._quantities, interval_kimg=kimg / _SHARES)
