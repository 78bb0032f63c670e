"""A cell whose seeds are ordinary runs of a plugin: trained step by step beside each other, and scored by their own metrics."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from ganbench import (
    Algorithm,
    Materials,
    PluginManager,
    build,
    choose_runner,
    count_flops,
    plan,
    save_picture,
    scorers_of,
    start_runner,
    write_bytes,
)
from ganbench_reproduce.experiment import ExperimentFacts, ExperimentSetup

Settings = Mapping[str, Any]
_AT_ONCE = 64
"""Samples that are generated together for the picture."""
_FILES = 10
"""Samples that are written as files of their own: sounds to listen to, rows to read."""


class TrainedRuns:
    """An :class:`~ganbench_reproduce.experiment.ExperimentRun` of what ``ganbench run --plugin`` trains.

    Args:
        setup: seeds and device.
        plugin: an architecture or a recipe; its configuration has the whole budget, which schedules follow.
        settings: by configuration path.
        columns: by a column's name, the full name of the metric's quantity.
        interval_kimg: thousands of samples between two scores. An interval is that share of the steps of the whole budget, rounded up, so
            that intervals are alike where steps show more samples early or late.
    """

    def __init__(self, setup: ExperimentSetup, plugin: str, settings: Settings, columns: Mapping[str, str], interval_kimg: float) -> None:
        self._columns = dict(columns)
        self._runs = [_build(plugin, {**settings, "training.seed": seed, "training.device": str(setup.device)}) for seed in setup.seeds]
        self._algorithms = [run.algorithm for run in self._runs]
        self._runners = [start_runner(choose_runner("auto", one, setup.device), one, setup.device).runner for one in self._algorithms]
        self._streams = [run.samples("evaluation", max(p.num_generated for p in run.plan.metrics)) for run in self._runs]
        self._device, self._steps, self._samples_seen = setup.device, 0, 0
        first = self._algorithms[0]
        self.facts = ExperimentFacts(
            steps_per_interval=_steps_of_interval(first, self._runs[0].config.training.total_kimg, interval_kimg),
            flops_per_step=count_flops(first, setup.device),
            parameters=tuple((name, sum(p.numel() for p in module.parameters())) for name, module in first.networks.modules.items()),
            runner=self._runners[0].name,
        )

    @property
    def steps(self) -> int:
        """Steps done."""
        return self._steps

    @property
    def intervals(self) -> int:
        """Whole intervals done."""
        return self._steps // self.facts.steps_per_interval

    def advance(self, pause: Callable[[], bool]) -> bool:
        """Train every seed to the end of the interval, a step of each at a time."""
        end = (self.intervals + 1) * self.facts.steps_per_interval
        while self._steps < end:
            for algorithm, runner in zip(self._algorithms, self._runners, strict=True):
                algorithm.set_progress(self._samples_seen)
                runner.run(self._steps)
            self._samples_seen += self._algorithms[0].samples_shown(self._steps)
            self._steps += 1
            if self._steps < end and pause():
                break
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        return self._steps == end

    def scores(self) -> Mapping[str, Sequence[float]]:
        """Return each column's value of each seed."""
        found: dict[str, list[float]] = {name: [] for name in self._columns}
        for run, samples in zip(self._runs, self._streams, strict=True):
            assert run.evaluator is not None
            values = {
                value.name: value.value
                for value in run.evaluator.evaluate(samples, samples.labels, scorers_of(run.algorithm, run.dataset, run.device))
            }
            for name, quantity in self._columns.items():
                found[name].append(values[quantity])
        return found

    def save_samples(self, place: Path) -> None:
        """Write what the first seed generates: a picture beside ``place``, and in the folder ``place`` a few as files of their own."""
        run = self._runs[0]
        grid, dataset = run.grid(), run.dataset
        samples = torch.cat([grid(start, _AT_ONCE) for start in range(0, grid.count, _AT_ONCE)]).cpu()
        save_picture(grid.space, samples, place, columns=run.config.evaluation.grid_size, real=dataset.first)
        for name, content in grid.space.files(samples[:_FILES]):
            path = place / name
            path.parent.mkdir(parents=True, exist_ok=True)
            write_bytes(path, content)

    def state_dict(self) -> dict[str, Any]:
        """Return the state of every seed."""
        return {"algorithms": [one.state_dict() for one in self._algorithms], "steps": self._steps, "samples_seen": self._samples_seen}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take it back."""
        self._steps, self._samples_seen = state["steps"], state["samples_seen"]
        for algorithm, saved in zip(self._algorithms, state["algorithms"], strict=True):
            algorithm.load_state_dict(saved)


def _build(plugin: str, settings: Settings) -> Materials:
    manager = PluginManager()
    return build(plan(plugin, settings=dict(settings), manager=manager), manager)


def _steps_of_interval(algorithm: Algorithm, total_kimg: float, interval_kimg: float) -> int:
    """Return the steps of an interval, at least one."""
    steps = samples = 0
    while samples < total_kimg * 1000:
        samples += algorithm.samples_shown(steps)
        steps += 1
    return max(math.ceil(steps * interval_kimg / total_kimg - 1e-9), 1)
