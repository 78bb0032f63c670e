"""The network of the ``digits`` and ``fashion`` extractors: a small convolutional classifier.

Shapes: N images, C channels, H = W = resolution; D = 64 features, K classes.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval


class SmallClassifier(nn.Module):
    """Convolutions with GELU, one hidden layer, one linear layer of classes.

    GELU and overlapping strides make the features smooth in the pixels, so that a small defect moves them a little and not in jumps. Batch
    norm is for training only: :meth:`folded` puts it into the convolutions, and then a feature depends on its image alone.

    Args:
        resolution: H of the input.
        widths: channels of the convolutions: 4x4 with stride 2, the last one 3x3 with stride 1.
        dims: D, the width of the hidden layer, which is the feature layer.
        num_classes: K.
        normalised: whether a batch norm follows each convolution.
    """

    def __init__(self, resolution: int, widths: Sequence[int], dims: int, num_classes: int, *, normalised: bool = False) -> None:
        super().__init__()
        pairs = list(zip((1, *widths[:-1]), widths, strict=True))
        halving = [nn.Conv2d(i, o, 4, stride=2, padding=1) for i, o in pairs[:-1]]
        last = resolution // 2 ** len(halving)
        self.convolutions = nn.ModuleList([*halving, nn.Conv2d(*pairs[-1], 3, padding=1)])
        self.norms = nn.ModuleList(nn.BatchNorm2d(width) for width in widths if normalised)
        self.hidden = nn.Linear(widths[-1] * last * last, dims)
        self.classes = nn.Linear(dims, num_classes)
        self._form = (resolution, tuple(widths), dims, num_classes)

    def activations(self, images: Tensor) -> list[Tensor]:
        """Return what each convolution gives behind its GELU.

        Args:
            images: ``[N, 1, H, W]`` float in [-1, 1].

        Returns:
            ``[N, width, h, w]`` float for each.
        """
        found = [images]
        for index, convolution in enumerate(self.convolutions):
            x = convolution(found[-1])
            found.append(F.gelu(self.norms[index](x) if self.norms else x))
        return found[1:]

    def features(self, images: Tensor) -> Tensor:
        """Return the penultimate layer.

        Args:
            images: ``[N, 1, H, W]`` float in [-1, 1].

        Returns:
            ``[N, D]`` float.
        """
        return F.gelu(self.hidden(torch.flatten(self.activations(images)[-1], 1)))

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits ``[N, K]`` of images ``[N, 1, H, W]`` in [-1, 1]."""
        logits: Tensor = self.classes(self.features(images))
        return logits

    def folded(self) -> SmallClassifier:
        """Return the same function in evaluation mode without batch norm."""
        twin = SmallClassifier(*self._form).eval()
        twin.hidden.load_state_dict(self.hidden.state_dict())
        twin.classes.load_state_dict(self.classes.state_dict())
        for index, convolution in enumerate(self.convolutions):
            norm = self.norms[index].eval() if self.norms else None
            if isinstance(norm, nn.BatchNorm2d) and isinstance(convolution, nn.Conv2d):
                convolution = fuse_conv_bn_eval(convolution.eval(), norm)
            twin.convolutions[index].load_state_dict(convolution.state_dict())
        return twin
