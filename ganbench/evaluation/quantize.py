"""The one way in which generated images become uint8 before any extractor sees them."""

from __future__ import annotations

from torch import Tensor

import ganbench_kernels
from ganbench.evaluation.statistics import require_finite

QUANTISER_ID = "clamp-127.5-128"
"""clamp(x * 127.5 + 128, 0, 255), then the fraction is cut off: it rounds x * 127.5 + 127.5. Part of the evaluation key."""


def to_uint8(images: Tensor) -> Tensor:
    """Quantise images from [-1, 1] to [0, 255].

    Args:
        images: ``[N, C, H, W]`` (or any shape) floating point; declared to be in [-1, 1], what lies outside is clamped.

    Returns:
        The same shape, uint8, on the same device.

    Raises:
        ValueError: the images are not floating point.
        Diverged: the images hold NaN or Inf.
    """
    if not images.is_floating_point():
        raise ValueError(f"images must be floating point in [-1, 1] (got {images.dtype}); uint8 images need no quantiser")
    return ganbench_kernels.to_uint8(require_finite(images, "generated images"))
