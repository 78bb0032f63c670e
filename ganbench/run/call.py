"""Runs for Python programs and notebooks: no signals are taken, nothing is printed, no process is ended, and errors are exceptions."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganbench.config.resolve import Layer
from ganbench.plugin.manager import PluginManager
from ganbench.record.directory import DEFAULT_RUNS, RunDirectory
from ganbench.record.events import Listener
from ganbench.record.find import find_run, load_run
from ganbench.record.record import RunRecord
from ganbench.run.plan import RunPlan, plan_again, plan_run


@dataclass(frozen=True, slots=True)
class StoredRun:
    """A run's record, and where it lies."""

    record: RunRecord
    directory: Path
    """The run's folder, with its samples, checkpoints and events."""

    def _repr_html_(self) -> str:
        """Return what a notebook shows."""
        return self.record._repr_html_()


def plan(
    name: str,
    *,
    dataset: str | None = None,
    loss: str | None = None,
    kimg: float | None = None,
    seed: int | None = None,
    metrics: Iterable[str] | None = None,
    options: Mapping[str, Any] | None = None,
    settings: Mapping[str, Any] | None = None,
    manager: PluginManager | None = None,
) -> RunPlan:
    """Return the run that some settings mean, and build nothing.

    Args:
        name: an architecture, a recipe, or ``./file.py:Name``.
        dataset: its name.
        loss: its name.
        kimg: thousands of real samples to train on.
        seed: of everything random.
        metrics: their names; an empty list measures nothing.
        options: of the plugins, as after ``-o`` on the command line.
        settings: anything else by its configuration path, as after ``--set``.
        manager: the plugins; None for all that are installed.

    Raises:
        ConfigError: an unknown setting or a wrong value.
        PluginError: an unknown or broken plugin.
    """
    given = {
        "dataset.name": dataset,
        "loss.name": loss,
        "training.total_kimg": kimg,
        "training.seed": seed,
        "evaluation.metrics": None if metrics is None else tuple(metrics),
    }
    layers = [{path: value for path, value in given.items() if value is not None}, dict(settings or {})]
    return plan_run(manager or PluginManager(), name, [Layer(origin="Python", settings=layer) for layer in layers], options)


def run(
    name: str,
    *,
    dataset: str | None = None,
    loss: str | None = None,
    kimg: float | None = None,
    seed: int | None = None,
    metrics: Iterable[str] | None = None,
    options: Mapping[str, Any] | None = None,
    settings: Mapping[str, Any] | None = None,
    out: str | Path | None = None,
    on_event: Listener | None = None,
) -> StoredRun:
    """Train a run to its end and return its record; one that diverged has that status, and is returned too.

    Ctrl-C interrupts it as it does any Python code, and :func:`resume` goes on from its last checkpoint.

    Args:
        name: an architecture, a recipe, or ``./file.py:Name``.
        dataset: its name.
        loss: its name.
        kimg: thousands of real samples to train on.
        seed: of everything random.
        metrics: their names; an empty list measures nothing.
        options: of the plugins, as after ``-o`` on the command line.
        settings: anything else by its configuration path, as after ``--set``.
        out: the run's folder, which must be absent or empty; None for a new one below ``results/runs``.
        on_event: told what happens: :class:`ganbench.Started`, ``Progressed``, ``Evaluated``, ``Saved``, ``Ended``.

    Raises:
        GanbenchError: whatever ended the run early; what was done is kept.
    """
    manager = PluginManager()
    planned = plan(
        name, dataset=dataset, loss=loss, kimg=kimg, seed=seed, metrics=metrics, options=options, settings=settings, manager=manager
    )
    folder = None if out is None else Path(out)
    if folder is not None:
        RunDirectory.check_free(folder)  # before the data are read; and again when the directory is made

    def choose_directory(dataset_name: str) -> RunDirectory:
        if folder is not None:
            return RunDirectory.create_at(folder)
        return RunDirectory.create(name=planned.config.title, dataset=dataset_name, seed=planned.config.training.seed)

    from ganbench.run.lifecycle import Run

    with process_settings_kept():
        record = Run(planned, manager, listeners=() if on_event is None else (on_event,)).start(choose_directory)
    return StoredRun(record, folder or DEFAULT_RUNS / record.run_id)


def resume(
    run: str | Path,
    *,
    force: bool = False,
    trust_files: bool = False,
    options: Mapping[str, Any] | None = None,
    settings: Mapping[str, Any] | None = None,
    on_event: Listener | None = None,
) -> StoredRun:
    """Go on with an unfinished run and return its record.

    Args:
        run: its folder or its id.
        force: go on although a plugin's source has changed.
        trust_files: run the plugin files that its configuration names although this user has never run them.
        options: where files lie now, as after ``-o``: ``{"dataset.path": "/mnt/faces"}``.
        settings: where files lie now and how they are read, by configuration path.
        on_event: told what happens.

    Raises:
        UsageError: the run is finished, or something of it has changed.
        GanbenchError: whatever ended it early.
    """
    from ganbench.run.lifecycle import Run

    manager = PluginManager()
    with RunDirectory.resume(run) as directory, process_settings_kept():
        planned = plan_again(manager, directory.config_path, trust_files=trust_files, settings=settings, options=options)
        record = Run(planned, manager, listeners=() if on_event is None else (on_event,)).resume(directory, force=force)
    return StoredRun(record, directory.path)


def load(run: str | Path) -> StoredRun:
    """Read the record of a run, finished or not.

    Args:
        run: its folder, its record file, or its id below ``results/runs``.

    Raises:
        UsageError: there is no such run, or its record cannot be read.
    """
    path = find_run(str(run))
    return StoredRun(load_run(path), path if os.path.isdir(path) else path.parent)


@contextlib.contextmanager
def process_settings_kept() -> Iterator[None]:
    """Put back what a run sets for its whole process: torch's threads and numerics, and the implementation of the fused ops."""
    import torch

    from ganbench_kernels import use_implementation

    threads, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    before = cudnn.benchmark, cudnn.deterministic, cudnn.allow_tf32, matmul.allow_tf32
    with use_implementation("auto"):
        try:
            yield
        finally:
            torch.set_num_threads(threads)
            torch.use_deterministic_algorithms(deterministic)
            cudnn.benchmark, cudnn.deterministic, cudnn.allow_tf32, matmul.allow_tf32 = before
