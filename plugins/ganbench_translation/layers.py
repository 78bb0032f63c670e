"""Layers that both families are made of: instance norm with its activation, reflection padding, and the published initialisation.

Shapes: N images, C channels, H x W features.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganbench_kernels import norm_act


class InstanceNormAct(nn.Module):
    """Instance norm without parameters or running statistics (Ulyanov et al. 2016, https://arxiv.org/abs/1607.08022) and leaky ReLU.

    Each channel of each image is a channel of one image to :func:`ganbench_kernels.norm_act`.

    Args:
        negative_slope: 0 is ReLU.
    """

    def __init__(self, negative_slope: float) -> None:
        super().__init__()
        self.negative_slope = negative_slope

    def forward(self, x: Tensor) -> Tensor:
        """Return the normalised and activated ``x``, ``[N, C, H, W]``."""
        planes = x.reshape(1, x.shape[0] * x.shape[1], *x.shape[2:])
        return norm_act(planes, None, None, None, None, negative_slope=self.negative_slope).reshape(x.shape)

    def extra_repr(self) -> str:
        """Describe the settings."""
        return f"negative_slope={self.negative_slope:g}"


class ReflectionPad(nn.Module):
    """Mirror the border inwards.

    Args:
        size: pixels on each side.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        """Return ``[N, C, H + 2 size, W + 2 size]``."""
        if x.is_cuda and torch.are_deterministic_algorithms_enabled():  # the backward of torch's own pad adds in any order there
            return _mirrored(_mirrored(x, self.size, 2), self.size, 3)
        return F.pad(x, (self.size,) * 4, mode="reflect")

    def extra_repr(self) -> str:
        """Describe the settings."""
        return str(self.size)


def _mirrored(x: Tensor, size: int, dim: int) -> Tensor:
    """Put mirrored slices in front of ``x`` and behind it."""
    length = x.shape[dim]
    before, after = x.narrow(dim, 1, size).flip(dim), x.narrow(dim, length - 1 - size, size).flip(dim)
    return torch.cat([before, x, after], dim=dim)


def initialise(module: nn.Module) -> None:
    """Convolutions from N(0, 0.02), batch-norm gains from N(1, 0.02), biases 0 (networks.py init_weights)."""
    if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
    if isinstance(getattr(module, "bias", None), nn.Parameter):
        nn.init.zeros_(module.bias)  # type: ignore[arg-type]
