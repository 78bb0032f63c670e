"""Features between which a squared distance is a perceptual one: the layers of a network, normalised and put side by side.

Zhang et al. (2018), https://arxiv.org/abs/1801.03924, equation 1, with all channel weights 1. As in the authors' package (lpips 0.1.4) a
position's activations are divided by their length plus 1e-10.

Shapes: N images, h x w positions of a layer.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor

from ganbench import ExtractorContext, Features
from ganbench_extractors.classifiers import VERSION, load_networks
from ganbench_extractors.network import SmallClassifier
from ganbench_extractors.numerics import full_float32
from ganbench_extractors.preprocess import preprocessing_id, to_grey_input
from ganbench_extractors.recipes import RECIPES, ClassifierRecipe

EPSILON = 1e-10
"""Added to a position's length, which may be 0."""


def join_layers(activations: Iterable[Tensor]) -> Tensor:
    """Return features f with ``|f(x) - f(y)|^2 = sum_l 1 / (h w) sum_hw |u(x) - u(y)|^2``, u the activations at unit length.

    Args:
        activations: ``[N, channels, h, w]`` float32 of each layer.

    Returns:
        ``[N, sum of channels * h * w]`` float32.
    """
    return torch.cat([_unit(layer).div_(math.sqrt(layer[0, 0].numel())).flatten(1) for layer in activations], dim=1)


def _unit(layer: Tensor) -> Tensor:
    return layer / (layer.square().sum(dim=1, keepdim=True).sqrt() + EPSILON)


class ClassifierLayers:
    """All convolutions of the networks of one recipe.

    Args:
        recipe: their form.
        networks: one for each seed.
        weights_hash: sha256 over all their files.
        device: where they run.
    """

    spaces = ("images",)

    def __init__(self, recipe: ClassifierRecipe, networks: list[SmallClassifier], weights_hash: str, device: str) -> None:
        self.extractor_id = f"{recipe.name}-layers-{VERSION}"
        self.preprocessing_id = preprocessing_id(recipe.resolution)
        self.weights_hash = weights_hash
        self.num_members = len(networks)
        self._resolution = recipe.resolution
        self._device = torch.device(device)
        self._networks = [network.to(self._device) for network in networks]
        blank = torch.zeros(1, 1, recipe.resolution, recipe.resolution, device=self._device)
        self.dims = sum(layer.numel() for layer in self._networks[0].activations(blank))

    @torch.inference_mode()
    def extract(self, images: Tensor) -> tuple[Features, ...]:
        """Return the layers of each network; see :func:`join_layers`.

        Args:
            images: ``[N, C, H, W]`` uint8 in [0, 255], any H and W, C of 1 or 3, on any device.

        Raises:
            ValueError: another dtype, rank or number of channels.
        """
        with full_float32(self._device):
            inputs = to_grey_input(images.to(self._device), self._resolution)
            return tuple(Features(features=join_layers(network.activations(inputs))) for network in self._networks)


def build_digits(options: object, context: ExtractorContext) -> ClassifierLayers:
    """Build ``digits-layers``.

    Raises:
        WeightsError: the weights are missing or damaged.
    """
    return _build(RECIPES["digits"], context)


def build_fashion(options: object, context: ExtractorContext) -> ClassifierLayers:
    """Build ``fashion-layers``.

    Raises:
        WeightsError: the weights are missing or damaged.
    """
    return _build(RECIPES["fashion"], context)


def _build(recipe: ClassifierRecipe, context: ExtractorContext) -> ClassifierLayers:
    return ClassifierLayers(recipe, *load_networks(recipe), context.device)
