"""Streaming statistics equal NumPy's in float64, however the stream is cut."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ganbench.errors import ConfigError, Diverged
from ganbench.evaluation.statistics import BLOCK_ROWS, FeatureStatistics

ABOVE_ONE_BLOCK = 2 * BLOCK_ROWS + 77


def features_of(count, dims, seed=0, shift=0.0):
    """Correlated float32 features."""
    generator = torch.Generator().manual_seed(seed)
    mixing = torch.randn(dims, dims, generator=generator)
    return torch.randn(count, dims, generator=generator) @ mixing + shift


def statistics_of(features, cuts=()):
    statistics = FeatureStatistics(features.shape[1])
    for part in torch.tensor_split(features, sorted(cuts)):
        statistics.update(part)
    return statistics


def assert_equals_numpy(statistics, features):
    wide = features.double().numpy()
    scale = np.abs(np.cov(wide, rowvar=False)).max()
    np.testing.assert_allclose(statistics.mean().numpy(), wide.mean(axis=0), rtol=1e-12, atol=1e-12 * np.abs(wide).max())
    np.testing.assert_allclose(statistics.covariance().numpy(), np.cov(wide, rowvar=False), rtol=0, atol=1e-12 * scale)


@pytest.mark.parametrize("count", [2, 5, 6, 7, BLOCK_ROWS - 1, BLOCK_ROWS, BLOCK_ROWS + 1, ABOVE_ONE_BLOCK])
def test_mean_and_covariance_equal_numpy(count):
    """Below, at and above the number of dimensions and the size of a block."""
    features = features_of(count, 6)
    assert_equals_numpy(statistics_of(features), features)


def test_a_large_offset_costs_no_digits():
    """The sum of squares less the square of the sum would lose all digits here; float32 inputs are exact, so NumPy sees the same."""
    features = features_of(ABOVE_ONE_BLOCK, 3, shift=1e5)
    assert_equals_numpy(statistics_of(features), features)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, ABOVE_ONE_BLOCK), max_size=6))
def test_batch_sizes_do_not_change_a_bit(cuts):
    """The stream is folded in blocks of a fixed size, so batch 1 and batch 1000 give the same bits."""
    features = features_of(ABOVE_ONE_BLOCK, 4)
    whole, parts = statistics_of(features), statistics_of(features, cuts)
    assert torch.equal(whole.mean(), parts.mean())
    assert torch.equal(whole.covariance(), parts.covariance())


def test_reading_in_mid_stream_changes_nothing():
    """An evaluation may look at statistics that go on growing."""
    features = features_of(ABOVE_ONE_BLOCK, 4)
    watched = FeatureStatistics(4)
    for part in features.split(100):
        watched.update(part)
        watched.mean()
        watched.to_tensors()
    assert torch.equal(watched.covariance(), statistics_of(features).covariance())


def test_a_batch_is_copied():
    """An extractor may reuse its output buffer."""
    batch = features_of(4, 3)
    statistics = statistics_of(batch)
    mean = statistics.mean()
    batch.zero_()
    assert torch.equal(statistics.mean(), mean)


@pytest.mark.parametrize(
    ("count", "dims", "small"),
    [(1, 6, True), (6, 6, True), (7, 6, False), (BLOCK_ROWS + 9, 6, False), (BLOCK_ROWS + 9, BLOCK_ROWS + 9, True)],
)
def test_features_are_kept_while_they_are_at_most_the_dimensions(count, dims, small):
    """Only then is the covariance singular by count; a block does not end it."""
    features = features_of(count, dims)
    statistics = statistics_of(features)
    assert statistics.is_small == small
    if small:
        wide = features.double()
        torch.testing.assert_close(statistics.centred(), wide - wide.mean(dim=0), rtol=0, atol=1e-14)
    else:
        with pytest.raises(ValueError, match="kept only for 1 to 6 samples"):
            statistics.centred()


@pytest.mark.parametrize("count", [1, 6, 7, ABOVE_ONE_BLOCK])
def test_tensors_for_the_cache_give_it_back(count):
    """A reference that comes from the cache has the same bits and goes on growing."""
    features = features_of(count, 6)
    statistics = statistics_of(features)
    again = FeatureStatistics.from_tensors(statistics.to_tensors())
    assert (again.count, again.dims, again.is_small) == (statistics.count, 6, statistics.is_small)
    assert torch.equal(again.mean(), statistics.mean())
    assert torch.equal(again.covariance(0), statistics.covariance(0))
    again.update(features_of(900, 6, seed=1))
    assert again.count == count + 900


def test_restored_statistics_share_no_memory_with_their_tensors():
    """A cache entry that is used twice must not change in between."""
    tensors = statistics_of(features_of(ABOVE_ONE_BLOCK, 3)).to_tensors()
    before = tensors["scatter"].clone()
    FeatureStatistics.from_tensors(tensors).update(features_of(BLOCK_ROWS, 3))
    assert torch.equal(tensors["scatter"], before)


@pytest.mark.parametrize(
    "damage",
    [
        {"mean": torch.zeros(2)},
        {"scatter": torch.zeros(3, 2, dtype=torch.float64)},
        {"count": torch.tensor([0])},
        {"extra": torch.zeros(1)},
    ],
)
def test_damaged_tensors_are_refused(damage):
    """A cache file of another form is an error that says what to do, never wrong statistics."""
    tensors = statistics_of(features_of(9, 3)).to_tensors()
    with pytest.raises(ValueError, match="delete the cached file"):
        FeatureStatistics.from_tensors(tensors | damage)


@pytest.mark.parametrize("batch", [torch.zeros(2, 3, dtype=torch.float64), torch.zeros(2, 4), torch.zeros(3)])
def test_wrong_batches_are_refused(batch):
    """The message names the dtype and shape wanted and got."""
    with pytest.raises(ValueError, match=r"features must be float32 \[n, 3\]"):
        FeatureStatistics(3).update(batch)


def test_non_finite_features_are_named():
    """One NaN would make the whole mean NaN, much later."""
    with pytest.raises(Diverged, match="NaN or Inf"):
        FeatureStatistics(1).update(torch.tensor([[float("nan")]]))


def test_too_few_images_are_a_clear_error():
    """No image has no mean, and one image has no covariance."""
    statistics = FeatureStatistics(2)
    with pytest.raises(ConfigError, match=r"at least 1 sample \(got 0\)"):
        statistics.mean()
    statistics.update(torch.zeros(1, 2))
    with pytest.raises(ConfigError, match=r"at least 2 samples \(got 1\)"):
        statistics.covariance()
    with pytest.raises(ValueError, match=r"dims must be 1 or more \(got 0\)"):
        FeatureStatistics(0)
