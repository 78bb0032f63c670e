"""From uint8 images of any size and 1 or 3 channels to the input of the small classifiers.

Shapes: N images, C channels, H x W pixels.
"""

from __future__ import annotations

from torch import Tensor

from ganbench_extractors.resize import resize_antialiased, to_grey


def preprocessing_id(resolution: int) -> str:
    """Return the name of what :func:`to_grey_input` does; part of the evaluation key."""
    return f"bt601-grey-antialiased-bilinear-{resolution}"


def to_grey_input(images: Tensor, resolution: int) -> Tensor:
    """Turn colour into grey, bring to the network's size, and scale.

    Args:
        images: ``[N, C, H, W]`` uint8 in [0, 255], C of 1 or 3.
        resolution: H and W wanted.

    Returns:
        ``[N, 1, resolution, resolution]`` float32 in [-1, 1].
    """
    return resize_antialiased(to_grey(images), resolution, mode="bilinear") / 127.5 - 1
