"""Orthogonal regularisation (Brock et al. 2019, section 3.1, equation 3; Brock et al. 2017, https://arxiv.org/abs/1609.07093).

R = beta * sum over weights of ||W W^T * (1 - I)||_F^2: rows, which are filters, are pushed towards right angles, and their lengths left
alone. ajbrock/BigGAN-PyTorch adds half of this gradient: its utils.ortho has a factor of 2 where the derivative has 4.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn


class OrthogonalRegularisation(nn.Module):
    """The term, as a module without state.

    Args:
        weights: of two dimensions or more; rows are along the first.
        beta: 1e-4 in the article.
    """

    def __init__(self, weights: Iterable[Tensor], beta: float) -> None:
        super().__init__()
        # In a list of its own, so that they are not parameters of two modules.
        self._weights = list(weights)
        self._beta = beta

    def forward(self) -> Tensor:
        """Return R, a float32 scalar."""
        return self._beta * torch.stack([cosines_squared(weight) for weight in self._weights]).sum()


def cosines_squared(weight: Tensor) -> Tensor:
    """Return the squared products of all pairs of different rows, summed: both (i, j) and (j, i)."""
    rows = weight.flatten(1)
    products = rows @ rows.T
    return (products - torch.diag(products.diagonal())).square().sum()


def weights_of(network: nn.Module, without: nn.Module | None) -> list[Tensor]:
    """Return the weights of two dimensions or more, but for those of one of its modules."""
    excluded = set() if without is None else {id(p) for p in without.parameters()}
    return [p for p in network.parameters() if p.ndim >= 2 and id(p) not in excluded]
