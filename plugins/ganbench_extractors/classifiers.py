"""The ``digits`` and ``fashion`` extractors: five seeds of a small classifier each, whose weights ship with ganbench.

They rank models on that data and are comparable with nothing else; Binkowski et al. (2018), https://arxiv.org/abs/1801.01401, do the same
with a LeNet. Made by :mod:`ganbench_extractors.train`; the accuracy of each network is in its manifest.

Shapes: N images, C channels, H x W pixels, D = 64 features, K = 10 classes.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ganbench import ExtractorContext, Features, WeightsError, tensors_from_bytes
from ganbench_extractors.network import SmallClassifier
from ganbench_extractors.numerics import full_float32
from ganbench_extractors.preprocess import preprocessing_id, to_grey_input
from ganbench_extractors.recipes import RECIPES, ClassifierRecipe

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
    members = _read_manifest(directory / f"{recipe.name}.json")
    networks = []
    for member in members:
        network = SmallClassifier(recipe.resolution, recipe.widths, recipe.dims, recipe.num_classes)
        network.load_state_dict(tensors_from_bytes(_read_verified(directory / str(member["file"]), str(member["sha256"]))))
        networks.append(network.eval().requires_grad_(False))
    return networks, hashlib.sha256("".join(str(member["sha256"]) for member in members).encode()).hexdigest()


def _read_manifest(path: Path) -> list[dict[str, Any]]:
    try:
        members: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["members"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WeightsError(f"cannot read the extractor's manifest {path}: {error}", hint="install ganbench again") from error
    return members


def _read_verified(path: Path, sha256: str) -> bytes:
    """Return a file's content.

    Raises:
        WeightsError: it cannot be read, or its checksum is another.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise WeightsError(f"cannot read extractor weights {path}: {error.strerror}", hint="install ganbench again") from error
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise WeightsError(f"extractor weights {path} are damaged: sha256 must be {sha256} (got {found})", hint="install ganbench again")
    return data
