"""What BigGAN's batch norms are conditioned on (Brock et al. 2019, section 3.1 and appendix B), and the norms themselves.

A norm's gain is 1 + gain(y), its bias is bias(y), where y is, as the options say: the class embedding that all norms share, beside a part
of z; the part of z alone, without labels; or the label itself, for which each norm has a table of its own. Agrees with
ajbrock/BigGAN-PyTorch layers.ccbn.

Shapes: N images, C channels, D the length of what conditions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from ganbench_kernels import NormAct
from ganbench_resnet.conditional_norm import ModulatedNormAct

Prepare = Callable[[Any], Any]
"""Initialises a layer with a weight and normalises it where the options say so; returns the layer."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Conditioning:
    """What each block's norms are given."""

    dim: int = 0
    """D of a vector; 0 where there is none."""
    num_classes: int = 0
    """Rows of each norm's own tables; 0 where a vector conditions, or nothing does."""


class ConditionedNormAct(ModulatedNormAct):
    """Batch norm whose gain and bias are functions of a vector or of a label, and ReLU.

    Args:
        num_features: C.
        gain, bias: layers from ``[N, D]`` or from labels ``[N]`` to ``[N, C]``.
        eps: added to the variance.
    """

    def __init__(self, num_features: int, gain: nn.Module, bias: nn.Module, *, eps: float) -> None:
        super().__init__(num_features, eps=eps)
        self.gain, self.shift = gain, bias

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:  # type: ignore[override]
        """Return the activation, ``[N, C, H, W]``."""
        return self.modulate(x, 1 + self.gain(condition), self.shift(condition))


class PlainNormAct(NormAct):
    """Batch norm with a gain and a bias for each channel, and ReLU, that is given a condition and does not look at it."""

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """Return the activation, ``[N, C, H, W]``."""
        return super().forward(x)


def make_norm(num_features: int, conditioning: Conditioning, prepare: Prepare, prepare_table: Prepare, eps: float) -> nn.Module:
    """Return a norm for these conditions.

    Args:
        num_features: C.
        conditioning: what it will be given.
        prepare: for its linear layers.
        prepare_table: for its tables; the source normalises the former and not the latter.
        eps: added to the variance.
    """
    if conditioning.num_classes:
        gain, bias = (prepare_table(nn.Embedding(conditioning.num_classes, num_features)) for _ in range(2))
    elif conditioning.dim:
        gain, bias = (prepare(nn.Linear(conditioning.dim, num_features, bias=False)) for _ in range(2))
    else:
        return PlainNormAct(num_features, eps, negative_slope=0.0)
    return ConditionedNormAct(num_features, gain, bias, eps=eps)
