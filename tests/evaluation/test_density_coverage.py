"""Density and coverage equal the authors' formulas, and mean what they say."""

import numpy as np
import pytest
import torch
from sklearn.metrics import pairwise_distances

from ganbench.errors import ConfigError
from ganbench.evaluation.protocol import SampleSet
from ganbench.evaluation.statistics import FeatureStatistics
from ganbench_metrics import DensityCoverageOptions, neighbours
from ganbench_metrics.neighbour_metrics import build_density_coverage, density_coverage


def features_of(count, dims, seed, scale=1.0, shift=0.0):
    return scale * torch.randn(count, dims, generator=torch.Generator().manual_seed(seed)) + shift


def by_the_authors_formula(real, fake, k):
    """Density and coverage on whole distance matrices, as the paper's equations 3 and 4 state them."""
    real, fake = real.double().numpy(), fake.double().numpy()
    radii = np.sort(pairwise_distances(real), axis=1)[:, k]
    distances = pairwise_distances(real, fake)
    density = (distances < radii[:, None]).sum(axis=0).mean() / k
    return density, (distances.min(axis=1) < radii).mean()


@pytest.mark.parametrize("elements", [3000, 2**22])
@pytest.mark.parametrize(("n", "m", "dims", "k"), [(300, 300, 16, 5), (200, 350, 64, 5), (350, 200, 3, 1)])
def test_it_equals_the_authors_formula(monkeypatch, elements, n, m, dims, k):
    """In one block and in many, with unequal counts."""
    monkeypatch.setattr(neighbours, "BLOCK_ELEMENTS", elements)
    real, fake = features_of(n, dims, 1), features_of(m, dims, 2, scale=0.8, shift=0.1)
    assert density_coverage(real, fake, k) == pytest.approx(by_the_authors_formula(real, fake, k), rel=1e-12)


def test_the_border_of_a_ball_does_not_belong_to_it():
    """`<`: with k = 1 the generated 2 lies on the border of the ball around 1, and 1.5 inside of it."""
    assert density_coverage(torch.tensor([[0.0], [1.0]]), torch.tensor([[2.0], [1.5]]), 1) == (1 / 2, 1 / 2)


def test_equal_distributions_have_density_one():
    """Its expectation is 1 whatever k and the dimensions are; coverage tends to 1 - 2^-k."""
    density, coverage = density_coverage(features_of(2000, 4, 3), features_of(2000, 4, 4), 5)
    assert density == pytest.approx(1, abs=0.05)
    assert coverage == pytest.approx(1 - 2**-5, abs=0.02)


@pytest.mark.slow(keep=3)
@pytest.mark.parametrize("count", [50, 333, 700])
@pytest.mark.parametrize("dims", [3, 64, 128])
def test_the_real_images_themselves_have_density_one(count, dims):
    """A generator that repeats them all, in any order: each ball holds its centre and all of its neighbours but the k-th."""
    real = features_of(count, dims, 5, scale=10.0, shift=3.0)
    order = torch.randperm(count, generator=torch.Generator().manual_seed(1))
    assert density_coverage(real, real, 5) == density_coverage(real, real[order], 5) == (1.0, 1.0)
    assert density_coverage(real, real.repeat(5, 1), 5) == (1.0, 1.0)
    assert density_coverage(real.repeat(5, 1), real.repeat(5, 1), 7) == pytest.approx((5 / 7, 1.0))


def test_a_collapsed_generator_has_density_without_coverage():
    """In the middle of a ring of 12 that is one of four: density is 12 / 5 and passes 1, coverage is a quarter."""
    angles = torch.arange(12) * torch.pi / 6
    ring = torch.stack([angles.cos(), angles.sin()], dim=1)
    real = torch.cat([ring + 100 * i for i in range(4)])
    assert density_coverage(real, torch.zeros(100, 2), 5) == (12 / 5, 1 / 4)


def test_far_sets_have_neither():
    """Disjoint supports."""
    assert density_coverage(features_of(40, 3, 6), features_of(40, 3, 7, shift=100.0), 5) == (0.0, 0.0)


def test_too_few_images_are_clear_errors():
    """k real neighbours need k + 1 real images; the generated ones need only be there."""
    with pytest.raises(ConfigError, match=r"num_neighbours must be at most 4, .* \(got 5\)"):
        density_coverage(features_of(5, 2, 8), features_of(50, 2, 9), 5)
    with pytest.raises(ConfigError, match=r"at least 1 generated sample \(got 0\)"):
        density_coverage(features_of(50, 2, 8), torch.zeros(0, 2), 5)


def test_the_metric_states_its_protocol():
    """(density, coverage), and k in the key."""
    real, fake = features_of(60, 4, 10), features_of(50, 4, 11)
    metric = build_density_coverage(DensityCoverageOptions(num_neighbours=2))
    sides = [SampleSet(statistics=FeatureStatistics(4), features=f) for f in (real, fake)]
    assert metric.compute(*sides) == density_coverage(real, fake, 2)
    assert metric.parameters() == {"num_neighbours": 2}
    with pytest.raises(ValueError, match=r"num_neighbours must be 1 or more \(got 0\)"):
        DensityCoverageOptions(num_neighbours=0)
