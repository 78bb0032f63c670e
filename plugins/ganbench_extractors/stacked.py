"""The extractors ``stacked-digits`` and ``stacked-pairs``: digits classifiers on each channel, whose answers are one of 1,000 or 100 modes.

The rule is that of Stacked MNIST (Metz et al., 2017, https://arxiv.org/abs/1611.02163; Lin et al., 2018, https://arxiv.org/abs/1712.04086),
with this package's five classifiers of scikit-learn's digits, each for itself, where the papers have one of MNIST.

Shapes: N images, C channels, 3 or 2, H x W pixels, D features of a channel.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ganbench import ExtractorContext, Features
from ganbench_extractors.classifiers import ClassifierExtractor, build_digits


class StackedExtractor:
    """Classifies each channel of colour images.

    Args:
        digits: the networks.
        channels: C.
    """

    spaces = ("images",)

    def __init__(self, digits: ClassifierExtractor, channels: int = 3) -> None:
        self._digits, self._channels = digits, channels
        self.extractor_id = f"{'stacked' if channels == 3 else 'stacked-pairs'}-{digits.extractor_id}"
        self.preprocessing_id, self.weights_hash = digits.preprocessing_id, digits.weights_hash
        self.dims, self.num_members = channels * digits.dims, digits.num_members

    @torch.inference_mode()
    def extract(self, images: Tensor) -> tuple[Features, ...]:
        """Return, for each network, the features of the channels side by side ``[N, C * D]``, and the mode ``[N]``: red digit first.

        Args:
            images: ``[N, C, H, W]`` uint8 in [0, 255], any H and W, on any device.

        Raises:
            ValueError: another dtype, rank or number of channels.
        """
        if images.ndim != 4 or images.shape[1] != self._channels:
            got = images.shape[1] if images.ndim == 4 else list(images.shape)
            raise ValueError(f"stacked digits must have {self._channels} channels (got {got})")
        return tuple(_join(found, self._channels) for found in self._digits.extract(images.flatten(0, 1)[:, None]))


def _join(found: Features, channels: int) -> Features:
    assert found.logits is not None
    classes = found.logits.argmax(dim=1).view(-1, channels)
    base = found.logits.shape[1]
    places = base ** torch.arange(channels - 1, -1, -1, device=classes.device)  # 100, 10, 1
    return Features(features=found.features.reshape(len(classes), -1), modes=(classes * places).sum(dim=1), num_modes=base**channels)


def build(options: object, context: ExtractorContext) -> StackedExtractor:
    """Build the extractor."""
    return StackedExtractor(build_digits(options, context))


def build_pairs(options: object, context: ExtractorContext) -> StackedExtractor:
    """Build that of two digits in an image."""
    return StackedExtractor(build_digits(options, context), channels=2)
