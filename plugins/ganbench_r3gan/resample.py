"""Doubling and halving a feature map by a binomial filter (Huang et al. 2024, section 4, as StyleGAN2 has it).

The filter [1, 2, 1] on pixels that were repeated, or are averaged, is [1, 3, 3, 1]: weights 3/4 and 1/4 of the two nearest pixels on the
way up. Beyond the border there are zeros. Both are linear, so that they can be differentiated any number of times.

Shapes: N images, C channels, H, W a feature map.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

FILTER = (1.0, 3.0, 3.0, 1.0)


class _Resampling(nn.Module):
    """Holds the filter, which belongs to the networks' code and not to their state.

    Args:
        gain: sum of its sixteen weights.
    """

    def __init__(self, gain: float) -> None:
        super().__init__()
        line = torch.tensor(FILTER) / sum(FILTER)
        self.kernel: Tensor
        """``[1, 1, 4, 4]``."""
        self.register_buffer("kernel", gain * torch.outer(line, line)[None, None], persistent=False)

    def _kernels(self, x: Tensor) -> Tensor:
        """Return one kernel for each channel, of x's type."""
        return self.kernel.to(x.dtype).expand(x.shape[1], 1, -1, -1)


class Upsample(_Resampling):
    """``[N, C, H, W]`` to ``[N, C, 2 H, 2 W]``."""

    def __init__(self) -> None:
        super().__init__(4.0)

    def forward(self, x: Tensor) -> Tensor:
        """Return the larger map; constants stay what they are, but for the border."""
        return F.conv_transpose2d(x, self._kernels(x), stride=2, padding=1, groups=x.shape[1])


class Downsample(_Resampling):
    """``[N, C, H, W]`` to ``[N, C, H / 2, W / 2]``."""

    def __init__(self) -> None:
        super().__init__(1.0)

    def forward(self, x: Tensor) -> Tensor:
        """Return the smaller map."""
        return F.conv2d(x, self._kernels(x), stride=2, padding=1, groups=x.shape[1])
