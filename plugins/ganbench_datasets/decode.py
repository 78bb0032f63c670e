"""One image file to uint8 pixels: every mode that Pillow reads, upright, of one size, antialiased.

A file that cannot be decoded raises :class:`UndecodableError` with a reason of a few words; nothing else leaves a :class:`Decoder`.
Shapes: C channels, H, W height and width.
"""

from __future__ import annotations

import io
import os
import stat
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from ganbench_spaces.images import ImageSpace

SUFFIXES = frozenset(
    (
        b".png",
        b".jpg",
        b".jpeg",
        b".jpe",
        b".jfif",
        b".bmp",
        b".gif",
        b".webp",
        b".tif",
        b".tiff",
        b".ppm",
        b".pgm",
        b".pbm",
        b".pnm",
        b".tga",
    )
)
"""What an image file's name ends in, in lower case."""
_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM", "TGA")  # none that starts another program, as EPS does
_BACKGROUNDS = {"white": 255, "grey": 128, "black": 0}
_SIXTEEN_BIT = ("I;16", "I;16B", "I;16L", "I;16N")


class UndecodableError(Exception):
    """Why a file is not an image that can be used: ``truncated``, ``empty file``.

    Args:
        reason: in a few words.
        passing: whether it says nothing of the file's content: permission, a disk that fails, short memory.
    """

    def __init__(self, reason: str, *, passing: bool = False) -> None:
        super().__init__(reason)
        self.passing = passing


@dataclass(frozen=True, kw_only=True, slots=True)
class Decoder:
    """How files become pixels."""

    height: int
    """H."""
    width: int
    """W."""
    channels: int
    """1 or 3."""
    crop: str = "center"
    """center or none; see the options of ``folder``."""
    background: str = "white"
    """What stands behind transparent pixels."""

    @property
    def space(self) -> ImageSpace:
        """What a file becomes."""
        return ImageSpace(self.channels, self.height, self.width)

    def decode(self, path: bytes) -> tuple[NDArray[np.uint8], bool]:
        """Return the pixels of a file, by its path as the file system has it; see :meth:`decode_bytes`."""
        return self._guarded(lambda: _read(path))

    def decode_bytes(self, data: bytes) -> tuple[NDArray[np.uint8], bool]:
        """Return the pixels of an image file's content.

        Args:
            data: the whole file.

        Returns:
            ``[C, H, W]`` uint8, and whether the image is smaller than that and was enlarged.

        Raises:
            UndecodableError: with the reason.
        """
        return self._guarded(lambda: data)

    def _guarded(self, content: Callable[[], bytes]) -> tuple[NDArray[np.uint8], bool]:
        try:
            data = content()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # what matters raises; the rest is about metadata
                warnings.simplefilter("error", Image.DecompressionBombWarning)  # such an image takes gigabytes in every worker
                return self._decode(data)
        except UndecodableError:
            raise
        except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
            raise UndecodableError(f"more pixels than Pillow allows, {Image.MAX_IMAGE_PIXELS:,}") from error
        except MemoryError as error:
            raise UndecodableError("memory is short", passing=True) from error
        except UnidentifiedImageError as error:
            raise UndecodableError("not an image") from error
        except Exception as error:  # a damaged file makes Pillow's decoders raise nearly anything
            raise UndecodableError(_reason(error)) from error

    def _decode(self, data: bytes) -> tuple[NDArray[np.uint8], bool]:
        upright = open_upright(io.BytesIO(data))
        pixels = np.asarray(self._resize(self._flatten(upright)))
        enlarged = upright.width < self.width or upright.height < self.height
        return (pixels[None] if self.channels == 1 else np.ascontiguousarray(pixels.transpose(2, 0, 1))), enlarged

    def _flatten(self, image: Image.Image) -> Image.Image:
        mode = "L" if self.channels == 1 else "RGB"
        if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
            level = _BACKGROUNDS[self.background]
            behind = Image.new("RGBA", image.size, (level, level, level, 255))
            image = Image.alpha_composite(behind, image.convert("RGBA"))
        return image if image.mode == mode else image.convert("RGB").convert(mode)

    def _resize(self, image: Image.Image) -> Image.Image:
        if image.size == (self.width, self.height):
            return image
        width, height = image.size
        if self.crop == "center":  # the largest part of the wanted proportions
            width, height = min(width, height * self.width // self.height or 1), min(height, width * self.height // self.width or 1)
        left, top = (image.width - width) // 2, (image.height - height) // 2
        return image.resize((self.width, self.height), Image.Resampling.BICUBIC, box=(left, top, left + width, top + height))


def open_upright(file: io.BytesIO) -> Image.Image:
    """Return an image with 8 bits in each channel, turned as its metadata say."""
    with Image.open(file, formats=_FORMATS) as image:
        image.load()
        return _eight_bit(ImageOps.exif_transpose(image), image.format)


def _eight_bit(image: Image.Image, file_format: str | None) -> Image.Image:
    """Scale 16-bit grey to 8 bits (Pillow's own conversion clips it); other modes are 8-bit already or cannot be scaled."""
    if image.mode in _SIXTEEN_BIT or (image.mode == "I" and file_format in ("PNG", "PPM")):
        wide = np.asarray(image).astype(np.int64)
        return Image.fromarray(((wide.clip(0, 65535) + 128) // 257).astype(np.uint8))
    if image.mode in ("I", "F"):
        raise UndecodableError("32-bit pixels, whose range is not known")
    return image


def _read(path: bytes) -> bytes:
    """Return a file's content. A pipe or a device, whose content may never come or never end, is not waited for.

    Raises:
        UndecodableError: it cannot be read now, there is nothing in it, or it is no file.
    """
    try:
        with open(path, "rb", opener=_without_waiting) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise UndecodableError("a pipe or a device")
            data = file.read()
    except OSError as error:
        raise UndecodableError((error.strerror or str(error)).lower(), passing=True) from error
    if not data:
        raise UndecodableError("empty file")
    return data


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _reason(error: Exception) -> str:
    text = str(error).lower()
    if "truncated" in text or "unexpected end" in text or "broken data stream" in text or "incomplete" in text:
        return "truncated"
    return f"damaged: {str(error).splitlines()[0][:80]}" if text else f"damaged: {type(error).__name__}"
