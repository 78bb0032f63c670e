"""PSNR and SSIM to a target: scikit-image's values, closed forms, borders and colours."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from skimage.color import rgb2ycbcr
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torch import Tensor

from ganbench import ConfigError, MetricSpec, PluginManager, SampleSet, Targets, UnsuitableError
from ganbench_restoration.fidelity import MOST_DECIBELS, FidelityMetric

MANAGER = PluginManager()
CROPPED = [(measure, border, colours) for measure in ("psnr", "ssim") for border in (0, 2, 4) for colours in ("y", "rgb")]


def metric(name: str) -> FidelityMetric:
    """Return a metric by the family that a user writes."""
    built = MANAGER.find(MetricSpec, name).build(MANAGER.find(MetricSpec, name).spec.options())
    assert isinstance(built, FidelityMetric)
    return built


def images(seed: int, *, count: int = 3, channels: int = 3, height: int = 32, width: int = 27) -> Tensor:
    """Return images that are neither noise nor flat, uint8."""
    random = torch.Generator().manual_seed(seed)
    coarse = torch.rand(count, channels, 4, 4, generator=random)
    smooth = torch.nn.functional.interpolate(coarse, size=(height, width), mode="bilinear")
    noise = torch.rand(smooth.shape, generator=random) / 5
    return ((smooth + noise).clamp(0, 1) * 255).round().to(torch.uint8)


def seen(stored: Tensor) -> Tensor:
    """Return images as networks see them."""
    return stored.float() / 127.5 - 1


def measured(name: str, shown: Tensor, answers: Tensor, guesses: Tensor, weights: Tensor | None = None) -> tuple[float, ...]:
    """Return a metric's value and that of the trivial answer."""
    targets = Targets(samples=seen(answers), guesses=seen(guesses), weights=weights)
    return metric(name).compute(SampleSet(targets=targets), SampleSet(samples=shown))


def public(measure: str, border: int, colours: str, shown: Tensor, answers: Tensor) -> float:
    """Return scikit-image's mean over the images."""
    values = []
    for one, other in zip(shown, answers, strict=True):
        pair: list[Any] = [image.permute(1, 2, 0).numpy() for image in (one, other)]
        if colours == "y":
            pair = [rgb2ycbcr(image)[:, :, :1] for image in pair]
        pair = [image.astype(np.float64)[border : 32 - border, border : 27 - border] for image in pair]
        if measure == "psnr":
            values.append(peak_signal_noise_ratio(pair[1], pair[0], data_range=255))
        else:
            form = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "channel_axis": 2}
            values.append(structural_similarity(*pair, data_range=255, **form))
    return math.fsum(values) / len(values)


@pytest.mark.parametrize(("measure", "border", "colours"), CROPPED)
def test_it_has_scikit_images_values(measure: str, border: int, colours: str) -> None:
    """Of what is generated and of the trivial answer; on luma and on all channels, with each border."""
    shown, answers, guesses = images(0), images(1), images(2)
    found = measured(f"{measure}_crop{border}_{colours}", shown, answers, guesses)
    assert found == pytest.approx([public(measure, border, colours, one, answers) for one in (shown, guesses)], rel=1e-9)


def test_luma_and_colours_and_borders_are_other_measures() -> None:
    """So each name is its own: none of the six values of one pair of sets is another's."""
    shown, answers = images(0), images(1)
    shown[:, :, :4], shown[:, 0] = 0, 255  # a border and a channel that are wrong
    values = [measured(f"psnr_crop{border}_{colours}", shown, answers, answers)[0] for border in (0, 2, 4) for colours in ("y", "rgb")]
    assert len({round(value, 3) for value in values}) == 6
    keys = {tuple(metric(f"psnr_crop{border}_{colours}").parameters().items()) for border in (0, 2, 4) for colours in ("y", "rgb")}
    assert len(keys) == 6


def test_an_error_of_one_level_has_the_decibels_of_the_formula() -> None:
    """20 log10 255; and an image that is its answer has the bound, so that means stay finite."""
    answers = images(0).clamp(max=254)
    off, exact = measured("psnr_crop0_rgb", answers + 1, answers, answers)
    assert off == pytest.approx(20 * math.log10(255))
    assert exact == MOST_DECIBELS
    assert measured("ssim_crop0_rgb", answers, answers, answers)[0] == pytest.approx(1)


def test_the_mean_is_over_the_images_in_decibels() -> None:
    """Not the decibels of the mean error, which one bad image decides."""
    answers = torch.full((2, 1, 8, 8), 100, dtype=torch.uint8)
    shown = answers + torch.tensor([1, 10], dtype=torch.uint8).view(2, 1, 1, 1)
    wanted = (20 * math.log10(255) + 20 * math.log10(25.5)) / 2
    assert measured("psnr_crop0_y", shown, answers, answers)[0] == pytest.approx(wanted)


def test_the_hole_and_the_whole_image_are_scored_apart() -> None:
    """An image that is wrong in the hole alone: there its error is the level, in the whole image it is spread."""
    answers = torch.full((1, 3, 8, 8), 100, dtype=torch.uint8)
    hole = torch.zeros(1, 1, 8, 8)
    hole[:, :, 2:6, 2:6] = 1
    shown = (answers + 10 * hole).to(torch.uint8)
    inside = measured("psnr_hole_rgb", shown, answers, shown, hole)[0]
    whole = measured("psnr_crop0_rgb", shown, answers, shown, hole)[0]
    assert inside == pytest.approx(20 * math.log10(25.5))
    assert whole - inside == pytest.approx(10 * math.log10(4))  # a quarter of the pixels


def test_where_no_pixel_is_hidden_the_hole_is_refused() -> None:
    """One line that names what fits."""
    shown = images(0)
    for weights in (None, torch.ones(3, 1, 32, 27)):
        with pytest.raises(UnsuitableError, match="psnr_hole_y looks at hidden pixels alone, and here every pixel is asked for"):
            measured("psnr_hole_y", shown, shown, shown, weights)


def test_grey_images_are_their_own_luma_and_have_no_colours() -> None:
    """Grey levels from 0 to 255, not from 16 to 235."""
    shown, answers = images(0, channels=1), images(1, channels=1)
    error = (shown.double() - answers.double()).square().mean(dim=(1, 2, 3))
    assert measured("psnr_crop0_y", shown, answers, answers)[0] == pytest.approx((10 * (255**2 / error).log10()).mean().item())
    with pytest.raises(UnsuitableError, match="psnr_crop0_rgb is for colour images"):
        measured("psnr_crop0_rgb", shown, answers, answers)


def test_images_that_the_border_swallows_are_refused() -> None:
    """With the size that is needed."""
    small = images(0, height=18, width=18)
    assert measured("psnr_crop4_y", small, small, small)[0] == MOST_DECIBELS
    with pytest.raises(ConfigError, match="ssim_crop4_y needs images of 19x19 or more"):
        measured("ssim_crop4_y", small, small, small)
