"""Sample grids as PNG, large enough to look at, and the strip that shows the same latents over training.

A grid is enlarged by a whole number and remembers its layout in the PNG's text, so that the exact images can be read back: the strip is
made from the grids of a run, also after a resume. Shapes: N images, C channels (1 or 3), H = W.
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

from ganbench.record.directory import RunDirectory
from ganbench.record.files import write_bytes

_MIN_CELL_PIXELS = 48
_GAP_PIXELS = 2
_BACKGROUND = 24
_LAYOUT = "ganbench-grid"
_STRIP_ROWS = 12
_STRIP_COLUMNS = 8
_LABEL_POINTS = 14


def save_grid(images: Tensor, path: Path, *, columns: int = 8) -> None:
    """Write images as one PNG, row by row.

    Args:
        images: ``[N, C, H, W]`` uint8 in [0, 255], C of 1 or 3.
        path: the PNG, replaced as a whole.
        columns: images in a row.

    Raises:
        ValueError: another type or shape, no image, or columns below 1.
        StorageError: the disk is full or not writable.
    """
    _check(images, columns)
    count, channels, size, _ = images.shape
    scale = math.ceil(_MIN_CELL_PIXELS / size)
    layout = {"count": count, "columns": min(columns, count), "size": size, "scale": scale, "channels": channels}
    information = PngImagePlugin.PngInfo()
    information.add_text(_LAYOUT, json.dumps(layout))
    _write_png(Image.fromarray(_assemble(images, min(columns, count), scale)), path, information)


def read_grid(path: Path) -> Tensor:
    """Return the images of a PNG that :func:`save_grid` wrote.

    Returns:
        ``[N, C, H, W]`` uint8, exactly as they were given.

    Raises:
        ValueError: not such a PNG.
    """
    try:
        with Image.open(path) as picture:
            layout = {name: int(value) for name, value in json.loads(picture.info[_LAYOUT]).items()}
            pixels = np.asarray(picture.convert("RGB" if layout["channels"] == 3 else "L"))
    except (KeyError, OSError, SyntaxError, AttributeError) as error:
        raise ValueError(f"{path} is not a sample grid ({error})") from None
    cell = layout["size"] * layout["scale"]
    step, scale = cell + _GAP_PIXELS, layout["scale"]
    corners = [((i // layout["columns"]) * step, (i % layout["columns"]) * step) for i in range(layout["count"])]
    cells = [pixels[_GAP_PIXELS:, _GAP_PIXELS:][y : y + cell : scale, x : x + cell : scale] for y, x in corners]
    stacked = torch.from_numpy(np.stack(cells).reshape(layout["count"], layout["size"], layout["size"], layout["channels"]))
    return stacked.permute(0, 3, 1, 2).contiguous()


def save_strip(directory: RunDirectory) -> Path | None:
    """Write ``progress.png`` of a run: the first latents of its grids, one row for each moment of training.

    At most 12 moments, evenly chosen with the first and the last; pictures that are no grids, or grids of another shape, are left out.

    Returns:
        Its path, or None where the run has no grid.

    Raises:
        StorageError: the disk is full or not writable.
    """
    grids = sorted(path for path in directory.samples_path.glob("*.png") if path.stem.isdigit())
    rows: list[tuple[str, Tensor]] = []
    for path in _evenly(grids, _STRIP_ROWS):
        with contextlib.suppress(ValueError):
            rows.append((f"{int(path.stem) / 1000:.4g} kimg", read_grid(path)[:_STRIP_COLUMNS]))
    if not rows:
        return None
    save_labelled_rows([row for row in rows if row[1].shape == rows[-1][1].shape], directory.progress_path)
    return directory.progress_path


def save_labelled_rows(rows: Sequence[tuple[str, Tensor]], path: Path) -> None:
    """Write rows of images with a label at the left of each.

    Args:
        rows: label and images ``[N, C, H, W]`` uint8, all of one shape.
        path: the PNG, replaced as a whole.

    Raises:
        ValueError: no row, or rows of unlike shapes.
        StorageError: the disk is full or not writable.
    """
    if not rows or len({tuple(images.shape) for _, images in rows}) != 1:
        raise ValueError(f"rows must be at least one and of one shape (got {[list(images.shape) for _, images in rows]})")
    columns, size = int(rows[0][1].shape[0]), int(rows[0][1].shape[2])
    everything = torch.cat([images for _, images in rows])
    _check(everything, columns)
    scale = math.ceil(_MIN_CELL_PIXELS / size)
    grid = Image.fromarray(_assemble(everything, columns, scale)).convert("RGB")
    font = ImageFont.load_default(_LABEL_POINTS)
    margin = math.ceil(max(font.getlength(label) for label, _ in rows)) + 2 * _LABEL_POINTS
    picture = Image.new("RGB", (margin + grid.width, grid.height), (_BACKGROUND,) * 3)
    picture.paste(grid, (margin, 0))
    draw = ImageDraw.Draw(picture)
    for row, (label, _) in enumerate(rows):
        middle = _GAP_PIXELS + row * (size * scale + _GAP_PIXELS) + size * scale // 2
        draw.text((margin - _LABEL_POINTS, middle), label, fill="white", font=font, anchor="rm")
    _write_png(picture, path, None)


def _assemble(images: Tensor, columns: int, scale: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Return the pixels of a grid, ``[height, width]`` or ``[height, width, 3]``."""
    count, channels, size, _ = images.shape
    cell = size * scale
    step = cell + _GAP_PIXELS
    shape = (_GAP_PIXELS + math.ceil(count / columns) * step, _GAP_PIXELS + columns * step, channels)
    canvas = np.full(shape, _BACKGROUND, dtype=np.uint8)
    enlarged = images.cpu().permute(0, 2, 3, 1).numpy().repeat(scale, axis=1).repeat(scale, axis=2)  # [N, cell, cell, C]
    for i, image in enumerate(enlarged):
        y, x = _GAP_PIXELS + (i // columns) * step, _GAP_PIXELS + (i % columns) * step
        canvas[y : y + cell, x : x + cell] = image
    return canvas[:, :, 0] if channels == 1 else canvas


def _check(images: Tensor, columns: int) -> None:
    square = images.ndim == 4 and images.shape[0] > 0 and images.shape[1] in (1, 3) and images.shape[2] == images.shape[3] > 0
    if images.dtype != torch.uint8 or not square:
        raise ValueError(f"images must be uint8 [N, 1 or 3, H, H] with N of 1 or more (got {images.dtype} {list(images.shape)})")
    if columns < 1:
        raise ValueError(f"columns must be 1 or more (got {columns})")


def _evenly(paths: Sequence[Path], count: int) -> list[Path]:
    """Return at most ``count`` of them, evenly spread, the first and the last among them."""
    if len(paths) <= count:
        return list(paths)
    return [paths[round(i * (len(paths) - 1) / (count - 1))] for i in range(count)]


def _write_png(picture: Image.Image, path: Path, information: PngImagePlugin.PngInfo | None) -> None:
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", pnginfo=information)
    write_bytes(path, buffer.getvalue())
