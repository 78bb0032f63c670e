"""A dataset of short clips, written as a plugin's author would: a space of its own, from public names of ganbench alone.

Shapes: N clips, n of a batch, C channels, T frames, H, W height and width.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ganbench import ArraySource, DataContext, Dataset, DatasetSpec, Settings, Space, setting


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
        """Return one row."""
        return grid_size

    def picture(self, samples: Tensor, *, columns: int, real: Callable[[int], Tensor]) -> bytes:
        """Return an animation of clips side by side."""
        from PIL import Image

        rows = samples[:, 0].permute(1, 2, 0, 3).flatten(2)  # [T, H, n W]
        first, *others = [Image.fromarray(frame.numpy()) for frame in rows]
        file = io.BytesIO()
        first.save(file, format="GIF", save_all=True, append_images=others, duration=100)
        return file.getvalue()


@dataclass(frozen=True, kw_only=True, slots=True)
class ClipsOptions(Settings):
    """Options of ``clips``."""

    num_samples: int = setting(64, least=2)
    """Clips in the train split."""


def build(options: ClipsOptions, context: DataContext) -> Dataset:
    """Return bright squares that move to the right over grey."""
    space = ClipSpace(1, 4, 6, 8)
    clips = torch.full((options.num_samples, *space.stored_size), 60, dtype=torch.uint8)
    for i, clip in enumerate(clips):
        for frame in range(space.frames):
            clip[0, frame, i % 5 : i % 5 + 2, frame + i % 4 : frame + i % 4 + 2] = 200 + i % 50
    labels = torch.arange(options.num_samples) % 2
    return Dataset(name="clips", train=ArraySource(clips, labels, space=space), num_classes=2)


SPEC = DatasetSpec(name="clips", summary="moving squares", factory="clips:build", options=ClipsOptions, extractor="")
