"""What people hear and see of sounds: one WAV file of several, and sheets of spectrograms.

Shapes: n sounds, T samples of a sound.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ganbench import read_file
from ganbench_sound.wav import UndecodableError, read_comment, read_wav, write_wav
from ganbench_spaces.grid import draw_labelled_rows

_GAP_SECONDS = 0.25
_HEIGHT, _WIDTH = 64, 96
_DECIBELS = 70.0
_MOST_COLUMNS = 10


def join_sounds(generated: Tensor, real: Tensor, rate: int) -> bytes:
    """Return a WAV file: the generated sounds, then the real ones, each with a quarter of a second of silence behind it.

    Args:
        generated: ``[n, 1, T]`` int16.
        real: ``[m, 1, T]`` int16, m of 0 or more.
        rate: samples a second.
    """
    gap = round(_GAP_SECONDS * rate)
    joined = torch.nn.functional.pad(torch.cat([generated, real])[:, 0], (0, gap)).flatten()
    layout = {"generated": len(generated), "real": len(real), "length": generated.shape[-1], "gap": gap}
    return write_wav(joined.numpy(), rate, {"ganbench": layout})


def split_sounds(content: bytes) -> tuple[Tensor, Tensor, int]:
    """Return what :func:`join_sounds` joined: generated and real sounds ``[n, 1, T]`` int16, and the samples a second.

    Raises:
        UndecodableError: another file.
    """
    samples, rate = read_wav(content)
    try:
        layout = {name: int(value) for name, value in read_comment(content)["ganbench"].items()}
        count, length, gap = layout["generated"] + layout["real"], layout["length"], layout["gap"]
        sounds = np.round(samples[:, 0] * 32768).astype(np.int16).reshape(count, length + gap)[:, :length]
    except (KeyError, TypeError, ValueError, AttributeError):
        raise UndecodableError("it was not written by ganbench") from None
    everything = torch.from_numpy(sounds.copy())[:, None]
    return everything[: layout["generated"]], everything[layout["generated"] :], rate


def draw_sheet(pictures: Sequence[tuple[str, Path]]) -> bytes | None:
    """Return spectrograms as one PNG: a row of real sounds, and a row for each moment of training.

    Args:
        pictures: label and WAV file of each moment; files that ganbench did not write are left out.

    Returns:
        None where there is none.
    """
    moments: list[tuple[str, Tensor, Tensor]] = []
    for label, path in pictures:
        with contextlib.suppress(UndecodableError, OSError):
            generated, real, _ = split_sounds(read_file(path))
            moments.append((label, generated[:_MOST_COLUMNS], real[:_MOST_COLUMNS]))
    moments = [moment for moment in moments if moment[1].shape == moments[-1][1].shape]
    if not moments:
        return None
    rows = [(label, generated) for label, generated, _ in moments]
    if moments[-1][2].shape == moments[-1][1].shape:
        rows.insert(0, ("real", moments[-1][2]))
    return draw_labelled_rows([(label, spectrograms(sounds)) for label, sounds in rows])


def spectrograms(sounds: Tensor) -> Tensor:
    """Return levels over time, the highest frequency on top, from 70 dB below full scale (black) to full scale (white).

    Args:
        sounds: ``[n, 1, T]`` int16.

    Returns:
        ``[n, 1, 64, 96]`` uint8.
    """
    wave = sounds[:, 0].float() / 32767
    size = max(2 * _HEIGHT, 2 ** round(np.log2(max(wave.shape[1], 1) / 24)))
    window = torch.hann_window(size)
    padded = torch.nn.functional.pad(wave, (0, max(0, size - wave.shape[1])))
    bins = torch.stft(padded, size, hop_length=max(1, size // 8), window=window, center=True, pad_mode="constant", return_complex=True)
    levels = 20 * (bins.abs()[:, :-1] * 2 / window.sum()).clamp_min(1e-9).log10()
    scaled = (1 + levels / _DECIBELS).clamp(0, 1)[:, None]
    fitted = torch.nn.functional.adaptive_max_pool2d(scaled, (_HEIGHT, _WIDTH))
    return (fitted.flip(2) * 255).round().to(torch.uint8)
