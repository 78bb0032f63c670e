"""Spectral normalisation (Miyato et al. 2018, https://arxiv.org/abs/1802.05957, algorithm 1).

One power iteration for each forward in training mode, as pfnet-research/sngan_projection has it. Unlike torch's own parametrization this
one keeps a single vector, stays in float32 under autocast (a singular value in bf16 is off by half a percent), and in evaluation mode
computes what training would without moving anything.

Shapes: R rows of a weight (its output channels), M everything else.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrize

EPS = 1e-12


class SpectralNorm(nn.Module):
    """Divides a weight by an estimate of its largest singular value; a parametrization.

    The estimate's singular vectors are constants for the gradient, so the derivative of the value is their outer product. The vector is a
    buffer: checkpoints hold it and averages copy it.

    Args:
        rows: R of the weight ``[R, ...]``.
    """

    def __init__(self, rows: int) -> None:
        super().__init__()
        self.left: Tensor
        """``[R]`` float32, the left singular vector as far as it is known."""
        self.register_buffer("left", F.normalize(torch.randn(rows), dim=0, eps=EPS))

    def forward(self, weight: Tensor) -> Tensor:
        """Return the normalised weight, of the weight's shape."""
        with torch.autocast(weight.device.type, enabled=False):
            matrix = weight.flatten(1)  # [R, M]
            left, right = self._iterate(matrix)
            return weight / torch.dot(left, torch.mv(matrix, right))

    @torch.no_grad()
    def _iterate(self, matrix: Tensor) -> tuple[Tensor, Tensor]:
        """Return the singular vectors ``[R]`` and ``[M]`` after one more power iteration; only training remembers it."""
        right = F.normalize(torch.mv(matrix.t(), self.left), dim=0, eps=EPS)
        left = F.normalize(torch.mv(matrix, right), dim=0, eps=EPS)
        if self.training:
            self.left.copy_(left)
        return left, right


def normalise_spectrum(module: nn.Module) -> None:
    """Put spectral norm on the weight of every convolution, linear layer and embedding in a module; weights must be initialised."""
    for layer in list(module.modules()):
        if isinstance(layer, (nn.Conv2d, nn.Linear, nn.Embedding)):
            parametrize.register_parametrization(layer, "weight", SpectralNorm(layer.weight.shape[0]))
