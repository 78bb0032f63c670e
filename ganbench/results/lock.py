"""One process at a time works on a run directory.

The lock is ``flock`` on an open file: the kernel drops it when its process dies, however it dies, so that it is never stale. Forked
children (data loading workers) close their copy, because an orphan would keep a killed run locked.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import socket
import time
from pathlib import Path

from ganbench.errors import UsageError
from ganbench.results.atomic import storage_errors

_UNSUPPORTED = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP}
_RETRY_SECONDS = 0.05
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
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o666)
            try:
                _lock_or_raise(descriptor, self.path)
                os.ftruncate(descriptor, 0)
                os.pwrite(descriptor, f"process {os.getpid()} on {socket.gethostname()}\n".encode(), 0)
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


def is_locked(path: Path) -> bool:
    """Return whether a living process holds the lock file ``path``."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        return not _try_lock(descriptor, fcntl.LOCK_SH)
    except OSError:
        return False
    finally:
        os.close(descriptor)


def _lock_or_raise(descriptor: int, path: Path) -> None:
    if _try_lock(descriptor):
        return
    time.sleep(_RETRY_SECONDS)  # a reader may be asking is_locked at this very moment
    if not _try_lock(descriptor):
        holder = os.pread(descriptor, 200, 0).decode(errors="replace").strip() or "another process"
        raise UsageError(f"{path.parent} is in use by {holder}", hint="wait for it, or stop that process first")


def _try_lock(descriptor: int, operation: int = fcntl.LOCK_EX) -> bool:
    try:
        fcntl.flock(descriptor, operation | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise
    return True


def _close_in_child() -> None:
    for descriptor in tuple(_held):
        with contextlib.suppress(OSError):
            os.close(descriptor)
    _held.clear()


os.register_at_fork(after_in_child=_close_in_child)
