"""What runs on a node: one cell, in a worker process of that machine, held to its limits there, and under a lease."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ganbench import CellOutcome, CellProgress, CellTask, LocalExecutor, RunLock, StorageError, UsageError
from ganbench_ray.files import pack, unpack

_ASK_SECONDS = 0.5
_SCRATCH = "ganbench-ray-"
_LOCK = ".lock"
_STALE_SECONDS = 60.0
_executors: dict[float, LocalExecutor] = {}
"""The one of this Ray worker, by its grace: the next cell finds the harness imported. Its processes end with this one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """An attempt at a cell, as it is sent to a node."""

    task: CellTask
    lease: str
    grace_seconds: float
    folder: str
    """The current folder of the matrix, to which paths in settings are relative."""
    files: dict[str, str] = field(default_factory=dict)
    """The sha256 of each plugin file that the cell names."""
    sees_gpus: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Parcel:
    """What comes back."""

    outcome: CellOutcome
    files: bytes = b""
    """The run's directory, whatever its state."""
    printed: bytes = b""


def run(order: Order, files: bytes, mailbox: Any) -> Parcel:
    """Run a cell to its end, or until its lease is lost; what it wrote comes back, and nothing stays here.

    Args:
        order: what to run.
        files: what an earlier attempt has left.
        mailbox: the actor to report to.
    """
    if not order.sees_gpus:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    with contextlib.suppress(OSError):
        os.chdir(order.folder)
    if changed := [path for path, digest in order.files.items() if _digest(Path(path)) != digest]:
        reason = f"{changed[0]} is not on this node what it is on the matrix's machine"
        return Parcel(outcome=CellOutcome(name=order.task.name, state="failed", reason=reason))
    with _scratch() as folder:
        task = dataclasses.replace(order.task, directory=folder / order.task.directory.name, log=folder / "printed")
        if files:
            unpack(files, task.directory)
        outcome = _follow(task, order, mailbox)
        printed = task.log.read_bytes() if os.path.isfile(task.log) else b""
        return Parcel(outcome=outcome, files=pack(task.directory), printed=printed)


def _follow(task: CellTask, order: Order, mailbox: Any) -> CellOutcome:
    """Run the cell and report; every way out but its end ends its processes."""
    import ray

    executor = _executors.setdefault(order.grace_seconds, LocalExecutor(1, grace_seconds=order.grace_seconds))
    asked, stops, ask_at = mailbox.report.remote(order.lease, None), 0, 0.0
    progress: CellProgress | None = None
    try:
        executor.submit(task)
        while True:
            for happened in executor.wait():
                if isinstance(happened, CellOutcome):
                    return happened
                progress = happened
            if asked is None and time.monotonic() >= ask_at:
                asked, progress = mailbox.report.remote(order.lease, progress and dataclasses.asdict(progress)), None
            if asked is not None and ray.wait([asked], timeout=0)[0]:
                answer, asked, ask_at = asked, None, time.monotonic() + _ASK_SECONDS
                try:
                    wanted = ray.get(answer)
                except ray.exceptions.ActorUnavailableError:  # for now; one that has gone is another error
                    continue
                if wanted is None:
                    raise RuntimeError("its lease was taken back")
                for _ in range(wanted - stops):
                    executor.interrupt()
                stops = wanted
    except BaseException:
        _executors.pop(order.grace_seconds).close()
        raise


@contextlib.contextmanager
def _scratch() -> Iterator[Path]:
    """Yield a folder that is removed again, after those of attempts that were killed."""
    root = Path(tempfile.gettempdir())
    for left in root.glob(f"{_SCRATCH}*"):
        with contextlib.suppress(OSError, UsageError, StorageError):
            if time.time() - (left / _LOCK).stat().st_mtime > _STALE_SECONDS:  # a new one may be made just now, and not be locked yet
                with _locked(left):
                    shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=_SCRATCH))
    try:
        with _locked(folder):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    lock = RunLock(folder / _LOCK)
    lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _digest(path: Path) -> str:
    with contextlib.suppress(OSError):
        return hashlib.sha256(path.read_bytes()).hexdigest()
    return ""
