"""Mode coverage: how many of the data's modes a generator finds, how many samples lie at one, and how evenly they are spread.

Lin et al. (2018), https://arxiv.org/abs/1712.04086, table 1. Agrees with its source (fjxmlzn/PacGAN): a mode with one sample or more is
found, samples at no mode count against the quality alone, logarithms are natural. What a mode is, the extractor says: a Gaussian of a known
mixture, or the class that a classifier sees.

Shapes: K modes, any leading dimensions ``...``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import ClassVar

import torch
from torch import Tensor

from ganbench.errors import UnsuitableError
from ganbench.metrics.options import ModesOptions
from ganbench.metrics.protocol import Extractor, Features, FeatureSet, Needs


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


def score_counts(counts: Tensor, num_samples: int, shares: Tensor | None = None) -> ModeScores:
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


class DataModes:
    """An extractor whose images' modes are told by the data themselves, and not by its classes.

    Args:
        extractor: gives the features.
        mode_of: see :attr:`ganbench.Dataset.mode_of`.
        num_modes: how many modes there are.
    """

    def __init__(self, extractor: Extractor, mode_of: Callable[[Tensor], Tensor], num_modes: int) -> None:
        self.extractor_id, self.preprocessing_id = extractor.extractor_id, extractor.preprocessing_id
        self.weights_hash, self.dims, self.num_members = extractor.weights_hash, extractor.dims, extractor.num_members
        self._extractor, self._mode_of, self._num_modes = extractor, mode_of, num_modes

    def extract(self, images: Tensor) -> tuple[Features, ...]:
        """Return what the extractor says, with the modes; see :class:`~ganbench.metrics.protocol.Extractor`."""
        modes = self._mode_of(images)
        return tuple(replace(found, modes=modes, num_modes=self._num_modes) for found in self._extractor.extract(images))


@dataclass(frozen=True, slots=True)
class ModesMetric:
    """Mode coverage as a metric: modes captured (ranked), share of samples at a mode, reverse KL."""

    options: ModesOptions = field(default_factory=ModesOptions)
    implementation: str = "modes-1"
    needs: ClassVar[Needs] = Needs(statistics=False)
    least_images: int = 1

    def parameters(self) -> dict[str, str | int | float]:
        """Return what changes the value."""
        return {"expected": self.options.expected}

    def compute(self, real: FeatureSet, fake: FeatureSet) -> tuple[float, ...]:
        """Return (modes, high quality, reverse KL) of the generated samples.

        Raises:
            UnsuitableError: the extractor tells no modes apart.
        """
        if fake.mode_counts is None or real.mode_counts is None:
            raise UnsuitableError("mode coverage needs an extractor with classes or modes", hint="choose another extractor or metric")
        shares = real.mode_counts[1:].double() / real.mode_counts[1:].sum() if self.options.expected == "real" else None
        scores = score_counts(fake.mode_counts[1:], int(fake.mode_counts.sum()), shares)
        return float(scores.modes_captured), float(scores.high_quality), float(scores.reverse_kl)


def build_modes(options: ModesOptions) -> ModesMetric:
    """Build the metric from its options."""
    return ModesMetric(options)
