"""Texts: stored as tokens of a vocabulary, one-hot as networks see them, and lines of text for people.

Shapes: N texts stored or on the device, n of a batch, T tokens of a text, V tokens in the vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor

from ganbench import Space

_SHOWN = {"\n": "↵", "\t": "⇥", "": "·"}
"""What stands for a symbol that would break a line, or that has no form: the end inside a text."""
_WIDTH = 100
"""Characters of a line of a picture in which several texts stand beside each other."""


@dataclass(frozen=True, slots=True)
class Oracle:
    """What a known source of texts is made of, and how much it says; :mod:`ganbench_text.oracle` makes the network from it."""

    vocabulary: int
    """V."""
    length: int
    """T."""
    hidden: int
    seed: int
    weights_hash: str
    """sha256 over the weights; the first 16 digits."""
    entropy: float
    """Nats for each token, estimated from all texts that were drawn."""
    entropy_error: float
    """Standard error of the estimate."""


@dataclass(frozen=True, slots=True)
class TokenSpace(Space):
    """Texts ``[T]`` int64 as they are stored, ``[T, V]`` float32 with 1 at the token as networks see them."""

    length: int
    """T."""
    symbols: tuple[str, ...]
    """How each token is written, ``[V]``."""
    separator: str = ""
    """What stands between two tokens."""
    has_end: bool = False
    """Whether token 0 is the end symbol, which is written as nothing and fills up what is shorter than T."""
    oracle: Oracle | None = None
    """The source of the texts, where it is known."""
    lexicon: frozenset[str] = field(default=frozenset(), repr=False)
    """All words that count as valid, those that are held out too; empty where the texts are no words."""

    name: ClassVar[str] = "tokens"
    unit: ClassVar[str] = "texts"
    stored_dtype: ClassVar[torch.dtype] = torch.int64
    quantiser: ClassVar[str] = "likeliest-token"
    picture_suffix: ClassVar[str] = ".txt"

    @property
    def size(self) -> tuple[int, int]:
        """(T, V)."""
        return (self.length, len(self.symbols))

    @property
    def stored_size(self) -> tuple[int]:
        """(T,)."""
        return (self.length,)

    def check(self, stored: Tensor) -> None:
        """Refuse what are no texts of this vocabulary."""
        super(TokenSpace, self).check(stored)
        low, high = int(stored.min()), int(stored.max())
        if low < 0 or high >= len(self.symbols):
            raise ValueError(f"tokens must be from 0 to {len(self.symbols) - 1} (got {low} to {high})")

    def to_network(
        self, arranged: Tensor, indices: Tensor | None = None, mirrored: Tensor | None = None, *, channels_last: bool = False
    ) -> Tensor:
        """Return ``[n, T, V]`` float32, 1 at the token."""
        return one_hot(arranged if indices is None else arranged.index_select(0, indices), len(self.symbols))

    def quantise(self, samples: Tensor) -> Tensor:
        """Return the likeliest tokens: what is measured is hard, also where a network trains on soft ones."""
        return samples.argmax(-1)

    def lengths(self, tokens: Tensor) -> Tensor:
        """Return how many tokens of each text ``[N, T]`` stand before the ends that fill it up, ``[N]`` int64."""
        if not self.has_end:
            return torch.full((len(tokens),), self.length, dtype=torch.int64)
        return ((tokens != 0) * torch.arange(1, self.length + 1)).amax(1)

    def read(self, tokens: Tensor) -> list[str]:
        """Return texts ``[N, T]`` as they are written; an end that is no filling stays, as a text of its own."""
        rows = zip(tokens.tolist(), self.lengths(tokens).tolist(), strict=True)
        return [self.separator.join(_SHOWN[""] if not self.symbols[t] else self.symbols[t] for t in row[:end]) for row, end in rows]

    def picture(self, samples: Tensor, *, columns: int, real: Callable[[int], Tensor]) -> bytes:
        """Return lines of text, as many real ones first as a row of a picture has."""
        lines = ["real", *self._lines(real(columns)), "", "generated", *self._lines(samples)]
        return "".join(f"{line}\n" for line in lines).encode("utf-8", "replace")

    def files(self, samples: Tensor) -> Iterator[tuple[str, bytes]]:
        """Yield one file with a line for each text, in which a symbol stands for whatever would break it."""
        lines = ("".join(_printable(character) for character in text) for text in self.read(samples))
        yield "samples.txt", "".join(f"{line}\n" for line in lines).encode("utf-8", "replace")

    def _lines(self, tokens: Tensor) -> list[str]:
        """Return texts as lines, short ones in columns."""
        texts = ["".join(_printable(character) for character in text) for text in self.read(tokens)]
        across = max(_WIDTH // (self.length + 2), 1) if not self.separator else 1
        return ["  ".join(text.ljust(self.length) for text in texts[i : i + across]).rstrip() for i in range(0, len(texts), across)]


def _printable(character: str) -> str:
    return _SHOWN.get(character, character if character.isprintable() else "�")


def one_hot(tokens: Tensor, vocabulary: int) -> Tensor:
    """Return ``[..., V]`` float32 with 1 at each token."""
    return torch.zeros(*tokens.shape, vocabulary, device=tokens.device).scatter_(-1, tokens[..., None], 1.0)


def tokens_of(space: Space | None) -> TokenSpace:
    """Return a space that must be one of texts.

    Raises:
        ValueError: it is another.
    """
    if not isinstance(space, TokenSpace):
        raise ValueError(f"this needs texts (got {'nothing' if space is None else space.unit})")
    return space
