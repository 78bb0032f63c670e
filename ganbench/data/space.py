"""What one sample is: its sizes, how it is stored, what a network sees of it, and how people look at it.

Shapes: N samples stored or on the device, n of a batch; ``size`` is of one sample as networks see it, ``stored_size`` as it is stored.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor

from ganbench.errors import Diverged


class Space(ABC):
    """What one sample is. Subclasses are frozen dataclasses, so that equal spaces are equal.

    A dataset builds its space, which may hold what was fitted to the train split.
    """

    name: ClassVar[str]
    """What architectures, extractors and metrics call it: ``images``, ``points``."""
    unit: ClassVar[str]
    """The samples in plural, for people and tables: ``images`` gives ``images/s``."""
    stored_dtype: ClassVar[torch.dtype]
    """The type of stored samples: uint8 for images, float32 for points, int64 for tokens."""
    can_mirror: ClassVar[bool] = False
    """Whether a mirrored sample is as good as the sample, so that ``training.horizontal_flip`` is allowed."""
    grain: ClassVar[float] = 0.0
    """The width of one stored level as networks see it, for ``training.dequantise``; 0 where there are no levels."""
    quantiser: ClassVar[str] = "none"
    """How :meth:`quantise` rounds, as evaluation keys have it."""
    picture_suffix: ClassVar[str] = ".png"
    """What the name of a picture's file ends in."""

    @property
    @abstractmethod
    def size(self) -> tuple[int, ...]:
        """One sample as networks see it: ``(3, 32, 32)``, ``(1, 4096)``, ``(2,)``."""

    @property
    def stored_size(self) -> tuple[int, ...]:
        """One stored sample."""
        return self.size

    @property
    def resolution(self) -> int:
        """Height and width of a square image, which :attr:`ganbench.ArchitectureSpec.resolutions` are about; 0 for anything else."""
        return 0

    def describe(self) -> str:
        """Return the stored size as keys and people have it: ``3x32x32``."""
        return "x".join(map(str, self.stored_size))

    def check(self, stored: Tensor) -> None:
        """Refuse what are no stored samples of this space.

        Args:
            stored: ``[N, *stored_size]`` of ``stored_dtype``.

        Raises:
            ValueError: another type or size, or no sample.
        """
        if stored.dtype != self.stored_dtype or tuple(stored.shape[1:]) != self.stored_size or not len(stored):
            wanted = f"{short_name(self.stored_dtype)} [N, {', '.join(map(str, self.stored_size))}] with N of 1 or more"
            raise ValueError(f"{self.unit} must be {wanted} (got {stored.dtype} {list(stored.shape)})")

    def arrange(self, stored: Tensor, *, channels_last: bool = False) -> Tensor:
        """Return stored samples as they lie on the device; runs on the CPU, before they are moved there."""
        return stored.contiguous()

    @abstractmethod
    def to_network(
        self, arranged: Tensor, indices: Tensor | None = None, mirrored: Tensor | None = None, *, channels_last: bool = False
    ) -> Tensor:
        """Return what networks see, by work of the device alone and in one launch where a kernel exists.

        Args:
            arranged: what :meth:`arrange` returned, ``N`` samples on the device.
            indices: which of them, ``[n]`` int64; None for all, in order.
            mirrored: which to mirror, ``[n]`` bool; None where :attr:`can_mirror` is false.
            channels_last: as it was given to :meth:`arrange`; also the memory format of the result.

        Returns:
            ``[n, *size]`` float32.
        """

    @abstractmethod
    def quantise(self, samples: Tensor) -> Tensor:
        """Return what a network made as it would be stored: levels for images, the likeliest tokens for texts.

        Args:
            samples: ``[n, *size]`` floating point and finite.

        Returns:
            ``[n, *stored_size]`` of ``stored_dtype`` on the same device.
        """

    def to_stored(self, samples: Tensor) -> Tensor:
        """Return generated samples as metrics see them.

        Args:
            samples: ``[n, *size]`` floating point.

        Raises:
            Diverged: they hold NaN or Inf.
        """
        return self.quantise(require_finite(samples, f"generated {self.unit}"))

    def picture_count(self, grid_size: int) -> int:
        """Return how many samples a picture shows, where a grid of images has ``grid_size`` in each direction."""
        return grid_size**2

    @abstractmethod
    def picture(self, samples: Tensor, *, columns: int, real: Callable[[int], Tensor]) -> bytes:
        """Return a file that shows samples to people: a grid, a scatter plot, a sound with its spectrogram, lines of text.

        Args:
            samples: ``[n, *stored_size]``, the same latents at each moment of training.
            columns: how many in a row, where there are rows.
            real: ``real(n)`` returns the first n stored samples of the train split, or fewer where it is smaller.
        """

    def files(self, samples: Tensor) -> Iterable[tuple[str, bytes]]:
        """Return ``[n, *stored_size]`` as files for other programs, each with its path: ``sounds/000000.wav``, ``samples.csv``."""
        return ()

    def strip(self, pictures: Sequence[tuple[str, Path]]) -> bytes | None:
        """Return one PNG that shows training, from the pictures of its moments, each with a label; None for none."""
        return None

    def film(self, pictures: Sequence[tuple[str, Path]]) -> bytes | None:
        """Return one WebP that moves through training, of what :meth:`strip` takes; None for none."""
        return None


@dataclass(frozen=True, kw_only=True, slots=True)
class BuildContext:
    """What the harness gives the factory of an architecture or an augmentation."""

    space: Space
    """What is generated."""
    num_classes: int = 0
    """0 for samples without labels."""
    packing: int = 1
    """Samples that the discriminator judges at once, one behind the other: the first size of its input is packing times the sample's."""
    class_names: tuple[str, ...] = ()
    """One for each class; empty where they have no names."""


def require_finite(values: Tensor, what: str) -> Tensor:
    """Return floating-point values of any shape, which can be measured; ``what`` they are goes into the message: ``features``.

    Raises:
        Diverged: one is NaN or Inf.
    """
    if not bool(torch.isfinite(values).all()):
        raise Diverged(f"the {what} hold NaN or Inf")
    return values


def short_name(dtype: torch.dtype) -> str:
    """Return a type's name as messages and hashes have it: ``uint8``."""
    return str(dtype).removeprefix("torch.")
