"""Images under an affine map, low-pass filtered on both sides (Karras et al. 2020, https://arxiv.org/abs/2006.06676, appendix B).

An image is made twice as large with the wavelet sym6, sampled there by bilinear interpolation, and made small again with the same filter
turned round. The filter is orthonormal, so that nothing happens where the map is the identity. Linear in the images, to be differentiated
any number of times; the map itself gets no gradient.

Shapes: N images, C channels, H, W an image, h, w a period of it at the double rate.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ganbench_kernels import upfirdn2d

SYM6 = (
    0.015404109327027373,
    0.0034907120842174702,
    -0.11799011114819057,
    -0.048311742585633,
    0.4910559419267466,
    0.787641141030194,
    0.3379294217276218,
    -0.07263752278646252,
    -0.021060292512300564,
    0.04472490177066578,
    0.0017677118642428036,
    -0.007800708325034148,
)
"""Daubechies' least asymmetric wavelet with 6 vanishing moments; its sum is sqrt(2)."""
BEFORE, AFTER = 5, 6
"""Samples at the double rate that the second filter takes before and behind a pixel, and the first one around it."""
LEAST_SIZE = 4


def low_pass() -> Tensor:
    """Return the filter ``[12]`` with a sum of 1, float64."""
    return torch.tensor(SYM6, dtype=torch.float64) / sum(SYM6)


def warp(images: Tensor, inverse: Tensor, line: Tensor) -> Tensor:
    """Return ``[N, C, H, W]`` images, which are mirrored beyond their borders as often as needed.

    Args:
        images: ``[N, C, H, W]``, 4 pixels or more in both directions.
        inverse: ``[N, 3, 3]``: where a pixel of the result comes from, in pixels from the centre, (x, y, 1).
        line: :func:`low_pass`, on the device.
    """
    period = _with_neighbours(_with_mirror(_with_mirror(images, 2), 3))
    large = upfirdn2d(period, line, up=2, padding=(0, -1, 0, -1), gain=4.0, flip=True)
    return upfirdn2d(_sampled(large, inverse, images.shape[2:]), line, down=2)


def _with_mirror(x: Tensor, dim: int) -> Tensor:
    """Return x and its mirror image without either border, ``2 size - 2``: what is mirrored on and on has this period."""
    return torch.cat([x, x.narrow(dim, 1, x.shape[dim] - 2).flip(dim)], dim)


def _with_neighbours(x: Tensor) -> Tensor:
    """Return a period with the 3 pixels of its neighbours on each side that the filter needs."""
    for dim in (2, 3):
        x = torch.cat([x.narrow(dim, x.shape[dim] - 3, 3), x, x.narrow(dim, 0, 3)], dim)
    return x


def _sampled(x: Tensor, inverse: Tensor, size: torch.Size) -> Tensor:
    """Return ``[N, C, 2 H + 10, 2 W + 10]`` of a period at the double rate, whose even samples are the pixels.

    Args:
        x: ``[N, C, h, w]``.
        inverse: see :func:`warp`.
        size: H and W.
    """
    count, channels, height, width = x.shape
    rows, columns = (torch.arange(-BEFORE, 2 * one - 1 + AFTER, device=x.device, dtype=inverse.dtype) for one in size)
    middle_y, middle_x = (one - 1 for one in size)
    across, down = columns[None, None, :] - middle_x, rows[None, :, None] - middle_y
    first, second = inverse[:, 0, :, None, None], inverse[:, 1, :, None, None]  # [N, 3, 1, 1]
    column, right, after = _neighbours(first[:, 0] * across + first[:, 1] * down + 2 * first[:, 2] + middle_x, width)
    row, below, under = _neighbours(second[:, 0] * across + second[:, 1] * down + 2 * second[:, 2] + middle_y, height)
    flat = x.permute(0, 2, 3, 1).reshape(-1, channels)  # what is taken twice adds up in a fixed order, on a GPU too
    start = torch.arange(count, device=x.device)[:, None, None] * (height * width)
    below, right = below.to(x.dtype)[..., None], right.to(x.dtype)[..., None]

    def taken(row: Tensor, column: Tensor) -> Tensor:
        rows: Tensor = flat[(start + row * width + column).flatten()]
        return rows.view(*column.shape, channels)

    upper = torch.lerp(taken(row, column), taken(row, after), right)
    lower = torch.lerp(taken(under, column), taken(under, after), right)
    return torch.lerp(upper, lower, below).permute(0, 3, 1, 2)


def _neighbours(place: Tensor, period: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return the sample before a place, int64, how far behind it the place is, and the sample after it."""
    floor = place.floor()
    before = torch.remainder(floor, period).to(torch.int64)
    return before, place - floor, torch.remainder(before + 1, period)
