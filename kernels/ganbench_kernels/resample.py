"""Modules around :func:`ganbench_kernels.upfirdn2d`: a map twice as large, or half as large, by a filter of an even number of taps.

The filter [1, 3, 3, 1] is [1, 2, 1] on pixels that were repeated, or are averaged: weights 3/4 and 1/4 of the two nearest pixels on the
way up (Karras et al. 2020, https://arxiv.org/abs/1912.04958). Beyond the border there are zeros.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ganbench_kernels.dispatch import Impl
from ganbench_kernels.upfirdn2d import upfirdn2d

BINOMIAL = (1.0, 3.0, 3.0, 1.0)


class _Resampling(nn.Module):
    """Holds the filter, which belongs to the networks' code and not to their state.

    Args:
        taps: an even number of weights, which are divided by their sum.
        impl: as of :func:`~ganbench_kernels.upfirdn2d`.

    Raises:
        ValueError: an odd number of taps, or a sum of 0.
    """

    def __init__(self, taps: Sequence[float] = BINOMIAL, *, impl: Impl = "auto") -> None:
        super().__init__()
        if not taps or len(taps) % 2 or not sum(taps):
            raise ValueError(f"taps must be an even number of weights whose sum is not 0 (got {tuple(taps)})")
        self.impl = impl
        self.filter: Tensor
        """``[T]``."""
        self.register_buffer("filter", torch.tensor(taps) / sum(taps), persistent=False)

    def extra_repr(self) -> str:
        """Describe the filter."""
        return f"taps={len(self.filter)}"


class Upsample2d(_Resampling):
    """``[N, C, H, W]`` to ``[N, C, 2 H, 2 W]``."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the larger map; constants stay what they are, but for the border."""
        half = len(self.filter) // 2
        return upfirdn2d(x, self.filter, up=2, padding=(half, half - 1, half, half - 1), gain=4.0, impl=self.impl)


class Downsample2d(_Resampling):
    """``[N, C, H, W]`` to ``[N, C, H / 2, W / 2]``."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the smaller map."""
        return upfirdn2d(x, self.filter, down=2, padding=len(self.filter) // 2 - 1, impl=self.impl)
