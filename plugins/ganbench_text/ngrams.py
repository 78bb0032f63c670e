"""How far the n-grams of generated texts are from those of held-out ones: the Jensen-Shannon divergence of their shares, n from 1 to 4.

Gulrajani et al. 2017 (https://arxiv.org/abs/1704.00028) follow WGAN-GP over characters by it; the value is that of ``js_with`` in
language_helpers.py of igul222/improved_wgan_training: in bits, 0 for equal shares and 1 for none in common. There texts are compared with
all of the train split; here with held-out ones, so that copies are not preferred. It falls with the number of texts on either side, rare
n-grams being missed: what real texts have of each other stands beside it, and only equal counts can be compared.

Shapes: N texts, T tokens of a text.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ganbench import Needs, SampleSet

_LONGEST = 4


def number_ngrams(sides: Sequence[Tensor], longest: int) -> list[tuple[Tensor, ...]]:
    """Return for each n from 1 on the n-grams of each side by number, ``[N, T - n + 1]`` int64, equal ones by the same number.

    Args:
        sides: texts ``[N, T]`` int64, all of one T.
        longest: the last n; at most T.
    """
    counts = [len(side) for side in sides]
    tokens = torch.cat(list(sides))
    size = int(tokens.max()) + 1
    numbers, found = tokens, []
    for n in range(1, longest + 1):
        if n > 1:  # numbers are made small again after each token, so that no vocabulary is too large
            numbers = numbers[:, :-1] * size + tokens[:, n - 1 :]
            numbers = torch.unique(numbers, return_inverse=True)[1]
        found.append(torch.split(numbers, counts))
    return found


def jensen_shannon(one: Tensor, other: Tensor) -> float:
    """Return the divergence of the shares of numbers in two tensors, in bits."""
    size = int(max(one.max(), other.max())) + 1
    p, q = (torch.bincount(side.flatten(), minlength=size).double() / side.numel() for side in (one, other))
    middle = (p + q) / 2
    in_nats = torch.stack([torch.special.xlogy(side, side / middle.clamp_min(1e-300)).sum() for side in (p, q)]).mean()
    return float(in_nats) / math.log(2)


@dataclass(frozen=True, slots=True)
class NgramMetric:
    """Of n = 4 (ranked), 1, 2 and 3."""

    implementation: str = "ngram-js-1"
    needs: ClassVar[Needs] = Needs(statistics=False, samples=True, held_out="reference", repeats=True)
    least_samples: int = 1

    def parameters(self) -> dict[str, str | int | float]:
        """Return nothing: there is nothing to choose."""
        return {}

    def compute(self, real: SampleSet, fake: SampleSet) -> tuple[float, ...]:
        """Return the divergences in bits; of texts that are shorter than n, that of the longest n there is."""
        assert real.samples is not None
        assert fake.samples is not None
        found = number_ngrams([real.samples, fake.samples], min(_LONGEST, real.samples.shape[1]))
        one, two, three, four = (jensen_shannon(*found[min(n, len(found)) - 1]) for n in range(1, _LONGEST + 1))
        return four, one, two, three


def build(options: object) -> NgramMetric:
    """Build the metric."""
    return NgramMetric()
