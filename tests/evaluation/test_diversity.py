"""Diversity: 1 for real samples, 0 for a constant generator, and low for one that makes a few samples only."""

import pytest
import torch

from ganbench.evaluation.statistics import diversity, num_compared


def noise(count, seed, size=(1, 8, 8)):
    return torch.randint(0, 256, (count, *size), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))


def test_samples_like_real_ones_have_about_one():
    """Of any kind."""
    assert diversity(noise(200, 1), noise(200, 2)) == pytest.approx(1, abs=0.05)
    points = torch.randn(200, 2, 1, 1, generator=torch.Generator().manual_seed(0))
    assert diversity(points[:100], points[100:]) == pytest.approx(1, abs=0.3)


@pytest.mark.parametrize("originals", [1, 3, 10])
def test_copies_of_a_few_samples_have_none_however_far_apart_these_lie(originals):
    """Exactly, and nearly where each differs by a grey level."""
    some = noise(originals, 3)[torch.arange(200) % originals]
    assert diversity(some, noise(200, 2)) == 0
    nearly = (some.int() + noise(200, 4, (1, 8, 8)).int() // 128).clamp(0, 255).to(torch.uint8)
    assert 0 < diversity(nearly, noise(200, 2)) < 0.05


def test_one_mode_of_many_is_told_by_its_spread():
    """Points that differ as those of a mode do, at one of eight modes."""
    angles = torch.arange(8) * torch.pi / 4
    centres = torch.stack([angles.cos(), angles.sin()], dim=1)
    spread = 0.01 * torch.randn(256, 2, generator=torch.Generator().manual_seed(0))
    real = centres[torch.arange(256) % 8] + spread
    assert diversity(centres[0] + spread, real) < 0.05
    assert diversity(real.flip(0), real) == pytest.approx(1)


def test_where_real_samples_are_alike_too_nothing_is_said():
    """Nor of a single one; data that repeat themselves are judged by their spread alone."""
    assert diversity(noise(20, 1), noise(1, 2).expand(20, -1, -1, -1)) is None
    assert diversity(noise(1, 1), noise(1, 2)) is None
    assert diversity(noise(20, 1), noise(2, 2).repeat(10, 1, 1, 1)) > 0.5


def test_fewer_of_large_samples_are_compared():
    """The time is bounded."""
    assert [num_compared(size) for size in (2, 3072, 49152, 10**7)] == [256, 256, 85, 32]
