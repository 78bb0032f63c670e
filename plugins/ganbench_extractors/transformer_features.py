"""A vision transformer with given weights as an extractor.

Shapes: N images, C channels, H x W pixels, R = resolution, D features.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import normalize

from ganbench import Features
from ganbench_extractors.numerics import by_batches
from ganbench_extractors.published import fitting, sha256_of
from ganbench_extractors.resize import centre_square, resize_to_levels, to_colour
from ganbench_extractors.vision_transformer import TransformerForm, VisionTransformer

MAX_BATCH = 25
"""Images at a time inside: the hidden layers of ViT-L need 10 MiB for each at 336 pixels."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Protocol:
    """How a transformer is used for features."""

    extractor_id: str
    preprocessing_id: str
    form: TransformerForm
    resolution: int
    """R."""
    mean: tuple[float, float, float]
    """Of red, green and blue in [0, 1], which is subtracted."""
    deviation: tuple[float, float, float]
    """By which they are divided."""
    crops: bool
    """Whether images are cut to a square rather than pressed into one; CLIP's features also have length 1."""


class TransformerFeatures:
    """One vision transformer.

    Args:
        protocol: how it is used.
        network: with its weights, in evaluation mode.
        weights_hash: sha256 of their file.
        device: where it runs.
    """

    num_members = 1
    spaces = ("images",)

    def __init__(self, protocol: Protocol, network: VisionTransformer, weights_hash: str, device: str) -> None:
        self.extractor_id, self.preprocessing_id = protocol.extractor_id, protocol.preprocessing_id
        self.weights_hash = weights_hash
        self.dims = protocol.form.output or protocol.form.width
        self._protocol, self._device = protocol, torch.device(device)
        self._network = network.to(self._device)
        self._mean, self._deviation = (
            torch.tensor(one, device=self._device).view(1, 3, 1, 1) for one in (protocol.mean, protocol.deviation)
        )

    @torch.inference_mode()
    def extract(self, images: Tensor) -> tuple[Features, ...]:
        """Return the features of the class token.

        Args:
            images: ``[N, C, H, W]`` uint8 in [0, 255], any H and W, C of 1 or 3, on any device; grey is repeated.

        Raises:
            ValueError: another dtype, rank or number of channels.
        """
        return (Features(features=by_batches(self._features, to_colour(images), MAX_BATCH, self._device)),)

    def _features(self, images: Tensor) -> Tensor:
        square = centre_square(images) if self._protocol.crops else images
        levels = resize_to_levels(square, self._protocol.resolution)
        features: Tensor = self._network((levels / 255 - self._mean) / self._deviation)
        return normalize(features, dim=1) if self._protocol.crops else features


def load(protocol: Protocol, path: Path, state: Mapping[str, Tensor], what: str, hint: str, device: str) -> TransformerFeatures:
    """Return the extractor with weights of a file, frozen and in float32.

    Args:
        protocol: how it is used.
        path: of the file.
        state: its tensors, by the network's names.
        what: whose network it is, and ``hint`` what to use, where they do not fit.
        device: where it runs.

    Raises:
        WeightsError: they are of another network.
    """
    with torch.device("meta"):
        network = VisionTransformer(protocol.form)
    with fitting(path, what, hint):
        network.load_state_dict(state, assign=True)
    return TransformerFeatures(protocol, network.float().eval().requires_grad_(False), sha256_of(path), device)
