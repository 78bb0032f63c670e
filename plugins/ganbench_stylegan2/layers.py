"""StyleGAN2's layers (Karras et al. 2020, https://arxiv.org/abs/1912.04958, section 2 and appendix B).

Weights are drawn from N(0, 1) and scaled at run time by one over the root of the numbers that an output sums (Karras et al. 2018), so that
Adam moves all of them alike. Leaky ReLU of slope 0.2 is followed by the gain sqrt(2).

Shapes: N images, I and O channels or features, H, W a map, L the length of w.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganbench_kernels import Downsample2d, bias_act, demodulation, modulated_conv2d, scaled_bias_act, upfirdn2d
from ganbench_kernels.resample import BINOMIAL

GAIN = math.sqrt(2)
"""Behind a leaky ReLU."""


class Dense(nn.Module):
    """``[N, I]`` to ``[N, O]``.

    Args:
        before: I.
        after: O.
        active: with a leaky ReLU behind it.
        rate: learning rate as a factor: weights are that much larger in memory, and are scaled back.
        bias: where the bias starts.
    """

    def __init__(self, before: int, after: int, *, active: bool = False, rate: float = 1.0, bias: float = 0.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(after, before) / rate)
        self.bias = nn.Parameter(torch.full((after,), bias))
        self.weight_gain, self.rate, self.active = rate / math.sqrt(before), rate, active

    def forward(self, x: Tensor) -> Tensor:
        """Return the features, in float32 whatever the run's precision."""
        if torch.is_autocast_enabled(x.device.type):
            with torch.autocast(x.device.type, enabled=False):
                return self._features(x.float())
        return self._features(x)

    def _features(self, x: Tensor) -> Tensor:
        y = F.linear(x, self.weight * self.weight_gain)
        bias = self.bias if self.rate == 1 else self.bias * self.rate
        return bias_act(y, bias, gain=GAIN) if self.active else y + bias


class Conv(nn.Module):
    """A convolution of the discriminator, ``[N, I, H, W]`` to ``[N, O, H, W]``, or to half the size.

    Args:
        before: I.
        after: O.
        kernel: 1 or 3.
        halved: halve the size, behind the filter [1, 3, 3, 1].
        active: with a bias, a leaky ReLU and a clamp behind it; else without any.
        gain: factor of the result, and of the clamp.
        clamp: see :func:`ganbench_kernels.bias_act`.
    """

    def __init__(
        self,
        before: int,
        after: int,
        kernel: int,
        *,
        halved: bool = False,
        active: bool = True,
        gain: float = 1.0,
        clamp: float | None = None,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(after, before, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(after)) if active else None
        self.weight_gain = 1 / math.sqrt(before * kernel * kernel)
        self.kernel, self.halved, self.gain = kernel, halved, gain
        self.clamp = None if clamp is None else clamp * gain
        self.resample = Downsample2d() if halved else None

    def forward(self, x: Tensor) -> Tensor:
        """Return the map."""
        weight = self.weight * self.weight_gain
        if self.resample is None:
            y = F.conv2d(x, weight, padding=self.kernel // 2)
        elif self.kernel == 1:
            y = F.conv2d(self.resample(x), weight)
        else:  # the filter at the full rate, then a convolution that leaves out every other pixel
            y = F.conv2d(upfirdn2d(x, self.resample.filter, padding=2), weight, stride=2)
        return y * self.gain if self.bias is None else bias_act(y, self.bias, gain=GAIN * self.gain, clamp=self.clamp)


class StyledConv(nn.Module):
    """A modulated 3x3 convolution with noise, bias and leaky ReLU, ``[N, I, H, W]`` to ``[N, O, H, W]`` or twice the size.

    While it is trained, its noise is drawn for each image; else it is the same for all.

    Args:
        before: I.
        after: O.
        style_dim: L.
        resolution: height and width of the result.
        doubled: whether it doubles the size, with the filter [1, 3, 3, 1] behind a transposed convolution.
        clamp: see :func:`ganbench_kernels.bias_act`.
    """

    def __init__(self, before: int, after: int, style_dim: int, resolution: int, *, doubled: bool, clamp: float | None) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(after, before, 3, 3))  # without a run-time gain, which demodulation would undo
        self.bias = nn.Parameter(torch.zeros(after))
        self.style = Dense(style_dim, before, bias=1.0)
        self.noise: Tensor
        """``[H, W]``, what evaluated images have."""
        self.register_buffer("noise", torch.randn(resolution, resolution))
        self.noise_strength = nn.Parameter(torch.zeros(()))
        self.filter: Tensor
        self.register_buffer("filter", torch.tensor(BINOMIAL) / sum(BINOMIAL), persistent=False)
        self.doubled, self.clamp = doubled, clamp

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """Return the map; ``w`` is ``[N, L]``."""
        styles = self.style(w)
        if self.doubled:
            y = modulated_conv2d(x, self.weight, styles, demodulate=False, up=2)
            y = upfirdn2d(y, self.filter, padding=1, gain=4.0)
        else:
            y = modulated_conv2d(x, self.weight, styles, demodulate=False, padding=1)
        noise = torch.randn(x.shape[0], 1, *self.noise.shape, device=x.device) if self.training else self.noise[None, None]
        # The filter is that of every channel, so that demodulation may come behind it, in one pass with the rest.
        scale = demodulation(self.weight, styles)
        return scaled_bias_act(y, scale, noise * self.noise_strength, self.bias, gain=GAIN, clamp=self.clamp)


class ToImage(nn.Module):
    """A modulated 1x1 convolution without demodulation, ``[N, I, H, W]`` to ``[N, C, H, W]``, and a bias."""

    def __init__(self, before: int, channels: int, style_dim: int, *, clamp: float | None) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(channels, before, 1, 1))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.style = Dense(style_dim, before, bias=1.0)
        self.weight_gain, self.clamp = 1 / math.sqrt(before), clamp

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """Return what is added to the image, float32."""
        y = modulated_conv2d(x, self.weight, self.style(w) * self.weight_gain, demodulate=False)
        return bias_act(y, self.bias, negative_slope=1.0, clamp=self.clamp).float()
