"""Where Triton keeps what it compiled: at home, and elsewhere for somebody who has none."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path


def provide_cache_folder() -> None:
    """Give Triton a folder where it would find none, for this process and those that it starts.

    Triton writes below ``~/.triton`` and fails where that cannot be made: a container, a service or a scheduler's job often has a user
    without a home. (Of a user whom the system does not know it makes a folder called ``~`` wherever the process is.) What
    ``TRITON_CACHE_DIR`` or ``TRITON_HOME`` say stands. Else the folder is ``triton`` below ``GANBENCH_CACHE``, and without that one of
    this process alone, gone at its end: in a shared folder a name that can be guessed would let others lay machine code there.
    """
    if os.environ.get("TRITON_CACHE_DIR") or os.environ.get("TRITON_HOME"):
        return
    home, stated = Path(os.path.expanduser("~")), os.environ.get("GANBENCH_CACHE", "")
    if home.is_absolute() and _can_be_written(home / ".triton" / "cache"):
        return
    folder = Path(os.path.expanduser(stated)).absolute() / "triton"
    if not stated or not _can_be_written(folder):
        folder = Path(tempfile.mkdtemp(prefix="triton-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ["TRITON_CACHE_DIR"] = str(folder)


def _can_be_written(folder: Path) -> bool:
    """Make a folder if need be, and tell whether files can be made in it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK | os.X_OK)
