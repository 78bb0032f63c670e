"""``watch``: the run as a live page, by a process of its own: ``ganbench watch`` follows its folder, and the run heeds what it asks for."""

from __future__ import annotations

import subprocess
import sys

from ganbench import Ended, Event, Listener, ReporterContext, Started, say
from ganbench_reporters.aside import needed
from ganbench_reporters.options import WatchOptions
from ganbench_reporters.steering import Steering, Training

_PATIENCE_SECONDS = 20.0
"""How long a start of the run waits for the page. Nothing is timed before that, and nothing of the server's start is in what is."""


class Page:
    """Starts the server once the run has a folder, and lets pages steer the run. It ends by itself when the run has, and no page is open.

    Args:
        options: of the reporter.
        quiet: whether nothing is said.
    """

    def __init__(self, options: WatchOptions, *, quiet: bool) -> None:
        self._options, self._quiet = options, quiet
        self._steering: Steering | None = None
        self.__qualname__ = "watch reporter"

    def __call__(self, event: Event) -> None:
        """Start, and say where the page is; at the run's end let go of it.

        Raises:
            RuntimeError: there is no page.
        """
        if isinstance(event, Ended) and self._steering is not None:
            self._steering.close()
        if not isinstance(event, Started):
            return
        words = [sys.executable, "-m", "ganbench", "watch", str(event.directory), "--background", "--port", str(self._options.port)]
        done = subprocess.run(
            [*words, *(["--open"] if self._options.open else [])],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_PATIENCE_SECONDS,
            check=False,
        )
        if done.returncode:
            raise RuntimeError((done.stderr.strip().splitlines() or ["ganbench watch ended without a word"])[-1])
        if not self._quiet:
            say(f"watch it at {done.stdout.strip()}")
        self._steering = Steering(event.directory)

    def after_step(self, training: Training) -> None:
        """Do what pages ask for between two steps."""
        if self._steering is None:
            return
        try:
            self._steering.after_step(training)
        except Exception:  # told nothing more, it must not seem to heed
            self._steering.close()
            raise


def build(options: WatchOptions, context: ReporterContext) -> Listener:
    """Build the reporter.

    Raises:
        UsageError: what the server needs is not installed.
    """
    needed("starlette", "watch", "starlette")
    needed("uvicorn", "watch", "uvicorn")
    return Page(options, quiet=context.quiet)
