"""What people see of clips: contact sheets as PNG, and animations as lossless WebP.

Shapes: n clips, C channels, T frames, H, W height and width.
"""

from __future__ import annotations

import io
import math

from PIL import Image
from torch import Tensor

from ganbench_spaces.grid import draw_grid

_MOST_FRAMES = 16
"""Of a row; a longer clip shows so many, evenly spaced, its first and its last among them."""
MILLISECONDS = 100
"""How long a frame is shown."""
_GAP, _GREY = 2, 24
_LEAST_PIXELS = 64


def draw_sheet(clips: Tensor) -> bytes:
    """Return clips ``[n, C, T, H, W]`` uint8 as one PNG: a row for each, which :func:`ganbench_spaces.grid.read_grid` reads back."""
    shown = clips[:, :, shown_frames(clips.shape[2])]
    return draw_grid(shown.transpose(1, 2).flatten(0, 1), columns=shown.shape[2])


def shown_frames(count: int) -> list[int]:
    """Return which of T frames a contact sheet shows."""
    if count <= _MOST_FRAMES:
        return list(range(count))
    return [round(place * (count - 1) / (_MOST_FRAMES - 1)) for place in range(_MOST_FRAMES)]


def tile(clips: Tensor) -> Tensor:
    """Return clips ``[n, C, T, H, W]`` beside and below each other, about as many each way, as one ``[C, T, height, width]``.

    Small ones are enlarged by a whole number, so that people can see them.
    """
    times = math.ceil(_LEAST_PIXELS / max(clips.shape[3:]))
    clips = clips.repeat_interleave(times, dim=3).repeat_interleave(times, dim=4)
    count, channels, frames, height, width = clips.shape
    columns = math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    canvas = clips.new_full((channels, frames, rows * (height + _GAP) + _GAP, columns * (width + _GAP) + _GAP), _GREY)
    for place, clip in enumerate(clips):
        top, left = (_GAP + at * (size + _GAP) for at, size in zip(divmod(place, columns), (height, width), strict=True))
        canvas[:, :, top : top + height, left : left + width] = clip
    return canvas


def animate(clip: Tensor) -> bytes:
    """Return a clip ``[C, T, H, W]`` uint8 as a WebP that moves, a tenth of a second each frame, again and again; every level is kept.

    A frame that is equal to the one before it is not stored again but shown longer: that is how the format writes it.
    """
    frames = [Image.fromarray(pixels.numpy()).convert("RGB") for pixels in _pixels(clip)]
    buffer = io.BytesIO()
    frames[0].save(buffer, format="WEBP", save_all=True, append_images=frames[1:], duration=MILLISECONDS, loop=0, lossless=True, method=2)
    return buffer.getvalue()


def _pixels(clip: Tensor) -> Tensor:
    """Return ``[T, H, W]`` of grey frames and ``[T, H, W, 3]`` of coloured ones."""
    frames = clip.cpu().permute(1, 2, 3, 0)
    return frames[..., 0].contiguous() if clip.shape[0] == 1 else frames.contiguous()
