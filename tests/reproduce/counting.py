"""An experiment whose seeds only count, so that every number of the table is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from ganbench.spec import PluginIdentity
from ganbench_reproduce.drive import Request
from ganbench_reproduce.experiment import ExperimentCell, ExperimentColumn, ExperimentFacts, ExperimentSetup, PublishedFigure

STEPS = 5
"""Of an interval."""


class CountingRun:
    """Its score is the number of steps, plus a tenth of the seed."""

    def __init__(self, setup: ExperimentSetup) -> None:
        self._seeds, self.steps = setup.seeds, 0
        self.facts = ExperimentFacts(steps_per_interval=STEPS, flops_per_step=1000, parameters=(("counter", 1),), runner="eager")

    @property
    def intervals(self) -> int:
        return self.steps // STEPS

    def advance(self, pause: Callable[[], bool]) -> bool:
        while True:
            self.steps += 1
            if self.steps % STEPS == 0:
                return True
            if pause():
                return False

    def scores(self) -> Mapping[str, Sequence[float]]:
        return {"steps": [self.steps + seed / 10 for seed in self._seeds], "half": [self.steps / 2 for _ in self._seeds]}

    def state_dict(self) -> dict[str, Any]:
        return {"steps": torch.tensor(self.steps)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.steps = int(state["steps"])


class Counting:
    """Two cells of twenty intervals."""

    columns = (ExperimentColumn(name="steps", label="steps", digits=1), ExperimentColumn(name="half", label="half the steps"))
    cells = (
        ExperimentCell(name="first", label="the first", published={"steps": PublishedFigure(value=100.0, error=0.5)}),
        ExperimentCell(name="second", label="the second", published={"steps": PublishedFigure(value=90.0, error=0.5)}),
    )
    intervals = 20
    interval_name = "rounds"
    num_seeds = 3
    error_name = "a guess"
    notes = ("it only counts",)

    def __init__(self) -> None:
        self.started: list[str] = []

    def start(self, setup: ExperimentSetup) -> CountingRun:
        self.started.append(setup.cell)
        return CountingRun(setup)


def request(**changes: Any) -> Request:
    """Ask for the whole of it."""
    asked: dict[str, Any] = {
        "name": "counting",
        "summary": "counts",
        "paper": "nobody",
        "plugin": PluginIdentity(kind="reproduction", name="counting", distribution="tests", version="1", source_hash="abc"),
        "options": {"colour": "red"},
        "num_seeds": None,
        "budget": 1.0,
        "device": torch.device("cpu"),
    }
    return Request(**{**asked, **changes})
