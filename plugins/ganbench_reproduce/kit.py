"""What a reproduction promises, for `ganbench plugins check` and its author's tests; its template lies beside this file."""

from __future__ import annotations

import io
import math
import time
from collections.abc import Mapping
from typing import Any

import torch

from ganbench.testing import Broken, NotClaimed, Subject, promise
from ganbench_reproduce.experiment import Experiment, ExperimentRun, ExperimentSetup

_PATIENCE_SECONDS = 30.0


@promise("reproduction", is_ground=True)
def its_table_is_whole(subject: Subject) -> None:
    """The experiment has columns, cells, a budget and seeds, and every published figure belongs to a column."""
    experiment = _experiment(subject)
    columns = {column.name for column in experiment.columns}
    if not columns or not experiment.cells:
        raise Broken("its table has no column or no cell", remedy="give columns and cells, as the published table has them")
    for cell in experiment.cells:
        if unknown := sorted(set(cell.published) - columns):
            remedy = f"name one of {', '.join(sorted(columns))}"
            raise Broken(f"the cell {cell.name} has a published figure for {unknown[0]}, which is no column", remedy=remedy)
    for name in ("intervals", "num_seeds"):
        if getattr(experiment, name) < 1:
            raise Broken(f"{name} is {getattr(experiment, name)}", remedy="the budget and the seeds are those that were published")


@promise("reproduction")
def an_interval_ends_with_scores(subject: Subject) -> None:
    """After an interval there is a finite score of each seed for each column, and reading it changes nothing."""
    experiment = _experiment(subject)
    run = _start(experiment, (0, 1))
    _train_interval(run)
    if (run.steps, run.intervals) != (run.facts.steps_per_interval, 1):
        what = f"after the first interval it has done {run.steps} steps and {run.intervals} intervals"
        raise Broken(what, remedy=f"an interval has {run.facts.steps_per_interval} steps: count them in advance")
    scores = run.scores()
    for column in experiment.columns:
        values = list(scores.get(column.name, ()))
        if len(values) != 2 or not all(math.isfinite(value) for value in values):
            raise Broken(f"the scores of {column.name} for two seeds are {values}", remedy="scores returns one number for each seed")
    if _plain(run.scores()) != _plain(scores):
        raise Broken("its scores differ when they are read again", remedy="draw from random streams that scores sets up itself")


@promise("reproduction")
def a_pause_stops_it_and_it_goes_on_to_the_same_bits(subject: Subject) -> None:
    """Stopped in the middle of an interval, saved and loaded, it does the next step as if nothing had been."""
    experiment = _experiment(subject)
    whole, first, second = (_start(experiment, (0, 1)) for _ in range(3))
    if whole.facts.steps_per_interval == 1:
        _train_interval(first)
        _train_interval(whole)
    elif first.advance(lambda: True) or whole.advance(lambda: True) or first.steps != 1:
        raise Broken(f"asked to pause after the first step, it goes on to step {first.steps}", remedy="ask pause() after each step")
    stored = io.BytesIO()
    torch.save(first.state_dict(), stored)
    stored.seek(0)
    try:
        second.load_state_dict(torch.load(stored, weights_only=True))
    except Exception as error:
        what = f"its state cannot be loaded: {str(error).partition(chr(10))[0]}"
        raise Broken(what, remedy="keep tensors, numbers, strings, lists and dicts alone in state_dict") from None
    for run in (whole, second):
        run.advance(lambda: True)
    if not _equal(whole.state_dict(), second.state_dict()):
        raise Broken("after it was resumed, its next step is another one", remedy="put every random stream and counter into state_dict")


@promise("reproduction")
def seeds_stand_alone(subject: Subject) -> None:
    """The scores of a seed are the same whatever seeds are trained beside it."""
    experiment = _experiment(subject)
    alone, beside = _start(experiment, (1,)), _start(experiment, (0, 1))
    for run in (alone, beside):
        _train_interval(run)
    for name, values in beside.scores().items():
        if float(values[1]) != float(one := alone.scores()[name][0]):
            what = f"{name} of seed 1 is {float(one):.6g} alone and {float(values[1]):.6g} beside seed 0"
            raise Broken(what, remedy="give each seed random streams and weights of its own")


def _experiment(subject: Subject) -> Experiment:
    experiment: Experiment = subject.build()
    for name in ("columns", "cells", "intervals", "interval_name", "num_seeds", "error_name", "notes", "start"):
        if not hasattr(experiment, name):
            raise Broken(f"what its factory returns has no {name}", remedy="return an Experiment: docs/plugins.md lists its members")
    return experiment


def _start(experiment: Experiment, seeds: tuple[int, ...]) -> ExperimentRun:
    return experiment.start(ExperimentSetup(cell=experiment.cells[0].name, seeds=seeds, device=torch.device("cpu")))


def _train_interval(run: ExperimentRun) -> None:
    """Train an interval.

    Raises:
        NotClaimed: this machine needs longer than a check may take.
    """
    end = time.monotonic() + _PATIENCE_SECONDS
    if not run.advance(lambda: time.monotonic() > end):
        raise NotClaimed(f"an interval takes more than {_PATIENCE_SECONDS:g} s on this machine")


def _plain(scores: Mapping[str, Any]) -> dict[str, list[float]]:
    return {name: [float(value) for value in values] for name, values in scores.items()}


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor):
        return isinstance(other, torch.Tensor) and torch.equal(one, other)
    if isinstance(one, Mapping):
        return one.keys() == other.keys() and all(_equal(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(_equal, one, other))
    return bool(one == other)
