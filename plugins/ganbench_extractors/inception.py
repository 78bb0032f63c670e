"""The ``inception`` extractors: the network of the 2015 TensorFlow graph behind FID (Heusel et al. 2017), in torch-fidelity's port.

Only torch-fidelity's layers are used, with their batch norms folded into the convolutions; features and logits agree with its
``FeatureExtractorInceptionV3`` to 1e-5 relative. ``inception-clean`` differs in the resize alone: antialiased bicubic, clipped, not
rounded (Parmar et al. 2021, https://arxiv.org/abs/2104.11222, clean-fid).

Shapes: N images, C channels, H x W pixels, D = 2048 features, K = 1008 classes.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ganbench import ExtractorContext, Features, WeightsError
from ganbench_extractors.inception_weights import find_weights
from ganbench_extractors.numerics import by_batches, full_float32
from ganbench_extractors.published import fitting, sha256_of
from ganbench_extractors.quiet_fidelity import import_fidelity
from ganbench_extractors.resize import check_images, resize_antialiased, resize_as_tensorflow
from ganbench_extractors.state_dict import read_state_dict

RESOLUTION = 299
MAX_BATCH = 50
"""Images at a time inside: the first layers need 8 MiB for each."""
STAGES = (
    *("Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", "MaxPool_1", "Conv2d_3b_1x1", "Conv2d_4a_3x3", "MaxPool_2"),
    *("Mixed_5b", "Mixed_5c", "Mixed_5d", "Mixed_6a", "Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e"),
    *("Mixed_7a", "Mixed_7b", "Mixed_7c", "AvgPool"),
)
"""torch-fidelity's layers up to the feature layer, in the order in which its forward pass calls them."""

FORMAT_HINT = "use a file of torch-fidelity's format"

Resize = Callable[[Tensor], Tensor]


class InceptionExtractor:
    """One Inception network behind one resize.

    Args:
        network: torch-fidelity's, in evaluation mode.
        resize: ``[n, C, H, W]`` float in [0, 255] to ``[n, C, 299, 299]`` float in [0, 255]; what it returns may be written to.
        preprocessing_id: the name of that resize.
        weights_hash: sha256 of the weights file.
        device: where it runs.
    """

    extractor_id = "inception-2015-12-05"
    dims = 2048
    num_members = 1
    spaces = ("images",)

    def __init__(self, network: nn.Module, resize: Resize, preprocessing_id: str, weights_hash: str, device: str) -> None:
        self.preprocessing_id = preprocessing_id
        self.weights_hash = weights_hash
        self._resize = resize
        self._device = torch.device(device)
        stages = _with_folded_norms(nn.Sequential(*(network.get_submodule(name) for name in STAGES)))
        self._stages = stages.to(self._device).to(memory_format=torch.channels_last)
        self._class_weights = network.get_submodule("fc").get_parameter("weight").detach().to(self._device)  # [K, D]

    @torch.inference_mode()
    def extract(self, images: Tensor) -> tuple[Features, ...]:
        """Return the pooled features and the logits without bias.

        Args:
            images: ``[N, C, H, W]`` uint8 in [0, 255], any H and W, C of 1 or 3, on any device; grey is repeated.

        Raises:
            ValueError: another dtype, rank or number of channels.
        """
        check_images(images)
        features = by_batches(self._features, images, MAX_BATCH, self._device)
        with full_float32(self._device):
            return (Features(features=features, logits=features @ self._class_weights.T),)

    def _features(self, images: Tensor) -> Tensor:
        resized = self._resize(images.float())  # grey in one channel, and not three times
        centred = resized.sub_(128).div_(128).expand(-1, 3, -1, -1)  # as the graph has it, not 127.5
        return torch.flatten(self._stages(centred.contiguous(memory_format=torch.channels_last)), 1).contiguous()


def build(options: object, context: ExtractorContext) -> InceptionExtractor:
    """Build ``inception``: TensorFlow 1's bilinear resize, not antialiased.

    Raises:
        WeightsError: the weights are missing, damaged or of another network.
    """

    def resize(images: Tensor) -> Tensor:
        return resize_as_tensorflow(images, RESOLUTION)

    return _build(context, resize, f"tf1-bilinear-{RESOLUTION}")


def build_clean(options: object, context: ExtractorContext) -> InceptionExtractor:
    """Build ``inception-clean``: antialiased bicubic resize, clipped.

    Raises:
        WeightsError: the weights are missing, damaged or of another network.
    """

    def resize(images: Tensor) -> Tensor:
        return resize_antialiased(images, RESOLUTION, mode="bicubic")

    return _build(context, resize, f"antialiased-bicubic-clipped-{RESOLUTION}")


def _with_folded_norms(stages: nn.Module) -> nn.Module:
    """Put each batch norm into the convolution before it, whose product is the same but for rounding; a sixth of the time is theirs."""
    for layer in stages.modules():
        norm = getattr(layer, "bn", None)
        if isinstance(norm, nn.BatchNorm2d):
            layer.conv = fuse_conv_bn_eval(layer.get_submodule("conv"), norm)  # type: ignore[assignment, type-var]
            layer.bn = nn.Identity()
    return stages


def _build(context: ExtractorContext, resize: Resize, preprocessing_id: str) -> InceptionExtractor:
    import_fidelity("feature_extractor_inceptionv3")  # what is not installed is told before anything is downloaded
    path = find_weights(context)
    return InceptionExtractor(load_network(path), resize, preprocessing_id, sha256_of(path), context.device)


def load_network(path: Path) -> nn.Module:
    """Return torch-fidelity's network with the weights of a file.

    Raises:
        WeightsError: the file is not a state dict of this network.
    """
    if path.suffix == ".safetensors":
        raise WeightsError(f"{path} holds safetensors, and torch-fidelity reads what torch.save wrote", hint=FORMAT_HINT)
    read_state_dict(path, FORMAT_HINT)  # torch-fidelity reads it again, with a loader that would run code found in it
    fidelity = import_fidelity("feature_extractor_inceptionv3")
    with fitting(path, "the 2015 Inception network", FORMAT_HINT):
        network: nn.Module = fidelity.FeatureExtractorInceptionV3("inception", ["2048"], feature_extractor_weights_path=str(path))
    return network.eval().requires_grad_(False)
