"""Sample grids as PNG, large enough to look at, and the strip that shows the same latents over training.

A grid is enlarged by a whole number and remembers its layout in the PNG's text, so that the exact images can be read back: the strip is
made from the grids of a run, also after a resume. Shapes: N images, C channels (1 or 3), H, W height and width.
"""

from __future__ import annotations

import contextlib
import io
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont, PngImagePlugin
from torch import Tensor

_MIN_CELL_PIXELS = 48
_GAP_PIXELS = 2
_BACKGROUND = 24
_LAYOUT = "ganbench-grid"
_STRIP_COLUMNS = 8
_LABEL_POINTS = 14
_MOMENT_MILLISECONDS, _LAST_MILLISECONDS = 500, 2000
_FILM_QUALITY = 80


def draw_grid(images: Tensor, *, columns: int = 8) -> bytes:
    """Return images as one PNG, row by row.

    Args:
        images: ``[N, C, H, W]`` uint8 in [0, 255], C of 1 or 3.
        columns: images in a row.

    Raises:
        ValueError: another type or shape, no image, or columns below 1.
    """
    _check(images, columns)
    count, channels, height, width = images.shape
    scale = _scale(height, width)
    layout = {"count": count, "columns": min(columns, count), "height": height, "width": width, "scale": scale, "channels": channels}
    information = PngImagePlugin.PngInfo()
    information.add_text(_LAYOUT, json.dumps(layout))
    return _png(Image.fromarray(_assemble(images, min(columns, count), scale)), information)


def draw_image(image: Tensor) -> bytes:
    """Return one image ``[C, H, W]`` uint8, C of 1 or 3, as a PNG of its own size."""
    pixels = image.permute(1, 2, 0).numpy()
    return _png(Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels), None)


def read_grid(path: Path) -> Tensor:
    """Return the images of a PNG that :func:`draw_grid` made.

    Returns:
        ``[N, C, H, W]`` uint8, exactly as they were given.

    Raises:
        ValueError: not such a PNG.
    """
    try:
        with Image.open(path) as picture:
            layout = {name: int(value) for name, value in json.loads(picture.info[_LAYOUT]).items()}
            count, columns, scale, channels = (layout[name] for name in ("count", "columns", "scale", "channels"))
            height, width = layout["height"], layout["width"]
            pixels = np.asarray(picture.convert("RGB" if channels == 3 else "L"))
    except (KeyError, OSError, SyntaxError, AttributeError) as error:
        raise ValueError(f"{path} is not a sample grid ({error})") from None
    down, right = height * scale, width * scale
    corners = [(_GAP_PIXELS + row * (down + _GAP_PIXELS), _GAP_PIXELS + at * (right + _GAP_PIXELS)) for row, at in _places(count, columns)]
    cells = [pixels[y : y + down : scale, x : x + right : scale] for y, x in corners]
    return torch.from_numpy(np.stack(cells).reshape(count, height, width, channels)).permute(0, 3, 1, 2).contiguous()


def draw_strip(grids: Sequence[tuple[str, Path]]) -> bytes | None:
    """Return the first images of each grid in one PNG, one row for each moment of training.

    Args:
        grids: label and PNG of each moment; pictures that are no grids, or grids of another shape, are left out.

    Returns:
        None where there is no grid.
    """
    rows: list[tuple[str, Tensor]] = []
    for label, path in grids:
        with contextlib.suppress(ValueError):
            rows.append((label, read_grid(path)[:_STRIP_COLUMNS]))
    return draw_labelled_rows([row for row in rows if row[1].shape == rows[-1][1].shape]) if rows else None


def draw_film(grids: Sequence[tuple[str, Path]]) -> bytes | None:
    """Return the grids as one WebP that moves through training, half a second each and two seconds for the last, again and again.

    Args:
        grids: label and PNG of each moment; pictures that are no grids, or of another size than the last, are left out.

    Returns:
        None where there are not two of them, which would not move.
    """
    frames: list[tuple[str, Image.Image]] = []
    for label, path in grids:
        with contextlib.suppress(ValueError):
            read_grid(path)
            with Image.open(path) as picture:
                frames.append((label, picture.convert("RGB")))
    labelled = [_with_label(picture, label) for label, picture in frames if picture.size == frames[-1][1].size]
    if len(labelled) < 2:
        return None
    times = [_MOMENT_MILLISECONDS] * (len(labelled) - 1) + [_LAST_MILLISECONDS]
    buffer = io.BytesIO()
    labelled[0].save(
        buffer, format="WEBP", save_all=True, append_images=labelled[1:], duration=times, loop=0, quality=_FILM_QUALITY, method=2
    )
    return buffer.getvalue()


