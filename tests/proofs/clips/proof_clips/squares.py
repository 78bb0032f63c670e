"""Short clips of moving squares, and the space of clips.

Shapes: N clips, n of a batch, C channels, T frames, H, W height and width.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from ganbench import ArraySource, DataContext, Dataset, Space
from proof_clips.options import SquareOptions

PIXEL, BORDER = 4, 2


@dataclass(frozen=True, slots=True)
class ClipSpace(Space):
    """Clips ``[C, T, H, W]``: uint8 as they are stored, float32 in [-1, 1] as networks see them."""

    channels: int
    frames: int
    height: int
    width: int

    name: ClassVar[str] = "clips"
    unit: ClassVar[str] = "clips"
    stored_dtype: ClassVar[torch.dtype] = torch.uint8
    can_mirror: ClassVar[bool] = True
    grain: ClassVar[float] = 1 / 128
    quantiser: ClassVar[str] = "round-127.5"
    picture_suffix: ClassVar[str] = ".gif"

    @property
    def size(self) -> tuple[int, ...]:
        """(C, T, H, W)."""
        return (self.channels, self.frames, self.height, self.width)

    def to_network(
        self, arranged: Tensor, indices: Tensor | None = None, mirrored: Tensor | None = None, *, channels_last: bool = False
    ) -> Tensor:
        """Return ``[n, C, T, H, W]`` float32 in [-1, 1]."""
        clips = arranged if indices is None else arranged.index_select(0, indices)
        if mirrored is not None:
            clips = torch.where(mirrored[:, None, None, None, None], clips.flip(-1), clips)
        return clips.float() / 127.5 - 1

    def quantise(self, samples: Tensor) -> Tensor:
        """Return uint8."""
        return (samples * 127.5 + 127.5).round().clamp(0, 255).to(torch.uint8)

    def picture_count(self, grid_size: int) -> int:
        """Return two rows."""
        return 2 * grid_size

    def picture(self, samples: Tensor, *, columns: int, real: Callable[[int], Tensor]) -> bytes:
        """Return an animation of rows of clips, enlarged; the first row is of real ones."""
        clips = torch.cat([real(columns), samples])[:, 0]  # [n, T, H, W]
        clips = torch.cat([clips, clips.new_full((-len(clips) % columns, *clips.shape[1:]), 255)])
        clips = clips.repeat_interleave(PIXEL, dim=-2).repeat_interleave(PIXEL, dim=-1)
        tiles = F.pad(clips, (BORDER,) * 4, value=255).unflatten(0, (-1, columns))  # [rows, columns, T, H, W]
        sheets = tiles.permute(2, 0, 3, 1, 4).flatten(3).flatten(1, 2)
        first, *others = [Image.fromarray(sheet.numpy()) for sheet in sheets]
        file = io.BytesIO()
        first.save(file, format="GIF", save_all=True, append_images=others, duration=150, loop=0)
        return file.getvalue()


def build(options: SquareOptions, context: DataContext) -> Dataset:
    """Return bright squares that move to the right over grey."""
    space = ClipSpace(1, options.frames, options.height, options.width)
    clips = torch.full((options.num_samples, *space.stored_size), 60, dtype=torch.uint8)
    side = 2 * (options.height // 6)
    for i, clip in enumerate(clips):
        for frame in range(space.frames):
            top, left = i % (options.height - side + 1), frame + i % 4
            clip[0, frame, top : top + side, left : left + side] = 200 + i % 50
    labels = torch.arange(options.num_samples) % 2
    return Dataset(name="squares", train=ArraySource(clips, labels, space=space), num_classes=2)
