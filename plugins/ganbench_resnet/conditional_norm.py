"""Conditional batch norm and ReLU (de Vries et al. 2017, https://arxiv.org/abs/1707.00683; Dumoulin et al. 2017, https://arxiv.org/abs/1610.07629).

Batch statistics over all classes together, then a gain and a bias of each sample's own. Agrees with pfnet-research/sngan_projection's
CategoricalConditionalBatchNormalization and, given gains and biases, with BigGAN-PyTorch's ccbn.

Shapes: N images, C channels, K classes, H, W a feature map.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class ModulatedNormAct(nn.BatchNorm2d):
    """Batch norm, a gain and a bias for each sample and channel, and leaky ReLU.

    It has running statistics and no parameters: whoever owns it makes the gains and biases.

    Args:
        num_features: C.
        eps: added to the variance.
        momentum: weight of a batch in the running statistics.
        negative_slope: of the leaky ReLU; 0 is ReLU.
    """

    def __init__(self, num_features: int, *, eps: float = 1e-5, momentum: float = 0.1, negative_slope: float = 0.0) -> None:
        super().__init__(num_features, eps, momentum, affine=False)
        self.negative_slope = negative_slope

    def modulate(self, x: Tensor, gain: Tensor, bias: Tensor) -> Tensor:
        """Return the normalised, modulated and activated ``x``.

        Args:
            x: ``[N, C, H, W]``.
            gain: ``[N, C]``; 1 leaves the normalised values as they are.
            bias: ``[N, C]``.
        """
        normalised = super().forward(x)
        # In x's type: a gain in fp32 would widen a half-precision feature map.
        gain, bias = (t.to(normalised.dtype)[:, :, None, None] for t in (gain, bias))
        return F.leaky_relu(torch.addcmul(bias, normalised, gain), self.negative_slope, inplace=True)


class ConditionalNormAct(ModulatedNormAct):
    """Batch norm with a gain and a bias for each class, and leaky ReLU; gains start at 1, biases at 0.

    Args:
        num_features: C.
        num_classes: K.
        eps, momentum, negative_slope: as :class:`ModulatedNormAct`.
    """

    def __init__(
        self, num_features: int, num_classes: int, *, eps: float = 1e-5, momentum: float = 0.1, negative_slope: float = 0.0
    ) -> None:
        super().__init__(num_features, eps=eps, momentum=momentum, negative_slope=negative_slope)
        self.gains = nn.Embedding(num_classes, num_features)
        self.biases = nn.Embedding(num_classes, num_features)
        nn.init.ones_(self.gains.weight)
        nn.init.zeros_(self.biases.weight)

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:  # type: ignore[override]
        """Return the activation, ``[N, C, H, W]``, for labels ``[N]`` int64."""
        return self.modulate(x, self.gains(labels), self.biases(labels))
