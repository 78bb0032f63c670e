"""How the kernels of :mod:`ganbench_kernels.norm_act` see a tensor: as ``[rows, columns]``, cut into tiles.

Contiguous ``[N, C, H, W]`` is ``[N, C * H * W]``, channels-last is ``[N * H * W, C]``, and ``[N, C]`` is itself. Each column belongs to one
channel, ``column // plane``, and the columns of a row lie side by side: one set of kernels reads all of them in wide accesses, and however
small the planes are, there are enough columns for every multiprocessor.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import triton
import triton.language as tl
from torch import Tensor

TILE_BYTES = 4096
"""How much of one tensor a tile holds: two 128-bit accesses for each of 128 threads."""
SMALL_TILE_BYTES = 4 * TILE_BYTES
"""For four times the threads."""
PROGRAMS = 1024
"""One wave of programs on a large GPU: about 8 on each of 132 multiprocessors."""
MOST_TILES = 8
"""How many tiles a program that writes a tensor takes: enough to make its loads of statistics cheap."""
_WIDE = 256
"""Bytes of a row in a tile that spans several channels."""
_PLANE_COLUMNS = 1024
"""Columns of a tile inside one channel, at most."""
_SMALL = 32768
"""Elements that a single program is given at most, in place of two stages: those of DCGAN-64's 4x4 maps at batch 128 in bf16. By arithmetic
(sizes and latencies, no GPU has run it) a program needs 3 to 4 us for them, three launches 8."""
_WIDENED = 4096
"""Elements of a single program that takes more columns than it has to."""
_ENOUGH_PROGRAMS = 64
"""With these there is no need for narrower ones."""
_SECTOR = 32
"""Bytes that a GPU reads at least."""
_MERGED = 4096
"""Partial results that a program of the second stage holds at once."""


@dataclass(frozen=True, slots=True)
class Tiling:
    """The cut of one tensor."""

    rows: int
    columns: int
    plane: int
    """Columns of one channel."""
    block_rows: int
    block_columns: int
    group: int
    """Neighbouring columns of a tile that are of one channel for certain; divides ``plane`` and ``block_columns``."""
    tiles: int
    """Tiles in a program, below each other."""

    @property
    def rows_per_program(self) -> int:
        """Rows of all tiles of a program."""
        return self.tiles * self.block_rows

    @property
    def channels(self) -> int:
        """Number of channels."""
        return self.columns // self.plane

    @property
    def groups(self) -> int:
        """Number of groups in a row."""
        return self.columns // self.group

    @property
    def chunks(self) -> int:
        """Number of programs above each other."""
        return -(-self.rows // self.rows_per_program)

    @property
    def grid(self) -> tuple[int]:
        """One dimension, as the others end at 65,535."""
        return (self.chunks * triton.cdiv(self.columns, self.block_columns),)

    @property
    def groups_per_channel(self) -> int:
        """Number of partial results that a chunk has for a channel."""
        return self.plane // self.group

    @property
    def parts(self) -> int:
        """Number of partial results for a channel."""
        return self.chunks * self.groups_per_channel

    @property
    def merging_grid(self) -> tuple[int]:
        """For the kernels that merge partial results."""
        return (triton.cdiv(self.channels, self.merging_constants["BLOCK_CHANNELS"]),)

    @property
    def merging_constants(self) -> dict[str, int]:
        """What the kernels that merge partial results must know to be compiled."""
        block_parts = min(triton.next_power_of_2(self.parts), _MERGED // 4)
        part_blocks = -(-self.parts // block_parts)
        block_channels = min(triton.next_power_of_2(self.channels), max(4, min(32, _MERGED // 4 // block_parts)))
        return {"GROUP": self.group, "PART_BLOCKS": part_blocks, "BLOCK_PARTS": block_parts, "BLOCK_CHANNELS": block_channels}

    @property
    def constants(self) -> dict[str, int]:
        """What the kernels must know to be compiled."""
        return {"TILES": self.tiles, "BLOCK_ROWS": self.block_rows, "BLOCK_COLUMNS": self.block_columns, "GROUP": self.group}


def tiling(x: Tensor, *, backward: bool = False, most_tiles: int | None = None) -> Tiling:
    """Cut dense ``x``, contiguous or channels-last, for about :data:`PROGRAMS` programs.

    Args:
        x: what :func:`ganbench_kernels.norm_act_ops.dense` returns.
        backward: for kernels that hold more values for each column.
        most_tiles: more programs rather than more tiles in a program.
    """
    return _tiling(*_as_matrix(x), x.element_size(), backward, most_tiles)


def small_tiling(x: Tensor, *, backward: bool = False) -> Tiling | None:
    """Cut dense ``x`` so that each program has whole channels, or return None if those are too large for one program."""
    return _small_tiling(*_as_matrix(x), x.element_size(), backward)


def _as_matrix(x: Tensor) -> tuple[int, int, int]:
    """Return rows, columns, and columns of a channel."""
    plane = math.prod(x.shape[2:]) if x.is_contiguous() else 1
    columns = x.shape[1] * plane
    return x.numel() // columns, columns, plane


@functools.lru_cache(maxsize=1024)
def _tiling(rows: int, columns: int, plane: int, itemsize: int, backward: bool, most_tiles: int | None) -> Tiling:
    block_columns = _block_columns(columns, plane, itemsize)
    group = min(_power_of_two_in(plane), block_columns)
    block_rows = _block_rows(rows, block_columns, itemsize, TILE_BYTES, halved=backward and group < block_columns)
    row_blocks: int = triton.cdiv(rows, block_rows)
    tiles: int = triton.cdiv(row_blocks * triton.cdiv(columns, block_columns), PROGRAMS)
    tiles = min(tiles, row_blocks, most_tiles or tiles)
    return Tiling(rows, columns, plane, block_rows, block_columns, group, tiles)


@functools.lru_cache(maxsize=1024)
def _small_tiling(rows: int, columns: int, plane: int, itemsize: int, backward: bool) -> Tiling | None:
    block_columns = max(plane, _SECTOR // itemsize)
    if plane != _power_of_two_in(plane) or rows * block_columns > _SMALL:
        return None
    while rows * block_columns * 2 <= _WIDENED and columns >= block_columns * 2 * _ENOUGH_PROGRAMS:
        block_columns *= 2
    halved = backward and plane < block_columns
    block_rows = _block_rows(rows, block_columns, itemsize, SMALL_TILE_BYTES, halved=halved)
    return Tiling(rows, columns, plane, block_rows, block_columns, plane, tiles=-(-rows // block_rows))


def _block_rows(rows: int, block_columns: int, itemsize: int, tile_bytes: int, *, halved: bool) -> int:
    """Return rows of a tile; half as many where 16-bit values of several channels would need more than 64 registers."""
    if halved and itemsize == 2:
        tile_bytes //= 2
    most: int = triton.next_power_of_2(rows)
    return max(1, min(tile_bytes // itemsize // block_columns, most))


def _block_columns(columns: int, plane: int, itemsize: int) -> int:
    inside_a_channel = _power_of_two_in(plane)
    if inside_a_channel * itemsize >= _WIDE // 2:
        return min(inside_a_channel, _PLANE_COLUMNS)
    most = _WIDE // itemsize
    exact = min(_power_of_two_in(columns), most)  # no part of a tile is wasted
    return exact if exact >= most // 4 else min(triton.next_power_of_2(columns), most)


def _power_of_two_in(number: int) -> int:
    """Return the largest power of two that divides ``number``."""
    return number & -number


@triton.jit
def place(rows, columns, ROWS: tl.constexpr, BLOCK_COLUMNS: tl.constexpr):
    """Return this program's chunk, its first and its end row, and its first column."""
    program = tl.program_id(0).to(tl.int64)
    blocks = tl.cdiv(columns, BLOCK_COLUMNS)
    chunk = program // blocks
    first = chunk * ROWS
    return chunk, first, tl.minimum(first + ROWS, rows), (program % blocks) * BLOCK_COLUMNS


