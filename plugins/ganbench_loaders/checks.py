"""What weights must be; said before a network is built, which would say less."""

from __future__ import annotations

import torch
from torch import Tensor

from ganbench import BuildContext
from ganbench_spaces.images import square_images


def check_images(context: BuildContext, *, channels: int, resolution: int, classes: int) -> None:
    """Refuse weights of other images than the dataset's, or of classes that it lacks.

    Args:
        context: the dataset's space and classes.
        channels: of the images that the weights make.
        resolution: their height and width.
        classes: that the weights know; 0 for none.

    Raises:
        ValueError: see above.
    """
    space = square_images(context.space)
    if (space.channels, space.resolution) != (channels, resolution):
        raise ValueError(
            f"the weights make images of {channels} channels and {resolution}x{resolution} pixels, the dataset's have {space.channels} and "
            f"{space.resolution}x{space.resolution}"
        )
    if classes and classes != context.num_classes:
        raise ValueError(f"the weights know {classes} classes, and the dataset has {context.num_classes}")


def check_filter(name: str, stored: Tensor) -> None:
    """Refuse another filter of a resampler than [1, 3, 3, 1] times itself, with a sum of 1, which is built into our networks.

    Raises:
        ValueError: it is another; names it.
    """
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0], dtype=torch.float64)
    known = torch.outer(taps, taps) / taps.sum() ** 2
    if stored.shape != known.shape or not torch.allclose(stored.double(), known, atol=1e-6):
        raise ValueError(f"{name} is another filter than [1, 3, 3, 1]")
