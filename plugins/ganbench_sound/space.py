"""Sounds of one channel: 16-bit integers as they are stored, [-1, 1] as networks see them.

A picture is a WAV file: generated sounds one after the other, then as many real ones, with silence between them. The strip over training is
a sheet of their spectrograms.

Shapes: N sounds stored or on the device, n of a batch, T samples of a sound.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor

from ganbench import ArraySource, Space

LEVELS = 32767
"""The loudest stored sample, which networks see as 1; the lowest integer, -32768, is not used."""


@dataclass(frozen=True, slots=True)
class WaveformSpace(Space):
    """Sounds ``[1, T]`` int16."""

    length: int = 4096
    """T."""
    rate: int = 8000
    """Samples a second: sounds of two rates are two spaces."""

    name: ClassVar[str] = "waveform"
    unit: ClassVar[str] = "sounds"
    stored_dtype: ClassVar[torch.dtype] = torch.int16
    grain: ClassVar[float] = 1 / LEVELS
    quantiser: ClassVar[str] = f"round-{LEVELS}"
    picture_suffix: ClassVar[str] = ".wav"

    @property
    def size(self) -> tuple[int, int]:
        """(1, T)."""
        return (1, self.length)

    def describe(self) -> str:
        """Return ``1x4096 at 8000 Hz``."""
        return f"1x{self.length} at {self.rate} Hz"

    def to_network(
        self, arranged: Tensor, indices: Tensor | None = None, mirrored: Tensor | None = None, *, channels_last: bool = False
    ) -> Tensor:
        """Return ``[n, 1, T]`` float32 in [-1, 1]."""
        return (arranged if indices is None else arranged.index_select(0, indices)).float() / LEVELS

    def quantise(self, samples: Tensor) -> Tensor:
        """Return ``[n, 1, T]`` int16; what is beyond [-1, 1] is clipped."""
        return (samples * LEVELS).round().clamp(-LEVELS, LEVELS).to(torch.int16)

    def picture_count(self, grid_size: int) -> int:
        """Return one row."""
        return grid_size

    def picture(self, samples: Tensor, *, columns: int, real: Callable[[int], Tensor]) -> bytes:
        """Return a WAV file of these sounds and of as many real ones."""
        from ganbench_sound.sheet import join_sounds

        return join_sounds(samples, real(len(samples)), self.rate)

    def files(self, samples: Tensor) -> Iterator[tuple[str, bytes]]:
        """Yield a WAV file of each sound, in the order of their names."""
        from ganbench_sound.wav import write_wav

        digits = max(6, len(str(len(samples) - 1)))
        for index, sound in enumerate(samples):
            yield f"sounds/{index:0{digits}d}.wav", write_wav(sound[0].numpy(), self.rate)

    def strip(self, pictures: Sequence[tuple[str, Path]]) -> bytes | None:
        """Return the spectrograms, a row for each moment below one of real sounds."""
        from ganbench_sound.sheet import draw_sheet

        return draw_sheet(pictures)


def sound_source(stored: Tensor, labels: Tensor | None = None, *, rate: int) -> ArraySource:
    """Return sounds that fit in memory.

    Args:
        stored: ``[N, 1, T]`` int16.
        labels: ``[N]`` int64, or None.
        rate: samples a second.

    Raises:
        ValueError: wrong type, size or label count, or no sound.
    """
    return ArraySource(stored, labels, space=WaveformSpace(stored.shape[-1], rate))
