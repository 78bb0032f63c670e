"""Copies are memorised, new images are not more often than held-out ones, and equal distances do not count."""

import pytest
import torch

from ganbench.evaluation.protocol import SampleSet
from ganbench.evaluation.statistics import FeatureStatistics
from ganbench_metrics import MemorisedOptions
from ganbench_metrics.memorised import build_memorised, memorised

LINE = torch.tensor([[0.0], [10.0], [13.0], [100.0]])
"""Distances to the nearest other: 10, 3, 3, 87."""


def normal(count, seed, dims=6):
    return torch.randn(count, dims, generator=torch.Generator().manual_seed(seed))


def share(train, fake, factor=1.0):
    sides = [SampleSet(statistics=FeatureStatistics(train.shape[1]), features=one) for one in (train, fake)]
    (value,) = build_memorised(MemorisedOptions(factor=factor)).compute(*sides)
    return value


@pytest.mark.parametrize(
    ("at", "factor", "expected"),
    [
        (0.0, 1.0, True),
        (4.9, 1.0, True),
        (5.1, 1.0, False),  # nearer to 10 now, whose neighbour is 3 away
        (7.0, 1.0, False),  # exactly as far as that neighbour
        (7.5, 1.0, True),
        (7.5, 0.5, False),
        (10.0, 0.01, True),
        (11.5, 1.0, True),
        (16.0, 1.0, False),
        (16.0, 1.01, True),
        (-30.0, 1.0, False),
        (-30.0, 3.5, True),
        (180.0, 1.0, True),
        (187.0, 1.0, False),
    ],
)
def test_the_nearest_train_images_own_neighbour_decides(at, factor, expected):
    """On a line, where every distance is plain."""
    assert memorised(LINE, torch.tensor([[at]]), factor).tolist() == [expected]


def test_copies_are_memorised_and_far_images_are_not():
    """Also copies with a little noise."""
    train = normal(300, 0)
    assert share(train, train) == 1.0
    assert share(train, train + 1e-3 * normal(300, 1)) == 1.0
    assert share(train, train + 100) == 0.0


def test_half_copies_raise_the_share_by_half_of_what_is_left():
    """New images of the same distribution have a share of their own, which held-out ones measure."""
    train, new, held_out = normal(500, 0), normal(400, 1), normal(400, 2)
    control = share(train, held_out)
    assert 0.2 < control < 0.6
    assert share(train, new) == pytest.approx(control, abs=0.1)
    assert share(train, torch.cat([train[:200], new[:200]])) == pytest.approx((1 + control) / 2, abs=0.08)


def test_nothing_is_nearer_than_a_twin():
    """A train image that is there twice has a neighbour at distance 0."""
    twins = torch.cat([LINE, LINE])
    assert not bool(memorised(twins, twins, 1.0).any())


def test_the_held_out_images_are_its_control():
    """And a factor that is no distance is refused."""
    assert build_memorised(MemorisedOptions()).needs.held_out == "control"
    assert build_memorised(MemorisedOptions(factor=0.5)).parameters() == {"factor": 0.5}
    for factor in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="factor must be above 0 and finite"):
            MemorisedOptions(factor=factor)
