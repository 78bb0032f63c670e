"""The answers of a split of pairs as a split of their own: what restored images are compared with as a whole.

Shapes: N pairs, n of them, C channels of one image, H, W height and width.
"""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor

from ganbench import ArraySource, Dataset, Source, hash_content
from ganbench_spaces.images import ImageSpace
from ganbench_spaces.pairs import PairedImages


class AnswerSource:
    """The answers of a split that streams.

    Args:
        source: the pairs.
        pairs: their space.
    """

    is_resident = False

    def __init__(self, source: Source, pairs: PairedImages) -> None:
        self._source, self._pairs = source, pairs
        self.labels = source.labels
        self.space: ImageSpace = pairs.answers
        self._content_hash = ""

    @property
    def num_samples(self) -> int:
        """N."""
        return self._source.num_samples

    @property
    def content_hash(self) -> str:
        """sha256 over size, pixels and labels; reads all of them, once."""
        if not self._content_hash:
            self._content_hash = hash_content(self)
        return self._content_hash

    def read(self, indices: Tensor) -> Tensor:
        """Return images ``[n, C, H, W]`` uint8."""
        return self._pairs.split(self._source.read(indices))[1].contiguous()


def answers_of(dataset: Dataset, pairs: PairedImages) -> Dataset:
    """Return the dataset of all answers: in memory where the pairs are, streaming where they stream."""

    def part(source: Source) -> Source:
        answers = AnswerSource(source, pairs)
        if not isinstance(source, ArraySource):
            return answers
        return ArraySource(answers.read(torch.arange(source.num_samples)), source.labels, space=answers.space)

    return dataclasses.replace(dataset, train=part(dataset.train), test=None if dataset.test is None else part(dataset.test))
