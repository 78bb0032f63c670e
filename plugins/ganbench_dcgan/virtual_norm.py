"""Virtual batch norm: Salimans et al. 2016, section 3.4 (https://arxiv.org/abs/1606.03498).

A network with it puts a reference batch, fixed before the first step, in front of each batch. The reference is normalised by its own
statistics, and every further sample by those of the reference and itself, as one batch of R + 1: so no sample depends on another. As in
openai/improved-gan (imagenet/model.py, VBN) the reference goes through the present weights in every step, and gradients flow through its
statistics. The variance there is a mean of squares less a squared mean; the formula here has the same value and cannot cancel.

Shapes: R samples of the reference, N of a batch, C channels.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

Keep = Callable[[Tensor, "Tensor | None"], None]


class VirtualNorm(nn.Module):
    """``[R + N, C, ...]``, the reference in front, to the same shape.

    Args:
        num_features: C.
        eps: added to the variance.
    """

    def __init__(self, num_features: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(num_features)), nn.Parameter(torch.zeros(num_features))
        self.eps = eps
        self.num_reference = 0
        """R. 0 until there is a reference: each sample is normalised by itself then, which is for trying out shapes only."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the normalised ``x``, of its dtype; statistics are in float32 or wider.

        Raises:
            RuntimeError: in training without a reference.
        """
        if self.training and not self.num_reference:
            raise RuntimeError("virtual batch norm has no reference batch: call the network's set_reference before training")
        wide = x.to(torch.promote_types(x.dtype, torch.float32))
        mean, variance = virtual_statistics(wide, self.num_reference)  # [R + N, C]
        scale = self.weight * torch.rsqrt(variance + self.eps)
        shift = self.bias - mean * scale
        columns = (*mean.shape, *(1,) * (x.dim() - 2))
        return torch.addcmul(shift.view(columns), wide, scale.view(columns)).to(x.dtype)

    def extra_repr(self) -> str:
        """Return the arguments."""
        return f"{len(self.weight)}, eps={self.eps}"


def virtual_statistics(x: Tensor, num_reference: int) -> tuple[Tensor, Tensor]:
    """Return the mean and the biased variance that each row is normalised by, ``[R + N, C]`` each.

    Args:
        x: ``[R + N, C, ...]``.
        num_reference: R; with 0 each row has its own statistics.
    """
    mean, variance = _statistics_by_sample(x)
    if not num_reference:
        return mean, variance
    reference, own = mean[:num_reference], mean[num_reference:]
    reference_mean = reference.mean(dim=0)
    reference_variance = variance[:num_reference].mean(dim=0) + reference.var(dim=0, correction=0)
    share = 1 / (num_reference + 1)
    away = own - reference_mean
    joint_mean = reference_mean + share * away
    joint_variance = (1 - share) * reference_variance + share * variance[num_reference:] + share * (1 - share) * away.square()
    return (
        torch.cat([reference_mean.expand_as(reference), joint_mean]),
        torch.cat([reference_variance.expand_as(reference), joint_variance]),
    )


def _statistics_by_sample(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean and the biased variance of each sample's channels ``[R + N, C]`` over their pixels, where they have any."""
    if x.dim() == 2:
        return x, torch.zeros_like(x)
    variance, mean = torch.var_mean(x, dim=tuple(range(2, x.dim())), correction=0)
    return mean, variance


class DropReference(nn.Module):
    """Behind the last :class:`VirtualNorm`: ``[R + N, ...]`` to ``[N, ...]``, without a copy."""

    num_reference = 0

    def forward(self, x: Tensor) -> Tensor:
        """Return the batch alone."""
        return x[self.num_reference :]


class Referenced(nn.Module):
    """A network that keeps a reference batch, in buffers, if its norms are virtual.

    Args:
        virtual: whether they are.
    """

    reference: Tensor | None
    """Inputs of the network, ``[R, ...]``."""
    reference_labels: Tensor | None
    """``[R]`` int64, of a conditional network."""

    def __init__(self, virtual: bool) -> None:
        super().__init__()
        self._virtual = virtual
        self.register_buffer("reference", None)
        self.register_buffer("reference_labels", None)

    @property
    def set_reference(self) -> Keep | None:
        """What takes (inputs, labels) of the reference batch; None for a network that wants none."""
        return self._keep if self._virtual else None

    def _keep(self, inputs: Tensor, labels: Tensor | None) -> None:
        self.reference = inputs.detach().clone()
        self.reference_labels = None if labels is None else labels.clone()
        for module in self.modules():
            if isinstance(module, (VirtualNorm, DropReference)):
                module.num_reference = len(inputs)

    def with_reference(self, inputs: Tensor, labels: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return inputs and labels with the reference in front of them, where there is one."""
        if self.reference is None:
            return inputs, labels
        inputs = torch.cat([self.reference, inputs])
        if labels is None or self.reference_labels is None:
            return inputs, labels
        return inputs, torch.cat([self.reference_labels, labels])
