"""DiffAugment (Zhao et al. 2020, https://arxiv.org/abs/2006.10738), with the ranges of the authors' code
(mit-han-lab/data-efficient-gans DiffAugment_pytorch.py).

Every image draws its own numbers. Nothing depends on their values on the host, so a captured step can hold it.

Shapes: N images, C, H, W an image in [-1, 1].
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ganbench import Augmentation, BuildContext
from ganbench_augmentations import DiffAugmentOptions
from ganbench_spaces.images import ImageSpace

Uniform = Callable[[int], Tensor]


def build(options: DiffAugmentOptions, context: BuildContext) -> Augmentation:
    """Build the augmentation.

    Raises:
        ValueError: the data are no images.
    """
    if not isinstance(context.space, ImageSpace):
        what = {"points": "points in the plane"}.get(context.space.unit, context.space.unit)
        raise ValueError(f"diffaugment needs images (got {what})")

    return DiffAugment(options)


class DiffAugment(Augmentation):
    """The parts of a policy, one after the other.

    Args:
        options: the policy and its ranges.
    """

    def __init__(self, options: DiffAugmentOptions) -> None:
        super().__init__()
        self._options = options

    def forward(self, images: Tensor, uniform: Uniform) -> Tensor:
        """Return augmented images ``[N, C, H, W]``."""
        for part in self._options.parts:
            if part == "color":
                images = color(images, uniform)
            elif part == "translation":
                images = translate(images, uniform, self._options.translation_ratio)
            else:
                images = cut_out(images, uniform, self._options.cutout_ratio)
        return images


def color(images: Tensor, uniform: Uniform) -> Tensor:
    """Change brightness by U(-0.5, 0.5), saturation by a factor U(0, 2) and contrast by a factor U(0.5, 1.5)."""
    images = images + (_draw(uniform, images) - 0.5)
    grey = images.mean(dim=1, keepdim=True)  # [N, 1, H, W]
    images = (images - grey) * (2 * _draw(uniform, images)) + grey
    mean = images.mean(dim=(1, 2, 3), keepdim=True)  # [N, 1, 1, 1]
    return (images - mean) * (_draw(uniform, images) + 0.5) + mean


def translate(images: Tensor, uniform: Uniform, ratio: float) -> Tensor:
    """Shift by whole pixels, at most ``ratio`` of the size; what comes in is 0."""
    for dim in (2, 3):
        size = images.shape[dim]
        most = int(size * ratio + 0.5)
        shift = torch.floor(uniform(len(images)) * (2 * most + 1)) - most  # [N]
        source = torch.arange(size, device=images.device) + shift.to(torch.int64)[:, None]  # [N, size]
        inside = (source >= 0) & (source < size)
        along = (len(images), 1, size, 1) if dim == 2 else (len(images), 1, 1, size)
        taken = images.gather(dim, source.clamp(0, size - 1).view(along).expand_as(images))
        images = taken * inside.view(along).to(images.dtype)
    return images


def cut_out(images: Tensor, uniform: Uniform, ratio: float) -> Tensor:
    """Set a square to 0, of ``ratio`` of the size, which may stick out at the borders."""
    kept: Tensor | None = None
    for dim in (2, 3):
        size = images.shape[dim]
        side = int(size * ratio + 0.5)
        centre = torch.floor(uniform(len(images)) * (size + (1 - side % 2)))  # [N]
        first = (centre - side // 2)[:, None]
        place = torch.arange(size, device=images.device)
        outside = (place < first) | (place >= first + side)  # [N, size]
        outside = outside.view((len(images), 1, size, 1) if dim == 2 else (len(images), 1, 1, size))
        kept = outside if kept is None else kept | outside
    assert kept is not None
    return images * kept.to(images.dtype)


def _draw(uniform: Uniform, images: Tensor) -> Tensor:
    """Return one number for each image, ``[N, 1, 1, 1]``."""
    return uniform(len(images)).view(-1, 1, 1, 1).to(images.dtype)
