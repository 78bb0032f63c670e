"""Whether weights are of the images and classes of a dataset; said before a network is built, which would say less."""

from __future__ import annotations

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
