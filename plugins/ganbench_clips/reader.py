"""The extractors ``moving-digits`` and ``moving-digits-frames``: two seeds of a small network that reads clips, whose weights ship.

``fd1k_moving-digits`` is this family's clip-FD: the Fréchet distance between features of whole clips. It is no FVD, whose features are
those of I3D on Kinetics (Unterthiner et al. 2018, https://arxiv.org/abs/1812.01717), and is comparable with nothing else.
``fd1k_moving-digits-frames`` is the Fréchet distance between single frames, under the same networks before they look at time: of each clip
one frame is looked at, which the sum of the clip's levels chooses, so that it is a function of the clip and of no order of frames.

Made by :mod:`ganbench_clips.train`; what each network reads rightly stands in the manifest.

Shapes: N clips, C channels, T frames, H, W height and width, F = 32 features of a frame, D = 64 of a clip.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from ganbench import ExtractorContext, Features
from ganbench_clips.network import CLIP_DIMS, FRAME_DIMS, RESOLUTION, ClipReader, to_input
from ganbench_extractors.shipped import load_states

WEIGHTS = Path(__file__).parent / "weights"
NAME = "moving-digits"
VERSION = 1
"""Counted up whenever new weights ship."""
_PREPROCESSING = f"grey-bilinear-{RESOLUTION}"


class ClipFeatures:
    """Features of whole clips.

    Args:
        networks: one for each seed.
        weights_hash: sha256 over all their files.
        device: where they run.
    """

    spaces = ("clip",)
    extractor_id, preprocessing_id, dims = f"{NAME}-{VERSION}", _PREPROCESSING, CLIP_DIMS

    def __init__(self, networks: list[ClipReader], weights_hash: str, device: str) -> None:
        self.weights_hash, self.num_members = weights_hash, len(networks)
        self.device = torch.device(device)
        self.networks = [network.eval().requires_grad_(False).to(self.device) for network in networks]

    @torch.inference_mode()
    def extract(self, clips: Tensor) -> tuple[Features, ...]:
        """Return the hidden layer and the logits of the digit, of each network.

        Args:
            clips: ``[N, C, T, H, W]`` uint8, C of 1 or 3, T of 2 or more; the networks were trained on 16 frames.

        Raises:
            ValueError: another type or shape, or a single frame.
        """
        with torch.autocast(self.device.type, enabled=False):
            inputs = to_input(clips.to(self.device))
            return tuple(self._read(network, inputs) for network in self.networks)

    def _read(self, network: ClipReader, inputs: Tensor) -> Features:
        frames = network.frame_features(inputs.flatten(0, 1)).view(*inputs.shape[:2], -1)
        features = network.clip_features(frames)
        return Features(features=features, logits=network.digit(features))


class FrameFeatures(ClipFeatures):
    """Features of one frame of each clip."""

    extractor_id, preprocessing_id, dims = f"{NAME}-frames-{VERSION}", f"one-frame-{_PREPROCESSING}", FRAME_DIMS

    @torch.inference_mode()
    def extract(self, clips: Tensor) -> tuple[Features, ...]:
        """Return the frame's features and the logits of its digit, of each network; see :meth:`ClipFeatures.extract`."""
        with torch.autocast(self.device.type, enabled=False):
            inputs = to_input(clips.to(self.device))
            chosen = inputs[torch.arange(len(inputs), device=self.device), choose_frame(clips).to(self.device)]
            found = [(network, network.frame_features(chosen)) for network in self.networks]
            return tuple(Features(features=features, logits=network.frame_digit(features)) for network, features in found)


def choose_frame(clips: Tensor) -> Tensor:
    """Return which frame of each clip ``[N, C, T, H, W]`` uint8 is looked at, ``[N]`` int64: the sum of its levels, modulo T."""
    return clips.flatten(1).sum(1, dtype=torch.int64) % clips.shape[2]


def load_networks(directory: Path = WEIGHTS) -> tuple[list[ClipReader], str]:
    """Return the verified networks on the CPU, and sha256 over all their files.

    Raises:
        WeightsError: a file is missing, or is not the one that the manifest names.
    """
    states, weights_hash = load_states(NAME, directory)
    networks = []
    for state in states:
        networks.append(network := ClipReader())
        network.load_state_dict(state)
    return networks, weights_hash


def build(options: object, context: ExtractorContext) -> ClipFeatures:
    """Load and verify the networks, for whole clips.

    Raises:
        WeightsError: a file is missing, or is not the one that the manifest names.
    """
    return ClipFeatures(*load_networks(), context.device)


def build_frames(options: object, context: ExtractorContext) -> FrameFeatures:
    """Load and verify the networks, for single frames.

    Raises:
        WeightsError: a file is missing, or is not the one that the manifest names.
    """
    return FrameFeatures(*load_networks(), context.device)
