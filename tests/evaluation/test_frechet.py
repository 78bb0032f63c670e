"""The Fréchet distance is right in every case that has a closed form, at any rank.

``tr((S1 S2)^(1/2)) = tr(T S1)`` for S2 = T S1 T, T positive definite: S1 and S2 do not commute, and S1 may have any rank.
"""

import math

import numpy as np
import pytest
import scipy.linalg
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch_fidelity.metric_fid import KEY_METRIC_FID, fid_features_to_statistics, fid_statistics_to_metric

from ganbench.errors import ConfigError, RunFailed
from ganbench.evaluation.protocol import SampleSet
from ganbench.evaluation.statistics import FeatureStatistics
from ganbench.registration import NoOptions
from ganbench_metrics import frechet
from ganbench_metrics.frechet import FrechetMetric, Gaussian, build_frechet, distance_between, frechet_distance

EXACT = 1e-9


def feature_set(features):
    statistics = FeatureStatistics(features.shape[1])
    statistics.update(features)
    return SampleSet(statistics=statistics)


def random_features(count, dims, seed, shift=0.0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, dims, generator=generator) @ torch.randn(dims, dims, generator=generator) + shift


def random_factor(rng, rank, dims):
    return rng.standard_normal((rank, dims)) * np.exp(rng.uniform(-2, 2, (rank, 1)))


def random_spd(rng, dims):
    basis, _ = np.linalg.qr(rng.standard_normal((dims, dims)))
    return (basis * rng.uniform(0.2, 3.0, dims)) @ basis.T


def symmetric(matrix):
    return (matrix + matrix.T) / 2


def gaussian(mean, *, factor=None, covariance=None):
    return Gaussian(mean=np.asarray(mean, dtype=np.float64), factor=factor, covariance=covariance)


def by_factor(factor):
    return gaussian(np.zeros(factor.shape[1]), factor=factor)


def by_covariance(factor):
    return gaussian(np.zeros(factor.shape[1]), covariance=symmetric(factor.T @ factor))


FORMS = {"factor": by_factor, "covariance": by_covariance}


@pytest.mark.parametrize("second", FORMS)
@pytest.mark.parametrize("first", FORMS)
@pytest.mark.parametrize(("rank", "dims"), [(1, 1), (1, 9), (2, 9), (8, 9), (9, 9), (30, 9), (60, 130), (129, 130), (400, 130)])
def test_non_commuting_pair_of_any_rank(rank, dims, first, second):
    """S2 = T S1 T gives tr(T S1), whichever way each covariance is known; noise of the singular ones does not reach the result."""
    rng = np.random.default_rng(rank + 1000 * dims)
    factor, T = random_factor(rng, rank, dims), random_spd(rng, dims)
    S1 = factor.T @ factor
    expected = np.trace(S1) + np.trace(T @ S1 @ T) - 2 * np.trace(T @ S1)
    assert distance_between(FORMS[first](factor), FORMS[second](factor @ T)) == pytest.approx(expected, rel=EXACT)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 12), st.integers(1, 24), st.integers(0, 2**32 - 1))
def test_non_commuting_pair_property(dims, rank, seed):
    """The same over many random sizes."""
    rng = np.random.default_rng(seed)
    factor, T = random_factor(rng, rank, dims), random_spd(rng, dims)
    S1 = factor.T @ factor
    expected = np.trace(S1) + np.trace(T @ S1 @ T) - 2 * np.trace(T @ S1)
    scale = np.trace(S1) + np.trace(T @ S1 @ T)
    assert distance_between(by_covariance(factor), by_covariance(factor @ T)) == pytest.approx(expected, abs=EXACT * scale)


@pytest.mark.parametrize("power", [4, 8, 11, 14])
def test_ill_conditioned_covariances(power):
    """Eigenvalues over many orders of magnitude, as real features have them: no branch loses the small ones."""
    rng = np.random.default_rng(power)
    basis, _ = np.linalg.qr(rng.standard_normal((96, 96)))
    factor, T = (basis * np.logspace(0, -power / 2, 96)).T, random_spd(rng, 96)
    S1 = factor.T @ factor
    expected = np.trace(S1) + np.trace(T @ S1 @ T) - 2 * np.trace(T @ S1)
    assert distance_between(by_covariance(factor), by_covariance(factor @ T)) == pytest.approx(expected, rel=EXACT)


