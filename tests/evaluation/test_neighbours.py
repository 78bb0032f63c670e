"""Blocked distances and radii are those of the whole matrix."""

import pytest
import torch

from ganbench.errors import ConfigError
from ganbench_metrics import neighbours
from ganbench_metrics.neighbours import squared_distance_blocks, squared_radii


def exact(queries, points):
    return (queries.double()[:, None] - points.double()[None]).square().sum(dim=2)


@pytest.mark.parametrize("elements", [1, 40, 90, 2**22])
def test_blocks_make_up_the_whole_matrix(monkeypatch, elements):
    """Whatever the block, down to one row; no block holds more than its share."""
    monkeypatch.setattr(neighbours, "BLOCK_ELEMENTS", elements)
    generator = torch.Generator().manual_seed(0)
    queries, points = torch.randn(33, 5, generator=generator), torch.randn(20, 5, generator=generator)
    blocks = list(squared_distance_blocks(queries, points))
    assert all(block.numel() <= max(elements, len(points)) for _, block in blocks)
    assert [start for start, _ in blocks] == [sum(len(b) for _, b in blocks[:i]) for i in range(len(blocks))]
    torch.testing.assert_close(torch.cat([block for _, block in blocks]), exact(queries, points), rtol=1e-12, atol=1e-12)


def test_distances_between_integers_are_exact():
    """No centring and no float32: ties stay ties."""
    points = torch.randint(-100, 100, (50, 8), generator=torch.Generator().manual_seed(1)).float()
    (_, block), *_ = squared_distance_blocks(points, points)
    assert torch.equal(block, exact(points, points))


def test_no_distance_is_below_zero():
    """Rounding puts some of the distances between equal points below zero: they must not reach a comparison."""
    points = torch.randn(200, 333, generator=torch.Generator().manual_seed(2))
    wide = points.double()
    norms = wide.square().sum(dim=1)
    assert (norms[:, None] + norms - 2 * wide @ wide.T).min() < 0
    assert all((block >= 0).all() for _, block in squared_distance_blocks(points, points))


@pytest.mark.parametrize("elements", [7, 2**22])
@pytest.mark.parametrize("k", [1, 3, 11])
def test_radii_are_those_of_the_sorted_matrix(monkeypatch, elements, k):
    """The k-th smallest of a row, the point itself left out."""
    monkeypatch.setattr(neighbours, "BLOCK_ELEMENTS", elements)
    points = torch.randn(12, 3, generator=torch.Generator().manual_seed(3))
    expected = exact(points, points).sort(dim=1).values[:, k]
    torch.testing.assert_close(squared_radii(points, k), expected, rtol=1e-12, atol=1e-12)


def test_duplicates_count_as_neighbours():
    """Three copies of a point: its second neighbour is at zero, its third is the next other point."""
    points = torch.tensor([[0.0], [0.0], [0.0], [2.0], [5.0]])
    assert squared_radii(points, 2).tolist() == [0, 0, 0, 4, 25]
    assert squared_radii(points, 3).tolist() == [4, 4, 4, 9 - 5, 25]


def test_too_few_points_name_the_option():
    """k neighbours need k + 1 images."""
    with pytest.raises(ConfigError, match=r"num_neighbours must be at most 2, .* \(got 3\); lower num_neighbours"):
        squared_radii(torch.zeros(3, 2), 3)
