"""The commit that lies checked out, as a history names it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from ganbench.errors import UsageError

UNKNOWN = "unknown"
"""What stands for a commit that nobody knows."""
DIRTY = "+dirty"
"""What follows a commit whose files were edited."""
_FORM = re.compile(r"[0-9a-f]{7,40}(\+dirty)?|unknown")
_DIGITS = 12


def current_commit(folder: Path = Path()) -> str:
    """Return the commit of the repository around a folder, with ``+dirty`` where tracked files were edited; ``unknown`` without one."""
    head = _git(folder, "rev-parse", "HEAD")
    if not head:
        return UNKNOWN
    return head[:_DIGITS] + (DIRTY if _git(folder, "status", "--porcelain", "--untracked-files=no") else "")


def checked_commit(text: str) -> str:
    """Return a commit as a history names it.

    Raises:
        UsageError: it is none.
    """
    if not _FORM.fullmatch(text):
        raise UsageError(f"a commit must be 7 to 40 hex digits in small letters (got {text!r})", hint="`git rev-parse HEAD` prints one")
    digits, plus, _ = text.partition("+")
    return digits[:_DIGITS] + (DIRTY if plus else "")


def commit_in_name(name: str) -> str:
    """Return the commit that a record's file name begins with; ``unknown`` where that is none."""
    text = name.partition("-")[0]
    return text if _FORM.fullmatch(text) else UNKNOWN


def _git(folder: Path, *arguments: str) -> str:
    """Return what git prints; nothing where there is no git, no repository or no commit."""
    try:
        done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
