"""Images of any height and width: uint8 as they are stored, float32 in [-1, 1] as networks see them.

Shapes: N images, n of a batch, C channels, H, W height and width.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor

import ganbench_kernels
from ganbench import ArraySource, Source, Space


@dataclass(frozen=True, slots=True)
class ImageSpace(Space):
    """Images ``[C, H, W]``."""

    channels: int
    """1 for grey, 3 for colour, or any other number."""
    height: int
    width: int

    name: ClassVar[str] = "images"
    unit: ClassVar[str] = "images"
    stored_dtype: ClassVar[torch.dtype] = torch.uint8
    can_mirror: ClassVar[bool] = True
    grain: ClassVar[float] = 1 / 128
    quantiser: ClassVar[str] = "clamp-127.5-128"
    """clamp(x * 127.5 + 128, 0, 255), then the fraction is cut off: it rounds x * 127.5 + 127.5."""

    @classmethod
    def square(cls, channels: int, resolution: int) -> ImageSpace:
        """Return the space of square images."""
        return cls(channels, resolution, resolution)

    @property
    def size(self) -> tuple[int, int, int]:
        """(C, H, W)."""
        return (self.channels, self.height, self.width)

    @property
    def resolution(self) -> int:
        """Height and width of square images; 0 where they differ."""
        return self.height if self.height == self.width else 0

    def check(self, stored: Tensor) -> None:
        """Refuse what are no images of this size."""
        if stored.dtype != torch.uint8 or stored.ndim != 4:
            raise ValueError(f"images must be uint8 [N, C, H, W] (got {stored.dtype} {list(stored.shape)})")
        if stored.shape[0] == 0:
            raise ValueError("images must hold at least one image (got 0)")
        super(ImageSpace, self).check(stored)

    def arrange(self, stored: Tensor, *, channels_last: bool = False) -> Tensor:
        """Return ``[N, H, W, C]`` with ``channels_last``, else ``[N, C, H, W]``."""
        return (stored.permute(0, 2, 3, 1) if channels_last else stored).contiguous()

    def to_network(
        self, arranged: Tensor, indices: Tensor | None = None, mirrored: Tensor | None = None, *, channels_last: bool = False
    ) -> Tensor:
        """Return ``[n, C, H, W]`` float32 in [-1, 1]: gathered, mirrored and scaled in one launch."""
        return ganbench_kernels.gather_normalize(arranged, indices, mirrored, channels_last=channels_last)

    def quantise(self, samples: Tensor) -> Tensor:
        """Return uint8 of images in [-1, 1]; what lies outside is clamped.

        Raises:
            ValueError: the images are not floating point.
        """
        if not samples.is_floating_point():
            raise ValueError(f"images must be floating point in [-1, 1] (got {samples.dtype}); uint8 images need no quantiser")
        return ganbench_kernels.to_uint8(samples)

    def picture(self, samples: Tensor, *, columns: int, real: Callable[[int], Tensor]) -> bytes:
        """Return a grid, row by row; of images that are neither grey nor colour, one grey image for each channel."""
        from ganbench_spaces.grid import draw_grid

        if samples.shape[1] not in (1, 3):
            samples = samples.flatten(0, 1)[:, None]
        return draw_grid(samples, columns=columns)

    def files(self, samples: Tensor) -> Iterator[tuple[str, bytes]]:
        """Yield a PNG of each image, which keeps every level, in the order of their names; none of what is neither grey nor colour."""
        from ganbench_spaces.grid import draw_image

        digits = max(6, len(str(len(samples) - 1)))
        for index, image in enumerate(samples if samples.shape[1] in (1, 3) else ()):
            yield f"images/{index:0{digits}d}.png", draw_image(image)

    def strip(self, pictures: Sequence[tuple[str, Path]]) -> bytes | None:
        """Return one row of each grid."""
        from ganbench_spaces.grid import draw_strip

        return draw_strip(pictures)

    def film(self, pictures: Sequence[tuple[str, Path]]) -> bytes | None:
        """Return the grids one after the other."""
        from ganbench_spaces.grid import draw_film

        return draw_film(pictures)


def images_of(space: Space) -> ImageSpace:
    """Return a space that must be one of images.

    Raises:
        ValueError: it is another.
    """
    if not isinstance(space, ImageSpace):
        raise ValueError(f"this needs images (got {space.unit})")
    return space


def square_images(space: Space) -> ImageSpace:
    """Return a space that must be one of square images.

    Raises:
        ValueError: it is another, or they are not square.
    """
    images = images_of(space)
    if not images.resolution:
        raise ValueError(f"this needs square images (got {images.height}x{images.width})")
    return images


def image_source(stored: Tensor, labels: Tensor | None = None) -> ArraySource:
    """Return images that fit in memory.

    Args:
        stored: ``[N, C, H, W]`` uint8 in [0, 255].
        labels: ``[N]`` int64, or None.

    Raises:
        ValueError: wrong dtype, rank or label count, or no image.
    """
    sizes = stored.shape[1:] if stored.ndim == 4 else (0, 0, 0)
    return ArraySource(stored, labels, space=ImageSpace(*sizes))


def draw_images(source: Source, count: int, random: torch.Generator) -> Tensor:
    """Return images in a random order, each again only after all the others.

    Args:
        source: where they come from.
        count: how many.
        random: the stream of the order.

    Returns:
        ``[count, C, H, W]`` float32 in [-1, 1].
    """
    order = torch.randperm(source.num_samples, generator=random)[:count]
    repeated = torch.arange(count) % len(order)
    return source.space.to_network(source.space.arrange(source.read(order)), repeated)
