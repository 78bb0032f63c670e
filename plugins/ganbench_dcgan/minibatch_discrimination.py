"""Minibatch discrimination: Salimans et al. 2016, section 3.2 (https://arxiv.org/abs/1606.03498).

``M_i = f(x_i) T`` is a matrix of B rows for each sample, ``o(x_i)_b = sum over j of exp(-|| M_i,b - M_j,b ||_1)``, and the next layer sees
``[f(x_i), o(x_i)]``. The sum is the paper's, over the whole batch: j = i adds 1 to each, which openai/improved-gan
(mnist_svhn_cifar10/nn.py, MinibatchLayer) leaves out and the bias of the next layer can take away. As there, the columns of T start with
norm 1, up to their random spread; they are not held there, and their scales are not fitted to the first batch.

Shapes: N samples, D features, B kernels, C dimensions of each.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class MinibatchDiscrimination(nn.Module):
    """``[N, D]`` features to ``[N, D + B]``: how near the others of its batch are is appended to each sample.

    Args:
        num_features: D.
        num_kernels: B.
        kernel_dim: C.
    """

    couples_samples = "minibatch discrimination"

    def __init__(self, num_features: int, num_kernels: int, kernel_dim: int) -> None:
        super().__init__()
        self.num_kernels = num_kernels
        self.weight = nn.Parameter(torch.randn(num_features, num_kernels * kernel_dim) * num_features**-0.5)  # T

    def forward(self, features: Tensor) -> Tensor:
        """Return features and nearness; distances are in float32 or wider."""
        projected = features @ self.weight
        wide = projected.to(torch.promote_types(projected.dtype, torch.float32))
        rows = wide.view(len(wide), self.num_kernels, -1)  # [N, B, C]
        distances = (rows[:, None] - rows).abs().sum(dim=3)  # [N, N, B]
        return torch.cat([features, torch.exp(-distances).sum(dim=1)], dim=1)

    def extra_repr(self) -> str:
        """Return the sizes."""
        features, columns = self.weight.shape
        return f"{features}, num_kernels={self.num_kernels}, kernel_dim={columns // self.num_kernels}"