@pytest.mark.parametrize("first", [1e-16, 1e-15])
@pytest.mark.parametrize("second", [0.0, 1e-16, 1e-15])
def test_rounding_noise_does_not_make_a_covariance_full_rank(first, second):
    """A singular covariance that noise makes positive definite: the root of the noise, 1e-8, must not be summed over the dimensions."""
    rng = np.random.default_rng(15)
    basis, _ = np.linalg.qr(rng.standard_normal((200, 200)))
    factors = random_factor(rng, 100, 40) @ basis[:40], random_factor(rng, 100, 50) @ basis[150:]
    covariances = [symmetric(f.T @ f) for f in factors]
    expected = sum(np.trace(c) for c in covariances)
    for covariance, noise in zip(covariances, (first, second), strict=True):
        covariance += noise * np.linalg.norm(covariance, 2) * np.eye(200)
    one, other = (gaussian(np.zeros(200), covariance=c) for c in covariances)
    assert distance_between(one, other) == pytest.approx(expected, rel=EXACT)
    assert distance_between(other, one) == pytest.approx(expected, rel=EXACT)


@pytest.mark.parametrize("count", [2, 20, 40, 41, 300])
def test_identical_and_permuted_sets_are_at_zero(count):
    """Order does not matter and rounding does not either: below, at and above the number of dimensions."""
    features = random_features(count, 40, seed=count)
    scale = Gaussian.of(feature_set(features).statistics).trace
    assert frechet_distance(feature_set(features), feature_set(features)) == pytest.approx(0, abs=EXACT * scale)
    assert frechet_distance(feature_set(features), feature_set(features.flip(0))) == pytest.approx(0, abs=EXACT * scale)


@pytest.mark.parametrize("count", [5, 50, 700])
def test_scaling_about_the_mean(count):
    """x -> c x with mean zero gives (1 - c)^2 tr(S)."""
    half = random_features(count, 30, seed=1)
    features = torch.cat([half, -half])
    trace = Gaussian.of(feature_set(features).statistics).trace
    assert frechet_distance(feature_set(features), feature_set(4 * features)) == pytest.approx(9 * trace, rel=EXACT)


@pytest.mark.parametrize("count", [5, 50])
def test_shift_alone(count):
    """Equal covariances leave the squared distance of the means; the shift is a power of two so that float32 holds it."""
    features = torch.randint(-50, 50, (count, 20), generator=torch.Generator().manual_seed(2)).float()
    assert frechet_distance(feature_set(features), feature_set(features + 64)) == pytest.approx(20 * 64**2, rel=EXACT)


@pytest.mark.parametrize("count", [5, 50])
def test_collapsed_generator(count):
    """All generated images alike: S2 = 0, so |m1 - m2|^2 + tr(S1) remains."""
    real = feature_set(random_features(count, 20, seed=3))
    expected = Gaussian.of(real.statistics).trace + float(((real.statistics.mean() - 1) ** 2).sum())
    for copies in (3, 500):
        assert frechet_distance(real, feature_set(torch.ones(copies, 20))) == pytest.approx(expected, rel=EXACT)
        assert frechet_distance(feature_set(torch.ones(copies, 20)), real) == pytest.approx(expected, rel=EXACT)


def test_two_collapsed_sets():
    """Two single points that differ: only the shift remains, and equal ones are at zero."""
    ones, twos = feature_set(torch.ones(600, 4)), feature_set(2 * torch.ones(3, 4))
    assert frechet_distance(ones, twos) == pytest.approx(4, rel=EXACT)
    assert frechet_distance(ones, ones) == 0


