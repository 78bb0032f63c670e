"""One cell in the process that is its own: an ordinary run, whose progress and end are told to the matrix."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import torch

from ganbench.config.resolve import Layer
from ganbench.config.toml import read_settings
from ganbench.errors import ConfigError, Interrupted, PluginError, StorageError, UsageError
from ganbench.fleet.executor import Ending
from ganbench.fleet.resolve_process import CellRequest
from ganbench.plugin.manager import PluginManager
from ganbench.record.directory import RunDirectory
from ganbench.record.record import Evaluation, RunRecord
from ganbench.run.events import Progress
from ganbench.run.plan import RunPlan, plan_run
from ganbench.run.session import Session

logger = logging.getLogger(__name__)

Send = Callable[[dict[str, Any]], None]
_PROGRESS_SECONDS = 0.5
_REASON = 1000
"""Longest reason; a message must fit into one write to a pipe."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """What the matrix wants of a process; plain values only."""

    request: CellRequest
    directory: str
    threads: int


class Stop:
    """SIGINT or SIGTERM: before training it ends the process, in training it asks for a checkpoint."""

    def __init__(self) -> None:
        self.training = self.requested = False

    def __call__(self) -> bool:
        """Tell whether training should stop."""
        return self.requested

    def listen(self) -> None:
        """Handle the signals from now on."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._handle)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self.requested = True
        if not self.training:
            raise KeyboardInterrupt


class PipeReporter:
    """Tells the matrix how far the run is, and keeps the run's log.

    Args:
        send: of a message.
        stop: learns when training begins.
    """

    def __init__(self, send: Send, stop: Stop) -> None:
        self._send, self._stop, self._last = send, stop, 0.0

    def started(self, directory: Path, description: str) -> None:
        """Open the log; from here on there is something to keep."""
        self._stop.training = True
        with contextlib.suppress(OSError):
            handler = logging.FileHandler(directory / "log.txt", encoding="utf-8")
            handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
            logging.getLogger().addHandler(handler)
        logger.info(description)

    def message(self, text: str) -> None:
        """Log it."""
        logger.info(text)

    def progressed(self, progress: Progress) -> None:
        """Tell it, twice a second at most."""
        now = time.monotonic()
        if now - self._last >= _PROGRESS_SECONDS:
            self._last = now
            numbers = asdict(progress)
            self._send({"event": "progress"} | {n: numbers[n] for n in ("samples_seen", "total_samples", "samples_per_second")})

    def evaluated(self, evaluation: Evaluation) -> None:
        """Log the values."""
        values = "  ".join(f"{value.label} {value.value:.4g}" for value in evaluation.values)
        logger.info("%.1f kimg  %s", evaluation.samples_seen / 1000, values)


def run_order(order: Order, send: Send, stop: Stop) -> None:
    """Run a cell in this process, and send how it ended; an error that is a bug is raised after that."""
    state: Ending
    try:
        with _logging():
            record = _run(order, PipeReporter(send, stop), stop)
        state, reason = _finished(record)
    except (Interrupted, KeyboardInterrupt):
        state, reason = "interrupted", ""
    except StorageError as error:
        state, reason = "no-space", str(error)
    except UsageError as error:
        state, reason = ("unsupported" if _is_unsupported(error) else "failed"), str(error)
    except (Exception, SystemExit) as error:
        _send_end(send, "failed", f"{type(error).__name__}: {error}")
        raise
    _send_end(send, state, reason)


def make_sender(descriptor: int) -> Send:
    """Return what writes a message as one line of JSON; a matrix that has gone is no error."""

    def send(message: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):
            os.write(descriptor, json.dumps(message).encode() + b"\n")

    return send


def _send_end(send: Send, state: Ending, reason: str) -> None:
    text = " ".join(reason.split()).encode("ascii", "backslashreplace").decode()
    send({"event": "end", "state": state, "reason": text[:_REASON]})


def _finished(record: RunRecord) -> tuple[Ending, str]:
    return ("done", "") if record.status == "complete" else ("diverged", record.status_detail)


def order_from(text: str | bytes) -> Order:
    """Return the order that a line of JSON holds."""
    data = json.loads(text)
    return Order(request=CellRequest(**data["request"]), directory=data["directory"], threads=data["threads"])


def _is_unsupported(error: UsageError) -> bool:
    """Tell a combination that cannot be from what is broken: a configuration, or a value that a plugin's factory refused."""
    return isinstance(error, ConfigError) or (isinstance(error, PluginError) and isinstance(error.__cause__, ValueError))


def _run(order: Order, reporter: PipeReporter, stop: Stop) -> RunRecord:
    manager = PluginManager(off=order.request.off)
    path = Path(order.directory)
    if (path / "config.toml").is_file():
        directory = RunDirectory.resume(path)
        with contextlib.closing(directory):
            settings = read_settings(directory.config_path)
            plan = plan_run(manager, settings.pop("name"), [Layer(origin=str(directory.config_path), settings=settings)])
            try:
                return _session(plan, manager, reporter, stop).run_resumed(directory)
            except UsageError as error:
                hint = f"remove {path} to run the cell from its start, or force it with `ganbench run --resume {path} --force`"
                raise UsageError(f"it cannot be resumed: {error.what}", hint=hint) from error
    layers = [Layer(origin="matrix", settings=order.request.settings)]
    layers.append(Layer(origin="matrix", settings={"training.threads": order.threads}))
    plan = plan_run(manager, order.request.plugin, layers, order.request.options)
    return _session(plan, manager, reporter, stop).run_new(lambda _: RunDirectory.create_at(path))


def _session(plan: RunPlan, manager: PluginManager, reporter: PipeReporter, stop: Stop) -> Session:
    # Networks are checked and reference features made before a run chooses its thread count.
    torch.set_num_threads(plan.config.training.threads or 1)
    return Session(plan, manager, reporter, stop)


@contextlib.contextmanager
def _logging() -> Iterator[None]:
    """Print warnings for the worker's log, and let the run's log have everything of ganbench."""
    printed = logging.StreamHandler()
    printed.setLevel(logging.WARNING)
    printed.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
    root = logging.getLogger()
    root.addHandler(printed)
    logging.getLogger("ganbench").setLevel(logging.DEBUG)
    logging.captureWarnings(True)
    yield
