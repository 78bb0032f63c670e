"""The collapse flag: what it is held against, and what it never is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ganbench.record.record import Evaluation, are_alike, has_collapsed
from ganbench.report.run_columns import _status_note

NAN = float("nan")


@pytest.fixture
def evaluations(make_value: Callable[..., Any]) -> Callable[..., tuple[Evaluation, ...]]:
    """Return a function that makes the evaluations of a run; the first is of the untrained network."""

    def build(*values: float, diversity: float | None = None, **fields: Any) -> tuple[Evaluation, ...]:
        fields = {"floor": None, **fields}
        return tuple(
            Evaluation(samples_seen=1000 * i, training_seconds=float(i), values=(make_value(v, **fields),), diversity=diversity)
            for i, v in enumerate(values)
        )

    return build


@pytest.mark.parametrize(
    ("values", "higher_is_better", "spread", "collapsed"),
    [
        ((80.0, 20.0, 12.0, 13.0), False, 0.5, False),
        ((80.0, 20.0, 12.0, 24.5), False, 0.5, True),
        ((80.0, 20.0, 12.0, 24.5), False, 30.0, False),
        ((80.0, 20.0, 12.0, NAN), False, 0.5, True),
        ((80.0, NAN, NAN), False, 0.5, True),
        ((NAN, NAN, NAN), False, 0.5, False),
        ((NAN, NAN), True, 0.5, False),
        ((1.0, 4.0, 8.0, 5.0), True, 0.5, False),
        ((1.0, 4.0, 8.0, 3.5), True, 0.5, True),
        ((1.0, 4.0, 8.0, 3.5), True, 5.0, False),
        ((80.0,), False, 0.5, False),
        ((), False, 0.5, False),
    ],
)
def test_collapse_is_twice_as_bad_as_the_best_and_beyond_the_spread(
    evaluations: Callable[..., Any], values: tuple[float, ...], higher_is_better: bool, spread: float, collapsed: bool
) -> None:
    """Of the first metric, at the end of the run."""
    assert has_collapsed(evaluations(*values, spread=spread, higher_is_better=higher_is_better)) is collapsed


@pytest.mark.parametrize(
    ("values", "fields", "collapsed"),
    [
        ((50.0, -0.002, -0.0015), {}, False),
        ((100.0, -8.2, -7.1), {}, False),
        ((100.0, -8.2, -7.1), {"floor": 0.5, "floor_splits": (-10.0, 11.0)}, False),
        ((100.0, -8.2, 90.0), {"floor": 0.5, "floor_splits": (-10.0, 11.0)}, True),
        ((0.01, 0.0001, 0.0004), {"floor": 0.0001, "floor_splits": (-0.001, 0.0012)}, False),
        ((0.0, 0.4, 0.45), {"floor": 0.45, "floor_splits": (0.44, 0.46)}, False),
        ((0.0, 0.2, 0.45), {"floor": 0.45, "floor_splits": (0.44, 0.46)}, False),
        ((0.05, 0.19), {}, False),
        ((-5.0, -9.0, -20.0), {"higher_is_better": True}, False),
    ],
)
def test_no_ratio_is_taken_of_the_untrained_network_nor_at_or_below_zero(
    evaluations: Callable[..., Any], values: tuple[float, ...], fields: dict[str, Any], collapsed: bool
) -> None:
    """A kernel distance around zero, a share that rises to that of real samples, a similarity that does."""
    assert has_collapsed(evaluations(*values, **{"spread": 0.0, **fields})) is collapsed


def test_samples_that_are_alike_are_told_whatever_the_first_metric_says(
    evaluations: Callable[..., Any], make_record: Callable[..., Any]
) -> None:
    """From the first step to the last; an untrained network alone has not collapsed, and an older record says nothing of it."""
    constant = evaluations(80.0, 79.0, 78.0, diversity=0.01)
    assert are_alike(constant)
    assert has_collapsed(constant)
    assert not has_collapsed(constant[:1])
    assert not has_collapsed(evaluations(80.0, 79.0, diversity=0.6))
    assert not has_collapsed(evaluations(80.0, 79.0))
    record = make_record(evaluations=constant, collapsed=True)
    assert _status_note(record) == "collapsed: complete, but its images are alike, 0.01 of what real ones differ by"


def test_the_best_is_never_the_untrained_network(make_record: Callable[..., Any], evaluations: Callable[..., Any]) -> None:
    """An untrained generator memorises nothing and is as varied as noise; where it is all that was measured it is shown."""
    record = make_record(evaluations=evaluations(0.0, 0.4, 0.45))
    assert record.best("fd1k_digits").value == 0.4
    assert make_record(evaluations=evaluations(0.0)).best("fd1k_digits").value == 0.0