@pytest.mark.parametrize("first", FORMS)
@pytest.mark.parametrize("second", FORMS)
def test_orthogonal_supports(first, second):
    """Nothing in common: the traces add up, and no root of noise is subtracted."""
    rng = np.random.default_rng(4)
    basis, _ = np.linalg.qr(rng.standard_normal((50, 50)))
    one, other = random_factor(rng, 30, 20) @ basis[:20], random_factor(rng, 30, 30) @ basis[20:]
    expected = np.vdot(one, one) + np.vdot(other, other)
    assert distance_between(FORMS[first](one), FORMS[second](other)) == pytest.approx(expected, rel=EXACT)


@pytest.mark.parametrize("dims", [1, 2, 64])
def test_isotropic_gaussians(dims):
    """N(m1, a^2 I) and N(m2, b^2 I): |m1 - m2|^2 + D (a - b)^2."""
    one = gaussian(np.full(dims, 1.0), covariance=9.0 * np.eye(dims))
    other = gaussian(np.full(dims, -1.0), covariance=0.25 * np.eye(dims))
    assert distance_between(one, other) == pytest.approx(4 * dims + dims * 2.5**2, rel=EXACT)


@pytest.mark.parametrize("zeros", [0, 7])
@pytest.mark.parametrize("rotated", [False, True])
def test_diagonal_and_commuting_covariances(rotated, zeros):
    """Covariances with common eigenvectors: the sum of (sqrt a - sqrt b)^2, dead dimensions included."""
    rng = np.random.default_rng(5)
    basis = np.linalg.qr(rng.standard_normal((32, 32)))[0] if rotated else np.eye(32)
    a, b = rng.uniform(0.01, 5, (2, 32))
    a[:zeros] = 0.0
    one, other = (gaussian(np.zeros(32), covariance=symmetric((basis * v) @ basis.T)) for v in (a, b))
    assert distance_between(one, other) == pytest.approx(((np.sqrt(a) - np.sqrt(b)) ** 2).sum(), rel=EXACT)


@pytest.mark.parametrize(("n1", "n2"), [(2, 2), (2, 900), (30, 900), (900, 30), (48, 49), (900, 901)])
def test_every_mixture_of_counts_agrees_with_the_matrix_square_root(n1, n2):
    """Fewer than D on neither, one or both sides, against scipy's square root, which is good to about 1e-6 on singular matrices."""
    x, y = random_features(n1, 48, seed=n1), random_features(n2, 48, seed=n2 + 1, shift=0.3)
    S1, S2 = (np.cov(z.double().numpy(), rowvar=False) for z in (x, y))
    shift = x.double().mean(0) - y.double().mean(0)
    jitter = 0.0 if min(n1, n2) > 48 else 1e-13 * np.trace(S1)
    root = scipy.linalg.sqrtm((S1 + jitter * np.eye(48)) @ (S2 + jitter * np.eye(48)))
    expected = float(shift @ shift) + np.trace(S1) + np.trace(S2) - 2 * np.trace(root).real
    assert frechet_distance(feature_set(x), feature_set(y)) == pytest.approx(expected, rel=1e-9 if jitter == 0 else 1e-4)


@pytest.mark.parametrize(("n1", "n2"), [(20, 25), (20, 400), (400, 20)])
def test_features_and_covariances_give_the_same(n1, n2):
    """A cache that holds only a singular covariance gives what the features give."""
    x, y = random_features(n1, 32, seed=6), random_features(n2, 32, seed=7)
    bare = [gaussian(z.double().mean(0).numpy(), covariance=symmetric(np.cov(z.double().numpy(), rowvar=False))) for z in (x, y)]
    assert distance_between(*bare) == pytest.approx(frechet_distance(feature_set(x), feature_set(y)), rel=EXACT)


def test_it_is_symmetric():
    """Real and generated may change places."""
    x, y = feature_set(random_features(10, 32, seed=8)), feature_set(random_features(90, 32, seed=9))
    assert frechet_distance(x, y) == pytest.approx(frechet_distance(y, x), rel=1e-12)


