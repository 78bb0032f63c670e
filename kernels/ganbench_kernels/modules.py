"""Modules around :func:`ganbench_kernels.bias_act`: the activation alone, and behind a convolution whose bias it takes over."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ganbench_kernels.bias_act import bias_act
from ganbench_kernels.bias_act_ops import Curve, activate
from ganbench_kernels.dispatch import Impl, takes_triton


class BiasAct(nn.Module):
    """A bias for each channel, leaky ReLU, gain and clamp: :func:`~ganbench_kernels.bias_act` with a bias of its own.

    Args:
        num_channels: C of the input ``[N, C, ...]``.
        bias: whether there is one; it starts at 0.
        negative_slope, gain, clamp, impl: as in :func:`~ganbench_kernels.bias_act`.

    Raises:
        ValueError: as :func:`~ganbench_kernels.bias_act`.
    """

    def __init__(
        self,
        num_channels: int,
        *,
        bias: bool = True,
        negative_slope: float = 0.2,
        gain: float = 1.0,
        clamp: float | None = None,
        impl: Impl = "auto",
    ) -> None:
        super().__init__()
        self.num_channels, self.impl = num_channels, impl
        self.curve = Curve(negative_slope, gain, clamp)
        self.curve.check()
        self.bias = nn.Parameter(torch.zeros(num_channels)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        """Return the activation, of x's shape."""
        return bias_act(x, self.bias, **self.curve._asdict(), impl=self.impl)

    def extra_repr(self) -> str:
        """Describe the settings."""
        return f"{self.num_channels}, bias={self.bias is not None}, {_described(self.curve)}"


class ConvBiasAct(nn.Conv2d):
    """A convolution and its activation; a drop-in for ``nn.Conv2d`` with ``nn.LeakyReLU`` behind it, with the convolution's state.

    On Triton the convolution has no bias and the activation adds it, in the pass it makes anyway; else the convolution adds it, and the
    activation is in place.

    Args:
        arguments, settings: as of ``nn.Conv2d``.
        negative_slope, gain, clamp, impl: as in :func:`~ganbench_kernels.bias_act`.

    Raises:
        ValueError: as :func:`~ganbench_kernels.bias_act`.
    """

    def __init__(
        self,
        *arguments: Any,
        negative_slope: float = 0.2,
        gain: float = 1.0,
        clamp: float | None = None,
        impl: Impl = "auto",
        **settings: Any,
    ) -> None:
        super().__init__(*arguments, **settings)
        self.curve, self.impl = Curve(negative_slope, gain, clamp), impl
        self.curve.check()

    def forward(self, input: Tensor) -> Tensor:
        """Return the activation, ``[N, C, H, W]``."""
        one_sample = input.ndim == 3  # nn.Conv2d takes [C, H, W] too
        if takes_triton("bias_act", self.impl, input, self.bias) and not one_sample:
            t = self._conv_forward(input, self.weight, None)
            return bias_act(t, self.bias, **self.curve._asdict(), impl=self.impl)
        return activate(self._conv_forward(input, self.weight, self.bias), self.curve, inplace=True)

    def extra_repr(self) -> str:
        """Describe the convolution and the settings."""
        convolution: str = super().extra_repr()  # type: ignore[no-untyped-call]
        return f"{convolution}, {_described(self.curve)}"


def _described(curve: Curve) -> str:
    return f"negative_slope={curve.negative_slope:g}, gain={curve.gain:g}, clamp={curve.clamp}"
