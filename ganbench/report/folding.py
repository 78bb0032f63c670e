"""Long names in narrow columns."""

from __future__ import annotations

import re

_PIECES = re.compile(r"[^\s._/-]*[\s._/-]|[^\s._/-]+")


def folded(text: str, width: int) -> tuple[str, ...]:
    """Return a text in lines of at most ``width`` characters, at least one; folded behind blanks, dots and dashes where there are any.

    Args:
        text: without line feeds.
        width: 1 or more.
    """
    lines = [""]
    for piece in _PIECES.findall(text):
        for part in (piece[i : i + width] for i in range(0, len(piece), width)):
            if len((lines[-1] + part).rstrip()) > width:
                lines.append("")
            lines[-1] += part
    return tuple(line.strip() for line in lines)