@pytest.mark.parametrize(("count", "tolerance"), [(600, 1e-9), (40, 2e-4)])
def test_it_equals_torch_fidelity(count, tolerance):
    """Full rank to rounding; rank-deficient to the error of torch-fidelity's own square root."""
    x, y = random_features(count, 64, seed=10), random_features(count, 64, seed=11, shift=0.1)
    theirs = fid_statistics_to_metric(*(fid_features_to_statistics(z.double()) for z in (x, y)), verbose=False)
    ours = frechet_distance(feature_set(x), feature_set(y))
    assert ours == pytest.approx(theirs[KEY_METRIC_FID], rel=tolerance, abs=2e-4 if count == 40 else 0)


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_images_are_a_clear_error(count):
    """One image has no covariance; the message says how many there were and what to do."""
    few = SampleSet(statistics=FeatureStatistics(3))
    few.statistics.update(torch.zeros(count, 3))
    with pytest.raises(ConfigError, match=rf"at least 2 samples on each side \(got {count}\); evaluate more samples"):
        frechet_distance(feature_set(torch.randn(5, 3)), few)


def test_lost_precision_is_raised_and_never_clamped(monkeypatch):
    """A distance below zero by more than rounding is a fault of the arithmetic, not a perfect generator."""
    x = gaussian(np.zeros(2), covariance=np.eye(2))
    monkeypatch.setattr(frechet, "trace_of_root", lambda first, second: 2.0 + 1e-6)
    with pytest.raises(RunFailed, match="lost its precision"):
        distance_between(x, x)
    monkeypatch.setattr(frechet, "trace_of_root", lambda first, second: 2.0 + 1e-10)
    assert distance_between(x, x) == 0
    monkeypatch.setattr(frechet, "trace_of_root", lambda first, second: math.nan)
    with pytest.raises(RunFailed, match="lost its precision"):
        distance_between(x, x)


def test_unlike_dimensions_and_double_definitions_are_refused():
    """Faults of a caller that would otherwise broadcast."""
    with pytest.raises(ValueError, match="3 and 1 dimensions"):
        distance_between(by_factor(np.eye(3)), by_factor(np.eye(1)))
    with pytest.raises(ValueError, match="either a covariance or a factor"):
        Gaussian(mean=np.zeros(2), covariance=np.eye(2), factor=np.eye(2))


def test_inputs_are_left_as_they_were():
    """LAPACK writes into copies only: a cached reference is used again."""
    rng = np.random.default_rng(12)
    one, other = by_covariance(random_factor(rng, 40, 8)), by_covariance(random_factor(rng, 40, 8))
    before = one.covariance.copy(), other.covariance.copy()
    distance_between(one, other)
    assert np.array_equal(one.covariance, before[0])
    assert np.array_equal(other.covariance, before[1])


def test_the_metric_states_its_protocol():
    """One quantity, the identity of its arithmetic, and every parameter of the value."""
    metric = build_frechet(NoOptions())
    x, y = feature_set(random_features(9, 4, seed=13)), feature_set(random_features(9, 4, seed=14))
    assert metric.compute(x, y) == (frechet_distance(x, y),)
    assert (metric, metric.parameters()) == (FrechetMetric(implementation="frechet-1"), {"ddof": 1})


@pytest.mark.parametrize("rising", [True, False])
@pytest.mark.parametrize("dims", [64, 256])
def test_graded_spectra_cost_no_digits(rising, dims):
    """Feature scales from 1e-3 to 1e3, in either order and with the sides exchanged, against the factors of the features themselves."""
    rng = np.random.default_rng(dims)
    scales = np.logspace(-3, 3, dims)[:: 1 if rising else -1]
    sides = [rng.normal(size=(4 * dims, dims)) * scales * factor for factor in (1.0, 1.3)]
    first, second = (Gaussian(mean=side.mean(axis=0), covariance=np.cov(side.T)) for side in sides)
    exact = [Gaussian(mean=s.mean(axis=0), factor=(s - s.mean(axis=0)) / np.sqrt(len(s) - 1)) for s in sides]
    expected = distance_between(*exact)
    assert distance_between(first, second) == pytest.approx(expected, rel=1e-11)
    assert distance_between(second, first) == pytest.approx(expected, rel=1e-11)
