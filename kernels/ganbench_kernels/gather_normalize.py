"""Rows of a uint8 dataset to a batch in [-1, 1], some of them mirrored, in one launch.

``x / 127.5 - 1`` in float32, by a true division: 0 and 255 become exactly -1 and 1, and :func:`ganbench_kernels.to_uint8` takes every level
back to itself. The kernel and the reference give the same bits on every device.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ganbench_kernels.dispatch import Impl, takes_triton
from ganbench_kernels.library import register

QUOTIENT_HIGH = 257 / 2**15
"""The first 16 bits of 1 / 127.5: a level times this is exact in float32."""
QUOTIENT_LOW = 1 / 127.5 - QUOTIENT_HIGH
"""The rest. ``x * QUOTIENT_HIGH + x * QUOTIENT_LOW`` is the rounded quotient for every level, with or without a fused multiply-add."""
_DTYPES = (torch.float32, torch.bfloat16, torch.float16)


def gather_normalize(
    images: Tensor,
    indices: Tensor | None,
    flips: Tensor | None = None,
    *,
    channels_last: bool,
    dtype: torch.dtype = torch.float32,
    impl: Impl = "auto",
) -> Tensor:
    """Pick images and normalise them. Has no derivative.

    Nothing here depends on the values of ``indices`` or ``flips`` or waits for the device, so that a CUDA graph can hold it.

    Args:
        images: the dataset, uint8, ``[N, H, W, C]`` with ``channels_last`` and ``[N, C, H, W]`` without; may hold more than 2^31 elements.
        indices: ``[n]`` int64 in [0, N); None for all images in order. The kernel turns an index outside into an image of NaN.
        flips: ``[n]`` bool, which of the images to mirror left and right; None for none.
        channels_last: how ``images`` is laid out, and the result's memory format.
        dtype: of the result: float32, bfloat16 or float16.
        impl: which implementation.

    Returns:
        ``[n, C, H, W]`` in [-1, 1].

    Raises:
        ValueError: a wrong dtype or shape, or tensors on several devices.
        IndexError: an index outside, from the reference on a CPU.
    """
    _check(images, indices, flips, dtype)
    if takes_triton("gather_normalize", impl, images, indices, flips):
        batch: Tensor = _op(images, indices, flips, channels_last, dtype)
        return batch
    return _reference(images, indices, flips, channels_last, dtype)


def gather_normalize_ref(
    images: Tensor,
    indices: Tensor | None,
    flips: Tensor | None = None,
    *,
    channels_last: bool,
    dtype: torch.dtype = torch.float32,
    impl: Impl = "ref",
) -> Tensor:
    """Pick images and normalise them in plain PyTorch; see :func:`gather_normalize`."""
    _check(images, indices, flips, dtype)
    return _reference(images, indices, flips, channels_last, dtype)


def _reference(images: Tensor, indices: Tensor | None, flips: Tensor | None, channels_last: bool, dtype: torch.dtype) -> Tensor:
    chosen = images.contiguous() if indices is None else images.index_select(0, indices)
    if flips is not None:
        chosen = _mirror(chosen, flips.view(-1, 1, 1, 1), 2 if channels_last else 3)
    batch = _normalise(chosen).to(dtype)
    return batch.permute(0, 3, 1, 2) if channels_last else batch


def _mirror(images: Tensor, flips: Tensor, width_dim: int) -> Tensor:
    mirrored = images.flip(width_dim)
    if images.device.type != "cpu":
        return torch.where(flips, mirrored, images)
    # On the CPU ``where`` with a broadcast condition takes ten times as long as the same choice made with bits.
    ones = flips.to(torch.uint8).neg()  # 255 or 0
    return mirrored.bitwise_xor_(images).bitwise_and_(ones).bitwise_xor_(images)


def _normalise(images: Tensor) -> Tensor:
    wide = images.to(torch.float32)
    if images.device.type == "cpu":
        return wide.div_(127.5).sub_(1.0)
    # Elsewhere PyTorch multiplies by the reciprocal of a scalar, and Inductor divides with an error of up to two units in the last place.
    return (wide * QUOTIENT_HIGH).add_(wide, alpha=QUOTIENT_LOW).sub_(1.0)


def _check(images: Tensor, indices: Tensor | None, flips: Tensor | None, dtype: torch.dtype) -> None:
    if images.dtype != torch.uint8 or images.ndim != 4:
        raise ValueError(f"gather_normalize: images must be uint8 with 4 dimensions (got {_kind(images)})")
    if indices is not None and (indices.dtype != torch.int64 or indices.ndim != 1):
        raise ValueError(f"gather_normalize: indices must be int64 [n] (got {_kind(indices)})")
    count = len(images) if indices is None else len(indices)
    if flips is not None and (flips.dtype != torch.bool or flips.shape != (count,)):
        raise ValueError(f"gather_normalize: flips must be bool [{count}], one for each image drawn (got {_kind(flips)})")
    if dtype not in _DTYPES:
        raise ValueError(f"gather_normalize: dtype must be float32, bfloat16 or float16 (got {dtype})")


def _kind(tensor: Tensor) -> str:
    return f"{tensor.dtype} {list(tensor.shape)}"


def empty_batch(images: Tensor, indices: Tensor | None, flips: Tensor | None, channels_last: bool, dtype: torch.dtype) -> Tensor:
    """Return the batch, not yet written; takes the op's arguments."""
    count = images.shape[0] if indices is None else indices.shape[0]
    batch = images.new_empty((count, *images.shape[1:]), dtype=dtype)
    return batch.permute(0, 3, 1, 2) if channels_last else batch


_op = register(
    "gather_normalize(Tensor images, Tensor? indices, Tensor? flips, bool channels_last, ScalarType dtype) -> Tensor",
    kernel="ganbench_kernels.jit.gather_normalize:launch",
    reference=_reference,
    fake=empty_batch,
)
