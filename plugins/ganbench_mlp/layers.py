"""Layers that several multilayer perceptrons share.

Shapes: N samples, K classes.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ganbench_kernels import BiasAct
from ganbench_mlp.options import Initialisation

LEAKY_SLOPE = 0.2


class Maxout(nn.Module):
    """The largest of several linear pieces for each unit (Goodfellow et al. 2013, https://arxiv.org/abs/1302.4389).

    Args:
        before: features of the input.
        units: features of the output.
        pieces: linear functions that a unit takes the largest of.
    """

    def __init__(self, before: int, units: int, pieces: int) -> None:
        super().__init__()
        self.units, self.pieces = units, pieces
        self.linear = nn.Linear(before, units * pieces)

    def forward(self, x: Tensor) -> Tensor:
        """Return ``[N, units]`` for ``[N, before]``."""
        pieces: Tensor = self.linear(x)
        return pieces.view(-1, self.units, self.pieces).amax(2)


def activation(name: str, width: int) -> nn.Module:
    """Return an activation of ``[N, width]`` by name."""
    if name == "tanh":
        return nn.Tanh()
    return BiasAct(width, bias=False, negative_slope=LEAKY_SLOPE if name == "leaky_relu" else 0.0)


def one_hot(labels: Tensor, num_classes: int, dtype: torch.dtype) -> Tensor:
    """Return ``[N, K]``. torch's own function looks at the labels on the host first, and a step must not wait for that."""
    return (labels[:, None] == torch.arange(num_classes, device=labels.device)).to(dtype)


def with_labels(x: Tensor, labels: Tensor | None, num_classes: int) -> Tensor:
    """Return ``[N, features + K]``: x with the label beside it, or x alone where there are no classes."""
    if not num_classes:
        return x
    assert labels is not None
    return torch.cat([x, one_hot(labels, num_classes, x.dtype)], dim=1)


class UnitSigmoid(nn.Module):
    """A sigmoid whose range (0, 1) is stretched to that of images, (-1, 1)."""

    def forward(self, x: Tensor) -> Tensor:
        """Return a tensor of x's shape."""
        return torch.sigmoid(x) * 2 - 1


def initialise(network: nn.Module, kind: Initialisation, scale: float) -> None:
    """Draw the weights of a network's linear layers, biases 0; ``torch`` leaves them as they are.

    Args:
        network: its last linear layer is the last in the order of ``modules()``.
        kind: Glorot and He are uniform; He's is Glorot's in the last layer, which no ReLU follows (as igul222/improved_wgan_training).
        scale: standard deviation of normal weights, bound of uniform ones.
    """
    linear = [module for module in network.modules() if isinstance(module, nn.Linear)]
    if kind == "torch":
        return
    for layer in linear:
        nn.init.zeros_(layer.bias) if layer.bias is not None else None
        if kind == "normal":
            nn.init.normal_(layer.weight, 0.0, scale)
        elif kind == "he" and layer is not linear[-1]:
            nn.init.uniform_(layer.weight, -(bound := math.sqrt(6 / layer.in_features)), bound)
        else:
            bound = scale if kind == "uniform" else math.sqrt(6 / (layer.in_features + layer.out_features))
            nn.init.uniform_(layer.weight, -bound, bound)
