"""Self-attention over a feature map (Zhang et al. 2019, https://arxiv.org/abs/1805.08318), as BigGAN has it.

beta = softmax(theta(x)^T phi(x)), o = x + gamma * W(g(x) beta^T): 1x1 convolutions without bias, keys and values max-pooled by two, no
scaling by the root of the length. Agrees with ajbrock/BigGAN-PyTorch layers.py.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn


def halve(x: Tensor) -> Tensor:
    """Return ``[N, C, H / 2, W / 2]``, the largest of each 2x2; its backward is deterministic on a GPU too."""
    count, channels, height, width = x.shape
    return x.reshape(count, channels, height // 2, 2, width // 2, 2).amax(dim=(3, 5))


class SelfAttention(nn.Module):
    """``[N, C, H, W]`` to the same shape; the identity at first.

    Args:
        channels: C, 8 or more.
        normalised: wraps each convolution, for instance in spectral normalisation.

    Raises:
        ValueError: fewer channels.
    """

    def __init__(self, channels: int, normalised: Callable[[nn.Module], nn.Module]) -> None:
        super().__init__()
        if channels < 8:
            raise ValueError(f"self-attention needs 8 channels or more (got {channels}); use a wider network or -o attention_resolution=0")
        self.query = normalised(nn.Conv2d(channels, channels // 8, 1, bias=False))
        self.key = normalised(nn.Conv2d(channels, channels // 8, 1, bias=False))
        self.value = normalised(nn.Conv2d(channels, channels // 2, 1, bias=False))
        self.out = normalised(nn.Conv2d(channels // 2, channels, 1, bias=False))
        self.gamma = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        """Return ``x`` and gamma times what it attends to."""
        query = self.query(x).flatten(2)  # [N, C/8, HW]
        key = halve(self.key(x)).flatten(2)  # [N, C/8, HW/4]
        value = halve(self.value(x)).flatten(2)  # [N, C/2, HW/4]
        # Written out: the fused attention of torch cannot be differentiated twice, and gradient penalties need that.
        weights = torch.softmax(query.transpose(1, 2) @ key, dim=-1)  # [N, HW, HW/4]
        attended = (value @ weights.transpose(1, 2)).reshape(x.shape[0], -1, *x.shape[2:])  # [N, C/2, H, W]
        result: Tensor = x + self.gamma * self.out(attended)
        return result
