"""What a dataset plugin returns: two splits of stored samples behind one narrow protocol.

The content hash of a split: equal samples and labels in equal order have an equal hash, resident or streamed.

Shapes: N samples of a space's ``stored_size``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from ganbench.data.space import Space, short_name


@dataclass(frozen=True, kw_only=True, slots=True)
class DataContext:
    """What the harness gives a dataset's factory."""

    data_root: Path | None = None
    """``--data-root`` or ``GANBENCH_DATA``; None where neither is set."""
    download: bool = True
    """Whether the network may be asked."""
    resident_limit_mib: float = 2048.0
    """Largest split, decoded, that is kept in memory; a larger one must stream."""


@runtime_checkable
class Source(Protocol):
    """One split: random access to stored samples.

    ``read`` must be a pure function of the index, safe to call from several worker processes.
    """

    @property
    def space(self) -> Space:
        """What one sample is."""
        ...

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
        """sha256 over size, samples and labels in order; equal content has an equal hash, wherever it lies."""
        ...

    @property
    def is_resident(self) -> bool:
        """Whether ``read`` is a slice of one tensor in memory (then the source is an :class:`ArraySource`)."""
        ...

    def read(self, indices: Tensor) -> Tensor:
        """Return samples ``[len(indices), *stored_size]`` on the CPU; ``indices`` is int64 ``[n]``."""
        ...


class ArraySource:
    """A split that fits in memory.

    Args:
        stored: ``[N, *stored_size]`` on the CPU.
        labels: ``[N]`` int64, or None.
        space: what one sample is.

    Raises:
        ValueError: no samples of this space, or no label for each.
    """

    is_resident = True

    def __init__(self, stored: Tensor, labels: Tensor | None = None, *, space: Space) -> None:
        space.check(stored)
        if labels is not None and (labels.dtype != torch.int64 or labels.shape != stored.shape[:1]):
            each = space.unit.removesuffix("s")
            raise ValueError(f"labels must be int64 [{stored.shape[0]}], one for each {each} (got {labels.dtype} {list(labels.shape)})")
        self.stored = stored.contiguous()
        self.labels = labels
        self.space = space
        self._content_hash = ""

    @property
    def num_samples(self) -> int:
        """N."""
        return int(self.stored.shape[0])

    @property
    def content_hash(self) -> str:
        """sha256 over size, samples and labels, computed once."""
        if not self._content_hash:
            hasher = ContentHasher(self.space)
            hasher.update(self.stored)
            self._content_hash = hasher.finish(self.labels)
        return self._content_hash

    def read(self, indices: Tensor) -> Tensor:
        """Return the samples at ``indices``."""
        return self.stored[indices]


@dataclass(frozen=True, kw_only=True, slots=True)
class Targets:
    """What generated samples should be, of M inputs that have one right answer each."""

    samples: Tensor
    """``[M, *size]`` float32, as networks see samples; images are in [-1, 1]."""
    weights: Tensor | None = None
    """Float32 of the samples' shape, or with sizes of 1 in it: 1 where a number is asked for, 0 where it is given; something of each sample
    is asked for. None where everything is."""
    guesses: Tensor | None = None
    """``[M, *size]`` float32, as networks see samples: a trivial answer, for comparison; None where there is none."""

    def __getitem__(self, window: slice) -> Targets:
        """Return some of them."""
        weights, guesses = (None if part is None else part[window] for part in (self.weights, self.guesses))
        return Targets(samples=self.samples[window], weights=weights, guesses=guesses)


@dataclass(frozen=True, kw_only=True, slots=True)
class Dataset:
    """What a dataset's factory returns."""

    name: str
    """How tables call it: ``digits``, ``folder:faces``."""
    train: Source
    test: Source | None = None
    """Held-out samples, where the dataset has them."""
    num_classes: int = 0
    """0 for samples without labels."""
    class_names: tuple[str, ...] = ()
    """One for each class; empty where they have no names."""
    mode_of: Callable[[Tensor], Tensor] | None = None
    """Samples as the metrics see them, ``[n, ...]``, to the mode of the data that each lies at, ``[n]`` int64, -1 for none; given where the
    data say themselves what their modes are."""
    num_modes: int = 0
    """How many modes there are; 0 without ``mode_of``."""
    notes: tuple[str, ...] = ()
    """What the user should know about this copy (files left out, where it was found), one line each."""

    def __post_init__(self) -> None:
        if self.test is not None and self.test.space != self.train.space:
            one, other = (f"{split.space.describe()} {split.space.unit}" for split in (self.train, self.test))
            raise ValueError(f"{self.name}: both splits must be of one space (got {one} to train on and {other} to test on)")

    @property
    def space(self) -> Space:
        """What one sample is, of either split."""
        return self.train.space

    def first(self, count: int) -> Tensor:
        """Return the first stored samples of the train split, fewer where it is smaller."""
        return self.train.read(torch.arange(min(count, self.train.num_samples)))


def hash_content(source: Source, piece: int = 64) -> str:
    """Return the content hash of a source that streams; reads all of it, so many samples at a time."""
    hasher = ContentHasher(source.space)
    for start in range(0, source.num_samples, piece):
        hasher.update(source.read(torch.arange(start, min(start + piece, source.num_samples))))
    return hasher.finish(source.labels)


_HEADER = "ganbench-content-1 {dtype} {size}\n"
_TRAILER = "\n{num_samples} {labels}\n"
_LITTLE_ENDIAN_INT64 = "<i8"


class ContentHasher:
    """sha256 over stored type and size, samples and labels, fed in any number of pieces.

    The count stands behind the samples, so that a split whose damaged files are only found on the way can be hashed in one pass.

    Args:
        space: of every sample.
    """

    def __init__(self, space: Space) -> None:
        self._space = space
        header = _HEADER.format(dtype=short_name(space.stored_dtype), size=" ".join(map(str, space.stored_size)))
        self._digest = hashlib.sha256(header.encode())
        self._num_samples = 0

    def update(self, samples: Tensor) -> None:
        """Add the next samples.

        Args:
            samples: ``[n, *stored_size]`` of the stored type, on the CPU; n may be 0.

        Raises:
            ValueError: another type or size.
        """
        space = self._space
        if samples.dtype != space.stored_dtype or tuple(samples.shape[1:]) != space.stored_size:
            wanted = f"{short_name(space.stored_dtype)} [n, {', '.join(map(str, space.stored_size))}]"
            raise ValueError(f"{space.unit} must be {wanted} (got {samples.dtype} {list(samples.shape)})")
        self._digest.update(samples.contiguous().numpy().data)
        self._num_samples += samples.shape[0]

    def finish(self, labels: Tensor | None = None) -> str:
        """Return the hash in hexadecimal; the hasher takes no more samples after this.

        Args:
            labels: ``[N]`` int64, or None.
        """
        kind = "unlabelled" if labels is None else "int64"
        self._digest.update(_TRAILER.format(num_samples=self._num_samples, labels=kind).encode())
        if labels is not None:
            self._digest.update(labels.cpu().numpy().astype(_LITTLE_ENDIAN_INT64).tobytes())
        return self._digest.hexdigest()
