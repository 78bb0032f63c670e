"""How much the samples of a group differ, as further channels (Karras et al. 2018, section 3; StyleGAN2 in its groups).

Shapes: N images, C channels, H, W a map, G samples of a group, M groups, F channels that are added.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ganbench_kernels.library import LIBRARY

_DTYPES = (torch.float32, torch.bfloat16, torch.float16, torch.float64)
_EPS = 1e-8


def minibatch_stddev(x: Tensor, *, group_size: int, num_channels: int = 1) -> Tensor:
    """Append the mean standard deviation of each sample's group. Differentiable to any order.

    Sample n belongs to the group of all samples with the same n modulo M. The deviations over the group's samples (biased, with 1e-8 under
    the root, in float32 or float64) are averaged over pixels and over each of F parts of the channels.

    Args:
        x: ``[N, C, H, W]`` float32, bfloat16, float16 or float64.
        group_size: most samples of a group, 1 or more; G is the largest number up to it that divides N.
        num_channels: F, a divisor of C.

    Returns:
        ``[N, C + F, H, W]`` of x's dtype.

    Raises:
        ValueError: another dtype, shape or number than said above.
    """
    _check(x, group_size, num_channels)
    return _append(x, group_size, num_channels)


def minibatch_stddev_ref(x: Tensor, *, group_size: int, num_channels: int = 1) -> Tensor:
    """Do the same, group by group; see :func:`minibatch_stddev`."""
    _check(x, group_size, num_channels)
    count, size = len(x), group_of(len(x), group_size)
    wide, planes = x.to(torch.promote_types(x.dtype, torch.float32)), []
    for n in range(count):
        group = wide[n % (count // size) :: count // size]  # [G, C, H, W]
        deviation = ((group - group.mean(dim=0)).square().mean(dim=0) + _EPS).sqrt()
        planes.append(torch.stack([part.mean() for part in deviation.chunk(num_channels)]))
    of_sample = torch.stack(planes).to(x.dtype) if planes else x.new_empty(0, num_channels)
    return torch.cat([x, of_sample[:, :, None, None].expand(-1, -1, *x.shape[2:])], dim=1)


def group_of(count: int, group_size: int) -> int:
    """Return G: the largest number up to ``group_size`` that divides ``count``."""
    return next((size for size in range(min(group_size, count), 0, -1) if count % size == 0), 1)


def _check(x: Tensor, group_size: int, num_channels: int) -> None:
    if x.dtype not in _DTYPES:
        raise ValueError(f"minibatch_stddev: x must be float32, bfloat16, float16 or float64 (got {x.dtype})")
    if x.ndim != 4:
        raise ValueError(f"minibatch_stddev: x must be [N, C, H, W] (got shape {list(x.shape)})")
    if group_size < 1:
        raise ValueError(f"minibatch_stddev: group_size must be 1 or more (got {group_size})")
    if num_channels < 1 or x.shape[1] % num_channels:
        raise ValueError(f"minibatch_stddev: num_channels must divide the {x.shape[1]} channels of x (got {num_channels})")


def _append(x: Tensor, group_size: int, num_channels: int) -> Tensor:
    count, channels, height, width = x.shape
    if not count:
        return torch.cat([x, x[:, :num_channels]], dim=1)
    size = group_of(count, group_size)
    grouped = x.to(torch.promote_types(x.dtype, torch.float32)).reshape(size, count // size, channels, height, width)  # [G, M, C, H, W]
    deviations = (grouped.var(dim=0, correction=0) + _EPS).sqrt()  # [M, C, H, W]
    parts = deviations.reshape(count // size, num_channels, channels // num_channels, height, width)  # [M, F, C / F, H, W]
    of_group = parts.mean(dim=(2, 3, 4)).to(x.dtype)  # [M, F]
    planes = of_group.repeat(size, 1)[:, :, None, None].expand(count, num_channels, height, width)
    return torch.cat([x, planes], dim=1)


LIBRARY.define("minibatch_stddev(Tensor x, int group_size, int num_channels) -> Tensor", tags=(torch.Tag.pt2_compliant_tag,))
LIBRARY.impl("minibatch_stddev", _append, "CompositeImplicitAutograd")
_op = torch.ops.ganbench_kernels.minibatch_stddev.default
