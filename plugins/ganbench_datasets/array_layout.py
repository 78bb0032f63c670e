"""Where the channels of an array of images stand: seen from the shape of square ones, asked for where it does not say."""

from __future__ import annotations

from ganbench import DataError

_CHANNELS = (1, 3)


def image_layout(shape: tuple[int, ...], layout: str) -> bool:
    """Return True for [N, H, W, C], False for [N, C, H, W].

    Args:
        shape: four dimensions.
        layout: auto, nhwc or nchw.

    Raises:
        ganbench.errors.DataError: the shape fits neither, or both, or not what ``layout`` says.
    """
    _, first, second, third = shape
    last = third in _CHANNELS and first == second
    leading = first in _CHANNELS and second == third
    if layout == "auto" and last and leading:
        raise DataError(f"array: shape {list(shape)} can be [N, H, W, C] or [N, C, H, W]", hint="say which with -o layout=nhwc or nchw")
    fits = {"auto": last or leading, "nhwc": third in _CHANNELS, "nchw": first in _CHANNELS}[layout]
    if not fits:
        wanted = {"auto": "[N, H, W, C] or [N, C, H, W]", "nhwc": "[N, H, W, C]", "nchw": "[N, C, H, W]"}[layout]
        raise DataError(
            f"array: images must be square with 1 or 3 channels, {wanted} (got shape {list(shape)})",
            hint="crop or reshape it, or say its layout",
        )
    return last if layout == "auto" else layout == "nhwc"
