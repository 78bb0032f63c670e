"""Reading files that somebody else may have put there. Whether there is one, ask ``os.path.isfile``, which never raises."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path


def read_file(path: Path) -> bytes:
    """Return the content of a file; a pipe, a socket or a device, whose end may never come, is refused without waiting for it.

    Raises:
        OSError: it cannot be read, or is none.
    """
    kind = os.stat(path).st_mode
    if not (stat.S_ISREG(kind) or stat.S_ISDIR(kind)):  # a folder has an error of its own
        raise OSError(errno.EINVAL, "it is a pipe, a socket or a device, and a file is wanted", str(path))
    return path.read_bytes()
