"""The networks of PacGAN's synthetic experiments, those of all seeds in one: every parameter has the seeds as its first dimension.

Lin et al. (2018), https://arxiv.org/abs/1712.04086; sizes and conventions are those of fjxmlzn/PacGAN ``pacgan_task.py`` and of its
framework, Blocks. A layer is one ``bmm`` over the seeds: on a CPU core that takes a fifth less time than ``vmap`` over ``functional_call``.

Shapes: S seeds, m points in a pack, B packs in a batch.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

WEIGHT_STD = 0.02
"""Weights are N(0, 0.02); biases and shifts are 0, scales 1."""


class StackedLinear(nn.Module):
    """A linear layer for each seed.

    Args:
        generators: one stream for each seed, which the weights are drawn from.
        inputs: features in.
        outputs: features out.
        bias: whether there is one.
    """

    def __init__(self, generators: Sequence[torch.Generator], inputs: int, outputs: int, *, bias: bool = True) -> None:
        super().__init__()
        drawn = [torch.randn(inputs, outputs, generator=generator) * WEIGHT_STD for generator in generators]
        self.weight = nn.Parameter(torch.stack(drawn))  # [S, inputs, outputs]
        self.bias = nn.Parameter(torch.zeros(len(generators), 1, outputs)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[S, N, inputs]`` to ``[S, N, outputs]``."""
        return torch.bmm(x, self.weight) if self.bias is None else torch.baddbmm(self.bias, x, self.weight)


class StackedBatchNorm(nn.Module):
    """Batch norm for each seed and each of the m batches of a pack, with the averages of Blocks' ``BatchNormalization``.

    Unlike torch's, the averages are of the mean and of the biased standard deviation (epsilon inside), which is what evaluation divides by.
    On the ring a mode's standard deviation is 1 % of its distance, so that half a percent in each layer would show.

    Args:
        num_seeds: S.
        width: features.
        eps: added to the variance.
        momentum: weight of this step's batches in the averages.
    """

    def __init__(self, num_seeds: int, width: int, *, eps: float = 1e-4, momentum: float = 0.05) -> None:
        super().__init__()
        self.eps, self.momentum = eps, momentum
        self.scale, self.shift = nn.Parameter(torch.ones(num_seeds, width)), nn.Parameter(torch.zeros(num_seeds, width))
        self.average_mean: Tensor
        self.average_std: Tensor
        self.register_buffer("average_mean", torch.zeros(num_seeds, width))
        self.register_buffer("average_std", torch.ones(num_seeds, width))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise ``[S, m, B, width]`` over B by the batches' statistics in training, else by the averages."""
        if self.training:
            return self._by_batch(x)
        scale = self.scale / self.average_std
        return (x - self.average_mean[:, None, None]) * scale[:, None, None] + self.shift[:, None, None]

    def _by_batch(self, x: Tensor) -> Tensor:
        seeds, packed, batch, width = x.shape
        columns = x.permute(2, 0, 1, 3).reshape(batch, -1)  # [B, S * m * width]
        scale, shift = (p.unsqueeze(1).expand(seeds, packed, width).reshape(-1) for p in (self.scale, self.shift))
        y, mean, inverse_std = torch.native_batch_norm(columns, scale, shift, None, None, True, 0.0, self.eps)
        self._update(mean.detach().view(seeds, packed, width), inverse_std.detach().view(seeds, packed, width))
        return y.view(batch, seeds, packed, width).permute(1, 2, 0, 3)

    @torch.no_grad()
    def _update(self, mean: Tensor, inverse_std: Tensor) -> None:
        """Move the averages towards the mean over the m batches."""
        self.average_mean.lerp_(mean.mean(1), self.momentum)
        self.average_std.lerp_(inverse_std.reciprocal().mean(1), self.momentum)


class StackedGenerator(nn.Module):
    """z of 2, four hidden layers with batch norm and ReLU and without biases, a linear layer to points of 2.

    Args:
        generators: one stream for each seed.
        width: of the hidden layers.
    """

    def __init__(self, generators: Sequence[torch.Generator], width: int) -> None:
        super().__init__()
        sizes = (2, width, width, width, width)
        self.linears = nn.ModuleList(StackedLinear(generators, sizes[i], sizes[i + 1], bias=False) for i in range(4))
        self.norms = nn.ModuleList(StackedBatchNorm(len(generators), width) for _ in range(4))
        self.head = StackedLinear(generators, width, 2)

    def forward(self, latents: Tensor) -> Tensor:
        """Map ``[S, m, B, 2]`` to points of that shape."""
        shape, x = latents.shape[:3], latents
        for linear, norm in zip(self.linears, self.norms, strict=True):
            x = torch.relu(norm(linear(x.flatten(1, 2)).view(*shape, -1)))
        points: Tensor = self.head(x.flatten(1, 2))
        return points.view(*shape, 2)


class _Maxout(torch.autograd.Function):
    """The largest of the pieces. ``max(dim)`` keeps indices, which takes a CPU fifty times as long as the maximum alone."""

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, pieces: Tensor) -> Tensor:
        largest = pieces.amax(2)
        ctx.save_for_backward(pieces, largest)
        return largest

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, *gradients: Tensor) -> Tensor:
        pieces, largest = ctx.saved_tensors  # type: ignore[attr-defined]
        chosen: Tensor = pieces == largest.unsqueeze(2)
        return chosen * gradients[0].unsqueeze(2)


class StackedDiscriminator(nn.Module):
    """Three maxout layers and a linear one, over whole packs.

    Args:
        generators: one stream for each seed.
        packing: points in a pack.
        width: maxout units of a layer.
        pieces: linear pieces of a unit.
    """

    def __init__(self, generators: Sequence[torch.Generator], packing: int, width: int, pieces: int) -> None:
        super().__init__()
        self.pieces = pieces
        inputs = (2 * packing, width, width)
        self.linears = nn.ModuleList(StackedLinear(generators, size, pieces * width) for size in inputs)
        self.head = StackedLinear(generators, width, 1)

    def forward(self, packs: Tensor) -> Tensor:
        """Map ``[S, B, 2 m]`` to logits ``[S, B]``."""
        x = packs
        for linear in self.linears:
            x = _Maxout.apply(linear(x).unflatten(2, (self.pieces, -1)))
        logits: Tensor = self.head(x)
        return logits.squeeze(2)


def pack(points: Tensor) -> Tensor:
    """Lay the m points of each pack one behind the other: ``[S, m, B, 2]`` to ``[S, B, 2 m]``."""
    return points.transpose(1, 2).flatten(2)
