"""A run's directory as bytes, and back into its place: the whole directory, or nothing of it."""

from __future__ import annotations

import contextlib
import io
import os
import secrets
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from ganbench import RunDirectory, RunLock, StorageError, UsageError, storage_errors

_ARRIVING = ".arriving"
"""Folder, inside the matrix's, of what is being unpacked."""
_LOCK = ".lock"


def pack(directory: Path) -> bytes:
    """Return the files of a directory, without its lock and without what leads elsewhere; nothing where there are none."""
    if not os.path.isdir(directory):
        return b""
    paths = [path for path in sorted(directory.rglob("*")) if not path.is_symlink() and path.name != _LOCK]
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path in filter(lambda one: os.path.isdir(one) or os.path.isfile(one), paths):
            archive.add(path, arcname=path.relative_to(directory).as_posix(), recursive=False)
    return buffer.getvalue() if paths else b""


def unpack(data: bytes, directory: Path) -> None:
    """Write the files that :func:`pack` read, each to the disk before this returns.

    Raises:
        ValueError: a name leads out of the directory.
        OSError: the disk is full or not writable.
    """
    directory.mkdir(parents=True)
    if not data:
        return
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        for member in archive:
            name = PurePosixPath(member.name)
            if name.is_absolute() or ".." in name.parts:
                raise ValueError(f"a file of a run must lie in its directory (got {member.name!r})")
            path = directory / name
            if member.isdir():
                path.mkdir(parents=True, exist_ok=True)
            elif member.isreg() and (content := archive.extractfile(member)) is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
                with path.open("xb") as file:
                    shutil.copyfileobj(content, file, 1 << 20)
                    file.flush()
                    os.fsync(file.fileno())
                os.utime(path, (member.mtime, member.mtime))


class Place:
    """Where a cell's run goes on this machine, locked for one attempt: nobody else runs this cell, or writes there, meanwhile.

    Args:
        directory: of the run; made when missing.

    Raises:
        UsageError: another process works on it, or it is finished.
        StorageError: it cannot be made.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        with storage_errors(directory):
            directory.mkdir(parents=True, exist_ok=True)
        self._lock = RunLock(directory / _LOCK)
        self._lock.acquire()
        if RunDirectory(directory).is_finished:
            self._lock.release()
            raise UsageError(f"{directory} is finished, and a finished run is never overwritten")

    def read(self) -> bytes:
        """Return what an unfinished run has left there."""
        return pack(self.directory)

    def put(self, data: bytes) -> None:
        """Put what an attempt has left in the place of what was there.

        Raises:
            StorageError: the disk is full; what was there is untouched.
        """
        if not data:
            return
        arriving = self.directory.parent / _ARRIVING / f"{secrets.token_hex(4)}-{self.directory.name}"
        with storage_errors(self.directory):
            try:
                arriving.mkdir(parents=True)
                with _locked(arriving):
                    unpack(data, arriving / "new")
                    self.directory.rename(arriving / "old")
                    (arriving / "new").rename(self.directory)
            except BaseException:
                _put_back(arriving, self.directory)
                raise
            finally:
                _remove(arriving)

    def leave(self) -> None:
        """Give the place back; a directory in which nothing has come is removed."""
        self._lock.release()
        with contextlib.suppress(OSError):
            if [path.name for path in self.directory.iterdir()] == [_LOCK]:
                (self.directory / _LOCK).unlink()
                self.directory.rmdir()


def mend(folder: Path) -> None:
    """Undo what a killed process had half done in a matrix's folder.

    Args:
        folder: of the matrix; a shard of it that runs just now holds its own locks.
    """
    for arriving in sorted((folder / _ARRIVING).iterdir()) if os.path.isdir(folder / _ARRIVING) else ():
        with contextlib.suppress(UsageError, StorageError, OSError):
            if os.path.exists(arriving / _LOCK):  # else a shard has just made it
                with _locked(arriving):
                    _put_back(arriving, folder / arriving.name.partition("-")[2])
                    _remove(arriving)


def _put_back(arriving: Path, directory: Path) -> None:
    with contextlib.suppress(OSError):
        if not os.path.exists(directory):
            (arriving / "old").rename(directory)


def _remove(arriving: Path) -> None:
    shutil.rmtree(arriving, ignore_errors=True)
    with contextlib.suppress(OSError):
        arriving.parent.rmdir()


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    lock = RunLock(folder / _LOCK)
    lock.acquire()
    try:
        yield
    finally:
        lock.release()
