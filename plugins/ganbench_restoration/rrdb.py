"""ESRGAN's generator: residual in residual dense blocks without batch norm (Wang et al. 2018, https://arxiv.org/abs/1809.00219, figure 4).

As xinntao/ESRGAN has it in RRDBNet_arch.py: sizes are doubled by repetition and a convolution each, and every residual counts a fifth.
Shapes: N images, C channels, h, w what is given, H, W what is made.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, leaky_relu

from ganbench_restoration.srresnet import begin_at_zero, trivial_answer

RESIDUAL = 0.2
"""What a block's change is multiplied by (section 3.1)."""
_SLOPE = 0.2
_CONVOLUTIONS = 5


class DenseBlock(nn.Module):
    """Five convolutions, each of all that came before it.

    Args:
        width: channels of what comes in and goes out.
        growth: channels that each of the first four adds.
    """

    def __init__(self, width: int, growth: int) -> None:
        super().__init__()
        outputs = [growth] * (_CONVOLUTIONS - 1) + [width]
        self.convolutions = nn.ModuleList(nn.Conv2d(width + i * growth, out, 3, padding=1) for i, out in enumerate(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """Return ``[N, width, h, w]``."""
        found = [x]
        for convolution in self.convolutions[:-1]:
            found.append(leaky_relu(convolution(torch.cat(found, dim=1)), _SLOPE))
        change: Tensor = self.convolutions[-1](torch.cat(found, dim=1))
        return x + RESIDUAL * change


class RRDB(nn.Module):
    """Three dense blocks, their change added again."""

    def __init__(self, width: int, growth: int) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*(DenseBlock(width, growth) for _ in range(3)))

    def forward(self, x: Tensor) -> Tensor:
        """Return ``[N, width, h, w]``."""
        through: Tensor = self.blocks(x)
        return x + RESIDUAL * through


class RRDBNet(nn.Module):
    """Images to images that are ``scale`` times as large.

    Args:
        channels: C.
        scale: 1, 2 or 4.
        width: channels of the features.
        num_blocks: blocks of three dense blocks.
        growth: see :class:`DenseBlock`.
        add_to_given: whether the output is added to what is given, enlarged bicubically.
    """

    def __init__(
        self, channels: int, *, scale: int, width: int = 64, num_blocks: int = 23, growth: int = 32, add_to_given: bool = False
    ) -> None:
        super().__init__()
        self.scale, self.add_to_given = scale, add_to_given
        self.first = nn.Conv2d(channels, width, 3, padding=1)
        blocks = [RRDB(width, growth) for _ in range(num_blocks)]
        self.trunk = nn.Sequential(*blocks, nn.Conv2d(width, width, 3, padding=1))
        self.enlarging = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in range(scale.bit_length() - 1))
        self.fine = nn.Conv2d(width, width, 3, padding=1)
        self.last = nn.Conv2d(width, channels, 3, padding=1)
        if add_to_given:
            begin_at_zero(self.last)

    def forward(self, given: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return ``[N, C, H, W]`` of images ``[N, C, h, w]`` in [-1, 1]."""
        x = self.first(given)
        x = x + self.trunk(x)
        for convolution in self.enlarging:
            x = leaky_relu(convolution(interpolate(x, scale_factor=2.0, mode="nearest")), _SLOPE)
        images: Tensor = self.last(leaky_relu(self.fine(x), _SLOPE))
        return images + trivial_answer(given, self.scale) if self.add_to_given else images
