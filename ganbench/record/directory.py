"""A run directory: where each file of a run lies, and the rules that keep a finished run safe.

::

    results/runs/20261121-035800-dcgan-digits-s0/
        config.toml           the resolved configuration; a run can be repeated from it alone
        record.json           the record; it exists if and only if the run came to its end (complete or diverged)
        partial_record.json   the record so far of a run that did not
        events.jsonl          every measured number, as it was measured
        log.txt  samples/  checkpoints/  curves.png  progress.png  progress.webp  .lock

One process at a time works on a run directory.

The lock is ``flock`` on an open file: the kernel drops it when its process dies, however it dies, so that it is never stale. Forked
children (data loading workers) close their copy, because an orphan would keep a killed run locked.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import re
import socket
import stat
import time
from datetime import datetime, timezone
from pathlib import Path

from ganbench.errors import StorageError, UsageError
from ganbench.record.files import is_leftover, open_own, remove_leftovers, storage_errors, sync_folder, write_text
from ganbench.record.record import RunRecord
from ganbench.record.serialise import to_json
from ganbench.text import resume_command

try:
    import fcntl
except ImportError:  # Windows: two processes must not be given one run
    fcntl = None  # type: ignore[assignment]

_UNSUPPORTED = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP}
_RETRY_SECONDS, _READERS_SECONDS = 0.001, 5.0
_held: set[int] = set()


class RunLock:
    """The lock of one run directory.

    Args:
        path: the lock file; made when missing, and left in place.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = -1

    def acquire(self) -> None:
        """Take the lock; where the file system knows no locks, go on without one.

        Raises:
            UsageError: another process holds it.
            StorageError: the lock file cannot be made.
        """
        with storage_errors(self.path):
            descriptor = open_own(self.path, os.O_RDWR)
            try:
                _lock_or_raise(descriptor, self.path)
                os.ftruncate(descriptor, 0)
                os.write(descriptor, f"process {os.getpid()} on {socket.gethostname()}\n".encode())
            except BaseException:
                os.close(descriptor)
                raise
        self._descriptor = descriptor
        _held.add(descriptor)

    def release(self) -> None:
        """Give the lock back; more than once does no harm."""
        if self._descriptor >= 0:
            _held.discard(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = -1


def _is_locked(path: Path) -> bool:
    """Return whether a living process holds the lock file ``path``."""
    if not os.path.isfile(path):
        return False
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        return not _try_lock(descriptor, shared=True)
    except OSError:
        return False
    finally:
        os.close(descriptor)


def _lock_or_raise(descriptor: int, path: Path) -> None:
    deadline = time.monotonic() + _READERS_SECONDS
    while not _try_lock(descriptor):
        if _try_lock(descriptor, shared=True) and time.monotonic() < deadline:  # only a reader that asks _is_locked at this very moment
            fcntl.flock(descriptor, fcntl.LOCK_UN)
            time.sleep(_RETRY_SECONDS)
            continue
        holder = os.read(descriptor, 200).decode(errors="replace").strip() or "another process"
        raise UsageError(f"{path.parent} is in use by {holder}", hint="wait for it, or stop that process first")


def _try_lock(descriptor: int, *, shared: bool = False) -> bool:
    if fcntl is None:
        return True
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise
    return True


def wait_for_lock(descriptor: int) -> None:
    """Lock an open file as soon as nobody else has it; where there are no locks, go on without one."""
    if fcntl is not None:
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)


def _close_in_child() -> None:
    for descriptor in tuple(_held):
        with contextlib.suppress(OSError):
            os.close(descriptor)
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_in_child)
DEFAULT_RUNS = Path("results") / "runs"
"""Where runs go and are looked for, below the current folder."""
_MARKS = ("config.toml", "record.json", "partial_record.json")
_SPACE_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EIO}


