"""The kinds of samples that come with ganbench: images in :mod:`ganbench_spaces.images`, points in :mod:`ganbench_spaces.points`.

A library below the other plugins, as the kernels are: datasets make these spaces, architectures ask them for sizes, and whoever counts
samples by mode scores them by :mod:`ganbench_spaces.modes`.
"""

from __future__ import annotations

from collections.abc import Iterable

from ganbench import SpaceSpec, hookimpl


@hookimpl
def ganbench_register() -> Iterable[SpaceSpec]:
    """Register the spaces."""
    return (
        SpaceSpec(
            name="images",
            summary="images of any height and width, uint8 as they are stored and [-1, 1] as networks see them",
            factory="ganbench_spaces.images:ImageSpace",
            unit="images",
        ),
        SpaceSpec(
            name="points",
            summary="points in the plane, without bounds",
            factory="ganbench_spaces.points:PointSpace",
            unit="points",
        ),
    )
