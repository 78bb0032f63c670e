"""Where ganbench keeps what it can make again: scans, reference statistics, downloads."""

from __future__ import annotations

import os
from pathlib import Path


def cache_directory() -> Path:
    """Return ``GANBENCH_CACHE``, or the platform's cache folder for ganbench; it need not exist."""
    import platformdirs

    stated = os.environ.get("GANBENCH_CACHE", "")
    return Path(stated).expanduser() if stated else Path(platformdirs.user_cache_dir("ganbench", appauthor=False))