class RunDirectory:
    """The files of one run.

    Plain construction only reads; :meth:`create`, :meth:`create_at` and :meth:`resume` lock the directory until :meth:`close`.

    Args:
        path: the directory.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config_path = path / "config.toml"
        self.record_path = path / "record.json"
        self.partial_record_path = path / "partial_record.json"
        self.events_path = path / "events.jsonl"
        self.log_path = path / "log.txt"
        self.samples_path = path / "samples"
        self.checkpoints_path = path / "checkpoints"
        self.curves_path = path / "curves.png"
        self.progress_path = path / "progress.png"
        self._lock = RunLock(path / ".lock")

    @classmethod
    def create(cls, root: Path = DEFAULT_RUNS, *, name: str, dataset: str, seed: int, now: datetime | None = None) -> RunDirectory:
        """Make and lock ``<root>/<UTC time>-<name>-<dataset>-s<seed>``, with ``-2``, ``-3``, ... where that is taken.

        Args:
            root: folder of runs, made when missing.
            name: recipe or architecture, as the user named it.
            dataset: the dataset's name.
            seed: the run's seed.
            now: the moment in the name; None for the present.

        Raises:
            UsageError: the folder cannot be made there.
            StorageError: the disk is full.
        """
        moment = (now or datetime.now(timezone.utc)).astimezone(timezone.utc).strftime("%Y%m%d-%H%M%S")
        base = f"{moment}-{_slug(name)}-{_slug(dataset)}-s{seed}"
        make_folder(root)
        number, path = 1, root / base
        while not make_folder(path, exclusive=True):
            number += 1
            path = root / f"{base}-{number}"
        return cls(path)._lock_and_prepare()

    @classmethod
    def create_at(cls, path: Path) -> RunDirectory:
        """Make and lock a run directory at a given path, which must be absent or empty.

        Raises:
            UsageError: something is there already, or the folder cannot be made.
            StorageError: the disk is full.
        """
        cls.check_free(path)
        make_folder(path)
        return cls(path)._lock_and_prepare(must_be_free=True)

    @classmethod
    def resume(cls, name: str | Path) -> RunDirectory:
        """Lock the directory of the unfinished run that a path or a run id means.

        Raises:
            UsageError: no run is there, it is finished, or another process works on it.
            StorageError: it is not writable.
        """
        path = Path(name)
        if not is_run(path) and not os.path.exists(path):
            from ganbench.record.find import find_run

            path = find_run(str(name))
        run = cls(path)
        if not os.path.isfile(run.config_path):
            raise UsageError(f"{path} is not a run directory", hint="give the folder that holds the run's config.toml")
        run._refuse_finished()
        return run._lock_and_prepare()

    @staticmethod
    def check_free(path: Path) -> None:
        """Check that :meth:`create_at` may use a path.

        Raises:
            UsageError: it is a file, or a folder with something in it.
        """
        try:
            names = [entry.name for entry in path.iterdir() if not _is_of_a_killed_start(entry)] if os.path.exists(path) else []
        except OSError as error:
            raise UsageError(f"run directory {path} cannot be used: {error.strerror}", hint="choose another folder") from None
        if names:
            again = f", or continue it with `{resume_command(path)}`" if is_run(path) else ""
            raise UsageError(f"run directory {path} is not empty (it holds {min(names)})", hint=f"choose another folder{again}")

    @property
    def is_finished(self) -> bool:
        """Whether the run came to its end: ``record.json`` exists."""
        return os.path.exists(self.record_path)

    @property
    def is_active(self) -> bool:
        """Whether a living process works on it."""
        return _is_locked(self._lock.path)

    def write_partial(self, record: RunRecord) -> None:
        """Keep the record of a run that is under way, interrupted or failed.

        Raises:
            StorageError: the disk is full or not writable.
        """
        write_text(self.partial_record_path, to_json(record))

    def finish(self, record: RunRecord) -> None:
        """Write ``record.json``, which ends the run for good.

        Raises:
            ValueError: the record's status is neither complete nor diverged.
            UsageError: the run is finished already.
            StorageError: the disk is full or not writable.
        """
        if record.status not in ("complete", "diverged"):
            raise ValueError(f"status of a finished run must be complete or diverged (got {record.status!r})")
        self._refuse_finished()
        write_text(self.record_path, to_json(record))
        with contextlib.suppress(OSError):
            self.partial_record_path.unlink()

    def close(self) -> None:
        """Give the lock back; more than once does no harm."""
        self._lock.release()

    def __enter__(self) -> RunDirectory:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _refuse_finished(self) -> None:
        if self.is_finished:
            raise UsageError(f"{self.path} is finished, and a finished run is never overwritten", hint="start a new run")

    def _refuse_links(self) -> None:
        """Refuse a directory in which something leads elsewhere: whoever made it chose what would be overwritten there.

        Raises:
            UsageError: a folder below is a link, or a file that is written in place is one.
        """
        for path in (self._lock.path, self.events_path, self.log_path, self.samples_path, self.checkpoints_path):
            with contextlib.suppress(OSError):  # it is not there, or an error of its own will say so
                mode = path.lstat().st_mode
                if not (stat.S_ISDIR(mode) if path in (self.samples_path, self.checkpoints_path) else stat.S_ISREG(mode)):
                    hint = "a run writes in its own directory only; remove it, whatever it leads to stays"
                    raise UsageError(f"{path} is a link, or not what a run keeps there", hint=hint)

    def _lock_and_prepare(self, *, must_be_free: bool = False) -> RunDirectory:
        """Lock; clear what a killed writer left behind; make the folders below. Whatever leads elsewhere is refused before that."""
        self._refuse_links()
        self._lock.acquire()
        try:
            if must_be_free:
                self.check_free(self.path)
            self._refuse_finished()
            remove_leftovers(self.path)
            make_folder(self.samples_path)
            make_folder(self.checkpoints_path)
        except BaseException:
            self.close()
            raise
        sync_folder(self.path.parent)
        return self


def _is_of_a_killed_start(entry: Path) -> bool:
    """Return whether an entry is all that a run killed before its config.toml leaves: the lock, an empty folder, a temporary file."""
    if entry.name in ("samples", "checkpoints") and os.path.isdir(entry):
        return not any(entry.iterdir())
    return entry.name == ".lock" or is_leftover(entry)


class _LogFile(logging.FileHandler):
    """The run's log; a full disk costs its lines and puts no traceback on the screen, for the files that matter raise by themselves."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        pass

    def close(self) -> None:
        logging.getLogger().removeHandler(self)
        with contextlib.suppress(OSError):
            super().close()


