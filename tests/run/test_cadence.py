"""When something is due: at each multiple, once, whatever the step, and at the end."""

from __future__ import annotations

import pytest

from ganbench.run.clock import Cadence


def moments(every: float, total: int, step: int, start: int = 0) -> list[int]:
    """Return the images seen at which a run of steps finds it due."""
    cadence, due, seen = Cadence(every, total), [], start
    while seen < total:
        if cadence.is_due(seen, seen + step):
            due.append(seen + step)
        seen += step
    return due


@pytest.mark.parametrize(
    ("every", "total", "step", "expected"),
    [
        (250, 1000, 50, [250, 500, 750, 1000]),
        (250, 1000, 64, [256, 512, 768, 1024]),
        (250, 1000, 300, [300, 600, 900, 1200]),
        (100, 1000, 400, [400, 800, 1200]),
        (5000, 1000, 100, [1000]),
        (1000, 1000, 1000, [1000]),
        (1000, 1000, 4000, [4000]),
        (300, 1000, 100, [300, 600, 900, 1000]),
    ],
)
def test_each_multiple_is_reached_once_and_the_end_counts(every: float, total: int, step: int, expected: list[int]) -> None:
    """A step that passes several multiples is due once."""
    assert moments(every, total, step) == expected


@pytest.mark.parametrize("total", [1000, 12_800, 33_333, 99_999])
@pytest.mark.parametrize("parts", [3, 4, 7, 200])
def test_a_divided_budget_is_due_that_many_times(total: int, parts: int) -> None:
    """Rounding of total / parts adds none at the end and loses none."""
    assert len(moments(total / parts, total, 1)) == parts


def test_a_resumed_run_does_it_at_the_same_moments() -> None:
    """It depends on the images seen and on nothing else."""
    whole = moments(700, 10_000, 64)
    for start in (64, 640, 704, 6400):
        assert moments(700, 10_000, 64, start) == [m for m in whole if m > start]


def test_a_distance_below_one_image_means_every_step() -> None:
    """And not a division by zero."""
    assert moments(0.0, 5, 1) == [1, 2, 3, 4, 5]
