"""Whether generated texts are words, and whether they are new.

Neither has a published definition that is followed to the letter. Shares are of generated texts, each counted as often as it was made:
``valid_words`` are in the word list, train split or held out; ``new_words`` are in it and not in the train split, which only a generator
that has learned how words are built can make; ``novelty`` is the share that is not in the train split, ``distinct`` the number of
different texts for each text. Noise is all new, and one word again and again is all valid: read them together.

Shapes: N texts, T tokens of a text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ganbench import Needs, SampleSet, UnsuitableError
from ganbench_text.space import tokens_of


def are_among(tokens: Tensor, others: Tensor) -> list[bool]:
    """Return whether each of texts ``[N, T]`` is one of others ``[M, T]``."""
    known = set(map(tuple, others.tolist()))
    return [tuple(text) in known for text in tokens.tolist()]


@dataclass(frozen=True, slots=True)
class ValidWordsMetric:
    """The share of valid words (ranked), and of those that the train split does not have."""

    implementation: str = "valid-words-1"
    needs: ClassVar[Needs] = Needs(statistics=False, samples=True, held_out="control", repeats=True)
    least_samples: int = 1

    def parameters(self) -> dict[str, str | int | float]:
        """Return nothing: there is nothing to choose."""
        return {}

    def compute(self, real: SampleSet, fake: SampleSet) -> tuple[float, ...]:
        """Return (valid, valid and new), each from 0 to 1.

        Raises:
            UnsuitableError: the texts are no words of a list.
        """
        space = tokens_of(real.space)
        assert real.samples is not None
        assert fake.samples is not None
        if not space.lexicon:
            raise UnsuitableError("valid_words needs words of a list", hint="use --dataset words, or another metric")
        valid = [word in space.lexicon for word in space.read(fake.samples)]
        new = [word and not old for word, old in zip(valid, are_among(fake.samples, real.samples), strict=True)]
        return sum(valid) / len(valid), sum(new) / len(new)


@dataclass(frozen=True, slots=True)
class NoveltyMetric:
    """The share of texts that the train split does not have (ranked), and of different ones."""

    implementation: str = "novelty-1"
    needs: ClassVar[Needs] = Needs(statistics=False, samples=True, held_out="control")
    least_samples: int = 1

    def parameters(self) -> dict[str, str | int | float]:
        """Return nothing: there is nothing to choose."""
        return {}

    def compute(self, real: SampleSet, fake: SampleSet) -> tuple[float, ...]:
        """Return (new, distinct), each from 0 to 1."""
        assert real.samples is not None
        assert fake.samples is not None
        old = are_among(fake.samples, real.samples)
        return 1 - sum(old) / len(old), len(torch.unique(fake.samples, dim=0)) / len(fake.samples)


def build_valid(options: object) -> ValidWordsMetric:
    """Build the metric of words."""
    return ValidWordsMetric()


def build_novelty(options: object) -> NoveltyMetric:
    """Build the metric of new texts."""
    return NoveltyMetric()
