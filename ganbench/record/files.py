"""Files that are either the old one or the whole new one, whatever happens in between.

A file is written to a temporary name in its own folder, flushed, synced and renamed; then the folder is synced. What the operating system
refuses (a full disk, a quota, a read-only mount) becomes one :class:`ganbench.errors.StorageError` that says how to go on.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from ganbench.errors import StorageError, UsageError
from ganbench.text import resume_command

_TEMPORARY_SUFFIX = ".ganbench-tmp"
_NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NOT_WRITABLE = {errno.EROFS, errno.EACCES, errno.EPERM}


def write_bytes(path: Path, data: bytes) -> None:
    """Replace a file by ``data``, all or nothing.

    Args:
        path: the file; its folder must exist.
        data: the whole new content.

    Raises:
        StorageError: the disk is full or not writable; the old file is untouched.
    """
    with _open_atomic(path) as file:
        file.write(data)


def write_text(path: Path, text: str) -> None:
    """Replace a file by ``text`` in UTF-8, all or nothing; see :func:`write_bytes`.

    Bytes of a path that are no text, surrogates in Python, are written as ``\\udce9``, which JSON reads back.
    """
    write_bytes(path, text.encode(errors="backslashreplace"))


def write_output(path: Path, text: str, option: str) -> None:
    """Write a file that the user named with an option.

    Raises:
        UsageError: no file can be there.
        StorageError: the disk is full.
    """
    try:
        write_text(path, text)
    except StorageError as error:
        if isinstance(error.__cause__, OSError) and error.__cause__.errno in _NO_SPACE:
            raise
        raise UsageError(f"{option}: {error.what}", hint="write it elsewhere") from error


@contextlib.contextmanager
def _open_atomic(path: Path) -> Iterator[BinaryIO]:
    """Yield a binary file that takes the place of ``path``, whose folder must exist, when the block ends without an error.

    Raises:
        StorageError: the disk is full or not writable; the old file is untouched and nothing is left behind.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}{_TEMPORARY_SUFFIX}")
    with storage_errors(path):
        try:
            with temporary.open("xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
        sync_folder(path.parent)


@contextlib.contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn an ``OSError`` of the block into a :class:`StorageError` about ``path``.

    Libraries that write for us (torch.save) raise their own error while handling ours, so the chain of causes is searched too.
    """
    try:
        yield
    except (OSError, RuntimeError) as error:
        cause = _operating_system_error(error)
        if cause is None:
            raise
        raise StorageError(f"cannot write {path}: {cause.strerror or cause}", hint=_hint(path, cause)) from error


def sync_folder(folder: Path) -> None:
    """Make renames inside a folder survive a power cut, on file systems that allow it."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def open_own(path: Path, flags: int) -> int:
    """Open, or make, a file of a run directory that is written in place, and return its descriptor.

    Raises:
        UsageError: a link, a pipe or a device is in its place, and what it leads to is not the run's.
        OSError: it cannot be opened.
    """
    flags |= os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    with contextlib.suppress(FileNotFoundError):
        kind = path.lstat().st_mode
        if not (stat.S_ISREG(kind) or stat.S_ISDIR(kind)):  # a folder has an error of its own
            raise UsageError(f"{path} is no file of its own but a link, a pipe or a device", hint="remove it, whatever it leads to stays")
    return os.open(path, flags, 0o666)


def is_leftover(path: Path) -> bool:
    """Return whether a file is a temporary one that a killed writer left behind."""
    return path.name.startswith(".") and path.name.endswith(_TEMPORARY_SUFFIX)


def remove_leftovers(folder: Path) -> None:
    """Delete the temporary files that killed writers left below a folder. Call it only while nobody else writes there."""
    for path in folder.rglob(f".*{_TEMPORARY_SUFFIX}"):
        with contextlib.suppress(OSError):
            path.unlink()


def _operating_system_error(error: BaseException | None) -> OSError | None:
    """Return the nearest ``OSError`` with a number in the chain of causes."""
    while error is not None:
        if isinstance(error, OSError) and error.errno is not None:
            return error
        error = error.__cause__ or error.__context__
    return None


def _hint(path: Path, error: OSError) -> str:
    """Return what to do, naming the run that ``path`` belongs to."""
    run = next((parent for parent in path.parents[:2] if os.path.exists(parent / "config.toml")), None)
    then = f"`{resume_command(run)}`" if run else "try again"
    if error.errno in _NO_SPACE:
        return f"free space, then {then}"
    if error.errno in _NOT_WRITABLE:
        return f"make it writable, then {then}"
    return f"mend that, then {then}"
