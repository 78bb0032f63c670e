"""Reporting aside: a thread of its own takes what happens to wherever it goes, so that no run waits for a disk, a network or a reader."""

from __future__ import annotations

import importlib
import queue
import threading
from types import ModuleType

from ganbench import Ended, Event, Listener, UsageError

PATIENCE_SECONDS = 30.0
"""How long the end of a run waits for events that are still on their way."""


class Aside:
    """A listener that hands each event to another one, in a thread of its own, in order.

    A call returns at once. What the other raises is raised by the next call, and by that of the run's end: so whoever tells the events
    warns once, and tells no more. A run has some hundreds of events, so that nothing needs to be thrown away for the slowest.

    Args:
        name: of the reporter, for the warning.
        listener: hears every event, and closes what it has open at :class:`ganbench.Ended`.
    """

    def __init__(self, name: str, listener: Listener) -> None:
        self.__qualname__ = f"{name} reporter"
        self._listener = listener
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=self.__qualname__, daemon=True)
        self._error: BaseException | None = None
        self._has_ended = False

    def __call__(self, event: Event) -> None:
        """Pass an event on; the last one waits until all have arrived.

        Raises:
            TimeoutError: at the end of the run, not all have.
            Exception: whatever the listener raised.
        """
        if self._has_ended:
            return
        if self._error is None:
            self._events.put(event)
            if self._thread.ident is None:
                self._thread.start()
        if isinstance(event, Ended):
            self._has_ended = True
            self._thread.join(PATIENCE_SECONDS)
        if self._error is not None:
            raise self._error
        if self._has_ended and self._thread.is_alive():
            raise TimeoutError(f"{self._events.qsize() + 1} events were not taken within {PATIENCE_SECONDS:g} seconds of the end")

    def _work(self) -> None:
        event = Event()
        while not isinstance(event, Ended):
            event = self._events.get()
            try:
                self._listener(event)
            except BaseException as error:  # a library's SystemExit too: the thread has nobody else to tell
                self._error = error
                return


def needed(module: str, reporter: str, package: str) -> ModuleType:
    """Import what a reporter needs, before anything of a run is built.

    Args:
        module: to import.
        reporter: that needs it.
        package: as installers call it.

    Raises:
        UsageError: it is not installed, or cannot be imported.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        missing = isinstance(error, ModuleNotFoundError) and (error.name or "").partition(".")[0] in (package, module.partition(".")[0])
        what = f"the reporter {reporter} needs {package}" + ("" if missing else f", which cannot be imported: {error}")
        raise UsageError(what, hint=f"pip install 'ganbench[{reporter}]'") from None