@triton.jit
def tile_at(row, end, start, columns, BLOCK_ROWS: tl.constexpr, BLOCK_COLUMNS: tl.constexpr):
    """Return offsets and mask [BLOCK_ROWS, BLOCK_COLUMNS] of the tile whose corner is at ``row``, ``start``."""
    r = tl.arange(0, BLOCK_ROWS)
    c = tl.arange(0, BLOCK_COLUMNS)
    offsets = (row * columns + start) + (r.to(tl.int64)[:, None] * columns + c[None, :])
    # Compared in 32 bits, which takes fewer registers.
    rows_left = tl.minimum(end - row, BLOCK_ROWS).to(tl.int32)
    columns_left = tl.minimum(columns - start, BLOCK_COLUMNS).to(tl.int32)
    return offsets, (r < rows_left)[:, None] & (c < columns_left)[None, :]


@triton.jit
def affine(mean_ptr, invstd_ptr, weight_ptr, bias_ptr, start, columns, plane, BLOCK_COLUMNS: tl.constexpr, GROUP: tl.constexpr):
    """Return channel, mask, mean, scale and bias of the columns from ``start``; z = (x - mean) * scale + bias.

    One value of each if the whole block is of one channel, else [BLOCK_COLUMNS].
    """
    channel = start // plane
    if GROUP == BLOCK_COLUMNS and GROUP > 1:
        channel = channel + tl.arange(0, 1)
    else:
        within = (start - channel * plane).to(tl.int32) + tl.arange(0, BLOCK_COLUMNS)
        channel = channel + within // plane
    inside = channel * plane < columns
    mean = tl.load(mean_ptr + channel, mask=inside, other=0.0)
    scale = tl.load(invstd_ptr + channel, mask=inside, other=0.0)
    if weight_ptr is not None:
        scale = scale * tl.load(weight_ptr + channel, mask=inside, other=0.0).to(mean.dtype)
    bias = tl.zeros_like(mean)
    if bias_ptr is not None:
        bias = tl.load(bias_ptr + channel, mask=inside, other=0.0).to(mean.dtype)
    return channel, inside, mean, scale, bias


