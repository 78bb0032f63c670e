"""One image file to pixels."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from ganbench_datasets.decode import Decoder, UndecodableError


def _decode(image: Image.Image, path: Path, **options: object) -> NDArray[np.uint8]:
    image.save(path)
    settings = {"height": image.width, "width": image.width, "channels": 3} | options
    return Decoder(**settings).decode(bytes(path))[0]  # type: ignore[arg-type]


def test_grey_and_colour_are_converted(tmp_path: Path) -> None:
    """Grey becomes three equal channels, colour one of luma weights."""
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
    colour = _decode(Image.fromarray(grey), tmp_path / "grey.png")
    assert colour.shape == (3, 16, 16)
    assert all(np.array_equal(channel, grey) for channel in colour)
    red = _decode(Image.new("RGB", (4, 4), (255, 0, 0)), tmp_path / "red.png", channels=1)
    assert red.shape == (1, 4, 4)
    assert np.unique(red).tolist() == [76]


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
@pytest.mark.parametrize(("background", "level"), [("white", 255), ("black", 0), ("grey", 128)])
def test_transparency_shows_the_background(tmp_path: Path, mode: str, background: str, level: int) -> None:
    """Clear pixels are the background, opaque ones their own colour, in every mode that has transparency."""
    image = Image.new("RGBA", (2, 2), (10, 10, 10, 255))
    image.putpixel((1, 0), (10, 10, 10, 0))
    if mode == "P":
        image = Image.fromarray(np.array([[0, 1], [0, 0]], dtype=np.uint8), mode=None).convert("P")
        image.putpalette([10, 10, 10, 10, 10, 10])
        image.info["transparency"] = 1
    else:
        image = image.convert(mode)
    pixels = _decode(image, tmp_path / "clear.png", background=background)
    assert pixels[:, 0, 1].tolist() == [level] * 3
    assert pixels[:, 1, 1].tolist() == [10] * 3


def test_palette_images_have_their_colours(tmp_path: Path) -> None:
    """The palette is looked up, the indices are not taken for levels."""
    image = Image.fromarray(np.array([[0, 1], [1, 0]], dtype=np.uint8)).convert("P")
    image.putpalette([200, 100, 50, 1, 2, 3])
    pixels = _decode(image, tmp_path / "palette.png")
    assert pixels[:, 0, 0].tolist() == [200, 100, 50]
    assert pixels[:, 0, 1].tolist() == [1, 2, 3]


@pytest.mark.parametrize("suffix", ["png", "tif", "pgm"])
def test_sixteen_bits_are_scaled_not_clipped(tmp_path: Path, suffix: str) -> None:
    """65535 becomes 255 and the middle the middle."""
    wide = np.array([[0, 257, 32768], [65535, 128, 129], [51400, 25700, 1285]], dtype=np.uint16)
    pixels = _decode(Image.fromarray(wide), tmp_path / f"wide.{suffix}", channels=1)
    assert pixels[0].tolist() == [[0, 1, 128], [255, 0, 1], [200, 100, 5]]


def test_exif_rotation_is_undone(tmp_path: Path) -> None:
    """A photograph that was taken sideways stands upright."""
    upright = np.arange(16, dtype=np.uint8).reshape(4, 4) * 16
    stored = Image.fromarray(np.rot90(upright))
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "sideways.png"
    stored.save(path, exif=exif)
    assert np.array_equal(Decoder(height=4, width=4, channels=1).decode(bytes(path))[0][0], upright)


def test_the_centre_square_is_cut_or_the_whole_is_squeezed(tmp_path: Path) -> None:
    """center drops the sides; none keeps them."""
    wide = np.zeros((8, 16), dtype=np.uint8)
    wide[:, 4:12] = 255
    centre = _decode(Image.fromarray(wide), tmp_path / "wide.png", height=8, width=8, channels=1)
    assert np.unique(centre).tolist() == [255]
    whole = _decode(Image.fromarray(wide), tmp_path / "wide.png", height=8, width=8, channels=1, crop="none")
    assert whole[0, 4, 0] == whole[0, 4, 7] == 0
    assert whole[0, 4, 4] == 255


def test_downsizing_is_antialiased(tmp_path: Path) -> None:
    """A fine chessboard becomes grey, not a pattern of its own."""
    board = (np.indices((64, 64)).sum(axis=0) % 2 * 255).astype(np.uint8)
    pixels = _decode(Image.fromarray(board), tmp_path / "board.png", height=8, width=8, channels=1)
    assert np.abs(pixels[0, 1:-1, 1:-1].astype(int) - 127).max() <= 3


@pytest.mark.parametrize("suffix", ["jpg", "png", "gif", "webp", "tif", "bmp"])
def test_a_truncated_file_of_any_format_is_refused(tmp_path: Path, suffix: str) -> None:
    """Half a file is never half an image, and the reason is short."""
    path = tmp_path / f"image.{suffix}"
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(UndecodableError) as caught:
        Decoder(height=8, width=8, channels=3).decode(bytes(path))
    assert "\n" not in str(caught.value)
    assert 0 < len(str(caught.value)) < 100


def test_a_picture_of_too_many_pixels_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small file that unpacks to gigabytes is not unpacked."""
    path = tmp_path / "bomb.png"
    Image.new("L", (64, 64)).save(path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(UndecodableError, match="more pixels than Pillow allows"):
        Decoder(height=8, width=8, channels=3).decode(bytes(path))


def test_float_pixels_are_refused(tmp_path: Path) -> None:
    """Their range is not known and is not guessed."""
    path = tmp_path / "float.tif"
    Image.fromarray(np.ones((4, 4), dtype=np.float32)).save(path)
    with pytest.raises(UndecodableError, match="32-bit pixels"):
        Decoder(height=4, width=4, channels=1).decode(bytes(path))


def test_another_shape_is_cut_from_the_middle(tmp_path: Path) -> None:
    """The largest part of that shape, or everything squeezed into it."""
    wide = np.zeros((8, 24), dtype=np.uint8)
    wide[:, 4:20] = 255  # what is twice as wide as high
    image = Image.fromarray(wide)
    part = _decode(image, tmp_path / "wide.png", height=4, width=8, channels=1)
    assert part.shape == (1, 4, 8)
    assert part.min() > 200  # the filter looks a little past the edge
    high = _decode(image.transpose(Image.Transpose.ROTATE_90), tmp_path / "high.png", height=8, width=4, channels=1)
    assert high.shape == (1, 8, 4)
    assert high.min() > 200
    assert _decode(image, tmp_path / "wide.png", height=4, width=8, channels=1, crop="none").min() < 50


def test_a_pipe_or_a_device_is_not_waited_for(tmp_path: Path) -> None:
    """A pipe that nobody writes to, a device without an end, and a file that has become a pipe since it was listed."""
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "zero.png").symlink_to("/dev/zero")
    for name in ("pipe.png", "zero.png"):
        with pytest.raises(UndecodableError, match="a pipe or a device"):
            Decoder(height=4, width=4, channels=3).decode(bytes(tmp_path / name))
