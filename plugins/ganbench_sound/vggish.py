"""The ``vggish`` extractor: VGGish (Hershey et al. 2017, https://arxiv.org/abs/1609.09430), for the Fréchet audio distance.

Kilgour et al. (2019), https://arxiv.org/abs/1812.08466: ``fd`` under this network is that distance, of one window of 0.96 s each.
The weights are those of harritaylor/torchvggish, which must be given. The network's 128 numbers are taken behind its last ReLU, as there,
without PCA and quantisation. Written from the published parameters of the input: 16 kHz, a periodic Hann window of 400 samples every 160,
512 frequencies' magnitudes, 64 bands of HTK's mel scale from 125 to 7,500 Hz, ``log(x + 0.01)``. The network knows 16 kHz alone: data of
another rate are another dataset, and what they score must not be compared.

Shapes: N sounds, T samples of a sound, 96 moments, 64 bands, D = 128 features.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from ganbench import ExtractorContext, Features
from ganbench_extractors.numerics import by_batches
from ganbench_extractors.published import fitting, sha256_of
from ganbench_extractors.state_dict import read_state_dict
from ganbench_sound.vggish_weights import FILE, find_weights

RATE = 16_000
_WINDOW, _HOP, _SPECTRUM, _MOMENTS, _BANDS = 400, 160, 512, 96, 64
LEAST_LENGTH = _WINDOW + (_MOMENTS - 1) * _HOP
"""Samples of one window of 96 moments; what a sound has beyond them is not looked at."""
_MAX_BATCH = 25
_FORMAT_HINT = f"use torchvggish's {FILE}"


class VGGish(nn.Module):
    """``[N, 1, 96, 64]`` log-mel windows to ``[N, 128]``."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 1
        for widths in ((64,), (128,), (256, 256), (512, 512)):
            for width in widths:
                layers += [nn.Conv2d(before, width, 3, padding=1), nn.ReLU()]
                before = width
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        hidden = 4096
        self.embeddings = nn.Sequential(
            *(nn.Linear(512 * 6 * 4, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, 128), nn.ReLU())
        )

    def forward(self, windows: Tensor) -> Tensor:
        """Return features; maps are laid out moment by moment, as TensorFlow does."""
        features: Tensor = self.embeddings(self.features(windows).permute(0, 2, 3, 1).flatten(1))
        return features


def mel_matrix() -> Tensor:
    """Return the bands, ``[257, 64]`` float32: triangles on the mel scale ``1127 ln(1 + f / 700)``; the first frequency has none."""

    def mel(hertz: Tensor) -> Tensor:
        return 1127 * (1 + hertz / 700).log()

    bins = mel(torch.linspace(0, RATE / 2, _SPECTRUM // 2 + 1, dtype=torch.float64))[:, None]
    low, high = (float(mel(torch.tensor(hertz, dtype=torch.float64))) for hertz in (125.0, 7500.0))
    edges = torch.linspace(low, high, _BANDS + 2, dtype=torch.float64)
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    weights = torch.minimum(rising, falling).clamp_min(0)
    weights[0] = 0
    return weights.float()


def to_windows(sounds: Tensor, bands: Tensor) -> Tensor:
    """Return the first 0.96 s as the network sees them, ``[N, 1, 96, 64]``.

    Args:
        sounds: ``[N, 1, T]`` int16 at 16 kHz, T of 15,600 or more.
        bands: of :func:`mel_matrix`, on the same device.

    Raises:
        ValueError: another type, or too short.
    """
    if sounds.dtype != torch.int16 or sounds.ndim != 3 or sounds.shape[1] != 1 or sounds.shape[2] < LEAST_LENGTH:
        got = f"{sounds.dtype} {list(sounds.shape)}"
        raise ValueError(f"the vggish extractor takes {LEAST_LENGTH} samples or more at {RATE} Hz, int16 [N, 1, T] (got {got})")
    pieces = (sounds[:, 0, :LEAST_LENGTH].float() / 32767).unfold(1, _WINDOW, _HOP)  # [N, 96, 400]
    window = torch.hann_window(_WINDOW, device=sounds.device)
    magnitude: Tensor = torch.fft.rfft(pieces * window, _SPECTRUM).abs()
    return (magnitude @ bands + 0.01).log()[:, None]


class VGGishFeatures:
    """One VGGish as an extractor.

    Args:
        network: with its weights.
        weights_hash: sha256 of their file.
        device: where it runs.
    """

    extractor_id = "vggish-1"
    preprocessing_id = f"log-mel-{_BANDS}-of-{LEAST_LENGTH}-samples-at-{RATE}-hz"
    dims = 128
    num_members = 1
    spaces = ("waveform",)

    def __init__(self, network: VGGish, weights_hash: str, device: str) -> None:
        self.weights_hash = weights_hash
        self._device = torch.device(device)
        self._network, self._bands = network.eval().requires_grad_(False).to(self._device), mel_matrix().to(self._device)

    @torch.inference_mode()
    def extract(self, sounds: Tensor) -> tuple[Features, ...]:
        """Return the network's 128 numbers.

        Args:
            sounds: ``[N, 1, T]`` int16 at 16 kHz, T of 15,600 or more.

        Raises:
            ValueError: another type, or too short.
        """
        return (Features(features=by_batches(self._heard, sounds, _MAX_BATCH, self._device)),)

    def _heard(self, sounds: Tensor) -> Tensor:
        features: Tensor = self._network(to_windows(sounds, self._bands))
        return features


def build(options: object, context: ExtractorContext) -> VGGishFeatures:
    """Build the extractor.

    Raises:
        WeightsError: the weights are missing, damaged or of another network.
    """
    path = find_weights(context)
    return VGGishFeatures(load_network(path), sha256_of(path), context.device)


def load_network(path: Path) -> VGGish:
    """Return VGGish with the weights of a file.

    Raises:
        WeightsError: the file is not a state dict of this network.
    """
    with torch.device("meta"):
        network = VGGish()
    state = {name: tensor for name, tensor in read_state_dict(path, _FORMAT_HINT).items() if not name.startswith("pproc.")}
    with fitting(path, "VGGish", _FORMAT_HINT):
        network.load_state_dict(state, assign=True)
    return network.float()
