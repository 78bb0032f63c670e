"""What a dataset plugin returns: two splits of uint8 images behind one narrow protocol.

Points in the plane are float32 "images" of two channels and one pixel, always in memory; see :attr:`ganbench.ImageShape.points`.

The content hash of a split: equal images and labels in equal order have an equal hash, resident or streamed.

Shapes: N images, C channels, H = W = resolution.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from ganbench.spec import ImageShape


@dataclass(frozen=True, kw_only=True, slots=True)
class DataContext:
    """What the harness gives a dataset's factory."""

    data_root: Path | None = None
    """``--data-root`` or ``GANBENCH_DATA``; None where neither is set."""
    download: bool = True
    """Whether the network may be asked."""
    resident_limit_mib: float = 2048.0
    """Largest split, decoded to uint8, that is kept in memory; a larger one must stream."""


@runtime_checkable
class Source(Protocol):
    """One split: random access to uint8 images.

    ``read`` must be a pure function of the index, safe to call from several worker processes.
    """

    @property
    def num_samples(self) -> int:
        """N."""
        ...

    @property
    def labels(self) -> Tensor | None:
        """``[N]`` int64 on the CPU, or None."""
        ...

    @property
    def content_hash(self) -> str:
        """sha256 over shape, pixels and labels in order; equal content has an equal hash, wherever it lies."""
        ...

    @property
    def is_resident(self) -> bool:
        """Whether ``read`` is a slice of one tensor in memory (then the source is an :class:`ArraySource`)."""
        ...

    def read(self, indices: Tensor) -> Tensor:
        """Return images ``[len(indices), C, H, W]`` uint8 on the CPU; ``indices`` is int64 ``[n]``."""
        ...


class ArraySource:
    """A split that fits in memory.

    Args:
        stored: ``[N, C, H, W]`` uint8 in [0, 255], or points ``[N, 2, 1, 1]`` float32.
        labels: ``[N]`` int64, or None.

    Raises:
        ValueError: wrong dtype, rank, size or label count, or points that are not finite.
    """

    is_resident = True

    def __init__(self, stored: Tensor, labels: Tensor | None = None) -> None:
        if stored.dtype == torch.float32:
            _check_points(stored)
        elif stored.dtype != torch.uint8 or stored.ndim != 4:
            raise ValueError(f"images must be uint8 [N, C, H, W] (got {stored.dtype} {list(stored.shape)})")
        if stored.shape[0] == 0:
            raise ValueError("images must hold at least one image (got 0)")
        if stored.shape[2] != stored.shape[3]:
            raise ValueError(f"images must be square (got {stored.shape[2]}x{stored.shape[3]})")
        if labels is not None and (labels.dtype != torch.int64 or labels.shape != stored.shape[:1]):
            raise ValueError(f"labels must be int64 [{stored.shape[0]}], one for each image (got {labels.dtype} {list(labels.shape)})")
        self.stored = stored.contiguous()
        self.labels = labels
        self._content_hash = ""

    @property
    def holds_points(self) -> bool:
        """Whether these are points, which are neither quantised nor normalised."""
        return self.stored.dtype == torch.float32

    @property
    def num_samples(self) -> int:
        """N."""
        return int(self.stored.shape[0])

    @property
    def content_hash(self) -> str:
        """sha256 over shape, pixels and labels, computed once."""
        if not self._content_hash:
            self._content_hash = hash_arrays(self.stored, self.labels)
        return self._content_hash

    def read(self, indices: Tensor) -> Tensor:
        """Return the images at ``indices``."""
        return self.stored[indices]


