"""MS-SSIM agrees with a public implementation, with a computation by hand where that takes no images, and tells alike from varied."""

import math

import pytest
import torch

from ganbench.errors import ConfigError
from ganbench.evaluation.protocol import SampleSet
from ganbench.evaluation.statistics import FeatureStatistics
from ganbench_metrics import MsSsimOptions
from ganbench_metrics.ms_ssim import WEIGHTS, build_ms_ssim, ms_ssim, num_scales, scale_weights


def waves(size, channels, phase):
    """Return one image ``[1, channels, size, size]`` of smooth waves."""
    y, x = torch.meshgrid(torch.arange(size).double(), torch.arange(size).double(), indexing="ij")
    planes = [
        127.5 + 60 * torch.sin(0.11 * (c + 1) * x + phase) + 60 * torch.cos(0.07 * y * (c + 2) - phase * y / size) for c in range(channels)
    ]
    return torch.stack(planes).round().to(torch.uint8)[None]


def noise(count, size=16, seed=0):
    return torch.randint(0, 256, (count, 1, size, size), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))


def feature_set(images, labels=None):
    return SampleSet(statistics=FeatureStatistics(1), samples=images, labels=labels)


@pytest.mark.parametrize(
    ("size", "channels", "phases", "expected"),
    [
        (176, 1, (0.0, 0.3), 0.9675716283356937),
        (176, 3, (0.0, 0.5), 0.9165506413130218),
        (192, 3, (0.0, 1.0), 0.702990826086373),
        (176, 1, (0.0, 3.0), 0.0),
    ],
)
def test_five_scales_agree_with_pytorch_msssim(size, channels, phases, expected):
    """The numbers are those of pytorch-msssim 1.0.0 in float64 with a float64 window; a negative mean counts as 0 there too."""
    first, second = (waves(size, channels, phase) for phase in phases)
    assert ms_ssim(first, second).item() == pytest.approx(expected, rel=1e-12)


def by_hand(x, y, scales):
    """Return MS-SSIM of two grey images, position by position with loops, as the paper's equations 3 to 7 have it."""
    window = torch.tensor([[math.exp(-(i * i + j * j) / 4.5) for i in range(-5, 6)] for j in range(-5, 6)], dtype=torch.float64)
    window /= window.sum()
    weights, product = [w / sum(WEIGHTS[:scales]) for w in WEIGHTS[:scales]], 1.0
    for scale, weight in enumerate(weights):
        contrast, whole = [], []
        for i in range(x.shape[0] - 10):
            for j in range(x.shape[1] - 10):
                a, b = x[i : i + 11, j : j + 11], y[i : i + 11, j : j + 11]
                mean_a, mean_b = (window * a).sum(), (window * b).sum()
                var_a, var_b = (window * (a - mean_a) ** 2).sum(), (window * (b - mean_b) ** 2).sum()
                cov = (window * (a - mean_a) * (b - mean_b)).sum()
                cs = (2 * cov + 58.5225) / (var_a + var_b + 58.5225)
                contrast.append(cs)
                whole.append(cs * (2 * mean_a * mean_b + 6.5025) / (mean_a**2 + mean_b**2 + 6.5025))
        product *= max(float(torch.stack(whole if scale == scales - 1 else contrast).mean()), 0.0) ** weight
        x, y = (image.view(x.shape[0] // 2, 2, x.shape[1] // 2, 2).mean(dim=(1, 3)) for image in (x, y))
    return product


@pytest.mark.parametrize(("size", "scales"), [(16, 1), (24, 2)])
def test_small_images_agree_with_a_computation_by_hand(size, scales):
    """Fewer scales with renormalised weights; one scale is SSIM."""
    first, second = waves(size, 1, 0.0), waves(size, 1, 0.5)
    assert num_scales(size, size) == scales
    assert ms_ssim(first, second).item() == pytest.approx(by_hand(first[0, 0].double(), second[0, 0].double(), scales), rel=1e-11)


def test_the_scales_are_those_that_leave_a_whole_window():
    """Eleven pixels at the coarsest; the weights sum to one below five scales, and are the published ones there."""
    sizes = {10: None, 11: 1, 21: 1, 22: 2, 32: 2, 44: 3, 64: 3, 88: 4, 128: 4, 175: 4, 176: 5, 1024: 5}
    for size, scales in sizes.items():
        if scales is None:
            with pytest.raises(ConfigError, match="msssim needs images of 11x11 pixels or more"):
                num_scales(size, 64)
        else:
            assert num_scales(size, 2000) == num_scales(2000, size) == scales
    assert [sum(scale_weights(n)) for n in (1, 2, 3, 4)] == pytest.approx([1] * 4)
    assert scale_weights(5) == WEIGHTS


def test_an_image_is_wholly_like_itself():
    """Grey, colour, flat and black."""
    for image in (noise(3), waves(48, 3, 0.0), torch.zeros(1, 1, 16, 16, dtype=torch.uint8), torch.full((1, 3, 32, 32), 200).byte()):
        assert ms_ssim(image, image).tolist() == pytest.approx([1.0] * len(image), abs=1e-12)


def test_the_order_of_a_pair_does_not_matter():
    """And noise is unlike other noise."""
    first, second = noise(5), noise(5, seed=1)
    assert ms_ssim(first, second).tolist() == pytest.approx(ms_ssim(second, first).tolist(), abs=1e-12)
    assert ms_ssim(first, second).max() < 0.5


def test_a_collapsed_generator_has_one_and_a_varied_one_less():
    """The metric asks the generated images alone."""
    metric = build_ms_ssim(MsSsimOptions(num_pairs=60))
    nothing = feature_set(None)
    assert metric.compute(nothing, feature_set(noise(1).expand(20, -1, -1, -1))) == pytest.approx((1.0,))
    (varied,) = metric.compute(nothing, feature_set(noise(20)))
    assert varied < 0.3
    assert not metric.needs.reference


def test_pairs_within_a_class_see_a_collapse_within_classes():
    """One image for each class: varied over all, the same within a class."""
    labels = torch.arange(5).repeat(8)
    images = noise(5)[labels]
    sides = feature_set(None), feature_set(images, labels)
    assert build_ms_ssim(MsSsimOptions(num_pairs=50, per_class=True)).compute(*sides) == pytest.approx((1.0,))
    assert build_ms_ssim(MsSsimOptions(num_pairs=200)).compute(*sides)[0] < 0.6


def test_the_seed_chooses_the_pairs():
    """The same seed gives the same value, another one nearly the same."""
    images = feature_set(torch.cat([noise(10), noise(1).expand(10, -1, -1, -1)]))
    values = [build_ms_ssim(MsSsimOptions(num_pairs=50, seed=seed)).compute(images, images)[0] for seed in (0, 0, 1)]
    assert values[0] == values[1] != values[2]


def test_options_and_small_sets_are_checked():
    """With the name of the option."""
    for bad, message in (({"num_pairs": 0}, "num_pairs must be 1 or more"), ({"seed": -1}, "seed must be from 0")):
        with pytest.raises(ValueError, match=message):
            MsSsimOptions(**bad)
    metric = build_ms_ssim(MsSsimOptions(per_class=True, num_pairs=4))
    with pytest.raises(ConfigError, match=r"per_class needs 2 images or more of each class \(class 3 has 1\)"):
        metric.compute(feature_set(None), feature_set(noise(5), torch.tensor([0, 0, 3, 5, 5])))
    assert metric.parameters() == {"num_pairs": 4, "per_class": True, "seed": 2020}
