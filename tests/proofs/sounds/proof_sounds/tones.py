"""Tones of four pitches that fade away, and the space of sounds.

Shapes: N sounds, n of a batch, T samples of a sound.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from ganbench import ArraySource, DataContext, Dataset, Space

COUNT, LENGTH, RATE = 256, 1024, 4096
PITCHES = (110.0, 220.0, 330.0, 550.0)


@dataclass(frozen=True, slots=True)
class SoundSpace(Space):
    """Sounds ``[1, T]``: int16 as they are stored, float32 in [-1, 1] as networks see them."""

    length: int

    name: ClassVar[str] = "sounds"
    unit: ClassVar[str] = "sounds"
    stored_dtype: ClassVar[torch.dtype] = torch.int16
    grain: ClassVar[float] = 1 / 32768
    quantiser: ClassVar[str] = "round-32767"

    @property
    def size(self) -> tuple[int, ...]:
        """(1, T)."""
        return (1, self.length)

    def to_network(
        self, arranged: Tensor, indices: Tensor | None = None, mirrored: Tensor | None = None, *, channels_last: bool = False
    ) -> Tensor:
        """Return ``[n, 1, T]`` float32 in [-1, 1]."""
        return (arranged if indices is None else arranged.index_select(0, indices)).float() / 32767

    def quantise(self, samples: Tensor) -> Tensor:
        """Return int16."""
        return (samples * 32767).round().clamp(-32767, 32767).to(torch.int16)

    def picture_count(self, grid_size: int) -> int:
        """Return two rows."""
        return 2 * grid_size

    def picture(self, samples: Tensor, *, columns: int, real: Callable[[int], Tensor]) -> bytes:
        """Return a grid of curves, each over its spectrogram; the first row is of real sounds."""
        sounds = torch.cat([real(columns), samples])
        tiles = F.pad(torch.cat([curves(sounds), spectrograms(sounds)], dim=1), (2, 2, 2, 2), value=1.0)  # [n, H, W]
        tiles = torch.cat([tiles, tiles.new_ones(-len(tiles) % columns, *tiles.shape[1:])])
        sheet = tiles.unflatten(0, (-1, columns)).transpose(1, 2).flatten(2).flatten(0, 1)
        file = io.BytesIO()
        Image.fromarray((sheet * 255).to(torch.uint8).numpy()).save(file, format="PNG")
        return file.getvalue()


def curves(sounds: Tensor, height: int = 48, width: int = 128) -> Tensor:
    """Return each sound's curve, dark on white, ``[n, height, width]`` in [0, 1]."""
    columns = (sounds.float() / 32767).reshape(len(sounds), 1, width, -1)
    levels = torch.linspace(1, -1, height)[:, None]
    half = 1 / (height - 1)
    inside = (levels >= columns.amin(-1) - half) & (levels <= columns.amax(-1) + half)
    return 1 - 0.8 * inside.float()


def spectrograms(sounds: Tensor) -> Tensor:
    """Return the levels of 64 frequencies, the highest on top, over 128 moments, ``[n, 64, 128]``: from -60 dB to 0 dB in [0, 1]."""
    wave = sounds[:, 0].float() / 32767
    levels = torch.stft(wave, 128, hop_length=8, window=torch.hann_window(128), return_complex=True)[:, :64, :128].abs() / 32
    return (1 + 20 * levels.clamp(min=1e-6).log10() / 60).clamp(0, 1).flip(1)


def build(options: object, context: DataContext) -> Dataset:
    """Return tones with their second harmonic, each with a phase and a loudness of its own."""
    random, space = torch.Generator().manual_seed(0), SoundSpace(LENGTH)
    labels = torch.arange(COUNT) % len(PITCHES)
    angle = 2 * torch.pi * torch.tensor(PITCHES)[labels, None] * torch.arange(LENGTH) / RATE
    phase, loudness = (torch.rand(COUNT, 1, generator=random) for _ in range(2))
    wave = (angle + 2 * torch.pi * phase).sin() + 0.5 * (2 * angle + 2 * torch.pi * phase).sin()
    wave = wave * (0.3 + 0.3 * loudness) * torch.exp(-2.0 * torch.arange(LENGTH) / LENGTH)
    source = ArraySource(space.quantise(wave[:, None]), labels, space=space)
    return Dataset(name="tones", train=source, num_classes=len(PITCHES), class_names=tuple(f"{pitch:g} Hz" for pitch in PITCHES))
