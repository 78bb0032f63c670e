"""TOML of others: of accepted changes, and of a tree's pyproject.toml."""

from __future__ import annotations

import sys
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_MOST_PARTS = 5000
"""Of a dotted key: the parser's time and memory grow with the square."""


def parse_toml(text: str) -> dict[str, Any]:
    """Return what a text holds.

    Raises:
        ValueError: it is no TOML, or is nested deeper than the parser goes.
    """
    if any(line.count(".") > _MOST_PARTS for line in text.splitlines()):
        raise ValueError("it is nested too deeply")
    try:
        return dict(tomllib.loads(text))
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