def _check_points(points: Tensor) -> None:
    if points.ndim != 4 or points.shape[1:] != (2, 1, 1):
        raise ValueError(f"float32 data must be points [N, 2, 1, 1] (got {list(points.shape)}); images are uint8")
    if not bool(points.isfinite().all()):
        raise ValueError("points must be finite (got NaN or Inf)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Targets:
    """What generated samples should be, of M inputs that have one right answer each."""

    samples: Tensor
    """``[M, *size]`` float32, as networks see samples; images are in [-1, 1]."""
    weights: Tensor
    """``[M, 1, H, W]`` float32: 1 where a pixel is asked for, 0 where it is given; at least one pixel of each image is asked for."""
    guesses: Tensor
    """``[M, *size]`` float32, as networks see samples: a trivial answer, for comparison."""

    def __getitem__(self, window: slice) -> Targets:
        """Return some of them."""
        return Targets(samples=self.samples[window], weights=self.weights[window], guesses=self.guesses[window])


@dataclass(frozen=True, kw_only=True, slots=True)
class Dataset:
    """What a dataset's factory returns."""

    name: str
    """How tables call it: ``digits``, ``folder:faces``."""
    shape: ImageShape
    train: Source
    test: Source | None = None
    """Held-out images, where the dataset has them."""
    class_names: tuple[str, ...] = ()
    """One for each class; empty without labels."""
    mode_of: Callable[[Tensor], Tensor] | None = None
    """Samples as the metrics see them, ``[n, ...]``, to the mode of the data that each lies at, ``[n]`` int64, -1 for none; given where the
    data say themselves what their modes are."""
    num_modes: int = 0
    """How many modes there are; 0 without ``mode_of``."""
    notes: tuple[str, ...] = ()
    """What the user should know about this copy (files left out, where it was found), one line each."""

    def __post_init__(self) -> None:
        for split in (self.train, self.test):
            holds_points = isinstance(split, ArraySource) and split.holds_points
            if split is not None and holds_points != self.shape.points:
                kind = "points" if holds_points else "images"
                raise ValueError(f"{self.name}: shape.points is {self.shape.points}, and a split holds {kind}")


_HEADER = "ganbench-content-1 {dtype} {channels} {height} {width}\n"
_TRAILER = "\n{num_samples} {labels}\n"
_LITTLE_ENDIAN_INT64 = "<i8"


class ContentHasher:
    """sha256 over shape, dtype, pixels and labels, fed in any number of pieces.

    The count stands behind the pixels, so that a split whose damaged files are only found on the way can be hashed in one pass.

    Args:
        image_shape: (C, H, W) of every image.
        dtype: uint8, or float32 for points.
    """

    def __init__(self, image_shape: tuple[int, int, int], dtype: torch.dtype = torch.uint8) -> None:
        channels, height, width = image_shape
        self._shape, self._dtype = image_shape, dtype
        header = _HEADER.format(dtype=str(dtype).removeprefix("torch."), channels=channels, height=height, width=width)
        self._digest = hashlib.sha256(header.encode())
        self._num_samples = 0

    def update(self, images: Tensor) -> None:
        """Add the next images.

        Args:
            images: ``[n, C, H, W]`` of the hasher's dtype, on the CPU; n may be 0.

        Raises:
            ValueError: another dtype or shape than the first images had.
        """
        if images.dtype != self._dtype or tuple(images.shape[1:]) != self._shape:
            wanted = f"{str(self._dtype).removeprefix('torch.')} [n, {', '.join(map(str, self._shape))}]"
            raise ValueError(f"images must be {wanted} (got {images.dtype} {list(images.shape)})")
        self._digest.update(images.contiguous().numpy().data)
        self._num_samples += images.shape[0]

    def finish(self, labels: Tensor | None = None) -> str:
        """Return the hash in hexadecimal; the hasher takes no more images after this.

        Args:
            labels: ``[N]`` int64, or None.
        """
        kind = "unlabelled" if labels is None else "int64"
        self._digest.update(_TRAILER.format(num_samples=self._num_samples, labels=kind).encode())
        if labels is not None:
            self._digest.update(labels.cpu().numpy().astype(_LITTLE_ENDIAN_INT64).tobytes())
        return self._digest.hexdigest()


def hash_arrays(images: Tensor, labels: Tensor | None) -> str:
    """Return the content hash of a split that lies in memory.

    Args:
        images: ``[N, C, H, W]`` uint8, or float32 for points.
        labels: ``[N]`` int64, or None.
    """
    channels, height, width = images.shape[1:]
    hasher = ContentHasher((channels, height, width), images.dtype)
    hasher.update(images.cpu())
    return hasher.finish(labels)
