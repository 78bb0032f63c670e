"""What pix2pix is asked to do: fill a hidden square, or take one half of an image's channels to the other.

A task makes a batch of inputs and targets of a batch of images, by work of the device alone.
Shapes: N images, C channels, H = W = resolution.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from ganbench import Space
from ganbench_spaces.images import square_images
from ganbench_spaces.pairs import PairedImages
from ganbench_translation.pix2pix_options import Pix2PixOptions

Uniform = Callable[[int], Tensor]
"""Draws ``[n]`` numbers in [0, 1) on the images' device."""


class Task(Protocol):
    """Where inputs and targets come from."""

    @property
    def input_channels(self) -> int:
        """Channels of the generator's input."""
        ...

    @property
    def output_channels(self) -> int:
        """Channels of the target."""
        ...

    def __call__(self, images: Tensor, uniform: Uniform) -> tuple[Tensor, Tensor]:
        """Return inputs ``[N, input_channels, H, W]`` and targets ``[N, output_channels, H, W]`` of images in [-1, 1]."""
        ...

    def guess(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Return a trivial answer ``[N, output_channels, H, W]``, and 1 where a pixel is asked for, else 0, ``[N, 1, H, W]``."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Inpainting:
    """The image with a hidden square, and a plane that says where, to the whole image (Pathak et al. 2016, arXiv 1604.07379)."""

    image_channels: int
    resolution: int
    side: int
    """The side of the square, in pixels."""
    random: bool
    """Whether the square is anywhere; else it is in the middle."""

    @property
    def input_channels(self) -> int:
        """The image's, and the plane."""
        return self.image_channels + 1

    @property
    def output_channels(self) -> int:
        """The image's."""
        return self.image_channels

    def __call__(self, images: Tensor, uniform: Uniform) -> tuple[Tensor, Tensor]:
        """Return the images with what is hidden at 0 and the plane at 1, and the images."""
        hidden = self.hidden(len(images), images.device, uniform).to(images.dtype)
        return torch.cat([images * (1 - hidden), hidden], dim=1), images

    def guess(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Return the images with the mean of what is visible, of each image and channel, in the hidden square, and the square."""
        visible, hidden = inputs[:, :-1], inputs[:, -1:]
        mean = visible.sum(dim=(2, 3), keepdim=True) / (1 - hidden).sum(dim=(2, 3), keepdim=True)
        return visible + mean * hidden, hidden

    def hidden(self, count: int, device: torch.device, uniform: Uniform) -> Tensor:
        """Return ``[count, 1, H, W]`` bool, true in the squares; all positions are equally likely where they are random."""
        room = self.resolution - self.side
        if self.random:
            first = (uniform(2 * count).view(2, count, 1) * (room + 1)).long().clamp(max=room)  # of rows and columns
        else:
            first = torch.full((2, count, 1), room // 2, dtype=torch.int64, device=device)
        places = torch.arange(self.resolution, device=device)
        within = (places >= first) & (places < first + self.side)  # [2, count, H]
        return (within[0, :, :, None] & within[1, :, None, :])[:, None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Pairs:
    """One half of the channels to the other."""

    half_channels: int
    backward: bool
    """Whether the second half is the input."""
    pairs: PairedImages | None = None
    """The space, where it says which pixels are asked for; None where every pixel is."""

    @property
    def input_channels(self) -> int:
        """One half."""
        return self.half_channels

    @property
    def output_channels(self) -> int:
        """The other half."""
        return self.half_channels

    def __call__(self, images: Tensor, uniform: Uniform) -> tuple[Tensor, Tensor]:
        """Return both halves."""
        first, second = images[:, : self.half_channels], images[:, self.half_channels :]
        return (second, first) if self.backward else (first, second)

    def guess(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Return the inputs as they are, and 1 for every pixel that is asked for."""
        asked = None if self.pairs is None else self.pairs.asked_for()
        every = torch.ones_like(inputs[:, :1])
        return inputs, every if asked is None else every * asked


def make_task(options: Pix2PixOptions, space: Space) -> Task:
    """Return the task of a run.

    Raises:
        ValueError: the images cannot be halved.
    """
    images = square_images(space)
    if options.task == "inpainting":
        side = min(max(round(options.hole_size * images.resolution), 1), images.resolution - 1)
        return Inpainting(image_channels=images.channels, resolution=images.resolution, side=side, random=options.hole == "random")
    if images.channels % 2:
        raise ValueError(f"task=pairs needs images of an even number of channels, input and target (got {images.channels})")
    backward = options.direction == "backward"
    pairs = images if isinstance(images, PairedImages) and not backward else None
    return Pairs(half_channels=images.channels // 2, backward=backward, pairs=pairs)
