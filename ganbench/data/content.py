"""The content hash of a split: equal images and labels in equal order have an equal hash, resident or streamed.

Shapes: N images, C channels, H = W = resolution.
"""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor

_HEADER = "ganbench-content-1 {dtype} {channels} {height} {width}\n"
_TRAILER = "\n{num_images} {labels}\n"
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
        self._num_images = 0

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
        self._num_images += images.shape[0]

    def finish(self, labels: Tensor | None = None) -> str:
        """Return the hash in hexadecimal; the hasher takes no more images after this.

        Args:
            labels: ``[N]`` int64, or None.
        """
        kind = "unlabelled" if labels is None else "int64"
        self._digest.update(_TRAILER.format(num_images=self._num_images, labels=kind).encode())
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
