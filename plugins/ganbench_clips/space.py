"""Clips: uint8 as they are stored, float32 in [-1, 1] as networks see them; contact sheets and animations for people.

Shapes: N clips stored or on the device, n of a batch, C channels, T frames, H, W height and width.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor

from ganbench import ArraySource, Space


@dataclass(frozen=True, slots=True)
class ClipSpace(Space):
    """Clips ``[C, T, H, W]``, of one frame size and with T of 2 or more."""

    channels: int = 1
    """1 for grey, 3 for colour."""
    frames: int = 16
    """T."""
    height: int = 32
    width: int = 32

    name: ClassVar[str] = "clip"
    unit: ClassVar[str] = "clips"
    stored_dtype: ClassVar[torch.dtype] = torch.uint8
    can_mirror: ClassVar[bool] = True
    grain: ClassVar[float] = 1 / 128
    quantiser: ClassVar[str] = "round-127.5"

    def __post_init__(self) -> None:
        if self.channels not in (1, 3):
            raise ValueError(f"clips must be grey or of three colours (got {self.channels} channels)")
        if self.frames < 2:
            raise ValueError(f"a clip must have 2 frames or more (got {self.frames})")

    @property
    def size(self) -> tuple[int, int, int, int]:
        """(C, T, H, W)."""
        return (self.channels, self.frames, self.height, self.width)

    def to_network(
        self, arranged: Tensor, indices: Tensor | None = None, mirrored: Tensor | None = None, *, channels_last: bool = False
    ) -> Tensor:
        """Return ``[n, C, T, H, W]`` float32 in [-1, 1]; a mirrored clip is mirrored in all its frames."""
        clips = arranged if indices is None else arranged.index_select(0, indices)
        if mirrored is not None:
            clips = torch.where(mirrored[:, None, None, None, None], clips.flip(-1), clips)
        return clips.float() / 127.5 - 1

    def quantise(self, samples: Tensor) -> Tensor:
        """Return uint8 of clips in [-1, 1]; what lies outside is clamped."""
        return (samples * 127.5 + 127.5).round().clamp(0, 255).to(torch.uint8)

    def picture_count(self, grid_size: int) -> int:
        """Return one clip for each row."""
        return grid_size

    def picture(self, samples: Tensor, *, columns: int, real: Callable[[int], Tensor]) -> bytes:
        """Return a contact sheet: a row for each clip, its frames from left to right."""
        from ganbench_clips.sheet import draw_sheet

        return draw_sheet(samples)

    def files(self, samples: Tensor) -> Iterator[tuple[str, bytes]]:
        """Yield an animation of all clips beside each other, and one of each clip, in the order of their names."""
        from ganbench_clips.sheet import animate, tile

        yield "clips.webp", animate(tile(samples))
        digits = max(6, len(str(len(samples) - 1)))
        for index, clip in enumerate(samples):
            yield f"clips/{index:0{digits}d}.webp", animate(clip)

    def strip(self, pictures: Sequence[tuple[str, Path]]) -> bytes | None:
        """Return the first frames of the first clip, a row for each moment."""
        from ganbench_spaces.grid import draw_strip

        return draw_strip(pictures)

    def film(self, pictures: Sequence[tuple[str, Path]]) -> bytes | None:
        """Return the contact sheets one after the other."""
        from ganbench_spaces.grid import draw_film

        return draw_film(pictures)


def clips_of(space: Space | None) -> ClipSpace:
    """Return a space that must be one of clips.

    Raises:
        ValueError: it is another.
    """
    if not isinstance(space, ClipSpace):
        raise ValueError(f"this needs clips (got {'nothing' if space is None else space.unit})")
    return space


def clip_source(stored: Tensor, labels: Tensor | None = None) -> ArraySource:
    """Return clips that fit in memory.

    Args:
        stored: ``[N, C, T, H, W]`` uint8.
        labels: ``[N]`` int64, or None.

    Raises:
        ValueError: wrong type, rank or label count, no clip, or clips of one frame.
    """
    if stored.ndim != 5:
        raise ValueError(f"clips must be uint8 [N, C, T, H, W] (got {stored.dtype} {list(stored.shape)})")
    return ArraySource(stored, labels, space=ClipSpace(*stored.shape[1:]))
