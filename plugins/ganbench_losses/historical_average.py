"""Historical averaging: Salimans et al. 2016, section 3.3 (https://arxiv.org/abs/1606.03498).

Each network's loss gets ``|| theta - 1/t sum theta_i ||^2`` over its own updates i = 1 ... t, the present one included.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class HistoricalAverage(nn.Module):
    """weight times the squared distance of parameters from their mean so far; a call counts as an update.

    The count is a tensor, so that a captured step goes on counting.

    Args:
        network: whose parameters.
        weight: above 0.
    """

    count: Tensor

    def __init__(self, network: nn.Module, weight: float) -> None:
        super().__init__()
        self._weight = weight
        self._followed: list[Tensor] = list(network.parameters())  # in a list: they are saved with the network
        for index, parameter in enumerate(self._followed):
            self.register_buffer(f"mean_{index}", torch.zeros_like(parameter))
        self.register_buffer("count", torch.zeros((), device=self._followed[0].device))

    def forward(self) -> Tensor:
        """Move the means, and return the weighted distance."""
        means = [self.get_buffer(f"mean_{index}") for index in range(len(self._followed))]
        with torch.no_grad():
            self.count += 1
            steps = torch._foreach_sub(self._followed, means)
            torch._foreach_div_(steps, self.count)
            torch._foreach_add_(means, steps)
        return self._weight * torch.stack([(p - m).square().sum() for p, m in zip(self._followed, means, strict=True)]).sum()
