"""Blocked distances and radii are those of the whole matrix."""

import pytest
import torch

from ganbench.errors import ConfigError
from ganbench_metrics import balls, margins, neighbours
from ganbench_metrics.balls import Held, PairsWithin, answer
from ganbench_metrics.neighbours import _Distances, nearest, squared_radii, within


def squared_distance_blocks(queries, points):
    return ((start, block.clone()) for start, block, _ in _Distances(queries, points).blocks())


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


def clusters(generator, count, dims):
    """Points a thousandth of their distance from the middle apart: float32 tells none of them from another."""
    return 100 + 0.01 * torch.randn(count, dims, generator=generator)


FEATURES = {
    "spread out": lambda g, n, d: torch.randn(n, d, generator=g),
    "after a ReLU": lambda g, n, d: torch.randn(n, d, generator=g).relu(),
    "far from zero": lambda g, n, d: 1e4 + torch.randn(n, d, generator=g),
    "near each other": clusters,
    "all one point": lambda g, n, d: torch.ones(n, d),
    "many copies": lambda g, n, d: torch.randn(5, d, generator=g)[torch.randint(5, (n,), generator=g)],
    "whole numbers": lambda g, n, d: torch.randint(-2, 3, (n, d), generator=g).float(),
    "huge": lambda g, n, d: 1e18 * torch.randn(n, d, generator=g),
    "tiny": lambda g, n, d: 1e-18 * torch.randn(n, d, generator=g),
    "one far away": lambda g, n, d: torch.cat([torch.randn(n - 1, d, generator=g), torch.full((1, d), 1e6)]),
    "zero": lambda g, n, d: torch.zeros(n, d),
}


@pytest.mark.parametrize("dims", [1, 7, 130])
@pytest.mark.parametrize("features", FEATURES)
def test_float32_decides_nothing_that_float64_would_decide_otherwise(monkeypatch, features, dims):
    """Radii, balls on either side and counts are the same bits, over several tiles of both sides, asked together and alone."""
    monkeypatch.setattr(margins, "ROWS", 32)
    monkeypatch.setattr(margins, "COLUMNS", 50)
    generator = torch.Generator().manual_seed(dims)
    points, queries = FEATURES[features](generator, 137, dims), FEATURES[features](generator, 75, dims)
    queries[:20] = points[:20]

    def found():
        radii = {k: squared_radii(points, k) for k in (1, 3, 136)}
        held, pairs = Held(queries, points, radii[3]), PairsWithin(queries, points, radii[1])
        around_queries = Held(points, queries, squared_radii(queries, 3), around_queries=True)
        for questions in ([held, pairs, around_queries],) if together else ([held], [pairs], [around_queries]):
            answer(queries, points, questions)
        return [*radii.values(), held.held, torch.as_tensor(pairs.count), pairs.holds_any, around_queries.held]

    together = True
    fast = found()
    together = False
    alone = found()
    for module in (neighbours, balls):
        monkeypatch.setattr(module, "can_bound", lambda *sides: False)
    for one, other, slow in zip(fast, alone, found(), strict=True):
        assert torch.equal(one, other)
        assert torch.equal(one, slow)


@pytest.mark.parametrize("dims", [1, 64, 2048])
@pytest.mark.parametrize("features", FEATURES)
def test_no_margin_is_off_by_more_than_is_said(features, dims):
    """Against differences in float64; and for features that are spread out what is said is a small part of a distance."""
    generator = torch.Generator().manual_seed(dims)
    points, queries = FEATURES[features](generator, 200, dims), FEATURES[features](generator, 100, dims)
    borders = exact(points, points).kthvalue(4, dim=1).values
    made = margins.Margins(queries, points, float(borders.max()))
    found = made.less(made.tile(slice(0, 100), slice(0, 200)), made.borders(borders)).double()
    distances = exact(queries, points)
    assert bool(((found - made.scale * (distances - borders)).abs() <= made.errors[:, None]).all())
    assert features != "spread out" or made.errors.max() < 0.001 * made.scale * distances.median()


def test_a_leave_to_round_more_is_not_taken(monkeypatch):
    """Where products may use fewer bits the bound would not hold."""
    assert margins.can_bound(torch.zeros(1))
    monkeypatch.setattr(torch, "get_float32_matmul_precision", lambda: "high")
    assert not margins.can_bound(torch.zeros(1))


def test_rounding_leaves_no_value_between_those_below_and_those_near():
    """A value that was neither, by two differences that round apart, had an infinite radius."""
    generator = torch.Generator().manual_seed(0)
    border, errors = torch.rand(2, 200_000, generator=generator) * torch.tensor([[1.0], [1e-3]]) + torch.tensor([[1.0], [0.0]])
    values = border - errors  # rounded: at most of them, and just above or just below it
    assert bool(((border - values).abs() > errors).any()), "the case that was missed"
    for moved in (values, values.nextafter(border), values.nextafter(torch.tensor(0.0))):
        below, near = neighbours._below_and_near(moved, border, errors)
        assert bool((below ^ near).all())
        assert not bool((below & (moved.double() > border.double() - errors.double() + 1e-6)).any())


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


@pytest.mark.slow(keep=1)
@pytest.mark.parametrize("elements", [400, 2**22])
@pytest.mark.parametrize("dims", [1, 3, 64, 500])
def test_a_copy_lies_on_the_border_on_which_its_original_lies(monkeypatch, elements, dims):
    """A product of matrices would put it to either side, by its place in the matrix."""
    generator = torch.Generator().manual_seed(dims)
    points = torch.randn(150, dims, generator=generator) * 10 + 3
    points[100:120] = points[:20]
    radii = squared_radii(points, 4)
    monkeypatch.setattr(neighbours, "BLOCK_ELEMENTS", elements)
    distances = _Distances(points, points)
    at = torch.cartesian_prod(torch.arange(150), torch.arange(150))
    whole = distances.exact(at[:, 0], at[:, 1]).view(150, 150)
    assert torch.equal(whole, whole.T)
    assert torch.equal(radii, whole.sort(dim=1).values[:, 4])
    order = torch.randperm(150, generator=generator)[:77]
    for border, expected in ((False, whole < radii), (True, whole <= radii)):
        inside = torch.cat([block.clone() for block in within(points[order], points, radii, border=border)])
        assert torch.equal(inside, expected[order])
    assert nearest(points[order], points)[0].tolist() == [0.0] * 77


def test_too_few_points_name_the_option():
    """k neighbours need k + 1 images."""
    with pytest.raises(ConfigError, match=r"num_neighbours must be at most 2, .* \(got 3\); lower num_neighbours"):
        squared_radii(torch.zeros(3, 2), 3)
