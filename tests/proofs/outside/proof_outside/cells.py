"""An executor: runs cells in threads of this process, one after another."""

from __future__ import annotations

import queue
import threading
from pathlib import Path

from ganbench import CellOutcome, CellProgress, CellTask, ExecutorContext, run_cell
from proof_outside import ThreadsOptions


class Threads:
    """One thread for each cell."""

    def __init__(self, diary: Path) -> None:
        self.slots = self.machines = self.cpus = 1
        self.diary, self.stopping = diary, threading.Event()
        self.events: queue.SimpleQueue[CellProgress | CellOutcome] = queue.SimpleQueue()

    def submit(self, task: CellTask) -> None:
        """Begin."""
        threading.Thread(target=self.run, args=(task,)).start()

    def run(self, task: CellTask) -> None:
        """Train, and write down how it ended."""
        outcome = run_cell(task, tell=self.events.put, stop=self.stopping.is_set)
        with self.diary.open("a") as file:
            file.write(f"{task.name}, attempt {task.attempt}, threads {task.threads}: {outcome.state}\n")
        self.events.put(outcome)

    def wait(self) -> list[CellProgress | CellOutcome]:
        """Return what has happened."""
        try:
            return [self.events.get(timeout=0.5)]
        except queue.Empty:
            return []

    def interrupt(self) -> None:
        """Ask the cell to end with a checkpoint."""
        self.stopping.set()

    def close(self) -> None:
        """End."""
        self.interrupt()


def build(options: ThreadsOptions, context: ExecutorContext) -> Threads:
    """Build the executor."""
    return Threads(Path(options.diary))
