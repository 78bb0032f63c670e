"""Sound files: decoded, brought to one rate and one channel, and cut or padded to one length by a named rule.

Shapes: T samples of a file or of a sound, C channels.
"""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ganbench import DataError, read_file
from ganbench_sound.wav import UndecodableError, read_wav

SUFFIXES = (".wav", ".flac")
Fit = Literal["start", "middle", "slices"]
RESAMPLER = "polyphase-kaiser-5"
"""scipy.signal.resample_poly with its default window."""


def read_sound(path: Path, rate: int) -> NDArray[np.float32]:
    """Return a file as one channel at a rate.

    Args:
        path: WAV or FLAC.
        rate: samples a second that are wanted.

    Returns:
        ``[T]`` float32; the channels' mean.

    Raises:
        UndecodableError: it cannot be read, or holds no sound.
        DataError: it needs a package that is not there.
    """
    try:
        content = read_file(path)
    except OSError as error:
        raise UndecodableError(error.strerror or "it cannot be read") from None
    samples, found = _read_flac(content, path) if path.suffix.lower() == ".flac" else read_wav(content)
    if not len(samples):
        raise UndecodableError("it holds no sample")
    return resample(samples.mean(axis=1, dtype=np.float64), found, rate)


def _read_flac(content: bytes, path: Path) -> tuple[NDArray[np.float32], int]:
    try:
        import soundfile
    except (ImportError, OSError):
        raise DataError(f"{path} is a FLAC file, which needs soundfile", hint="pip install 'ganbench[sound]'") from None
    try:
        samples, rate = soundfile.read(io.BytesIO(content), dtype="float32", always_2d=True)
    except Exception as error:  # whatever the bytes make of the library
        raise UndecodableError(" ".join(str(error).split())[:120] or type(error).__name__) from None
    return samples, int(rate)


def resample(samples: NDArray[np.float64], rate: int, wanted: int) -> NDArray[np.float32]:
    """Return samples ``[T]`` at another rate, by a polyphase filter with a Kaiser window (beta 5)."""
    if rate != wanted:
        from scipy.signal import resample_poly

        common = math.gcd(rate, wanted)
        samples = resample_poly(samples, wanted // common, rate // common)
    return samples.astype(np.float32)


def fit(samples: NDArray[np.float32], length: int, rule: Fit) -> NDArray[np.float32]:
    """Return sounds of one length from samples of any.

    Args:
        samples: ``[t]``, t of 1 or more.
        length: T.
        rule: ``start`` takes the first T samples, ``middle`` those in the middle, ``slices`` all of them, piece behind piece. What is
            short is padded with zeros: behind it, or on both sides for ``middle``.

    Returns:
        ``[n, T]``, n of 1 but for ``slices``.
    """
    if rule == "slices":
        count = math.ceil(len(samples) / length)
        return np.pad(samples, (0, count * length - len(samples))).reshape(count, length)
    if rule == "middle":
        begin = max(0, (len(samples) - length) // 2)
        samples = samples[begin : begin + length]
        before = (length - len(samples)) // 2
        return np.pad(samples, (before, length - len(samples) - before))[None]
    return np.pad(samples[:length], (0, max(0, length - len(samples))))[None]


def to_stored(sounds: NDArray[np.float32]) -> Tensor:
    """Return sounds ``[n, T]`` as a dataset stores them, ``[n, 1, T]`` int16; what is beyond [-1, 1] is clipped."""
    return torch.from_numpy(np.clip(np.round(sounds * 32767.0), -32767, 32767).astype(np.int16))[:, None]
