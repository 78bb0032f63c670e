"""The network of the ``digits`` and ``fashion`` extractors: a small convolutional classifier.

Shapes: N images, C channels, H = W = resolution; D = 64 features, K classes.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class SmallClassifier(nn.Module):
    """Convolutions with GELU and average pooling, one hidden layer, one linear layer of classes.

    GELU and average pooling make the features smooth in the pixels, so that a small defect moves them a little and not in jumps; without
    normalisation layers a feature depends on its image alone.

    Args:
        resolution: H of the input.
        widths: channels of the 3x3 convolutions; the image is halved after each but the last.
        dims: D, the width of the hidden layer, which is the feature layer.
        num_classes: K.
    """

    def __init__(self, resolution: int, widths: Sequence[int], dims: int, num_classes: int) -> None:
        super().__init__()
        self.resolution = resolution
        inputs = (1, *widths[:-1])
        self.convolutions = nn.ModuleList(nn.Conv2d(i, o, 3, padding=1) for i, o in zip(inputs, widths, strict=True))
        last = resolution // 2 ** (len(widths) - 1)
        self.hidden = nn.Linear(widths[-1] * last * last, dims)
        self.classes = nn.Linear(dims, num_classes)
        for module in self.modules():
            if isinstance(module, (nn.Conv2d, nn.Linear)):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                nn.init.zeros_(module.bias)

    def features(self, images: Tensor) -> Tensor:
        """Return the penultimate layer.

        Args:
            images: ``[N, 1, H, W]`` float in [-1, 1].

        Returns:
            ``[N, D]`` float.
        """
        x = images
        for index, convolution in enumerate(self.convolutions):
            if index:
                x = F.avg_pool2d(x, 2)
            x = F.gelu(convolution(x))
        return F.gelu(self.hidden(torch.flatten(x, 1)))

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits ``[N, K]`` of images ``[N, 1, H, W]`` in [-1, 1]."""
        logits: Tensor = self.classes(self.features(images))
        return logits
