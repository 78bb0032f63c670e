"""BLEU of generated texts against held-out ones, and of generated texts against each other (Zhu et al. 2018, Texygen,
https://arxiv.org/abs/1802.01886): the first is quality, the second how alike they are.

Each text is one sentence with all others as its references, and the mean of the sentences is taken. An order without a match counts 0.1
matches (``floor`` of sacrebleu, method 1 of NLTK, which Texygen uses), and a text of fewer tokens than an order has only the orders that it
has. The values are those of ``sacrebleu.metrics.BLEU(smooth_method="floor", smooth_value=0.1, effective_order=True)``, divided by 100. They
are computed here because there each sentence would count all references anew, which takes the square of their number.

Shapes: N texts, M references, T tokens of a text, K different n-grams.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ganbench import Needs, SampleSet
from ganbench_text.ngrams import number_ngrams
from ganbench_text.space import TokenSpace, tokens_of

ORDERS = (4, 2, 3, 5)
"""The first is what is ranked."""
_FLOOR = 0.1


def sentence_bleu(space: TokenSpace, texts: Tensor, references: Tensor | None = None) -> tuple[float, ...]:
    """Return the mean BLEU of texts for each of :data:`ORDERS`, from 0 to 1.

    Args:
        space: of both.
        texts: ``[N, T]``, two or more where there are no references.
        references: ``[M, T]``; None for all texts but the one itself.
    """
    sides = [texts] if references is None else [texts, references]
    lengths = [space.lengths(side) for side in sides]
    matches, totals = [], []
    for n, numbers in enumerate(number_ngrams(sides, min(max(ORDERS), space.length)), start=1):
        counts = [_counts(side, length, n) for side, length in zip(numbers, lengths, strict=True)]
        matches.append(_clipped(counts[0], counts[-1], len(texts), without_itself=references is None))
        totals.append((lengths[0] - n + 1).clamp_min(0).double())
    penalty = _brevity_penalty(lengths[0], lengths[-1], without_itself=references is None)
    return tuple(float((penalty * _geometric_mean(matches[:order], totals[:order])).mean()) for order in ORDERS)


@dataclass(frozen=True, slots=True)
class _Counts:
    """How often each text has each of its n-grams, C of them."""

    text: Tensor
    """``[C]`` int64."""
    ngram: Tensor
    """``[C]`` int64, below K."""
    count: Tensor
    """``[C]`` int64."""
    num_ngrams: int
    """K."""


def _counts(numbers: Tensor, lengths: Tensor, n: int) -> _Counts:
    """Count the n-grams ``[N, T - n + 1]`` that lie within each text's length."""
    size = int(numbers.max()) + 1
    inside = torch.arange(numbers.shape[1]) < (lengths - n + 1)[:, None]
    keys = (torch.arange(len(numbers))[:, None] * size + numbers)[inside]
    found, count = torch.unique(keys, return_counts=True)
    return _Counts(found // size, found % size, count, size)


def _clipped(ours: _Counts, theirs: _Counts, num_texts: int, *, without_itself: bool) -> Tensor:
    """Return how many n-grams of each text match, each at most as often as the reference that has it most often, ``[N]`` float64."""
    size = max(ours.num_ngrams, theirs.num_ngrams)
    most = torch.zeros(size, dtype=torch.int64).scatter_reduce(0, theirs.ngram, theirs.count, "amax")
    limit = most[ours.ngram]
    if without_itself:  # where a text alone has an n-gram most often, the limit is the second most often
        is_most = theirs.count == most[theirs.ngram]
        holders = torch.zeros(size, dtype=torch.int64).index_add(0, theirs.ngram[is_most], torch.ones_like(theirs.ngram[is_most]))
        second = torch.zeros(size, dtype=torch.int64).scatter_reduce(0, theirs.ngram[~is_most], theirs.count[~is_most], "amax")
        alone = (ours.count == limit) & (holders[ours.ngram] == 1)
        limit = torch.where(alone, second[ours.ngram], limit)
    clipped = torch.minimum(ours.count, limit).double()
    return torch.zeros(num_texts, dtype=torch.float64).index_add(0, ours.text, clipped)


def _brevity_penalty(lengths: Tensor, references: Tensor, *, without_itself: bool) -> Tensor:
    """Return exp(1 - r / l) where the reference that is nearest in length, the shorter of two, is longer: ``[N]`` float64."""
    sizes = torch.bincount(references)
    penalty = torch.ones(len(lengths), dtype=torch.float64)
    for length in torch.unique(lengths).tolist():
        there = sizes.clone()
        if without_itself:
            there[length] -= 1
        known = there.nonzero()[:, 0]
        nearest = int(known[(known - length).abs().argmin()])  # of equals the first, which is the shorter
        if nearest > length:
            penalty[lengths == length] = 0.0 if length == 0 else float(torch.tensor(1 - nearest / length, dtype=torch.float64).exp())
    return penalty


def _geometric_mean(matches: list[Tensor], totals: list[Tensor]) -> Tensor:
    """Return the mean of the precisions of the orders that a text has, 0 where no token matches: ``[N]`` float64."""
    logarithms, orders = torch.zeros_like(totals[0]), torch.zeros_like(totals[0])
    for match, total in zip(matches, totals, strict=True):
        precision = torch.where(match > 0, match, _FLOOR) / total.clamp_min(1)
        logarithms += torch.where(total > 0, precision.log(), 0.0)
        orders += total > 0
    return torch.where(matches[0] > 0, (logarithms / orders.clamp_min(1)).exp(), 0.0)


@dataclass(frozen=True, slots=True)
class BLEUMetric:
    """Against held-out texts, or against each other."""

    needs: Needs
    implementation: str = "sentence-bleu-1"
    least_samples: int = 2

    def parameters(self) -> dict[str, str | int | float]:
        """Return the smoothing."""
        return {"floor": _FLOOR}

    def compute(self, real: SampleSet, fake: SampleSet) -> tuple[float, ...]:
        """Return the mean BLEU-4, 2, 3 and 5 of generated texts, each from 0 to 1."""
        assert fake.samples is not None
        return sentence_bleu(tokens_of(real.space), fake.samples, real.samples if self.needs.reference else None)


def build(options: object) -> BLEUMetric:
    """Build the metric of quality."""
    return BLEUMetric(Needs(statistics=False, samples=True, held_out="reference", repeats=True))


def build_self(options: object) -> BLEUMetric:
    """Build the metric of likeness."""
    return BLEUMetric(Needs(statistics=False, samples=True, reference=False))
