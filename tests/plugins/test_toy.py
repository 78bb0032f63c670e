"""Points in the plane: the published definitions, PacGAN's rule of counting, the datasets and their extractor."""

from __future__ import annotations

import math
import subprocess
import sys
from typing import get_args

import pytest
import torch

from ganbench import DataContext, ExtractorContext
from ganbench.config.values import describe_fields, field_types
from ganbench.plugin.factory import load_attribute
from ganbench_spaces.modes import ModeScores
from ganbench_spaces.points import PointSpace
from ganbench_toy import ganbench_register
from ganbench_toy.curves import one_spiral, swiss_roll, two_spirals
from ganbench_toy.distributions import Modes, ceiling, grid25, mode_scores, nearest_modes, ring8, sample
from ganbench_toy.extractor import build as build_extractor
from ganbench_toy.options import GridOptions, RingOptions, SpiralOptions, SwissRollOptions
from ganbench_toy.points import build_grid25, build_ring8

SPECS = {spec.name: spec for spec in ganbench_register()}
DATASETS = ["ring8", "grid25", "swissroll", "spiral"]


def random(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def at(*points: tuple[float, float]) -> torch.Tensor:
    return torch.tensor(points)


def test_registration_imports_nothing_heavy() -> None:
    """Listing the datasets needs neither torch nor numpy."""
    code = "import sys, ganbench_toy as t; t.ganbench_register(); print(sorted({'torch', 'numpy', 'PIL', 'rich'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_ring_has_eight_modes_and_not_seven() -> None:
    """Trap 1: angles with both ends of the circle put two modes into one place. fjxmlzn/PacGAN: cos and sin of 2 pi i / 8, std 0.01."""
    centres = ring8().centres
    expected = [(math.cos(2 * math.pi * i / 8), math.sin(2 * math.pi * i / 8)) for i in range(8)]
    torch.testing.assert_close(centres, torch.tensor(expected))
    assert torch.pdist(centres).min() == pytest.approx(2 * math.sin(math.pi / 8), rel=1e-5)
    assert ring8().std == 0.01


def test_the_grid_is_pacgans() -> None:
    """{-4, -2, 0, 2, 4} squared, std 0.05."""
    expected = {(float(x), float(y)) for x in (-4, -2, 0, 2, 4) for y in (-4, -2, 0, 2, 4)}
    assert {tuple(centre) for centre in grid25().centres.tolist()} == expected
    assert grid25().std == 0.05


@pytest.mark.parametrize(
    ("centres", "std", "message"),
    [
        (torch.zeros(3), 1.0, r"centres must be \[K, 2\] with K of 1 or more \(got \[3\]\)"),
        (torch.zeros(0, 2), 1.0, r"centres must be"),
        (torch.zeros(1, 2), 0.0, r"std must be above 0 \(got 0.0\)"),
        (torch.zeros(1, 2), math.nan, r"std must be above 0 \(got nan\)"),
    ],
)
def test_a_mixture_without_modes_or_width_is_refused(centres: torch.Tensor, std: float, message: str) -> None:
    """Field, bound and value."""
    with pytest.raises(ValueError, match=message):
        Modes(centres, std)


@pytest.mark.parametrize("modes", [ring8(), grid25()], ids=["ring8", "grid25"])
def test_a_sample_of_the_mixture_scores_as_the_mixture(modes: Modes) -> None:
    """Every mode, 98.89 % of the points, and nearly no divergence; a standard error of 0.033 % for the share at 100,000 points."""
    points = sample(modes, 100_000, random())
    scores = mode_scores(points, modes)
    assert scores.modes_captured == len(modes.centres)
    assert float(scores.high_quality) == pytest.approx(ceiling(), abs=0.0015)
    assert float(scores.reverse_kl) < 5e-4
    offsets = points - modes.centres[nearest_modes(points, modes)]
    assert offsets[nearest_modes(points, modes) >= 0].std(0).tolist() == pytest.approx([modes.std * 0.9747] * 2, rel=0.02)


def test_the_ceiling_is_that_of_a_plane() -> None:
    """1 - exp(-9/2); 3 standard deviations along a line would be 99.73 %."""
    assert ceiling() == pytest.approx(0.98889, abs=1e-5)


def test_a_point_is_good_below_three_standard_deviations_from_its_nearest_mode() -> None:
    """The bound itself is not good, and one good point is enough for a mode (fjxmlzn/PacGAN MetricLogger)."""
    modes = Modes(at((0, 0), (8, 0)), 0.5)
    points = at((1.5, 0), (1.25, 0.5), (0, -1.4375), (7, 1), (4, 0), (-1.5, 0))
    assert nearest_modes(points, modes).tolist() == [-1, 0, 0, 1, -1, -1]
    scores = mode_scores(points, modes)
    assert scores.counts.tolist() == [2, 1]
    assert float(scores.modes_captured) == 2
    assert float(scores.high_quality) == 0.5
    assert float(scores.reverse_kl) == pytest.approx(math.log(2) + 2 / 3 * math.log(2 / 3) + 1 / 3 * math.log(1 / 3))


def test_a_collapsed_generator_finds_one_mode() -> None:
    """Its divergence is log K, the largest that there is."""
    scores = mode_scores(ring8().centres[:1].expand(50, 2), ring8())
    assert [float(v) for v in (scores.modes_captured, scores.high_quality)] == [1, 1]
    assert float(scores.reverse_kl) == pytest.approx(math.log(8))


def test_points_of_nowhere_are_not_good() -> None:
    """NaN and infinity lie at no mode; with no good point the divergence is as large as can be."""
    scores = mode_scores(at((math.nan, 0), (math.inf, 1), (0, 0)), ring8())
    assert [float(v) for v in (scores.modes_captured, scores.high_quality, scores.reverse_kl)] == [0, 0, pytest.approx(math.log(8))]


def test_several_sets_are_scored_at_once() -> None:
    """Over any leading dimensions, each as it is alone."""
    points = torch.stack([sample(grid25(), 300, random(seed)) * scale for seed, scale in enumerate((1, 0.9, 0, 1, 3, 0.99))])
    together = mode_scores(points.view(2, 3, 300, 2), grid25())
    for index, alone in enumerate(points):
        one = mode_scores(alone, grid25())
        for name in ("modes_captured", "high_quality", "reverse_kl", "counts"):
            assert torch.equal(getattr(together, name).flatten(0, 1)[index], getattr(one, name)), name
    assert isinstance(together, ModeScores)
    assert together.counts.shape == (2, 3, 25)


@pytest.mark.parametrize("shape", [(2,), (0, 2), (5, 3)])
def test_what_is_no_set_of_points_is_refused(shape: tuple[int, ...]) -> None:
    """The shape is named."""
    with pytest.raises(ValueError, match=r"points must be \[..., N, 2\] with N of 1 or more \(got \["):
        mode_scores(torch.zeros(shape), ring8())


def test_a_sample_depends_on_the_seed_alone() -> None:
    """Equal seeds, equal points."""
    assert torch.equal(sample(ring8(), 10, random(1)), sample(ring8(), 10, random(1)))
    assert not torch.equal(sample(ring8(), 10, random(1)), sample(ring8(), 10, random(2)))


def test_the_roll_is_scikit_learns() -> None:
    """The radius is the angle, over one and a half turns, divided by the scale; checked without noise against their definition."""
    points = swiss_roll(2000, random(), noise=0.0, scale=1.0)
    radius = points.norm(dim=1)
    assert radius.min() >= 1.5 * math.pi - 1e-4
    assert radius.max() <= 4.5 * math.pi + 1e-4
    torch.testing.assert_close(points, torch.stack([radius * radius.cos(), radius * radius.sin()], dim=1), rtol=1e-3, atol=1e-3)
    noisy = swiss_roll(50_000, random())
    assert noisy.std().item() == pytest.approx(0.9, abs=0.1)  # "stdev plus a little", says gan_toy.py of its 7.5


def test_the_spirals_are_those_of_their_sources() -> None:
    """ffjord's arms mirror each other and reach pi; fuel's arm has the radius 1/3 to 1, which the angle gives."""
    arms = two_spirals(20_000, random())
    assert arms.mean(0).abs().max() < 0.05
    assert 3.0 < arms.norm(dim=1).max() < 4.0
    arm = one_spiral(2000, random())
    radius = arm.norm(dim=1)
    assert radius.min() >= 1 / 3 - 1e-5
    assert radius.max() <= 1 + 1e-5
    angle = 2 * math.pi * (3 * radius - 1) / 2
    torch.testing.assert_close(arm, torch.stack([radius * angle.sin(), radius * angle.cos()], dim=1), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("name", DATASETS)
def test_a_dataset_is_points_drawn_once(name: str) -> None:
    """[N, 2, 1, 1] float32, a tenth as many to test on, the same content for a seed, and each definition another."""
    spec = SPECS[name]
    build = load_attribute(spec.factory, owner=name)
    data = build(spec.options(num_samples=1000), DataContext())
    assert (data.space, data.num_classes) == (PointSpace(), 0)
    points = data.train.read(torch.arange(1000))
    assert points.dtype == torch.float32
    assert points.shape == (1000, 2, 1, 1)
    assert data.test is not None
    assert data.test.num_samples == 100
    definitions = get_args(field_types(spec.options)["definition"])
    variants = [{"definition": definition, "seed": seed} for definition in definitions for seed in (0, 1)]
    hashes = [build(spec.options(num_samples=1000, **one), DataContext()).train.content_hash for one in variants]
    assert hashes[0] == data.train.content_hash
    assert len(set(hashes)) == len(hashes) >= 4


@pytest.mark.parametrize(
    ("build", "options", "radius", "std"),
    [
        (build_ring8, RingOptions(num_samples=20_000), 1.0, 0.01),
        (build_ring8, RingOptions(num_samples=20_000, definition="wgan-gp"), 2 / 1.414, 0.02 / 1.414),
        (build_ring8, RingOptions(num_samples=20_000, definition="unrolled"), 2.0, 0.02),
        (build_grid25, GridOptions(num_samples=20_000), 4.0, 0.05),
        (build_grid25, GridOptions(num_samples=20_000, definition="wgan-gp"), 4 / 2.828, 0.05 / 2.828),
    ],
)
def test_a_definition_has_its_published_scale(build, options, radius, std) -> None:  # type: ignore[no-untyped-def]
    """The rightmost modes lie at the radius, with the spread of the source; the data say which mode a point lies at."""
    data = build(options, DataContext())
    points = data.train.stored
    rightmost = points[points[:, 0, 0, 0] > radius - 4 * std][:, 0, 0, 0]
    assert rightmost.mean().item() == pytest.approx(radius, abs=std)
    assert rightmost.std().item() == pytest.approx(std, rel=0.15)
    modes = data.mode_of(points)
    assert set(modes.tolist()) == {-1, *range(data.num_modes)}
    assert (modes < 0).double().mean().item() == pytest.approx(math.exp(-4.5), abs=0.004)
    assert data.notes == ("high quality is 98.89 % for the mixture itself: points nearer than 3 standard deviations to a mode",)


def test_only_mixtures_have_modes() -> None:
    """A roll is one piece."""
    for name in ("swissroll", "spiral"):
        data = load_attribute(SPECS[name].factory, owner=name)(SPECS[name].options(num_samples=10), DataContext())
        assert data.mode_of is None


@pytest.mark.parametrize("options", [RingOptions, GridOptions, SwissRollOptions, SpiralOptions])
def test_wrong_options_are_refused(options: type) -> None:
    """Field, bound and value."""
    with pytest.raises(ValueError, match=r"num_samples must be 2 or more \(got 1\)"):
        options(num_samples=1)
    with pytest.raises(ValueError, match=r"seed must be between 0 and 2\^63 - 1 \(got -1\)"):
        options(seed=-1)
    assert all(option.help for option in describe_fields(options))


def test_the_extractor_leaves_points_as_they_are() -> None:
    """Two features, the coordinates."""
    extractor = build_extractor(None, ExtractorContext())
    points = torch.randn(7, 2, 1, 1, generator=random())
    (found,) = extractor.extract(points)
    assert torch.equal(found.features, points.flatten(1))
    assert (extractor.dims, extractor.num_members, extractor.spaces) == (2, 1, ("points",))
