"""One side of a comparison: which code, which configuration, and the process that runs it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from ganbench import Launch, RunFailed

_SOURCE_FOLDERS = (".", "src", "kernels", "plugins")
"""Where below a tree Python finds packages."""
_OFF_THE_RECORD = {"evaluation.metrics": "none"}
_ENDLESS_KIMG = 1e6
"""Schedules of the learning rate stand still for as long as a pair runs."""
_START = "import runpy, sys; sys.path[:] = filter(None, sys.path); sys.argv.pop(0); runpy.run_path(sys.argv[0], run_name='__main__')"
"""Runs the worker without its own folder, or the current one, among the sources."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Side:
    """What one side runs."""

    name: str
    """What it is called: ``main (44676e1ab)``."""
    plugin: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    """By path, as ``training.batch_size``."""
    options: Mapping[str, str] = field(default_factory=dict)
    """Options of plugins, as ``-o`` takes them."""
    tree: Path | None = None
    """None for the code that runs here."""
    python: str = sys.executable
    slowdown: float = 0.0
    """The fraction by which every step is made longer; for testing that a gate fails."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """Why a side does not run what is asked."""

    kind: Literal["unknown", "refused", "broken"]
    """It has no such plugin; it does not take the settings; or its own code fails."""
    message: str
    last_words: tuple[str, ...] = ()
    """What its process printed last."""
    options: tuple[str, ...] = ()
    """Paths of the options that it has instead, where it was an option that it does not take."""


class SidesFailed(RunFailed):
    """Sides that cannot be run, by role, each with why."""

    def __init__(self, refusals: Mapping[str, Refusal]) -> None:
        super().__init__("; ".join(f"{role}: {refusal.message}" for role, refusal in refusals.items()))
        self.refusals = dict(refusals)


def make_resolve_launch(role: str, side: Side, *, off: Sequence[str] = (), others: Sequence[Path] = (), evaluates: bool = False) -> Launch:
    """Return how to start the process that says what a side would run; the arguments are those of :func:`make_launch`.

    Where it evaluates, what its first metric needs must be there: the weights of an extractor are found or downloaded.
    """
    job = {
        "evaluates": evaluates,
        "plugin": side.plugin,
        "settings": dict(side.settings),
        "options": dict(side.options),
        "off": list(off),
        "tree": str(side.tree.resolve()) if side.tree else "",
        "foreign": [str(folder.resolve()) for folder in others],
    }
    return launch_script(role, side, Path(__file__).with_name("resolve_process.py"), job, threads=1)


def make_launch(role: str, side: Side, *, threads: int, off: Sequence[str] = (), others: Sequence[Path] = ()) -> Launch:
    """Return how to start the process in which a side trains.

    Args:
        role: ``base``, ``head`` or ``null``.
        side: what it runs.
        threads: CPU threads of the process.
        off: plugins that are switched off.
        others: folders whose code this side must not run: the other side's, and the checkout's where the side is another tree.
    """
    shared = {**side.settings, "training.threads": threads}
    job = {
        "plugin": side.plugin,
        "settings": {"training.total_kimg": _ENDLESS_KIMG, **shared, **_OFF_THE_RECORD},
        "own_settings": shared,
        "options": dict(side.options),
        "off": list(off),
        "threads": threads,
        "slowdown": side.slowdown,
        "tree": str(side.tree.resolve()) if side.tree else "",
        "foreign": [str(folder.resolve()) for folder in others],
    }
    return launch_script(role, side, Path(__file__).with_name("side_process.py"), job, threads=threads)


def launch_script(role: str, side: Side, script: Path, job: Mapping[str, Any], *, threads: int) -> Launch:
    """Return how to start a script of this version with the code of a side.

    Args:
        role: what the process is called.
        side: whose tree and interpreter.
        script: imports only what all versions have, or says what is missing.
        job: its first line of input.
        threads: CPU threads of the process.
    """
    return Launch(
        name=f"{role} ({side.name})",
        command=(side.python, "-c", _START, str(script)),
        environment=_environment(side.tree, threads),
        folder=str(side.tree or Path.cwd()),
        job=job,
    )


def _environment(tree: Path | None, threads: int) -> dict[str, str]:
    """Return this process's environment with the tree's sources in front and the thread counts that libraries read.

    What it prints is not held back: of a process that breaks the last words are told, and they should be the last.
    """
    count = str(threads)
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "OMP_NUM_THREADS": count, "MKL_NUM_THREADS": count, "OPENBLAS_NUM_THREADS": count}
    if tree is not None:
        paths = [str((tree / name).resolve()) for name in _SOURCE_FOLDERS if os.path.isdir(tree / name)]
        environment["PYTHONPATH"] = os.pathsep.join([*paths, *filter(None, [os.environ.get("PYTHONPATH", "")])])
    return environment
