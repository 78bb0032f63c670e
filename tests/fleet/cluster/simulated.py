"""Three nodes on one machine, and matrices that run on them: what the tests of the Ray executor and its benchmarks share."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

NODES = Path(__file__).with_name("nodes.py")
PATIENCE_SECONDS = 600
CELLS = (
    "-a",
    "plugin=mlp",
    "-a",
    "dataset=ring8",
    "--set=kimg=0.4",
    "--set=batch_size=40",
    "--set=device=cpu",
    "--set=evaluation.grid_size=2",
)


class Nodes:
    """A cluster in a process of its own.

    Args:
        count: of nodes besides the head, which takes no cell.
        cpus: of each.
        log: file for what Ray prints.
    """

    def __init__(self, count: int, *, cpus: int = 2, log: IO[str]) -> None:
        environment = {
            **os.environ,
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_worker_niceness": "0",
        }  # else its workers starve on a busy machine
        self._process = subprocess.Popen(
            [sys.executable, str(NODES)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, env=environment
        )
        self._cpus = cpus
        answer = self._ask({"start": count, "cpus": cpus})
        self.address = answer["address"]

    def add(self, **environment: str) -> str:
        """Add a node whose processes have these variables, and return its id."""
        return str(self._ask({"add": environment, "cpus": self._cpus})["added"])

    def remove(self, node: str) -> None:
        """Take a node away, as a power cut would."""
        self._ask({"remove": node})

    def cells(self) -> dict[int, str]:
        """Return the Ray workers that run a cell just now: process id and name of the cell."""
        found = {}
        for pid in descendants(self._process.pid):
            with contextlib.suppress(OSError):
                title = Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").decode()
                if title.startswith("ray::") and "=" in title:
                    found[pid] = title.removeprefix("ray::")
        return found

    def of_cells(self) -> dict[str, str]:
        """Return the node on which each cell runs just now."""
        workers = {pid: node for node, raylet in self._raylets.items() for pid in descendants(raylet)}
        return {name: workers[pid] for pid, name in self.cells().items() if pid in workers}

    @property
    def ids(self) -> list[str]:
        """The nodes that are there, but for the head."""
        return list(self._raylets)

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(60)
        except subprocess.TimeoutExpired:
            for pid in [*descendants(self._process.pid), self._process.pid]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _ask(self, order: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, f"the cluster ended with {self._process.wait()}"
        answer: dict[str, Any] = json.loads(line)
        self._raylets = answer["nodes"]
        return answer


class Matrix:
    """A call of ``ganbench matrix`` in a process of its own.

    Args:
        arguments: of the command.
        folder: its current folder, in which its output is kept.
        largest_file: bytes that a file may have, as on a disk that is full beyond it; 0 for any number.
    """

    def __init__(self, *arguments: str, folder: Path, largest_file: int = 0) -> None:
        code = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({largest_file}, -1)); " if largest_file else ""
        command = f"{code}import sys; sys.path[:] = {sys.path!r}\nfrom ganbench.__main__ import entry; entry()"
        self._out, self._err = folder / "out.txt", folder / "err.txt"
        with self._out.open("w") as out, self._err.open("w") as err:
            words = [sys.executable, "-c", command, "matrix", *arguments]
            self.process = subprocess.Popen(words, stdout=out, stderr=err, cwd=folder, start_new_session=True)

    @property
    def out(self) -> list[str]:
        """The lines of its stdout so far."""
        return self._out.read_text().splitlines()

    @property
    def err(self) -> list[str]:
        """The lines of its stderr so far."""
        return self._err.read_text().splitlines()

    def until(self, happened: Callable[[], Any]) -> Any:
        """Wait for something while it runs, and return that."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not (found := happened()):
            assert self.process.poll() is None, (self.out, self.err)
            assert time.monotonic() < deadline, (self.out, self.err)
            time.sleep(0.02)
        return found

    def end(self) -> int:
        """Wait for its end and return its exit code."""
        return self.process.wait(PATIENCE_SECONDS)

    def kill(self) -> None:
        """End it now, if it has not ended."""
        self.process.kill()
        self.process.wait()


def descendants(pid: int) -> list[int]:
    """Return the processes below a process."""
    found, waiting = [], [pid]
    while waiting:
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{waiting.pop()}/task").iterdir():
                children = [int(child) for child in (task / "children").read_text().split()]
                found += children
                waiting += children
    return found


def rows(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the rows of a matrix's folder by the names of their cells."""
    from ganbench.fleet.matrix.ledger import MatrixLedger
    from ganbench.record.serialise import encode

    return {row.name: encode(row) for row in MatrixLedger(folder).rows()}


def records(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the finished records of a matrix's folder by the names of their cells."""
    found = {name: folder / row["directory"] / "record.json" for name, row in rows(folder).items()}
    return {name: json.loads(path.read_text()) for name, path in found.items() if path.is_file()}