def open_log(run: Path) -> logging.Handler:
    """Write every message from now on to a run's ``log.txt`` too, until the handler is closed; a run without a log goes on."""
    handler: logging.Handler = logging.NullHandler()
    with contextlib.suppress(OSError):
        handler = _LogFile(RunDirectory(run).log_path, encoding="utf-8", errors="backslashreplace")
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
        logging.getLogger().addHandler(handler)
    return handler


def is_run(path: Path) -> bool:
    """Return whether a folder holds a run."""
    return os.path.isdir(path) and any(os.path.isfile(path / mark) for mark in _MARKS)


def make_folder(path: Path, *, exclusive: bool = False) -> bool:
    """Make a folder and its parents; return False where ``exclusive`` and it exists."""
    try:
        path.mkdir(parents=True, exist_ok=not exclusive)
    except OSError as error:
        if exclusive and isinstance(error, FileExistsError):
            return False
        kind = StorageError if error.errno in _SPACE_ERRORS else UsageError
        raise kind(f"cannot make the folder {path}: {error.strerror}", hint="choose another folder for the run") from None
    return True


def _slug(text: str) -> str:
    """Return ``text`` as one part of a file name."""
    slug = re.sub(r"[^A-Za-z0-9_+.]+", "-", text).strip("-.")
    return slug[-60:].strip("-.") or "run"


def run_directory_name(path: Path) -> str:
    """Return a run directory as a command line would name it."""
    with contextlib.suppress(ValueError):
        return str(path.resolve().relative_to(Path.cwd()))
    return str(path)
