"""Modes found, their quality, and how evenly samples are spread over them, from counts of samples.

The scores of Lin et al. (2018), https://arxiv.org/abs/1712.04086, table 1; they agree with their source (fjxmlzn/PacGAN): a mode with one
sample or more is found, samples at no mode count against the quality alone, logarithms are natural.

Shapes: K modes, any leading dimensions ``...``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class ModeScores:
    """The scores of a set of samples; float64, one of each for each leading index."""

    modes_captured: Tensor
    """``[...]``: modes with one sample or more."""
    high_quality: Tensor
    """``[...]``: the share of samples that lie at a mode, 0 to 1."""
    reverse_kl: Tensor
    """``[...]`` in nats: KL(q || p), where q is the share of each mode among the samples that lie at one. Where none does, log K, the most
    that it can be with even shares; infinite where there are samples at a mode that the data lack."""
    counts: Tensor
    """``[..., K]`` int64: samples at each mode."""


def score_modes(counts: Tensor, num_samples: int, shares: Tensor | None = None) -> ModeScores:
    """Score samples that were counted by mode.

    Args:
        counts: ``[..., K]`` int64: samples at each mode.
        num_samples: all samples, those at no mode too.
        shares: ``[K]`` float64: p, the data's own shares; None for even ones, with which KL(q || p) is log K minus q's entropy.
    """
    total = counts.sum(-1)  # [...]
    q = counts.double() / total.clamp(min=1).unsqueeze(-1)
    negative_entropy = torch.special.xlogy(q, q).sum(-1)
    expected = math.log(counts.shape[-1]) if shares is None else -torch.special.xlogy(q, shares).sum(-1)
    return ModeScores(
        modes_captured=(counts > 0).sum(-1).double(),
        high_quality=total.double() / num_samples,
        reverse_kl=(expected + negative_entropy).masked_fill(total == 0, math.log(counts.shape[-1])),
        counts=counts,
    )
