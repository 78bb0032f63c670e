"""The ``stacked-digits`` extractor: the digits classifiers on each channel, whose three answers are one of 1,000 modes.

The rule is that of Stacked MNIST (Metz et al., 2017, https://arxiv.org/abs/1611.02163; Lin et al., 2018, https://arxiv.org/abs/1712.04086),
with this package's five classifiers of scikit-learn's digits, each for itself, where the papers have one of MNIST.

Shapes: N images, C = 3 channels, H x W pixels, D features of a channel.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ganbench import ExtractorContext, Features
from ganbench_extractors.classifiers import ClassifierExtractor, build_digits
from ganbench_extractors.resize import check_images

CHANNELS = 3


class StackedExtractor:
    """Classifies each channel of colour images.

    Args:
        digits: the networks.
    """

    spaces = ("images",)

    def __init__(self, digits: ClassifierExtractor) -> None:
        self._digits = digits
        self.extractor_id = f"stacked-{digits.extractor_id}"
        self.preprocessing_id, self.weights_hash = digits.preprocessing_id, digits.weights_hash
        self.dims, self.num_members = CHANNELS * digits.dims, digits.num_members

    @torch.inference_mode()
    def extract(self, images: Tensor) -> tuple[Features, ...]:
        """Return, for each network, the features of the channels side by side ``[N, 3 * D]``, and the mode ``[N]``: red digit first.

        Args:
            images: ``[N, 3, H, W]`` uint8 in [0, 255], any H and W, on any device.

        Raises:
            ValueError: another dtype, rank or number of channels.
        """
        check_images(images)
        if images.shape[1] != CHANNELS:
            raise ValueError(f"stacked digits must have {CHANNELS} channels (got {images.shape[1]})")
        return tuple(_join(found) for found in self._digits.extract(images.flatten(0, 1)[:, None]))


def _join(found: Features) -> Features:
    assert found.logits is not None
    classes = found.logits.argmax(dim=1).view(-1, CHANNELS)
    base = found.logits.shape[1]
    places = base ** torch.arange(CHANNELS - 1, -1, -1, device=classes.device)  # 100, 10, 1
    return Features(features=found.features.reshape(len(classes), -1), modes=(classes * places).sum(dim=1), num_modes=base**CHANNELS)


def build(options: object, context: ExtractorContext) -> StackedExtractor:
    """Build the extractor."""
    return StackedExtractor(build_digits(options, context))
