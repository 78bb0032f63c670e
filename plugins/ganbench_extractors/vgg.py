"""The ``vgg16-layers`` extractor: five layers of torchvision's VGG16, trained on ImageNet, as LPIPS takes them.

Zhang et al. (2018), https://arxiv.org/abs/1801.03924: the last activations before each pooling (relu1_2, relu2_2, relu3_3, relu4_3,
relu5_3), inputs standardised by ImageNet's mean and deviation. Differs: images of any size are brought to 64x64 pixels (antialiased
bilinear), so that values of datasets of different sizes have one meaning; and no channel has a learned weight.

Shapes: N images, C channels, H x W pixels, D = 499,712 features.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from ganbench import ExtractorContext, Features
from ganbench_extractors.layers import join_layers
from ganbench_extractors.numerics import by_batches
from ganbench_extractors.published import fitting, sha256_of
from ganbench_extractors.resize import resize_antialiased, to_colour
from ganbench_extractors.state_dict import read_state_dict
from ganbench_extractors.vgg_weights import FILE, find_weights

RESOLUTION = 64
LAYERS = (3, 8, 15, 22, 29)
"""Where the five layers stand in torchvision's ``vgg16().features``."""
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""ImageNet's red, green and blue, in [0, 1]."""
MAX_BATCH = 25
"""Images at a time inside: the first layers need 4 MiB for each."""
_FORMAT_HINT = f"use torchvision's {FILE}"


class VggLayers:
    """One VGG16.

    Args:
        convolutions: torchvision's ``features``, in evaluation mode.
        weights_hash: sha256 of the weights file.
        device: where it runs.
    """

    extractor_id = "vgg16-layers-1"
    preprocessing_id = f"antialiased-bilinear-{RESOLUTION}-imagenet"
    num_members = 1
    spaces = ("images",)
    dims = sum(width * (RESOLUTION >> level) ** 2 for level, width in enumerate((64, 128, 256, 512, 512)))

    def __init__(self, convolutions: nn.Sequential, weights_hash: str, device: str) -> None:
        self.weights_hash = weights_hash
        self._device = torch.device(device)
        bounds = zip((0, *(index + 1 for index in LAYERS)), LAYERS, strict=False)
        self._stages = [convolutions[first : last + 1].to(self._device) for first, last in bounds]
        self._mean, self._deviation = (torch.tensor(one, device=self._device).view(1, 3, 1, 1) for one in (MEAN, DEVIATION))

    @torch.inference_mode()
    def extract(self, images: Tensor) -> tuple[Features, ...]:
        """Return the five layers; see :func:`~ganbench_extractors.layers.join_layers`.

        Args:
            images: ``[N, C, H, W]`` uint8 in [0, 255], any H and W, C of 1 or 3, on any device; grey is repeated.

        Raises:
            ValueError: another dtype, rank or number of channels.
        """
        return (Features(features=by_batches(self._features, to_colour(images), MAX_BATCH, self._device)),)

    def _features(self, images: Tensor) -> Tensor:
        return join_layers(self._activations(images))

    def _activations(self, images: Tensor) -> list[Tensor]:
        x = resize_antialiased(images.float(), RESOLUTION, mode="bilinear") / 255
        found = [(x - self._mean) / self._deviation]
        for stage in self._stages:
            found.append(stage(found[-1]))
        return found[1:]


def build(options: object, context: ExtractorContext) -> VggLayers:
    """Build the extractor.

    Raises:
        WeightsError: the weights are missing, damaged or of another network.
    """
    path = find_weights(context)
    return VggLayers(load_convolutions(path), sha256_of(path), context.device)


def load_convolutions(path: Path) -> nn.Sequential:
    """Return torchvision's ``vgg16().features`` with the weights of a file, frozen.

    Args:
        path: a state dict of the whole network, or of its ``features.`` alone.

    Raises:
        WeightsError: the file is not a state dict of this network.
    """
    from torchvision.models import vgg16

    state = read_state_dict(path, _FORMAT_HINT)
    with torch.device("meta"):  # the fully connected layers, 90 % of the network, are never made
        convolutions: nn.Sequential = vgg16(weights=None).features
    own = {name.removeprefix("features."): tensor for name, tensor in state.items() if name.startswith("features.")}
    with fitting(path, "torchvision's VGG16", _FORMAT_HINT):
        convolutions.load_state_dict(own, assign=True)
    return convolutions.float().eval().requires_grad_(False)
