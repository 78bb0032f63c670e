"""Pairs of images of one size: what is given, and what it should be; for whatever is trained from pairs.

Shapes: N pairs, n of a batch, C channels of one image, H, W height and width.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ganbench_spaces.images import ImageSpace


@dataclass(frozen=True, slots=True)
class PairedImages(ImageSpace):
    """Pairs ``[2 C, H, W]``: the first half of the channels is what is given, the second its answer.

    What is given is itself a trivial answer: an image that was made small is brought back to its size, a hidden square is filled.
    """

    scale: int = 1
    """How many times smaller than its answer what is given was, before it was brought to one size."""
    hole: int = 0
    """The side in pixels of the square in the middle that alone is asked for; 0 where every pixel is."""

    @property
    def answers(self) -> ImageSpace:
        """The space of the second half."""
        return ImageSpace(self.channels // 2, self.height, self.width)

    def split(self, pairs: Tensor) -> tuple[Tensor, Tensor]:
        """Return what is given and its answer, ``[N, C, H, W]`` each, of pairs ``[N, 2 C, H, W]``."""
        half = self.channels // 2
        return pairs[:, :half], pairs[:, half:]

    def asked_for(self) -> Tensor | None:
        """Return ``[1, 1, H, W]`` float32, 1 where a pixel is asked for; None where all of them are."""
        if not self.hole:
            return None
        asked = torch.zeros(1, 1, self.height, self.width)
        top, left = (self.height - self.hole) // 2, (self.width - self.hole) // 2
        asked[:, :, top : top + self.hole, left : left + self.hole] = 1
        return asked

    def picture(self, samples: Tensor, *, columns: int, real: Callable[[int], Tensor]) -> bytes:
        """Return a grid in which the two images of a pair stand side by side."""
        return self.answers.picture(torch.cat(self.split(samples), dim=3), columns=columns, real=real)

    def files(self, samples: Tensor) -> Iterator[tuple[str, bytes]]:
        """Yield a PNG of each pair, the two images side by side."""
        return self.answers.files(torch.cat(self.split(samples), dim=3))