@triton.jit
def over_groups(values, BLOCK_COLUMNS: tl.constexpr, GROUP: tl.constexpr):
    """Return the sum over each group [BLOCK_COLUMNS // GROUP] of one value for each column."""
    return tl.sum(tl.reshape(values, [BLOCK_COLUMNS // GROUP, GROUP]), axis=1)


@triton.jit
def over_columns(values, BLOCK_COLUMNS: tl.constexpr, GROUP: tl.constexpr):
    """Return one value for each column from one for each group; still one where all columns are of one group."""
    if GROUP < BLOCK_COLUMNS:
        values = tl.reshape(tl.broadcast_to(values[:, None], [BLOCK_COLUMNS // GROUP, GROUP]), [BLOCK_COLUMNS])
    return values


@triton.jit
def parts_at(start, channel, rows, rows_per_program, channels, parts, per_channel, GROUP: tl.constexpr, BLOCK_PARTS: tl.constexpr):
    """Return offsets and mask [BLOCK_PARTS, channels of the block] of partial results, and the elements in each part [BLOCK_PARTS]."""
    part = start + tl.arange(0, BLOCK_PARTS)
    chunk = (part // per_channel).to(tl.int64)
    offsets = (chunk * channels * per_channel + part % per_channel)[:, None] + (channel * per_channel)[None, :]
    count = tl.minimum(rows_per_program, rows - chunk * rows_per_program) * GROUP
    inside = (part < parts)[:, None] & (channel < channels)[None, :]
    return offsets, inside, tl.where(part < parts, count, 0)
