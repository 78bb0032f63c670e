"""A run that a page steers: between two steps it heeds what the page asks for, and tells what it looks like inside.

The page's server is another process, which may come and go. Both meet in the folder ``live`` of the run:

    watched         touched every second while a page is open
    commands.jsonl  a line of JSON for each command; the server appends them, and those from before the run are void
    view.json       what the run is doing; the run replaces it, and what it said last stays there
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ganbench import GanbenchError, Message
from ganbench_reporters.alone import update_of

if TYPE_CHECKING:
    from ganbench import Algorithm, Event, Phase
    from ganbench_reporters.plane import Plane

FOLDER = "live"
_EVERY_SECONDS, _PAUSED_SECONDS = 0.1, 0.05
"""How often a run looks for commands while it trains, and while it is paused."""
_GRACE_SECONDS = 20.0
"""How long a paused run waits for a page after the last one has gone: one that is loaded again, or whose server is, comes back."""
_LEAST_SECONDS, _SHARE = 0.5, 100
"""Between two views at least; one that took a second is followed by the next after 100, so that views take a hundredth of a run."""
_MOST_STEPS = 1000


class Training(Protocol):
    """What a reporter is given after each step."""

    algorithm: Algorithm
    total_samples: int
    counters: Any
    should_stop: Callable[[], bool]
    tell: Callable[[Event], None]

    def aside(self) -> AbstractContextManager[None]:
        """Stop the training clock, and keep random numbers apart, for a block."""
        ...

    def set_learning_rate(self, name: str, learning_rate: float) -> None:
        """Intervene."""
        ...

    def update_alone(self, name: str, phase: Phase) -> None:
        """Intervene, once :meth:`Steering.after_step` has returned."""
        ...


class Steering:
    """The run's side of the folder.

    Args:
        run: the folder of the run.
        patience_seconds: how long a paused run waits for a page after the last one has gone.

    Raises:
        RuntimeError: the folder is a link.
    """

    def __init__(self, run: Path, patience_seconds: float = _GRACE_SECONDS) -> None:
        folder = run / FOLDER
        folder.mkdir(exist_ok=True)
        if folder.is_symlink():
            raise RuntimeError(f"{folder} is a link, and is not written into")
        self._commands, self._watched, self._view = folder / "commands.jsonl", folder / "watched", folder / "view.json"
        self._patience = patience_seconds
        self._read = _size(self._commands)
        self._touched = _touched(self._watched)
        self._last_sign = time.monotonic() - patience_seconds  # of life from a page
        self._next_look = self._next_view = 0.0
        self._is_paused, self._steps = False, 0
        self._alone: Counter[str] = Counter()  # updates of one network that pages have asked for
        self._is_asking = False  # the run is to take such an update before it is held again
        self._complaint = ""
        self._plane: Plane | None = None
        self._told: dict[str, Any] = {}

    def after_step(self, training: Training) -> None:
        """Heed commands, wait where a page has paused the run, and tell what it looks like where somebody watches.

        An update alone is left to the run, which does it once this returns, and asks again.
        """
        self._is_asking = False
        if not self._is_paused and time.monotonic() < self._next_look and not self._is_last(training):
            return
        self._heed(training)
        if self._is_paused:
            with training.aside():
                self._hold(training)
        elif self._is_watched() and (time.monotonic() >= self._next_view or self._is_last(training)):
            began = time.perf_counter()
            if self._has_news(training):
                with training.aside():
                    self._tell(training)
            self._next_view = time.monotonic() + max(_LEAST_SECONDS, _SHARE * (time.perf_counter() - began))
        self._next_look = time.monotonic() + _EVERY_SECONDS

    def close(self) -> None:
        """Say that nobody heeds commands any more; the last view stays."""
        if self._told:
            with contextlib.suppress(OSError):
                self._write({**self._told, "process": 0, "paused": False})

    def _is_last(self, training: Training) -> bool:
        return bool(training.counters.samples_seen >= training.total_samples)

    def _is_watched(self) -> bool:
        """Tell whether a page was there lately; by when the file changed, as clocks of two machines differ."""
        if (touched := _touched(self._watched)) != self._touched:
            self._touched, self._last_sign = touched, time.monotonic()
        return time.monotonic() - self._last_sign < self._patience

    def _hold(self, training: Training) -> None:
        """Wait until a page lets the run go on, or take a step, or no page is there any more, or the run is to end."""
        self._tell(training)
        while self._is_paused and not training.should_stop():
            if self._is_asking:
                return
            if self._steps:
                self._steps -= 1
                return
            if not self._is_watched():
                self._is_paused = False
                training.tell(Message(text="the page that paused this run has gone: it goes on"))
            elif self._heed(training) and self._is_paused:
                self._tell(training)
            else:
                time.sleep(_PAUSED_SECONDS)
        self._tell(training)

    def _heed(self, training: Training) -> bool:
        """Do what pages ask for, and tell whether there was anything."""
        commands = list(self._new_commands())
        for command in commands:
            self._last_sign, self._complaint = time.monotonic(), ""
            match command.get("do"):
                case "pause" | "step" as wanted:
                    if not self._is_paused:
                        where = f"paused at {training.counters.samples_seen / 1000:g} kimg"
                        training.tell(Message(text=f"{where} by its page: continue there; it goes on by itself when the page is closed"))
                    self._is_paused, self._steps = True, min(self._steps + (wanted == "step"), _MOST_STEPS)
                case "update":
                    self._update(training, str(command.get("optimizer")))
                case "continue":
                    self._is_paused, self._steps = False, 0
                case "learning_rate":
                    self._change(training, str(command.get("optimizer")), command.get("value"))
        return bool(commands)

    def _update(self, training: Training, name: str) -> None:
        """Ask a paused run for an update of one network, or say why there is none."""
        if not self._is_paused:
            self._complaint = "pause the run first: one network alone is updated between two steps"
            return
        try:
            training.update_alone(name, update_of(training.algorithm, name, training.counters.iteration))
        except GanbenchError as error:
            self._complaint = str(error)
            return
        self._is_asking, self._alone[name] = True, self._alone[name] + 1
        where = f"intervention at {training.counters.samples_seen / 1000:g} kimg"
        training.tell(Message(text=f"{where}: an update of {name} alone; this run is compared with none from here on"))

    def _change(self, training: Training, name: str, value: Any) -> None:
        try:
            training.set_learning_rate(name, float(value))
        except (GanbenchError, TypeError, ValueError) as error:
            self._complaint = str(error)
            return
        where = f"intervention at {training.counters.samples_seen / 1000:g} kimg"
        training.tell(Message(text=f"{where}: learning rate {float(value):g} of {name}; this run is compared with none from here on"))

    def _new_commands(self) -> Iterator[dict[str, Any]]:
        size = _size(self._commands)
        self._read = min(self._read, size)
        if size == self._read:
            return
        with self._commands.open("rb") as file:
            file.seek(self._read)
            lines, _, _ = file.read(1 << 16).rpartition(b"\n")
        self._read += len(lines) + bool(lines)
        for line in lines.splitlines():
            with contextlib.suppress(ValueError, RecursionError):
                if isinstance(command := json.loads(line), dict):
                    yield command

    def _has_news(self, training: Training) -> bool:
        """Tell whether a page would see anything new: of points in the plane always, else where its controls would say something else."""
        return self._lies_in_the_plane(training.algorithm) or not self._words_of(training).items() <= self._told.items()

    def _words_of(self, training: Training) -> dict[str, Any]:
        """Return what the controls of a page say of a run while it trains."""
        algorithm = training.algorithm
        return {
            "process": os.getpid(),
            "paused": self._is_paused,
            "learning_rates": {name: float(algorithm.optimizers[name].param_groups[0]["lr"]) for name in algorithm.schedules},
            "alone": dict(self._alone),
            "complaint": self._complaint,
        }

    def _tell(self, training: Training) -> None:
        """Write down what the run looks like."""
        self._told = {
            **self._words_of(training),
            "samples_seen": training.counters.samples_seen,
            "generator_steps": training.counters.generator_steps,
            "plane": self._view_of(training.algorithm),
        }
        self._write(self._told)

    def _lies_in_the_plane(self, algorithm: Algorithm) -> bool:
        from ganbench_reporters.plane import lies_in_the_plane

        return lies_in_the_plane(algorithm)

    def _view_of(self, algorithm: Algorithm) -> dict[str, Any] | None:
        from ganbench_reporters.plane import Plane

        if not self._lies_in_the_plane(algorithm):
            return None
        self._plane = self._plane or Plane(algorithm)
        return self._plane.view()

    def _write(self, view: dict[str, Any]) -> None:
        new = self._view.with_suffix(".new")
        new.write_text(json.dumps(view, separators=(",", ":"), allow_nan=False), encoding="utf-8")
        new.replace(self._view)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _touched(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
