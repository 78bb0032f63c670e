"""Files on this disk or behind an address of fsspec: which ones a pattern means, and bytes of them from any place."""

from __future__ import annotations

import glob
import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from ganbench import DataError

TAR, TABLE = (".tar",), (".parquet", ".arrow", ".feather")
_RANGE = re.compile(r"\{(\d+)\.\.(\d+)\}")
_BLOCK = 1 << 20
_SUMS = "SHA256SUMS"
_descriptors: dict[tuple[int, str], int] = {}
"""Of the files that a process reads, by its id: a descriptor has no position that two processes could share."""
_MOST_DESCRIPTORS = 64


def find_shards(root: str, only: str) -> tuple[str, ...]:
    """Return the shards that a user means, in the order of their names.

    Args:
        root: a folder, a shard, or an address of one.
        only: names in the folder, with ranges and wildcards; empty for all.

    Raises:
        ganbench.errors.DataError: there is none, or one of a range is missing.
    """
    found = [path for name in _each_of_a_range(only) for path in _matches(root, name)]
    shards = sorted({path for path in found if path.endswith(TAR + TABLE)})
    if not shards:
        raise DataError(f"shards: no shard at {root}", hint=f"shards end in {' '.join(TAR + TABLE)}")
    if len({path.endswith(TAR) for path in shards}) > 1:
        raise DataError(f"shards: tar files and tables lie side by side at {root}", hint="name those that you mean, as -o only=*.tar")
    return tuple(shards)


def is_remote(path: str) -> bool:
    """Return whether a path is an address of fsspec."""
    return "://" in path


def read_at(path: str, offset: int, size: int) -> bytes:
    """Return bytes from the middle of a file; fewer where it ends before. Safe from several processes.

    Raises:
        OSError: it cannot be read.
    """
    if is_remote(path):
        system, inner = _system_of(path)
        data: bytes = system.cat_file(inner, start=offset, end=offset + size)
        return data
    return os.pread(_descriptor(path), size, offset)


def opened(path: str) -> Any:
    """Return a file to read from anywhere in it.

    Raises:
        OSError: it cannot be opened.
    """
    if is_remote(path):
        system, inner = _system_of(path)
        return system.open(inner, "rb")
    return open(path, "rb")  # noqa: PTH123


def stamp(path: str) -> tuple[object, ...]:
    """Return what the file system says of a file: another stamp is another content."""
    if is_remote(path):
        system, inner = _system_of(path)
        return (path, system.size(inner), str(system.ukey(inner)))
    status = os.stat(path)
    return (os.path.realpath(path), status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


def verify(shards: tuple[str, ...]) -> None:
    """Compare every shard with the hashes beside it.

    Raises:
        ganbench.errors.DataError: one differs, or none is stated for it.
    """
    stated: dict[str, dict[str, str]] = {}
    for shard in shards:
        folder, _, name = shard.rpartition("/")
        if folder not in stated:
            stated[folder] = _read_sums(f"{folder}/{_SUMS}" if folder else _SUMS)
        wanted = stated[folder].get(name)
        if wanted is None:
            raise DataError(f"shards: {_SUMS} beside {shard} does not name it", hint="add it, or leave verify out")
        if _hash(shard) != wanted:
            raise DataError(f"shards: {shard} is not what {_SUMS} says", hint="fetch it again")


def _read_sums(path: str) -> dict[str, str]:
    try:
        with opened(path) as file:
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        raise DataError(f"shards: verify needs {path}", hint=f"make it with sha256sum, as `sha256sum *.tar > {_SUMS}`") from None
    return {PurePosixPath(words[1].lstrip("*")).name: words[0].lower() for line in lines if len(words := line.split(maxsplit=1)) == 2}


def _hash(path: str) -> str:
    digest = hashlib.sha256()
    with opened(path) as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _each_of_a_range(pattern: str) -> Iterator[str]:
    """Yield ``a-{08..10}.tar`` as three names, with as many digits as were written."""
    match = _RANGE.search(pattern)
    if match is None:
        yield pattern
        return
    for number in range(int(match[1]), int(match[2]) + 1):
        name = f"{pattern[: match.start()]}{number:0{len(match[1])}}{pattern[match.end() :]}"
        yield from _each_of_a_range(name)


def _matches(root: str, only: str) -> list[str]:
    """Return a shard, or those of a folder whose names match; all of it where ``only`` is empty."""
    if is_remote(root):
        system, inner = _system_of(root)
        if only:
            found = system.glob(f"{inner.rstrip('/')}/{only}")
        else:
            found = [inner] if system.isfile(inner) else system.ls(inner, detail=False) if system.isdir(inner) else []
        is_here = "file" in (system.protocol if isinstance(system.protocol, tuple) else (system.protocol,))
        matches = [str(path) if is_here else str(system.unstrip_protocol(path)) for path in found]
    else:
        path = os.path.expanduser(root)
        inside = [f"{path}/{name}" for name in os.listdir(path)] if os.path.isdir(path) else [path] * os.path.isfile(path)  # noqa: PTH208
        matches = glob.glob(f"{glob.escape(path)}/{only}") if only else inside  # noqa: PTH207
    if not matches:
        raise DataError(f"shards: {f'{root}/{only}' if only else root} is not there, or empty")
    return matches


def forget() -> None:
    """Close the files of this process; each is opened again when it is read."""
    for key in [key for key in _descriptors if key[0] == os.getpid()]:
        os.close(_descriptors.pop(key))


def _system_of(path: str) -> tuple[Any, str]:
    """Return the file system of an address, and the path in it.

    Raises:
        ganbench.errors.DataError: fsspec does not know it, or lacks a package for it.
    """
    try:
        from fsspec.core import url_to_fs

        system, inner = url_to_fs(path)
    except (ImportError, ValueError) as error:
        raise DataError(
            f"shards: {path.partition('://')[0]}:// cannot be read: {error}", hint="see fsspec's list of file systems"
        ) from None
    return system, str(inner)


def _descriptor(path: str) -> int:
    key = (os.getpid(), path)
    if key not in _descriptors:
        if len(_descriptors) >= _MOST_DESCRIPTORS:
            oldest = next(iter(_descriptors))
            os.close(_descriptors.pop(oldest))
        _descriptors[key] = os.open(path, os.O_RDONLY)
    return _descriptors[key]
