"""A series as a line of blocks, for any terminal."""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Sequence

_BLOCKS = "▁▂▃▄▅▆▇█"
_ASCII = "_.-=+*#@"
_DIVERGED = "x"


def sparkline(values: Sequence[float], *, width: int = 30, ascii_only: bool = False) -> str:
    """Return one block for each value, the lowest for the smallest; ``x`` for what is no number.

    Args:
        values: oldest first.
        width: the most blocks; of more values each block is the median of its share.
        ascii_only: use only what every encoding has.
    """
    blocks = _ASCII if ascii_only else _BLOCKS
    edges = [i * len(values) // width for i in range(width + 1)]
    shown = [_middle(values[a:b]) for a, b in itertools.pairwise(edges)] if len(values) > width else values
    finite = [value for value in shown if math.isfinite(value)]
    low, high = min(finite, default=0.0), max(finite, default=0.0)
    return "".join(_block(value, low, high, blocks) for value in shown)


def _middle(values: Sequence[float]) -> float:
    finite = [value for value in values if math.isfinite(value)]
    return statistics.median(finite) if finite else math.nan


def _block(value: float, low: float, high: float, blocks: str) -> str:
    if not math.isfinite(value):
        return _DIVERGED
    share = (value - low) / (high - low) if high > low else 0.5
    return blocks[min(len(blocks) - 1, int(share * len(blocks)))]
