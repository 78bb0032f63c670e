"""Bracket expressions of twelve tokens, and the space of texts.

Shapes: N texts, n of a batch, T tokens of a text, V tokens in the vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ganbench import ArraySource, DataContext, Dataset, Space

COUNT, LENGTH, VOCABULARY = 512, 12, "()x"


@dataclass(frozen=True, slots=True)
class TextSpace(Space):
    """Texts: int64 tokens ``[T]`` as they are stored, one-hot ``[T, V]`` float32 as networks see them."""

    length: int
    vocabulary: str

    name: ClassVar[str] = "texts"
    unit: ClassVar[str] = "texts"
    stored_dtype: ClassVar[torch.dtype] = torch.int64
    quantiser: ClassVar[str] = "argmax"
    picture_suffix: ClassVar[str] = ".txt"

    @property
    def size(self) -> tuple[int, ...]:
        """(T, V)."""
        return (self.length, len(self.vocabulary))

    @property
    def stored_size(self) -> tuple[int, ...]:
        """(T,)."""
        return (self.length,)

    def to_network(
        self, arranged: Tensor, indices: Tensor | None = None, mirrored: Tensor | None = None, *, channels_last: bool = False
    ) -> Tensor:
        """Return ``[n, T, V]`` float32, 1 at the token."""
        tokens = arranged if indices is None else arranged.index_select(0, indices)
        return (tokens[..., None] == torch.arange(len(self.vocabulary), device=tokens.device)).float()

    def quantise(self, samples: Tensor) -> Tensor:
        """Return the likeliest tokens."""
        return samples.argmax(-1)

    def picture(self, samples: Tensor, *, columns: int, real: Callable[[int], Tensor]) -> bytes:
        """Return rows of texts, some real ones first."""
        rows = ["real", *self.rows(real(columns), columns), "", "generated", *self.rows(samples, columns)]
        return "".join(f"{row}\n" for row in rows).encode()

    def rows(self, tokens: Tensor, columns: int) -> list[str]:
        """Return stored texts as people read them, ``columns`` in a row."""
        texts = ["".join(self.vocabulary[token] for token in text) for text in tokens.tolist()]
        return ["  ".join(texts[i : i + columns]) for i in range(0, len(texts), columns)]


def depths(tokens: Tensor) -> Tensor:
    """Return how many brackets are open after each token, ``[N, T]``."""
    return ((tokens == 0).long() - (tokens == 1).long()).cumsum(1)


def is_balanced(tokens: Tensor) -> Tensor:
    """Return whether each text closes what it opens, ``[N]`` bool."""
    depth = depths(tokens)
    return (depth >= 0).all(1) & (depth[:, -1] == 0)


def build(options: object, context: DataContext) -> Dataset:
    """Return balanced texts, drawn evenly from all."""
    random = torch.Generator().manual_seed(0)
    texts = torch.randint(len(VOCABULARY), (40 * COUNT, LENGTH), generator=random)  # one in 28 is balanced
    return Dataset(name="brackets", train=ArraySource(texts[is_balanced(texts)][:COUNT], space=TextSpace(LENGTH, VOCABULARY)))
