"""How near a restored image is to its answer: the peak signal-to-noise ratio and structural similarity, on luma or on all channels.

Both are means over the images. Luma is what MATLAB's ``rgb2ycbcr`` and scikit-image's make of 8-bit colours, from 16 to 235, not rounded;
a grey image is its own luma. PSNR has a peak of 255 and agrees with ``skimage.metrics.peak_signal_noise_ratio``; an image that equals its
answer has 100 dB, not infinitely many. SSIM is that of Wang et al. 2004: Gaussian windows of 11 pixels and deviation 1.5, the mean over
all whole windows; it agrees with ``skimage.metrics.structural_similarity`` with ``gaussian_weights=True`` and
``use_sample_covariance=False``. Before either, so many pixels are cut off at each border as the name says (``crop4``).

Shapes: M images, n of them at a time, C channels, c of them compared, H, W height and width.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import ClassVar, Literal

import torch
from torch import Tensor
from torch.nn.functional import conv2d

from ganbench import ConfigError, Needs, SampleSet, Targets, UnsuitableError
from ganbench_kernels import to_uint8

PEAK = 255.0
MOST_DECIBELS = 100.0
"""Of an image that equals its answer; a difference of one level in one of a million numbers is 108 dB."""
WINDOW, DEVIATION = 11, 1.5
_C1, _C2 = (0.01 * PEAK) ** 2, (0.03 * PEAK) ** 2
_LUMA = (65.481 / 255, 128.553 / 255, 24.966 / 255)
_LUMA_OFFSET = 16.0
_BLOCK = 50

Colours = Literal["y", "rgb"]


def luma(levels: Tensor) -> Tensor:
    """Return Y ``[n, 1, H, W]`` of images ``[n, C, H, W]``, float64 levels from 0 to 255."""
    if levels.shape[1] == 1:
        return levels
    weights = torch.tensor(_LUMA, dtype=levels.dtype, device=levels.device).view(1, 3, 1, 1)
    return (levels * weights).sum(dim=1, keepdim=True) + _LUMA_OFFSET


def decibels(squared_error: Tensor) -> Tensor:
    """Return PSNR of mean squared errors."""
    return (10 * (PEAK**2 / squared_error.clamp_min(1e-12)).log10()).clamp_max(MOST_DECIBELS)


def psnr(images: Tensor, answers: Tensor, asked: Tensor | None = None) -> Tensor:
    """Return the ratio of each image, ``[n]`` float64.

    Args:
        images: ``[n, c, H, W]`` float64 levels.
        answers: theirs.
        asked: ``[n, 1, H, W]``, 1 for the pixels that count; None where all do.
    """
    errors = (images - answers).square().mean(dim=1, keepdim=True)
    weights = torch.ones_like(errors) if asked is None else asked.to(errors.dtype)
    return decibels((errors * weights).sum(dim=(1, 2, 3)) / weights.sum(dim=(1, 2, 3)))


def ssim(images: Tensor, answers: Tensor) -> Tensor:
    """Return the similarity of each image, ``[n]`` float64, the mean over the channels.

    Args:
        images: ``[n, c, H, W]`` float64 levels.
        answers: theirs.
    """
    x, y = (one.flatten(0, 1)[:, None] for one in (images, answers))
    mean_x, mean_y, square_x, square_y, product = (_blur(part) for part in (x, y, x * x, y * y, x * y))
    covariance, variances = product - mean_x * mean_y, square_x - mean_x**2 + square_y - mean_y**2
    similarity = (2 * mean_x * mean_y + _C1) * (2 * covariance + _C2) / ((mean_x**2 + mean_y**2 + _C1) * (variances + _C2))
    return similarity.flatten(1).mean(dim=1).view(images.shape[:2]).mean(dim=1)


def _blur(planes: Tensor) -> Tensor:
    """Return the Gaussian mean of every whole window."""
    offsets = torch.arange(WINDOW, dtype=planes.dtype, device=planes.device) - WINDOW // 2
    window = torch.exp(-offsets.square() / (2 * DEVIATION**2))
    window = window / window.sum()
    return conv2d(conv2d(planes, window.view(1, 1, -1, 1)), window.view(1, 1, 1, -1))


@dataclass(frozen=True, kw_only=True, slots=True)
class FidelityMetric:
    """One of the two measures, of the images (ranked) and of the trivial answer."""

    measure: Literal["psnr", "ssim"]
    colours: Colours
    border: int
    """Pixels that are cut off at each side."""
    in_hole: bool = False
    """Whether only the pixels that are asked for count."""
    least_samples: int = 1

    needs: ClassVar[Needs] = Needs(statistics=False, samples=True)

    @property
    def implementation(self) -> str:
        """Name and version."""
        return f"{self.measure}-1"

    def parameters(self) -> dict[str, str | int | float]:
        """Return what changes the value."""
        return {"colours": self.colours, "border": self.border, "in_hole": self.in_hole}

    def compute(self, real: SampleSet, fake: SampleSet) -> tuple[float, ...]:
        """Return (measure, that of the trivial answer).

        Raises:
            UnsuitableError: no trivial answer, no hidden pixels where only these count, or channels that are neither grey nor colour.
            ConfigError: images smaller than the border and a window.
        """
        if real.targets is None or fake.samples is None:
            raise ValueError("this metric needs targets and samples, and the sample sets lack them")
        self._check(real.targets)
        windows = [slice(start, start + _BLOCK) for start in range(0, len(fake.samples), _BLOCK)]
        found = [self._measure(fake.samples[window], real.targets[window]) for window in windows]
        return tuple(torch.cat(found).mean(dim=0).tolist())

    def _measure(self, images: Tensor, targets: Targets) -> Tensor:
        """Return both measures of each image, ``[n, 2]``."""
        assert targets.guesses is not None
        answers, guesses = (to_uint8(one) for one in (targets.samples, targets.guesses))
        shown, wanted, trivial = (self._seen(one) for one in (images, answers, guesses))
        if self.measure == "ssim":
            return torch.stack([ssim(shown, wanted), ssim(trivial, wanted)], dim=1)
        asked = targets.weights if self.in_hole else None
        return torch.stack([psnr(shown, wanted, asked), psnr(trivial, wanted, asked)], dim=1)

    def _seen(self, images: Tensor) -> Tensor:
        """Return float64 levels of the channels and the pixels that are compared."""
        levels = images.double()
        levels = luma(levels) if self.colours == "y" else levels
        height, width = levels.shape[2:]
        return levels[:, :, self.border : height - self.border, self.border : width - self.border]

    def _check(self, targets: Targets) -> None:
        channels, height, width = targets.samples.shape[1:]
        name = f"{self.measure}_hole_{self.colours}" if self.in_hole else f"{self.measure}_crop{self.border}_{self.colours}"
        if targets.guesses is None:
            raise UnsuitableError(f"{name} compares with a trivial answer, and these targets hold none")
        if channels not in ((1, 3) if self.colours == "y" else (3,)):
            kind, hint = "colour", f"use {name.removesuffix('rgb')}y"
            if self.colours == "y":
                kind, hint = "grey or colour", "choose another metric"
            raise UnsuitableError(f"{name} is for {kind} images (got {channels} channels)", hint=hint)
        if self.in_hole and (targets.weights is None or bool((targets.weights == 1).all())):
            raise UnsuitableError(f"{name} looks at hidden pixels alone, and here every pixel is asked for", hint="use psnr_crop0_rgb")
        least = 2 * self.border + (WINDOW if self.measure == "ssim" else 1)
        if min(height, width) < least:
            raise ConfigError(f"{name} needs images of {least}x{least} or more (got {height}x{width})", hint="choose a smaller border")


def _build(measure: Literal["psnr", "ssim"], border: int, colours: Colours, in_hole: bool, options: object) -> FidelityMetric:
    return FidelityMetric(measure=measure, border=border, colours=colours, in_hole=in_hole)


psnr_crop0_y = partial(_build, "psnr", 0, "y", False)
psnr_crop2_y = partial(_build, "psnr", 2, "y", False)
psnr_crop4_y = partial(_build, "psnr", 4, "y", False)
psnr_crop0_rgb = partial(_build, "psnr", 0, "rgb", False)
psnr_crop2_rgb = partial(_build, "psnr", 2, "rgb", False)
psnr_crop4_rgb = partial(_build, "psnr", 4, "rgb", False)
psnr_hole_y = partial(_build, "psnr", 0, "y", True)
psnr_hole_rgb = partial(_build, "psnr", 0, "rgb", True)
ssim_crop0_y = partial(_build, "ssim", 0, "y", False)
ssim_crop2_y = partial(_build, "ssim", 2, "y", False)
ssim_crop4_y = partial(_build, "ssim", 4, "y", False)
ssim_crop0_rgb = partial(_build, "ssim", 0, "rgb", False)
ssim_crop2_rgb = partial(_build, "ssim", 2, "rgb", False)
ssim_crop4_rgb = partial(_build, "ssim", 4, "rgb", False)
