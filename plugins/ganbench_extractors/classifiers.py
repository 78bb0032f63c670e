"""The ``digits`` and ``fashion`` extractors: five seeds of a small classifier each, whose weights ship with ganbench.

They rank models on that data and are comparable with nothing else; Binkowski et al. (2018), https://arxiv.org/abs/1801.01401, do the same
with a LeNet. Made by :mod:`ganbench_extractors.train`; the accuracy of each network is in its manifest.

Shapes: N images, C channels, H x W pixels, D = 64 features, K = 10 classes.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from ganbench import ExtractorContext, Features
from ganbench_extractors.network import SmallClassifier
from ganbench_extractors.numerics import full_float32
from ganbench_extractors.preprocess import preprocessing_id, to_grey_input
from ganbench_extractors.recipes import RECIPES, ClassifierRecipe
from ganbench_extractors.shipped import load_states

WEIGHTS = Path(__file__).parent / "weights"
VERSION = 1
"""Counted up whenever new weights ship."""


class ClassifierExtractor:
    """The networks of one recipe.

    Args:
        recipe: their form.
        networks: one for each seed.
        weights_hash: sha256 over all their files.
        device: where they run.
    """

    spaces = ("images",)

    def __init__(self, recipe: ClassifierRecipe, networks: list[SmallClassifier], weights_hash: str, device: str) -> None:
        self.extractor_id = f"{recipe.name}-{VERSION}"
        self.preprocessing_id = preprocessing_id(recipe.resolution)
        self.weights_hash = weights_hash
        self.dims = recipe.dims
        self.num_members = len(networks)
        self._resolution = recipe.resolution
        self._device = torch.device(device)
        self._networks = [network.eval().requires_grad_(False).to(self._device) for network in networks]

    @torch.inference_mode()
    def extract(self, images: Tensor) -> tuple[Features, ...]:
        """Return the penultimate layer and the logits of each network.

        Args:
            images: ``[N, C, H, W]`` uint8 in [0, 255], any H and W, C of 1 or 3, on any device.

        Raises:
            ValueError: another dtype, rank or number of channels.
        """
        with full_float32(self._device):
            inputs = to_grey_input(images.to(self._device), self._resolution)
            return tuple(_features(network, inputs) for network in self._networks)


def _features(network: SmallClassifier, inputs: Tensor) -> Features:
    features = network.features(inputs)
    return Features(features=features, logits=network.classes(features))


def build_digits(options: object, context: ExtractorContext) -> ClassifierExtractor:
    """Build the ``digits`` extractor."""
    return build_classifier(RECIPES["digits"], context.device)


def build_fashion(options: object, context: ExtractorContext) -> ClassifierExtractor:
    """Build the ``fashion`` extractor."""
    return build_classifier(RECIPES["fashion"], context.device)


def build_classifier(recipe: ClassifierRecipe, device: str, directory: Path = WEIGHTS) -> ClassifierExtractor:
    """Load and verify the networks of a recipe.

    Args:
        recipe: which.
        device: where they run.
        directory: where the weights and the manifest lie.

    Raises:
        WeightsError: a file is missing, or is not the one that the manifest names.
    """
    networks, weights_hash = load_networks(recipe, directory)
    return ClassifierExtractor(recipe, networks, weights_hash, device)


def load_networks(recipe: ClassifierRecipe, directory: Path = WEIGHTS) -> tuple[list[SmallClassifier], str]:
    """Return the verified networks of a recipe on the CPU, and sha256 over all their files.

    Raises:
        WeightsError: a file is missing, or is not the one that the manifest names.
    """
    states, weights_hash = load_states(recipe.name, directory)
    networks = []
    for state in states:
        network = SmallClassifier(recipe.resolution, recipe.widths, recipe.dims, recipe.num_classes)
        network.load_state_dict(state)
        networks.append(network.eval().requires_grad_(False))
    return networks, weights_hash
