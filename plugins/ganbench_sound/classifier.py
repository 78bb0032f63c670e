"""The ``spoken-digits`` extractor: five seeds of a small classifier of spectrograms, whose weights ship with ganbench.

A sound becomes a picture of 32 bands over 32 moments, and that is judged as the ``digits`` extractor judges pictures. It ranks models on
these data and is comparable with nothing else: scores by another classifier are other metrics, as WaveGAN's 4.67 (by its authors'
classifier) and 4.90 (by that of later articles) are. Made by :mod:`ganbench_sound.train`; accuracies are in the manifest.

Shapes: N sounds, T = 4,096 samples, D = 32 features, K = 10 classes.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from ganbench import ExtractorContext, Features
from ganbench_extractors.classifiers import ClassifierExtractor, load_networks
from ganbench_extractors.recipes import ClassifierRecipe

LENGTH, RATE = 4096, 8000
"""What it was trained on, and all that it takes."""
WEIGHTS = Path(__file__).parent / "weights"
RECIPE = ClassifierRecipe(
    name="spoken-digits",
    dataset="spoken-digits",
    least_accuracy=0.97,
    resolution=32,
    widths=(8, 16, 24, 16),
    dims=32,
    epochs=15,
    batch_size=64,
    rotation_degrees=0.0,
    scaling=0.0,
    shift=0.08,
)
_WINDOW, _HOP, _BANDS = 256, 128, 32
_TOP, _DECIBELS = -6.0, 60.0
PREPROCESSING = f"mel-{_BANDS}-of-{LENGTH}-samples-at-{RATE}-hz-{_DECIBELS:g}-db-below-{_TOP:g}"


def to_pictures(sounds: Tensor) -> Tensor:
    """Return the levels of 32 bands over 32 moments, from -66 dB (0) to -6 dB (255) of a tone at full scale.

    Args:
        sounds: ``[N, 1, 4096]`` int16.

    Returns:
        ``[N, 1, 32, 32]`` uint8, low bands first.

    Raises:
        ValueError: another type or length.
    """
    if sounds.dtype != torch.int16 or sounds.ndim != 3 or tuple(sounds.shape[1:]) != (1, LENGTH):
        got = f"{sounds.dtype} {list(sounds.shape)}"
        raise ValueError(f"the spoken-digits extractor takes {LENGTH} samples at {RATE} Hz, int16 [N, 1, {LENGTH}] (got {got})")
    wave = torch.nn.functional.pad(sounds[:, 0].float() / 32767, (0, _WINDOW - _HOP))
    window = torch.hann_window(_WINDOW, device=wave.device)
    power = torch.stft(wave, _WINDOW, _HOP, window=window, center=False, return_complex=True).abs().square()  # [N, 129, 32]
    levels = 10 * (mel_bands(RATE, _WINDOW, _BANDS).to(wave.device) @ power).clamp_min(1e-10).log10()
    full_scale = 20 * float((window.sum() / 2).log10())
    return ((1 + (levels - full_scale - _TOP) / _DECIBELS).clamp(0, 1) * 255).round().to(torch.uint8)[:, None]


def mel_bands(rate: int, window: int, count: int) -> Tensor:
    """Return triangular bands, evenly spaced on O'Shaughnessy's mel scale (1987), ``2595 log10(1 + f / 700)``, from 60 Hz to half the rate.

    Returns:
        ``[count, window / 2 + 1]`` float32; the highest point of each is 1.
    """
    low, high = (2595 * torch.tensor(1 + hertz / 700).log10() for hertz in (60.0, rate / 2))
    edges = 700 * (10 ** (torch.linspace(float(low), float(high), count + 2) / 2595) - 1)
    bins = torch.arange(window // 2 + 1) * rate / window
    rising = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    return torch.minimum(rising, falling).clamp_min(0)


class SpokenDigits:
    """The networks, behind the spectrogram.

    Args:
        judge: of pictures.
    """

    spaces = ("waveform",)
    preprocessing_id = PREPROCESSING

    def __init__(self, judge: ClassifierExtractor) -> None:
        self._judge = judge
        self.extractor_id, self.weights_hash = judge.extractor_id, judge.weights_hash
        self.dims, self.num_members = judge.dims, judge.num_members

    @torch.inference_mode()
    def extract(self, sounds: Tensor) -> tuple[Features, ...]:
        """Return the penultimate layer and the logits of each network.

        Args:
            sounds: ``[N, 1, 4096]`` int16 at 8,000 Hz.

        Raises:
            ValueError: another type or length.
        """
        return self._judge.extract(to_pictures(sounds))


def build(options: object, context: ExtractorContext) -> SpokenDigits:
    """Load and verify the networks.

    Raises:
        WeightsError: a file is missing, or is not the one that the manifest names.
    """
    networks, weights_hash = load_networks(RECIPE, WEIGHTS)
    return SpokenDigits(ClassifierExtractor(RECIPE, networks, weights_hash, context.device))
