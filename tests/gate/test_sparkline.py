"""A series in one line."""

from __future__ import annotations

import io
import math

import pytest

from ganbench import print_text
from ganbench_gate.trend_document import _sparkline


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], ""),
        ([1.0], "▅"),
        ([1.0, 1.0], "▅▅"),
        ([0.0, 1.0], "▁█"),
        ([0, 1, 2, 3, 4, 5, 6, 7], "▁▂▃▄▅▆▇█"),
        ([1.0, math.nan, 2.0, math.inf], "▁x█x"),
        ([math.nan], "x"),
    ],
)
def test_blocks_follow_the_values(values: list[float], expected: str) -> None:
    """From the smallest to the largest; what is no number is an x."""
    assert _sparkline(values) == expected


def test_a_long_series_is_made_short() -> None:
    """Each block is the median of its share, so one odd value is not seen and a level is."""
    values = [0.0] * 50 + [1.0] * 50
    values[10] = 1.0
    assert _sparkline(values, width=10) == "▁" * 5 + "█" * 5


def test_any_stream_can_hold_it() -> None:
    """One without the blocks gets signs of the same order."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    print_text(_sparkline([0, 1, 2, 3, 4, 5, 6, 7, math.nan]), stream)
    assert stream.buffer.getvalue() == b"_.-=+*#@x"
