"""The sliced Wasserstein distance equals its definition on the draws of public code, and closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.stats import wasserstein_distance

from ganbench.evaluation.protocol import SampleSet
from ganbench_metrics import SlicedWassersteinOptions, sliced_wasserstein
from ganbench_metrics.sliced_wasserstein import build_sliced_wasserstein

Options = SlicedWassersteinOptions


def features_of(count: int, dims: int, seed: int) -> torch.Tensor:
    return torch.randn(count, dims, generator=torch.Generator().manual_seed(seed))


def measured(fake: torch.Tensor, real: torch.Tensor, **options: int) -> float:
    (value,) = build_sliced_wasserstein(Options(**options)).compute(SampleSet(features=real), SampleSet(features=fake))
    return value


def by_definition(fake: torch.Tensor, real: torch.Tensor, directions: int, seed: int) -> float:
    """Return equation 3 of the article in NumPy, with the draws of torch-fidelity: the larger side's samples, then the directions."""
    stream, count = torch.Generator(device="cpu").manual_seed(seed), min(len(fake), len(real))
    sides = []
    for side in (fake, real):
        chosen = torch.randperm(len(side), generator=stream)[:count] if len(side) > count else torch.arange(count)
        sides.append(side.double().numpy()[chosen.numpy()])
    total = 0.0
    for direction in torch.randn(directions, fake.shape[1], generator=stream).double().numpy():
        unit = direction / np.linalg.norm(direction)
        ordered = [np.sort(side @ unit) for side in sides]
        total += float(((ordered[0] - ordered[1]) ** 2).mean())
    return 3 * fake.shape[1] * total / directions


@pytest.mark.parametrize(("fakes", "reals"), [(40, 40), (40, 61), (61, 40)])
@pytest.mark.parametrize("directions", [1, 250])
def test_it_equals_the_definition(fakes: int, reals: int, directions: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """With as many samples on each side, and with more on either; more directions and rows than one block has."""
    monkeypatch.setattr(sliced_wasserstein, "_ROWS", 7)
    fake, real = features_of(fakes, 9, 1) * 1.3, features_of(reals, 9, 2) + 0.4
    expected = by_definition(fake, real, directions, 7)
    assert measured(fake, real, num_directions=directions, seed=7) == pytest.approx(expected, rel=1e-6)


def test_equal_samples_are_at_0_in_any_order() -> None:
    """Optimal transport does not look at the order."""
    fake = features_of(50, 6, 3)
    assert measured(fake, fake.flip(0)) == pytest.approx(0, abs=1e-12)


def test_a_shift_costs_three_times_its_square() -> None:
    """The mean squared cosine of a direction is 1 / D, which the factor 3 D makes 3; here within the error of 1,000 directions."""
    real = features_of(30, 8, 4)
    shift = torch.full((8,), 0.5)
    assert measured(real + shift, real) == pytest.approx(3 * 8 * 0.25, rel=4 * math.sqrt(2 / 1000))


def test_in_one_dimension_it_is_the_transport_between_two_points() -> None:
    """Where all mass moves alike, the squared distance is that of SciPy's first order."""
    real = features_of(20, 1, 5)
    fake = real + 2
    order_one = wasserstein_distance(fake[:, 0].numpy(), real[:, 0].numpy())
    assert measured(fake, real, num_directions=3) == pytest.approx(3 * order_one**2, rel=1e-6)


def test_the_seed_is_part_of_the_key_and_of_the_draws() -> None:
    """Another one gives another value, and NumPy's state is not touched."""
    fake, real = features_of(30, 5, 6), features_of(40, 5, 7)
    state = np.random.get_state()[1].copy()  # type: ignore[index]
    first = measured(fake, real, num_directions=10)
    assert first == measured(fake, real, num_directions=10)
    assert first != measured(fake, real, num_directions=10, seed=1)
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # type: ignore[index]
    metric = build_sliced_wasserstein(Options(seed=3, num_directions=5))
    assert metric.parameters() == {"scale": "3 D", "num_directions": 5, "seed": 3}


def test_without_features_it_says_so() -> None:
    """As every metric that compares samples."""
    with pytest.raises(ValueError, match="features of every sample"):
        build_sliced_wasserstein(Options()).compute(SampleSet(), SampleSet())
