"""Kernel of :mod:`ganbench_kernels.sum_of_squares`."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from ganbench_kernels.jit.launch import Launch

CHUNK = 32768
"""Elements that one program sums; a larger sample takes several, and a second launch adds their sums up."""


@triton.jit
def sum_of_squares_kernel(x_ptr, sums_ptr, numel, stride, num_chunks, CHUNK: tl.constexpr, NUM_BLOCKS: tl.constexpr, BLOCK: tl.constexpr):
    """sums[n, c] = sum of x[n, i]^2 over the elements i of chunk c.

    x_ptr: [N, numel] with this stride between samples, dense within one; sums_ptr: [N, num_chunks].
    Grid: one program for each chunk of each sample, which walks over NUM_BLOCKS blocks.
    """
    ACC: tl.constexpr = sums_ptr.dtype.element_ty
    program = tl.program_id(0).to(tl.int64)
    sample, chunk = program // num_chunks, program % num_chunks
    x_ptr += sample * stride
    offsets = chunk * CHUNK + tl.arange(0, BLOCK)
    squares = tl.zeros([BLOCK], ACC)
    for _ in range(NUM_BLOCKS):
        x = tl.load(x_ptr + offsets, mask=offsets < numel, other=0.0).to(ACC)
        squares += x * x
        offsets += BLOCK
    tl.store(sums_ptr + program, tl.sum(squares, 0))


def plan_sum_of_squares(x: Tensor, sums: Tensor) -> Launch:
    """Plan the sums ``[N, chunks]`` of ``x [N, ...]``, whose samples are dense."""
    samples, chunks = sums.shape
    numel = x[:1].numel()
    block = 2048 if sums.dtype == torch.float64 else 4096
    # The number of blocks is a constant, because triton 3.6 interprets no other bound of a loop; there are few of them.
    constants = {"CHUNK": CHUNK, "NUM_BLOCKS": triton.cdiv(min(numel, CHUNK), block), "BLOCK": block}
    return Launch(sum_of_squares_kernel, (samples * chunks,), (x, sums, numel, x.stride(0), chunks), constants, num_warps=8)


def launch(x: Tensor) -> Tensor:
    """Return the sums ``[N]``."""
    x = x if _dense(x.shape[1:], x.stride()[1:]) else x.contiguous()
    chunks = max(1, triton.cdiv(x[:1].numel(), CHUNK))
    sums = x.new_empty(x.shape[0], chunks, dtype=torch.float64 if x.dtype == torch.float64 else torch.float32)
    plan_sum_of_squares(x, sums).run()
    return sums.view(-1) if chunks == 1 else sums.sum(dim=1)


def _dense(shape: tuple[int, ...], strides: tuple[int, ...]) -> bool:
    """Whether a sample fills one stretch of memory, in whatever order of its dimensions."""
    expected = 1
    for stride, size in sorted((stride, size) for size, stride in zip(shape, strides, strict=True) if size != 1):
        if stride != expected:
            return False
        expected *= size
    return True
