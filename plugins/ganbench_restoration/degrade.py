"""What is done to an image before it is to be restored, and what is given in its place: one rule for each task, by name.

Every rule ends in whole grey levels, as the degraded image would lie in a file. Shapes: N images, C channels, H, W height and width,
h = H / scale, w = W / scale.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import conv2d, interpolate, pad

from ganbench_restoration.options import RestoreOptions

LUMA = (0.299, 0.587, 0.114)
"""Red, green and blue of a grey image (ITU-R BT.601), as Pillow's ``convert("L")`` and scikit-image's ``rgb2yuv`` have them."""


def to_levels(images: Tensor) -> Tensor:
    """Return images in [-1, 1] as whole grey levels from 0 to 255, float32."""
    return ((images + 1) * 127.5).round_().clamp_(0, 255)


def from_levels(levels: Tensor) -> Tensor:
    """Return grey levels as networks see them, in [-1, 1]."""
    return levels / 127.5 - 1


def make_smaller(levels: Tensor, scale: int) -> Tensor:
    """Return ``[N, C, h, w]`` whole grey levels: bicubic (Keys, a = -0.5), the filter widened by the scale against aliasing.

    This is the kernel of Pillow's BICUBIC and of MATLAB's ``imresize``, which the published tables are made with. torch's plain bicubic is
    another: it has a = -0.75 and does not widen.
    """
    size = [levels.shape[2] // scale, levels.shape[3] // scale]
    return interpolate(levels, size=size, mode="bicubic", antialias=True, align_corners=False).round_().clamp_(0, 255)


def enlarge(images: Tensor, scale: int) -> Tensor:
    """Return ``[N, C, H, W]`` by the same kernel, which enlarges without being widened; values are not rounded."""
    size = [images.shape[2] * scale, images.shape[3] * scale]
    return interpolate(images, size=size, mode="bicubic", antialias=True, align_corners=False)


def blur(levels: Tensor, deviation: float) -> Tensor:
    """Return images under a Gaussian that is cut off at 4 deviations; the border is mirrored.

    Args:
        levels: ``[N, C, H, W]`` float32.
        deviation: in pixels.
    """
    radius = min(math.ceil(4 * deviation), levels.shape[2] - 1, levels.shape[3] - 1)
    offsets = torch.arange(-radius, radius + 1, dtype=torch.float64)
    window = torch.exp(-offsets.square() / (2 * deviation**2))
    window = (window / window.sum()).to(levels.dtype)
    planes = pad(levels.flatten(0, 1)[:, None], (radius,) * 4, mode="reflect")
    return conv2d(conv2d(planes, window.view(1, 1, -1, 1)), window.view(1, 1, 1, -1)).view(levels.shape)


def grey(levels: Tensor) -> Tensor:
    """Return the luma of colour images in each of their channels."""
    weights = torch.tensor(LUMA, dtype=levels.dtype, device=levels.device).view(1, 3, 1, 1)
    return (levels * weights).sum(dim=1, keepdim=True).expand_as(levels)


def fill_middle(levels: Tensor, side: int) -> Tensor:
    """Return images whose middle square holds the mean of what is around it, of each image and channel."""
    height, width = levels.shape[2:]
    top, left = (height - side) // 2, (width - side) // 2
    hidden = torch.zeros(1, 1, height, width, dtype=levels.dtype)
    hidden[:, :, top : top + side, left : left + side] = 1
    visible = levels * (1 - hidden)
    mean = visible.sum(dim=(2, 3), keepdim=True) / (1 - hidden).sum()
    return visible + mean * hidden


def add_noise(levels: Tensor, deviation: float, seeds: list[int]) -> Tensor:
    """Return images with Gaussian noise, each with that of its own seed.

    Args:
        levels: ``[N, C, H, W]`` float32.
        deviation: in grey levels.
        seeds: N of them.
    """
    random = (torch.Generator().manual_seed(seed) for seed in seeds)
    noise = [torch.randn(levels.shape[1:], generator=one) for one in random]
    return levels + deviation * torch.stack(noise)


@dataclass(frozen=True, slots=True)
class Degradation:
    """The rule of a run."""

    options: RestoreOptions
    hole: int
    """Side of the hidden square in pixels; inpaint only."""

    @property
    def scale(self) -> int:
        """How many times smaller the degraded image is; 1 for a task that leaves the size."""
        name, _, scale = self.options.task.partition("-x")
        return int(scale) if name == "enlarge" else 1

    def __call__(self, images: Tensor, seeds: list[int]) -> Tensor:
        """Return what is given in the place of images, of their size.

        Args:
            images: ``[N, C, H, W]`` uint8.
            seeds: of each image's noise; denoise only.

        Returns:
            ``[N, C, H, W]`` uint8.
        """
        levels, options = images.float(), self.options
        if self.scale > 1:
            given = enlarge(make_smaller(levels, self.scale), self.scale)
        elif options.task == "denoise":
            given = add_noise(levels, options.noise, seeds)
        elif options.task == "deblur":
            given = blur(levels, options.blur)
        elif options.task == "colour":
            given = grey(levels)
        else:
            given = fill_middle(levels, self.hole)
        return given.round().clamp(0, 255).to(torch.uint8)
