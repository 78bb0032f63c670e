"""Where each setting of a run came from, which ``config.toml`` says behind each value."""

from __future__ import annotations

import json
import os
from pathlib import Path

from ganbench import read_file

_MARK = " # "


def read_sources(config: Path) -> dict[str, str]:
    """Return the source of each setting by its path; nothing where the file is missing or older, and tells none.

    Args:
        config: the ``config.toml`` of a run.
    """
    try:
        lines = read_file(config).decode(errors="replace").splitlines() if os.path.isfile(config) else []
    except OSError:
        return {}
    found, table = {}, ""
    for line in lines:
        if line.startswith("["):
            table = f"{line.strip()[1:-1]}."
        elif " = " in line and not line.startswith("#"):
            key, _, rest = line.partition(" = ")
            if source := _behind(rest):
                found[table + key] = source
    return found


def _behind(text: str) -> str:
    """Return the comment behind a value. Values are JSON's too, so that a ``#`` in a string ends none; but for nan and inf."""
    try:
        _, end = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        end = 0
    return text[end:].partition(_MARK)[2].strip()
