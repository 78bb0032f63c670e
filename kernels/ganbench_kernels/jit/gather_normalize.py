"""Kernel of :mod:`ganbench_kernels.gather_normalize`."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from ganbench_kernels.gather_normalize import QUOTIENT_HIGH, QUOTIENT_LOW, empty_batch
from ganbench_kernels.jit.launch import Launch

LARGEST_BLOCK = 4096
ELEMENTS_PER_THREAD = 16  # one 128-bit load


@triton.jit
def gather_normalize_kernel(
    images_ptr,
    indices_ptr,
    flips_ptr,
    batch_ptr,
    num_images,
    image_stride,
    WIDTH: tl.constexpr,
    CHANNELS: tl.constexpr,
    SIZE: tl.constexpr,
    HIGH: tl.constexpr,
    LOW: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """batch[i, p] = images[indices[i], p or its mirror image] / 127.5 - 1.

    images_ptr: [num_images, SIZE] uint8, the elements of an image dense; indices_ptr: [n] int64 or None; flips_ptr: [n] bool or None;
    batch_ptr: [n, SIZE] float32, bfloat16 or float16. A row of an image is WIDTH pixels of CHANNELS neighbours (1 for planes).
    Grid: n times the blocks of an image; the blocks of an image are neighbours.
    """
    BLOCKS: tl.constexpr = (SIZE + BLOCK - 1) // BLOCK
    program = tl.program_id(0)
    drawn = (program // BLOCKS).to(tl.int64)
    places = (program % BLOCKS) * BLOCK + tl.arange(0, BLOCK)  # 32 bits: within one image
    inside = places < SIZE
    index = drawn
    if indices_ptr is not None:
        index = tl.load(indices_ptr + drawn)
    known = (index >= 0) & (index < num_images)
    image = images_ptr + tl.where(known, index, 0) * image_stride
    present = places < tl.where(known, SIZE, 0)  # nothing is read for an index outside
    if flips_ptr is None:
        levels = tl.load(image + places, mask=present, other=0)
    elif tl.load(flips_ptr + drawn):
        column = (places // CHANNELS) % WIDTH
        mirrored = places + CHANNELS * (WIDTH - 1 - 2 * column)
        levels = tl.load(image + mirrored, mask=present, other=0)
    else:
        levels = tl.load(image + places, mask=present, other=0)
    x = levels.to(tl.float32)
    normalised = (x * HIGH + x * LOW) - 1.0
    normalised = tl.where(known, normalised, float("nan"))
    tl.store(batch_ptr + drawn * SIZE + places, normalised.to(batch_ptr.dtype.element_ty), mask=inside)


def plan_gather_normalize(images: Tensor, indices: Tensor | None, flips: Tensor | None, channels_last: bool, batch: Tensor) -> Launch:
    """Plan the gather from ``images``, each of them dense, into a dense ``batch`` of the same layout."""
    size = batch[0].numel()
    width, channels = (images.shape[2], images.shape[3]) if channels_last else (images.shape[3], 1)
    block = min(LARGEST_BLOCK, triton.next_power_of_2(size))
    constants = {"WIDTH": width, "CHANNELS": channels, "SIZE": size, "HIGH": QUOTIENT_HIGH, "LOW": QUOTIENT_LOW, "BLOCK": block}
    return Launch(
        gather_normalize_kernel,
        (len(batch) * triton.cdiv(size, block),),
        (images, indices, flips, batch, len(images), images.stride(0)),
        constants,
        num_warps=max(1, block // (32 * ELEMENTS_PER_THREAD)),
        fuse_multiply_add=False,
    )


def launch(images: Tensor, indices: Tensor | None, flips: Tensor | None, channels_last: bool, dtype: torch.dtype) -> Tensor:
    """Return the batch."""
    batch = empty_batch(images, indices, flips, channels_last, dtype)
    if batch.numel() == 0:
        return batch
    if not images[:1].is_contiguous():  # gather first: a copy of the dataset would be larger than the batch
        images, indices = (images if indices is None else images.index_select(0, indices)).contiguous(), None
    indices, flips = (None if t is None else t.contiguous() for t in (indices, flips))
    plan_gather_normalize(images, indices, flips, channels_last, batch).run()
    return batch
