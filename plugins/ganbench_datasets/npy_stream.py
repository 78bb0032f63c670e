"""A .npy file read slice by slice: plain reads at an offset, because the pages of a memory map would count as this process's memory.

Shapes: N images, C channels, H, W height and width.
"""

from __future__ import annotations

import hashlib
import math
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ganbench import ContentHasher, DataError
from ganbench_datasets.scan_cache import Scan, hash_sample, keep_scan, load_scan, scan_key
from ganbench_spaces.images import ImageSpace

_BLOCK = 256


@dataclass(frozen=True, slots=True)
class NpyHeader:
    """What stands before the numbers."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    offset: int
    """Bytes before the first number."""
    fortran_order: bool

    @property
    def num_bytes(self) -> int:
        """Bytes of all numbers."""
        return math.prod(self.shape) * self.dtype.itemsize


def read_header(path: Path) -> NpyHeader:
    """Return the header of a .npy file.

    Raises:
        ganbench.errors.DataError: not a .npy file, or shorter than its header says.
    """
    try:
        with path.open("rb") as file:
            header = header_of(file)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{path} is not a .npy file", hint="write it with numpy.save") from error
    size = path.stat().st_size
    if not header.dtype.hasobject and size < header.offset + header.num_bytes:
        raise DataError(f"{path} is truncated: {size} bytes, its header says {header.offset + header.num_bytes}", hint="write it again")
    return header


def header_of(file: IO[bytes]) -> NpyHeader:
    """Return the header at the beginning of a .npy file, or of a member of an .npz file.

    Raises:
        ValueError: there is none.
    """
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran_order, dtype = read(file)
    return NpyHeader(shape, dtype, file.tell(), fortran_order)


@dataclass(slots=True)
class NpySource:
    """A split that stays in its file."""

    path: Path
    header: NpyHeader
    ids: NDArray[np.int32]
    """Which of the images, in order."""
    channels_last: bool
    """How the file is laid out."""
    labels: Tensor | None
    is_resident: bool = False
    _content_hash: str = field(default="", repr=False)

    @property
    def space(self) -> ImageSpace:
        """What one image is."""
        _, first, second, third = self.header.shape
        return ImageSpace(third, first, second) if self.channels_last else ImageSpace(first, second, third)

    @property
    def num_samples(self) -> int:
        """N."""
        return len(self.ids)

    @property
    def content_hash(self) -> str:
        """sha256 as of a resident split; the file is read once, the result kept in the cache."""
        if not self._content_hash:
            self._content_hash = self._kept_hash()
        return self._content_hash

    def read(self, indices: Tensor) -> Tensor:
        """Read ``[n, C, H, W]`` uint8.

        Raises:
            ganbench.errors.DataError: the file is gone or has become shorter.
        """
        pixels = np.empty((len(indices), *self.header.shape[1:]), dtype=np.uint8)
        try:
            with self.path.open("rb", buffering=0) as file:
                for out, position in zip(pixels, indices.tolist(), strict=True):
                    self._read_one(file.fileno(), int(self.ids[position]), out)
        except OSError as error:
            raise DataError(f"{self.path} cannot be read any more ({error.strerror})", hint="put it back, or start a new run") from error
        images = torch.from_numpy(pixels)
        return images.permute(0, 3, 1, 2).contiguous() if self.channels_last else images

    def _read_one(self, descriptor: int, index: int, out: NDArray[np.uint8]) -> None:
        if os.preadv(descriptor, [out.data], self.header.offset + index * out.nbytes) != out.nbytes:
            raise DataError(f"{self.path} has become shorter than its header says", hint="put it back, or start a new run")

    def _kept_hash(self) -> str:
        status = self.path.stat()
        stamp = (os.path.realpath(self.path), status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
        labels = "" if self.labels is None else hashlib.sha256(self.labels.numpy().tobytes()).hexdigest()
        key = scan_key("npy", *stamp, hashlib.sha256(self.ids.tobytes()).hexdigest(), self.channels_last, labels)
        kept, sample = load_scan(key), hash_sample(self)
        if kept is not None and kept.sample and kept.sample == sample:
            return kept.content_hash
        hasher = ContentHasher(self.space)
        for start in range(0, self.num_samples, _BLOCK):
            hasher.update(self.read(torch.arange(start, min(start + _BLOCK, self.num_samples))))
        scan = Scan(content_hash=hasher.finish(self.labels), sample=sample)
        keep_scan(key, scan)
        return scan.content_hash
