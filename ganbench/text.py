"""Numbers as readers want them (few digits, and never a rounded zero), and text that does no harm where it is shown or pasted."""

from __future__ import annotations

import math
import os
import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_LONGEST_WORD = 400
_LONGEST_TEXT = 4000


def number(value: float, digits: int = 4) -> str:
    """Return ``value`` with significant digits and no exponent where it can be read without: ``1,234``, ``12.34``, ``0.001234``."""
    if not math.isfinite(value):
        return str(value)
    if abs(value) >= 1e7 or 0 < abs(value) < 1e-4:
        return f"{value:.{digits - 1}e}"
    rounded = abs(float(f"{value:.{digits}g}"))
    before_point = len(str(int(rounded)))
    if rounded >= 1 or value == 0:
        return f"{value:,.{max(0, digits - before_point)}f}"
    return f"{value:.{digits - 1 - math.floor(math.log10(rounded))}f}"


def plain(value: float, digits: int = 4) -> str:
    """Return ``value`` as :func:`number` does, without zeros at the end: ``100`` for 100.0."""
    text = number(value, digits)
    return text.rstrip("0").rstrip(".") if "." in text and "e" not in text else text


def count(value: int) -> str:
    """Return a count in three digits with its unit: ``3.58M``."""
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= 0.9995 * size:
            return f"{value / size:.3g}{unit}" if value < 999.5 * size else f"{value / size:.0f}{unit}"
    return str(value)


def mib(value: float) -> str:
    """Return a size: ``512 MiB``, ``1.25 GiB``."""
    return f"{value:.0f} MiB" if value < 1024 else f"{value / 1024:.3g} GiB"


def seconds(value: float) -> str:
    """Return a duration: ``0.35 s``, ``12.3 s``, ``2 min 05 s``, ``3 h 04 min``."""
    if not 99.95 <= value < math.inf:
        return f"{value:.3g} s"
    minutes, rest = divmod(round(value), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 100 else f"{minutes // 60} h {minutes % 60:02d} min"


def with_spread(value: float, spread: float) -> str:
    """Return ``12.34 ±0.56``; the bare value where the spread is 0. What the spread is of, a note must say."""
    if not (math.isfinite(value) and spread > 0):
        return number(value)
    return f"{number(value)} ±{number(spread, 2)}"


def clean(text: str) -> str:
    """Return text on one line without control characters: a name in a record must not steer a terminal."""
    return text if text.isprintable() else "".join(c if c.isprintable() else " " if c.isspace() else "?" for c in text)


def shortened(text: str) -> str:
    """Return text in which what is absurdly long, a word or the whole, has lost its middle."""
    words = (_without_middle(word, _LONGEST_WORD) for word in text.split(" "))
    return _without_middle(" ".join(words), _LONGEST_TEXT)


def _without_middle(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most // 2]}...({len(text):,} characters)...{text[-most // 4 :]}"


def resume_command(run: Path, *more: str) -> str:
    """Return the command that goes on with a run, as one can paste it into a shell, whatever the folder is called."""
    return " ".join(("ganbench run --resume", quoted(run), *more))


def quoted(path: Path) -> str:
    """Return a path as a shell takes it for exactly that; bash, where it holds more than letters."""
    text = f"./{path}" if str(path).startswith("-") else str(path)
    if text.isprintable():
        return shlex.quote(text)
    parts = (c if c.isprintable() and c not in "\\'" else "".join(f"\\x{byte:02x}" for byte in os.fsencode(c)) for c in text)
    return f"$'{''.join(parts)}'"
