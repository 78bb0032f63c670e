"""Where ganbench keeps what it can make again: scans, reference statistics, downloads."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path


def cache_directory() -> Path:
    """Return ``GANBENCH_CACHE``, or the platform's cache folder for ganbench; it need not exist."""
    import platformdirs

    stated = os.environ.get("GANBENCH_CACHE", "")
    return Path(stated).expanduser() if stated else Path(platformdirs.user_cache_dir("ganbench", appauthor=False))


def keep(path: Path, data: bytes) -> None:
    """Write a file of the cache, all or nothing; its folder is made if need be.

    Nothing is synced to the disk: a cached file is checked when it is read, and can be made again.

    Args:
        path: the file.
        data: its whole content.

    Raises:
        OSError: it cannot be written; nothing is left behind.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
