"""The birthday test counts duplicates by its stated rule, and its supports are those of the birthday problem."""

import math

import pytest
import torch

from ganbench.errors import ConfigError
from ganbench.evaluation.protocol import SampleSet
from ganbench_metrics import BirthdayOptions
from ganbench_metrics.birthday import build_birthday, build_birthday_pixels, duplicate_distance, duplicate_pairs, estimate


def normal(count, seed, dims=6):
    return torch.randn(count, dims, generator=torch.Generator().manual_seed(seed))


def score(real, fake, **options):
    return build_birthday(BirthdayOptions(**options)).compute(SampleSet(features=real), SampleSet(features=fake))


def test_points_of_a_known_support_give_its_size():
    """The share of batches is that of the birthday problem for 1,000 equally likely points, and the support near 1,000."""
    points = 100 * normal(1000, 0)
    fake = points[torch.randint(1000, (20_000,), generator=torch.Generator().manual_seed(1))]
    share, support, least = score(points, fake, batch_size=40)
    none = math.prod(1 - i / 1000 for i in range(40))
    assert share == pytest.approx(1 - none, abs=0.05)
    assert support == pytest.approx(1000, rel=0.12)
    assert 850 < least < 1000


def test_rare_points_count_by_the_inverse_of_the_sum_of_squares():
    """Half of all samples at one of two points: sum p^2 is nearly 2 / 16, so the support is that of 8 equally likely ones."""
    points, random = 100 * normal(1000, 0), torch.Generator().manual_seed(2)
    which = torch.where(torch.rand(4000, generator=random) < 0.5, torch.randint(2, (4000,), generator=random), 2)
    others = torch.randint(2, 1000, (4000,), generator=random)
    fake = points[torch.where(which < 2, which, others)]
    assert score(points, fake, batch_size=40)[1] == pytest.approx(1 / (2 / 16 + 998 * (0.5 / 998) ** 2), rel=0.05)


@pytest.mark.parametrize(("hits", "batches"), [(0, 20), (3, 20), (19, 20), (1, 1), (0, 1)])
def test_the_estimates_are_those_of_the_formulas(hits, batches):
    """The support that there is at least agrees with SciPy's beta distribution, which is Clopper and Pearson's bound."""
    from scipy.stats import beta

    pairs, size = [2] * hits + [0] * (batches - hits), 30
    share, support, least = estimate(pairs, size)
    assert share == hits / batches
    assert support == pytest.approx(batches * 435 / (2 * hits + 1))
    bound = beta.ppf(0.95, hits + 1, batches - hits) if hits < batches else 1.0
    assert least == pytest.approx(0.0 if bound == 1 else -435 / math.log(1 - bound), rel=1e-9)


def test_pairs_are_those_of_all_differences():
    """Batch by batch, the border left out, and what is left over of the samples not looked at."""
    fake = normal(105, 3, dims=2)
    distances = [torch.pdist(part.double()) for part in fake[:100].split(50)]
    border = float(distances[0].sort().values[7])
    assert duplicate_pairs(fake, 50, border**2 * (1 + 1e-9)) == [int((d <= border).sum()) for d in distances]
    assert sum(duplicate_pairs(fake, 50, 0.0)) == 0
    assert duplicate_pairs(torch.cat([fake[:50], fake[:1].repeat(50, 1)]), 50, 0.0) == [0, 50 * 49 // 2]


def test_what_a_duplicate_is_follows_from_real_images_of_as_many():
    """The median distance to the nearest of the others, times the factor; only the whole batch's distances, as all are in one."""
    real = normal(60, 4)
    nearest = (torch.cdist(real.double(), real.double()) + torch.eye(60) * 1e9).amin(dim=1)
    assert duplicate_distance(real, BirthdayOptions(batch_size=60, factor=0.3)) == pytest.approx(
        (0.3 * nearest.median().item()) ** 2, rel=1e-6
    )


def test_near_copies_are_duplicates_and_new_images_are_none():
    """Twenty images with a little noise have a pair in every batch; fresh images of the distribution have none, as real ones."""
    real = normal(400, 5)
    near = real[torch.randint(20, (400,), generator=torch.Generator().manual_seed(6))] + 1e-3 * normal(400, 7)
    assert score(real, near, batch_size=50)[0] == 1
    assert score(real, near, batch_size=50)[1] == pytest.approx(20, rel=0.2)
    assert score(real, normal(400, 8), batch_size=50) == (0.0, 8 * 1225, pytest.approx(-1225 / math.log(0.05 ** (1 / 8))))


def test_pixels_are_looked_at_without_an_extractor():
    """The images themselves; the ends of grey do not wrap."""
    images = torch.randint(0, 256, (40, 1, 4, 4), dtype=torch.uint8, generator=torch.Generator().manual_seed(9))
    metric = build_birthday_pixels(BirthdayOptions(batch_size=20))
    assert (metric.needs.samples, metric.needs.features) == (True, False)
    copied = torch.cat([images[:20], images[:10], images[:10]])
    assert metric.compute(SampleSet(samples=images), SampleSet(samples=copied))[0] == 0.5
    ends = torch.zeros(2, 1, 4, 4, dtype=torch.uint8)
    ends[1] = 255
    assert build_birthday_pixels(BirthdayOptions(batch_size=2)).compute(SampleSet(samples=images), SampleSet(samples=ends))[0] == 0


def test_too_few_images_of_either_kind_are_refused():
    """With the number that there is."""
    with pytest.raises(ConfigError, match=r"batch_size must be at most 30, the real samples \(got 50\)"):
        score(normal(30, 0), normal(90, 1), batch_size=50)
    with pytest.raises(ConfigError, match=r"batch_size must be at most 30, the samples \(got 50\)"):
        score(normal(90, 0), normal(30, 1), batch_size=50)


@pytest.mark.parametrize("bad", [0.0, -1.0, math.inf, math.nan])
def test_a_wrong_factor_is_refused(bad):
    """By its name."""
    with pytest.raises(ValueError, match="factor must be above 0 and finite"):
        BirthdayOptions(factor=bad)
