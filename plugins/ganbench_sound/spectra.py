"""Sounds as normalised spectrograms and back (Donahue et al. 2019, https://arxiv.org/abs/1802.04208, section 3.1; train_specgan.py).

A Hann window of twice the square root of T samples, half of it a step: as many frequencies as moments, 128 of each for 16,384 samples. The
logarithm of the magnitude is standardised frequency by frequency and clipped at three standard deviations; the frequency at half the rate
is left out. Back it goes by Griffin and Lim (1984, https://doi.org/10.1109/TASSP.1984.1164317), from phases of 0.

Shapes: N sounds, T samples of a sound, F = sqrt(T) frequencies and as many moments.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

_CLIP = 3.0
"""Standard deviations that networks see as 1."""
_FLOOR = 1e-6
"""Added to a magnitude, for its logarithm."""
_SHORTEST = 256


class Spectra(nn.Module):
    """The transform of one length, with the mean and the deviation of the train split in buffers.

    Args:
        length: T, a power of 4 from 256 on.
        iterations: of Griffin and Lim's algorithm.

    Raises:
        ValueError: another length.
    """

    mean: Tensor
    deviation: Tensor
    window: Tensor

    def __init__(self, length: int, iterations: int) -> None:
        super().__init__()
        self.bins = math.isqrt(length)
        if self.bins**2 != length or self.bins & (self.bins - 1) or length < _SHORTEST:
            raise ValueError(f"SpecGAN needs sounds of a power of 4, such as 4096 or 16384 samples (got {length})")
        self.length, self.iterations = length, iterations
        self.register_buffer("mean", torch.zeros(self.bins))
        self.register_buffer("deviation", torch.ones(self.bins))
        self.register_buffer("window", torch.hann_window(2 * self.bins), persistent=False)

    def fit(self, sounds: Tensor) -> None:
        """Take mean and deviation of each frequency from sounds ``[N, 1, T]``."""
        levels = self._levels(sounds.to(self.mean.device))
        self.mean.copy_(levels.mean(dim=(0, 2)))
        self.deviation.copy_(levels.std(dim=(0, 2), correction=0).clamp_min(_FLOOR))

    def forward(self, sounds: Tensor) -> Tensor:
        """Return spectrograms ``[N, 1, F, F]`` in [-1, 1], low frequencies first, of sounds ``[N, 1, T]``."""
        scaled = (self._levels(sounds) - self.mean[:, None]) / (_CLIP * self.deviation[:, None])
        return scaled.clamp(-1, 1)[:, None]

    def invert(self, spectra: Tensor) -> Tensor:
        """Return sounds ``[N, 1, T]`` in [-1, 1] of spectrograms ``[N, 1, F, F]``."""
        levels = spectra[:, 0].float() * _CLIP * self.deviation[:, None] + self.mean[:, None]
        magnitude = nn.functional.pad(levels.exp(), (0, 0, 0, 1))  # [N, F + 1, F]: nothing at half the rate
        bins = magnitude.to(torch.complex64)
        for _ in range(self.iterations):
            again = self._transform(self._sound(bins))
            bins = magnitude * again / again.abs().clamp_min(1e-8)
        return self._sound(bins)[:, None].clamp(-1, 1)

    def _levels(self, sounds: Tensor) -> Tensor:
        return (self._transform(sounds[:, 0].float())[:, :-1].abs() + _FLOOR).log()

    def _transform(self, wave: Tensor) -> Tensor:
        """Return ``[N, F + 1, F]`` complex: windows from the first sample on, the last one half beyond the end."""
        pieces = nn.functional.pad(wave, (0, self.bins)).unfold(1, 2 * self.bins, self.bins)  # [N, F, 2 F]
        bins: Tensor = torch.fft.rfft(pieces * self.window)
        return bins.transpose(1, 2)

    def _sound(self, bins: Tensor) -> Tensor:
        """Return ``[N, T]``: the pieces of all moments, added up under the window and divided by the sum of its squares.

        The first half window lies under one piece alone and fades in, as in the source; divided by what lies there it would click.
        """
        pieces = torch.fft.irfft(bins, dim=1) * self.window[:, None]  # [N, 2 F, F]
        first, second = pieces.transpose(1, 2).unflatten(2, (2, self.bins)).unbind(2)  # [N, F, F] each
        added = first + nn.functional.pad(second, (0, 0, 1, 0))[:, :-1]
        sounds: Tensor = (added / self.window.square().view(2, self.bins).sum(0)).flatten(1)
        return sounds
