"""Text files as lists of tokens; one line for each file that cannot be used.

A vocabulary is the end symbol (where texts are filled up), then the tokens of the train split by how often they occur, those of equal
counts in their own order. What is rarer than it holds, and what only held-out texts have, is one symbol for all that is unknown.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ganbench import ArraySource, DataError, Dataset, read_file
from ganbench_text.space import TokenSpace

UNKNOWN = "�"
_SEED = 0
_Text = Sequence[str]
"""Tokens; a string is a text of its characters."""


def read_text(path: Path, dataset: str) -> str:
    """Return a file's text, without a byte order mark, lines ended by a line feed.

    Args:
        path: of the file.
        dataset: for messages.

    Raises:
        DataError: it cannot be read, is not UTF-8, or holds nothing.
    """
    if not os.path.isfile(path):
        raise DataError(f"{dataset}: path is not a file (got {str(path)!r})", hint="give a text file with -o path=FILE")
    try:
        text = read_file(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path.name} is not UTF-8 at byte {error.start}", hint="save it as plain text in UTF-8") from None
    except OSError as error:
        raise DataError(f"{path.name} cannot be read ({error.strerror})") from None
    if not text.strip():
        raise DataError(f"{path.name} is empty", hint="give a file with text")
    return text.replace("\r\n", "\n").replace("\r", "\n")


@dataclass(frozen=True, slots=True)
class Split:
    """Texts to train on, and held-out ones."""

    train: list[_Text]
    test: list[_Text]


def split_at_random(texts: Iterable[_Text], test_fraction: float) -> Split:
    """Return texts in two parts, chosen by a fixed seed; equal texts are in one part."""
    groups: dict[str | tuple[str, ...], list[_Text]] = {}
    for text in texts:
        groups.setdefault(text if isinstance(text, str) else tuple(text), []).append(text)
    ordered = list(groups.values())
    order = np.random.RandomState(_SEED).permutation(len(ordered)).tolist()
    held_out = set(order[: round(len(ordered) * test_fraction)])
    parts: tuple[list[_Text], list[_Text]] = ([], [])
    for place, group in enumerate(ordered):
        parts[place in held_out].extend(group)
    return Split(*parts)


def make_dataset(
    name: str, title: str, split: Split, *, length: int, max_vocabulary: int, separator: str = "", filled: bool, words: bool = False
) -> Dataset:
    """Return texts as a dataset.

    Args:
        name: of the dataset.
        title: of the file, for messages.
        split: both parts; longer texts are cut.
        length: T.
        max_vocabulary: tokens that are told apart at most.
        separator: what stands between two tokens.
        filled: whether texts may be shorter than T, and are filled up.
        words: whether the texts are words, and those of the file the valid ones.

    Raises:
        DataError: a split of fewer than two texts, or texts of one token alone.
    """
    if min(len(split.train), len(split.test)) < 2:
        what = f"{title} has too few texts: {len(split.train)} to train on and {len(split.test)} to test on"
        raise DataError(what, hint="each split needs two; give a longer file, a smaller length or another test_fraction")
    counts = Counter(token for text in split.train for token in text[:length])
    if len(counts) < 2:
        raise DataError(f"{title} has one token alone ({next(iter(counts), '')!r})", hint="give a file with two or more different ones")
    kept = sorted(counts, key=lambda token: (-counts[token], token))[:max_vocabulary]
    unknown = len(counts) > len(kept) or not counts.keys() >= {token for text in split.test for token in text[:length]}
    symbols = (*([""] if filled else []), *kept, *([UNKNOWN] if unknown and UNKNOWN not in kept else []))
    places = {symbol: place for place, symbol in enumerate(symbols)}
    lexicon = frozenset("".join(text) for side in (split.train, split.test) for text in side) if words else frozenset[str]()
    space = TokenSpace(length, symbols, separator=separator, has_end=filled, lexicon=lexicon)
    train, test = (ArraySource(_encode(side, places, length), space=space) for side in (split.train, split.test))
    share = 1 - sum(counts[token] for token in kept) / sum(counts.values())
    rarer = f"; {share:.2%} of the tokens are rarer and {UNKNOWN}" if len(counts) > len(kept) else ""
    cut = sum(len(text) > length for side in (split.train, split.test) for text in side)
    notes = [
        f"{train.num_samples} texts to train on, {test.num_samples} to test on, each of {length} tokens",
        f"{len(symbols)} tokens in the vocabulary{', with the end symbol' if filled else ''}{rarer}",
        *([f"{cut} texts are longer than {length} tokens and cut there"] if cut else []),
    ]
    return Dataset(name=name, train=train, test=test, notes=tuple(notes))


def _encode(texts: Sequence[_Text], places: dict[str, int], length: int) -> Tensor:
    """Return tokens ``[N, T]`` int64, filled up with 0."""
    tokens = np.zeros((len(texts), length), np.int64)
    unknown = places.get(UNKNOWN, 0)
    for row, text in zip(tokens, texts, strict=True):
        shown = [places.get(token, unknown) for token in text[:length]]
        row[: len(shown)] = shown
    return torch.from_numpy(tokens)
