"""Content losses: the distance between two images in the features of a network that was trained to classify (Johnson et al. 2016).

SRGAN and ESRGAN take VGG19's, which was trained on ImageNet and whose weights must be given. What works everywhere are the features of the
classifier of clothing that ships with ganbench: it has seen no photograph, and a loss by it is called ``fashion`` and never VGG.
Shapes: N images, C channels, H, W height and width.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import torch
from torch import Tensor, nn

from ganbench import WeightsError, cache_directory
from ganbench_extractors.classifiers import load_networks
from ganbench_extractors.recipes import RECIPES
from ganbench_restoration.degrade import LUMA
from ganbench_restoration.options import Content

VGG_FILE = "vgg19-dcbb9e9d.pth"
"""torchvision's; the name ends in the first digits of its sha256."""
VGG_URL = f"https://download.pytorch.org/models/{VGG_FILE}"
VGG_LAYERS = 35
"""Of ``vgg19().features``, up to the fourth convolution of the fifth block before its ReLU: VGG54 as ESRGAN has it (section 3.3)."""
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class FashionFeatures(nn.Module):
    """The last convolution of the first of the five classifiers, of an image's luma at the image's own size."""

    luma: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.network = load_networks(RECIPES["fashion"])[0][0]
        self.register_buffer("luma", torch.tensor(LUMA).view(1, 3, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        """Return features ``[N, 48, H / 8, W / 8]`` of images ``[N, C, H, W]`` in [-1, 1]."""
        if images.shape[1] == 3:
            images = (images * self.luma).sum(dim=1, keepdim=True)
        return self.network.activations(images)[-1]


class VggFeatures(nn.Module):
    """VGG19's fifth block, of colour images standardised as ImageNet's."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, convolutions: nn.Module) -> None:
        super().__init__()
        self.convolutions = convolutions
        self.register_buffer("mean", torch.tensor(_MEAN).view(1, 3, 1, 1))
        self.register_buffer("deviation", torch.tensor(_DEVIATION).view(1, 3, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        """Return features ``[N, 512, H / 16, W / 16]`` of images ``[N, C, H, W]`` in [-1, 1]; grey is repeated."""
        unit = (images.expand(-1, 3, -1, -1) + 1) / 2
        features: Tensor = self.convolutions((unit - self.mean) / self.deviation)
        return features


def build_content(content: Content) -> nn.Module | None:
    """Return the frozen network of a content loss, or None for none.

    Raises:
        WeightsError: weights that must be given are not there, or are damaged.
    """
    if content == "none":
        return None
    features = FashionFeatures() if content == "fashion" else VggFeatures(_load_vgg(_find_vgg()))
    return features.eval().requires_grad_(False)


def _find_vgg() -> Path:
    cached = cache_directory() / "weights" / VGG_FILE
    for path in (cached, Path(torch.hub.get_dir()) / "checkpoints" / VGG_FILE):
        if os.path.isfile(path):
            return path
    raise WeightsError("content=vgg19 needs the weights of VGG19", hint=f"get {VGG_URL} and put it at {cached}, or use content=fashion")


def _load_vgg(path: Path) -> nn.Module:
    """Return the first layers with the weights of a file."""
    from torchvision.models import vgg19

    found = hashlib.sha256(path.read_bytes()).hexdigest()
    wanted = VGG_FILE.partition("-")[2].removesuffix(".pth")
    if not found.startswith(wanted):
        raise WeightsError(f"{path} is damaged: its sha256 must begin with {wanted} (got {found})", hint=f"get it again from {VGG_URL}")
    state = torch.load(path, map_location="cpu", weights_only=True)
    with torch.device("meta"):  # the fully connected layers are never made
        convolutions: nn.Sequential = vgg19(weights=None).features[:VGG_LAYERS]
    own = {name.removeprefix("features."): tensor for name, tensor in state.items() if name.startswith("features.")}
    convolutions.load_state_dict({name: own[name] for name in convolutions.state_dict()}, assign=True)
    return convolutions
