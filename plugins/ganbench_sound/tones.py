"""Ten tunes in the place of ten spoken digits, where espeak-ng is not there: sums of harmonics, made by NumPy alone.

A digit is two notes whose intervals above the voice's own pitch no other digit has; a voice is a pitch, a timbre and a vibrato. It is no
speech, and data made of it have another name.

Shapes: t samples of a word.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

INTERVALS = (
    *((1.0, 1.5), (1.5, 1.0), (1.0, 2.0), (2.0, 1.0), (1.25, 1.875)),
    *((1.875, 1.25), (1.0, 1.0), (2.0, 2.0), (1.5, 2.25), (2.25, 1.5)),
)
"""First and second note of each digit."""
_HARMONICS = 6
_FADE_SECONDS = 0.015


@dataclass(frozen=True, slots=True)
class Tone:
    """How a voice plays once."""

    voice: int
    speed: float
    """1 takes 0.4 s for a digit."""
    pitch: float
    """1 is the voice's own."""


def play(tone: Tone, rate: int) -> list[NDArray[np.float32]]:
    """Return the ten digits, each ``[t]`` float32 in [-1, 1]."""
    random = np.random.RandomState(1000 + tone.voice)
    pitch = 110 * 2 ** random.uniform(0, 1.2) * tone.pitch
    timbre = random.uniform(0.1, 1, _HARMONICS) / np.arange(1, _HARMONICS + 1)
    vibrato, depth = random.uniform(4, 7), random.uniform(0, 0.01)
    length = round(0.4 / tone.speed * rate)
    time = np.arange(length) / rate
    fade = np.minimum(1, np.minimum(time, time[::-1]) / _FADE_SECONDS)
    words = []
    for first, second in INTERVALS:
        note = np.where(np.arange(length) < length // 2, first, second) * pitch * (1 + depth * np.sin(2 * np.pi * vibrato * time))
        phase = 2 * np.pi * np.cumsum(note) / rate
        audible = [n for n in range(1, _HARMONICS + 1) if n * pitch * 2.25 * 1.01 < rate / 2] or [1]
        wave = sum(timbre[n - 1] * np.sin(n * phase) for n in audible)
        words.append((fade * wave / np.abs(wave).max()).astype(np.float32))
    return words
