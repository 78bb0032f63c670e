"""Where ganbench keeps what it can make again: scans, reference statistics, downloads."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import sys
import time
from pathlib import Path

from ganbench.errors import UsageError

_DAY = 86400.0


def cache_directory() -> Path:
    """Return ``GANBENCH_CACHE``, or the platform's cache folder for ganbench; it need not exist.

    Raises:
        UsageError: it would lie in a home folder, and there is none.
    """
    stated = os.environ.get("GANBENCH_CACHE", "")
    try:
        return Path(stated).expanduser() if stated else _platform_cache_directory(sys.platform)
    except RuntimeError:  # of expanduser: neither HOME nor the system knows
        raise UsageError("this user has no home folder to keep a cache in", hint="set GANBENCH_CACHE to a folder") from None


def _platform_cache_directory(platform: str) -> Path:
    """Return where a platform wants what can be made again.

    Args:
        platform: as ``sys.platform`` names it.

    Returns:
        ``~/Library/Caches/ganbench`` on macOS, ``%LOCALAPPDATA%\\ganbench\\Cache`` on Windows; elsewhere ``ganbench`` below
        ``XDG_CACHE_HOME`` (if that is an absolute path, as its specification demands) or ``~/.cache``.
    """
    if platform == "darwin":
        return Path("~/Library/Caches/ganbench").expanduser()
    if platform == "win32":
        local = os.environ.get("LOCALAPPDATA", "").strip()
        return (Path(local) if local else Path("~/AppData/Local").expanduser()) / "ganbench" / "Cache"
    stated = os.environ.get("XDG_CACHE_HOME", "").strip()
    return (Path(stated) if Path(stated).is_absolute() else Path("~/.cache").expanduser()) / "ganbench"


def keep_in_cache(path: Path, data: bytes) -> None:
    """Write a file of the cache, all or nothing; its folder is made if need be.

    Nothing is synced to the disk: a cached file is checked when it is read, and can be made again.

    Args:
        path: the file.
        data: its whole content.

    Raises:
        OSError: it cannot be written; nothing is left behind.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    clear_leftovers(path.parent)
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def clear_leftovers(folder: Path) -> None:
    """Delete what killed writers left in a folder of the cache: hidden files and folders that nobody has changed for a day."""
    for path in folder.glob(".*"):
        with contextlib.suppress(OSError):
            if time.time() - path.lstat().st_mtime > _DAY:
                shutil.rmtree(path) if os.path.isdir(path) and not path.is_symlink() else path.unlink()
