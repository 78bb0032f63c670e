"""Texts of files: a list of words, letter by letter, and any text file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ganbench import DataContext, DataError, Dataset
from ganbench_text.options import TextOptions, WordsOptions
from ganbench_text.reading import Split, make_dataset, read_text, split_at_random

WORD_LISTS = ("/usr/share/dict/words", "/usr/share/dict/american-english")
"""Where Debian's lists are; the first is a link to the one that the system's owner chose."""
_MOST_LETTERS = 100
"""Different letters of a list of words that are told apart."""


def build_words(options: WordsOptions, context: DataContext) -> Dataset:
    """Return the words of a list that consist of letters, in lower case, each once.

    Raises:
        DataError: there is no list, or it cannot be used.
    """
    path = _word_list(options.path)
    lines = [line.strip() for line in read_text(path, "words").split("\n")]
    words = dict.fromkeys(word.lower() for word in lines if word.isalpha() and len(word.lower()) <= options.length)
    if not words:
        what = f"{path.name} has no word of {options.length} letters or fewer"
        raise DataError(what, hint="words are lines of letters alone; give a larger length, or another file with -o path=FILE")
    split = split_at_random(words, options.test_fraction)
    dataset = make_dataset("words", path.name, split, length=options.length, max_vocabulary=_MOST_LETTERS, filled=True, words=True)
    left_out = sum(bool(line) for line in lines) - len(words)
    note = f"{path.name}: {left_out} lines are left out: longer ones, repeated ones, and those with something else than letters"
    return replace(dataset, notes=(note, *dataset.notes))


def _word_list(path: str) -> Path:
    """Return the file of words.

    Raises:
        DataError: none is given, and the system has none.
    """
    if path:
        return Path(os.path.expanduser(path))
    found = next((Path(one) for one in WORD_LISTS if os.path.isfile(one)), None)
    if found is None:
        raise DataError(f"words: there is no {WORD_LISTS[0]}", hint="install Debian's wamerican, or give a list with -o path=FILE")
    return found


def build_text(options: TextOptions, context: DataContext) -> Dataset:
    """Return the lines, or the pieces, of a file.

    Raises:
        DataError: it cannot be used.
    """
    path = Path(os.path.expanduser(options.path))
    text, by_words = read_text(path, "text"), options.tokens == "words"
    if options.cut == "windows":
        tokens: Sequence[str] = text.split() if by_words else text
        count = len(tokens) // options.length
        pieces: list[Sequence[str]] = [tokens[i * options.length : (i + 1) * options.length] for i in range(count)]
        if count < 4:
            what = f"{path.name} is too short: {len(tokens)} {options.tokens} are {count} texts of {options.length}"
            raise DataError(what, hint="give four texts or more: a longer file, or a smaller length")
        first = count - max(round(count * options.test_fraction), 1)
        split = Split(pieces[:first], pieces[first:])
    else:
        lines = [line.rstrip() for line in text.split("\n") if line.strip()]
        split = split_at_random((line.split() if by_words else line for line in lines), options.test_fraction)
    return make_dataset(
        f"text:{path.stem}",
        path.name,
        split,
        length=options.length,
        max_vocabulary=options.max_vocabulary,
        separator=" " if by_words else "",
        filled=options.cut == "lines",
    )
