"""Where the files of a public dataset are: ``--data-root``, the system's folder, the cache, else the network.

Nothing here knows a format; the modules of the datasets say which files belong together.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import logging
import os
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from ganbench import DataContext, DataError, cache_directory

SYSTEM_FOLDER = Path("/usr/share/datasets")
"""Where Debian's data packages (``dataset-fashion-mnist``) put their files."""
_NETWORK_TIMEOUT_SECONDS = 30.0
_log = logging.getLogger("ganbench.download")


def candidate_folders(name: str, context: DataContext) -> list[Path]:
    """Return the folders that may hold a dataset, the first choice first.

    Args:
        name: the dataset, as the user types it.
        context: what the harness says of data.
    """
    roots = [] if context.data_root is None else [context.data_root, context.data_root / name]
    return [*roots, SYSTEM_FOLDER / name, download_folder(name)]


def download_folder(name: str) -> Path:
    """Return where a download of ``name`` is kept."""
    return cache_directory() / "datasets" / name


def download(name: str, files: Sequence[str], context: DataContext, fetch: Callable[[Path], object]) -> Path:
    """Fetch a dataset into the cache.

    Args:
        name: the dataset.
        files: what the user can put in place by hand instead.
        context: says whether the network may be asked.
        fetch: downloads into the folder that it is given and checks the checksums.

    Returns:
        The folder.

    Raises:
        DataError: no network, or a checksum that differs; names files and folder.
    """
    folder = download_folder(name)
    root = context.data_root or folder
    hint = f"put {', '.join(files)} into {root} (or name another folder by --data-root or GANBENCH_DATA)"
    if not context.download:
        raise DataError(f"{name} is not on this machine and downloading is switched off", hint=hint)
    _log.info("downloading %s to %s", name, folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _network_timeout(), contextlib.redirect_stdout(sys.stderr):
            fetch(folder)
    except Exception as error:  # urllib, ssl, http, tarfile and torchvision each have their own
        raise DataError(f"{name} is not on this machine and could not be downloaded ({one_line(error)})", hint=hint) from error
    return folder


def one_line(error: BaseException) -> str:
    """Return an error's type and first line, shortened to what fits in a message."""
    text = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    return f"{type(error).__name__}: {text[:160]}" if text else type(error).__name__


def require_checksum(path: Path, md5: str) -> None:
    """Compare a file with its published MD5.

    Raises:
        DataError: missing, unreadable or different.
    """
    try:
        if os.path.exists(path) and not os.path.isfile(path):
            raise OSError(errno.EINVAL, "it is a folder, a pipe or a device, and a file is wanted")
        with path.open("rb") as file:
            found = _md5(file.fileno())
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror})", hint="put the file there or delete its folder") from error
    if found != md5:
        raise DataError(f"{path} is damaged: its MD5 is {found}, published is {md5}", hint="delete it, then get it again")


def _md5(descriptor: int) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    while block := os.read(descriptor, 1 << 20):
        digest.update(block)
    return digest.hexdigest()


@contextlib.contextmanager
def _network_timeout() -> Iterator[None]:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_NETWORK_TIMEOUT_SECONDS)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