def _with_label(picture: Image.Image, label: str) -> Image.Image:
    """Return a picture with a label below it."""
    whole = Image.new("RGB", (picture.width, picture.height + 2 * _LABEL_POINTS), (_BACKGROUND,) * 3)
    whole.paste(picture)
    font = ImageFont.load_default(_LABEL_POINTS)
    ImageDraw.Draw(whole).text((whole.width - _LABEL_POINTS, whole.height - _LABEL_POINTS), label, fill="white", font=font, anchor="rm")
    return whole


def draw_labelled_rows(rows: Sequence[tuple[str, Tensor]]) -> bytes:
    """Return rows of images with a label at the left of each as one PNG.

    Args:
        rows: label and images ``[N, C, H, W]`` uint8, all of one shape.

    Raises:
        ValueError: no row, or rows of unlike shapes.
    """
    if not rows or len({tuple(images.shape) for _, images in rows}) != 1:
        raise ValueError(f"rows must be at least one and of one shape (got {[list(images.shape) for _, images in rows]})")
    columns, _, height, width = rows[0][1].shape
    everything = torch.cat([images for _, images in rows])
    _check(everything, columns)
    scale = _scale(height, width)
    grid = Image.fromarray(_assemble(everything, columns, scale)).convert("RGB")
    font = ImageFont.load_default(_LABEL_POINTS)
    margin = math.ceil(max(font.getlength(label) for label, _ in rows)) + 2 * _LABEL_POINTS
    picture = Image.new("RGB", (margin + grid.width, grid.height), (_BACKGROUND,) * 3)
    picture.paste(grid, (margin, 0))
    draw = ImageDraw.Draw(picture)
    for row, (label, _) in enumerate(rows):
        middle = _GAP_PIXELS + row * (height * scale + _GAP_PIXELS) + height * scale // 2
        draw.text((margin - _LABEL_POINTS, middle), label, fill="white", font=font, anchor="rm")
    return _png(picture, None)


def _scale(height: int, width: int) -> int:
    """Return how many times an image is enlarged."""
    return math.ceil(_MIN_CELL_PIXELS / max(height, width))


def _places(count: int, columns: int) -> list[tuple[int, int]]:
    """Return row and column of each image."""
    return [divmod(i, columns) for i in range(count)]


def _assemble(images: Tensor, columns: int, scale: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Return the pixels of a grid, ``[height, width]`` or ``[height, width, 3]``."""
    count, channels, height, width = images.shape
    down, right = height * scale + _GAP_PIXELS, width * scale + _GAP_PIXELS
    canvas = np.full(
        (_GAP_PIXELS + math.ceil(count / columns) * down, _GAP_PIXELS + columns * right, channels), _BACKGROUND, dtype=np.uint8
    )
    enlarged = images.cpu().permute(0, 2, 3, 1).numpy().repeat(scale, axis=1).repeat(scale, axis=2)  # [N, height, width, C]
    for (row, column), image in zip(_places(count, columns), enlarged, strict=True):
        y, x = _GAP_PIXELS + row * down, _GAP_PIXELS + column * right
        canvas[y : y + height * scale, x : x + width * scale] = image
    return canvas[:, :, 0] if channels == 1 else canvas


def _check(images: Tensor, columns: int) -> None:
    fits = images.ndim == 4 and images.shape[1] in (1, 3) and 0 not in images.shape
    if images.dtype != torch.uint8 or not fits:
        raise ValueError(f"images must be uint8 [N, 1 or 3, H, W] with N of 1 or more (got {images.dtype} {list(images.shape)})")
    if columns < 1:
        raise ValueError(f"columns must be 1 or more (got {columns})")


def _png(picture: Image.Image, information: PngImagePlugin.PngInfo | None) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", pnginfo=information)
    return buffer.getvalue()
