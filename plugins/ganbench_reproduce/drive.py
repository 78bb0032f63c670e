"""Runs a published experiment cell by cell, so that a killed process loses at most what came after the last checkpoint."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import Any

import torch

import ganbench
from ganbench import (
    MIXED_MACHINES,
    Interrupted,
    Key,
    Place,
    PluginIdentity,
    hardware_key,
    host_name,
    load_checkpoint,
    save_checkpoint,
    software_key,
)
from ganbench_reproduce.directory import ReproductionDirectory
from ganbench_reproduce.experiment import Experiment, ExperimentCell, ExperimentRun, ExperimentSetup, ShowsSamples
from ganbench_reproduce.record import SCHEMA_VERSION, CellResult, Moment, ReproductionRecord, Score

logger = logging.getLogger(__name__)

CHECKPOINT_SECONDS = 30.0
_MOMENTS = 20
"""At most so many moments of a cell are in the record."""
_OTHER_SOURCE = "the plugin's source was changed while this ran"

_MOST_SEEDS = 10_000
"""Seeds of each cell that can be asked for: a hundred times what papers do."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """What was asked for."""

    name: str
    summary: str
    paper: str
    plugin: PluginIdentity
    options: dict[str, str]
    """As ``-o`` takes them."""
    num_seeds: int | None
    """None for as many as were published."""
    budget: float
    """The fraction of the published training, above 0 and at most 1."""
    device: torch.device
    keeps_memory: bool = False

    def __post_init__(self) -> None:
        if self.num_seeds is not None and not 1 <= self.num_seeds <= _MOST_SEEDS:
            bound = "1 or more" if self.num_seeds < 1 else f"at most {_MOST_SEEDS:,}"
            raise ValueError(f"seeds must be {bound} (got {self.num_seeds})")
        if not 0 < self.budget <= 1:
            raise ValueError(f"budget must be above 0 and at most 1 (got {self.budget})")


Say = Callable[[str], None]
Stop = Callable[[], bool]


def reproduce(experiment: Experiment, request: Request, directory: ReproductionDirectory, *, say: Say, stop: Stop) -> ReproductionRecord:
    """Train what is not trained yet, and return the record; a finished one is returned as it is.

    Args:
        experiment: as the plugin built it.
        request: what was asked for.
        directory: locked.
        say: is told now and then where the work stands.
        stop: asked after each step; once it says yes, everything is saved.

    Raises:
        UsageError: the directory holds another configuration.
        Interrupted: ``stop`` said yes.
        StorageError: the disk is full.
    """
    record = _begin(experiment, request)
    previous = directory.previous()
    if previous is not None:
        directory.require_same(previous, record)
        if previous.status == "complete":
            return previous
        record = _go_on(previous, record)
    for cell in experiment.cells[len(record.cells) :]:
        work = _Cell(experiment, cell, record, directory, say, stop, request.device)
        directory.write(record)  # not before the cell could be built: a folder is bound to its configuration from here on
        result, runner = work.train()
        record = replace(record, cells=(*record.cells, result), software=_software(request, runner))
        directory.write(record)
    record = replace(record, status="complete")
    directory.write(record)
    return record


def _begin(experiment: Experiment, request: Request) -> ReproductionRecord:
    """Return the record before the first cell."""
    return ReproductionRecord(
        schema_version=SCHEMA_VERSION,
        name=request.name,
        summary=request.summary,
        paper=request.paper,
        status="unfinished",
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        ganbench_version=ganbench.__version__,
        plugin=request.plugin,
        options=request.options,
        seeds=tuple(range(experiment.num_seeds if request.num_seeds is None else request.num_seeds)),
        budget=request.budget,
        intervals=max(round(request.budget * experiment.intervals), 1),
        whole_intervals=experiment.intervals,
        interval_name=experiment.interval_name,
        columns=experiment.columns,
        error_name=experiment.error_name,
        cells=(),
        hardware=hardware_key(str(request.device)),
        software=_software(request, ""),
        num_resumes=0,
        notes=experiment.notes,
        host=host_name(),
    )


def _go_on(previous: ReproductionRecord, now: ReproductionRecord) -> ReproductionRecord:
    """Return the record of a reproduction that was begun before, with what a reader must know of that."""
    notes = list(previous.notes)
    if previous.plugin.source_hash != now.plugin.source_hash and _OTHER_SOURCE not in notes:
        notes.append(_OTHER_SOURCE)
        logger.warning("%s; the record says so", _OTHER_SOURCE)
    if previous.hardware != now.hardware and MIXED_MACHINES not in notes:
        notes.append(MIXED_MACHINES)
    resumes = previous.num_resumes + 1
    return replace(previous, plugin=now.plugin, hardware=now.hardware, software=now.software, num_resumes=resumes, notes=tuple(notes))


def _software(request: Request, runner: str) -> Key:
    return software_key(Place.of_process(request.device, precision="fp32", runner=runner, kernels="ref", keep_memory=request.keeps_memory))


class _Cell:
    """Trains one cell."""

    def __init__(
        self,
        experiment: Experiment,
        cell: ExperimentCell,
        record: ReproductionRecord,
        directory: ReproductionDirectory,
        say: Say,
        stop: Stop,
        device: torch.device,
    ) -> None:
        self._experiment, self._cell, self._record = experiment, cell, record
        self._folder = directory.checkpoints(cell.name)
        self._directory, self._say, self._stop = directory, say, stop
        self._seconds = 0.0
        self._history: list[Moment] = []
        self._run = experiment.start(ExperimentSetup(cell=cell.name, seeds=record.seeds, device=device))

    def train(self) -> tuple[CellResult, str]:
        """Return the result, and how the steps were executed."""
        run = self._run
        self._load(run)
        saved = time.monotonic()
        while run.intervals < self._record.intervals:
            began, deadline = time.monotonic(), saved + CHECKPOINT_SECONDS
            finished = run.advance(lambda deadline=deadline: self._stop() or time.monotonic() >= deadline)  # type: ignore[misc]
            self._seconds += time.monotonic() - began
            if finished:
                self._note_moment(run)
            self._say(self._progress(run))
            if self._stop() or time.monotonic() >= deadline:
                self._save(run)
                saved = time.monotonic()
            if self._stop():
                raise Interrupted(f"stopped in {self._cell.label}", hint=f"the same command goes on, from {self._directory.path}")
        return self._result(run), run.facts.runner

    def _load(self, run: ExperimentRun) -> None:
        load_checkpoint(self._folder, lambda state: self._take(run, state))

    def _take(self, run: ExperimentRun, state: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        run.load_state_dict(state["run"])
        self._seconds = float(state["seconds"])
        self._history = [Moment(interval=interval, means=tuple(means)) for interval, means in state["history"]]

    def _save(self, run: ExperimentRun) -> None:
        state: dict[str, Any] = {
            "run": run.state_dict(),
            "seconds": self._seconds,
            "history": [[moment.interval, list(moment.means)] for moment in self._history],
        }
        save_checkpoint(self._folder, state, samples_seen=run.steps, keep=2)

    def _note_moment(self, run: ExperimentRun) -> None:
        """Keep the means now and then, and at the end."""
        every = max(self._record.intervals // _MOMENTS, 1)
        if run.intervals % every == 0 or run.intervals == self._record.intervals:
            means = tuple(score.mean for score in self._scores(run))
            self._history.append(Moment(interval=run.intervals, means=means))

    def _scores(self, run: ExperimentRun) -> tuple[Score, ...]:
        values = run.scores()
        return tuple(Score.of(c, values[c.name], self._cell.published.get(c.name)) for c in self._record.columns)

    def _progress(self, run: ExperimentRun) -> str:
        total = self._record.intervals * run.facts.steps_per_interval
        left = self._seconds * (total - run.steps) / max(run.steps, 1)
        moment = self._history[-1].means if self._history else ()
        shown = ", ".join(f"{c.label} {m:.{c.digits}f}" for c, m in zip(self._record.columns, moment, strict=False))
        number = len(self._record.cells) + 1
        where = f"{self._cell.label} ({number} of {len(self._experiment.cells)})"
        done = f"{run.intervals} of {self._record.intervals} {self._record.interval_name}"
        return f"{where}: {done}, {_duration(left)} left; {shown or 'no score yet'}"

    def _result(self, run: ExperimentRun) -> CellResult:
        if isinstance(run, ShowsSamples):
            run.save_samples(self._directory.samples(self._cell.name))
        return CellResult(
            name=self._cell.name,
            label=self._cell.label,
            intervals=run.intervals,
            facts=run.facts,
            training_seconds=self._seconds,
            scores=self._scores(run),
            history=tuple(self._history),
        )


def _duration(seconds: float) -> str:
    hours, rest = divmod(round(seconds), 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}"
