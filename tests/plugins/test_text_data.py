"""Texts as samples: what is stored, read and shown, the oracle and its numbers, and one line for each file that cannot be used."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from zoo_text import CASES

import ganbench
from ganbench.cli.main import main
from ganbench_text.datasets import build_text, build_words
from ganbench_text.lstm import LanguageModel
from ganbench_text.options import OracleOptions, TextOptions, WordsOptions
from ganbench_text.oracle import build as build_oracle
from ganbench_text.oracle import nll_per_text, oracle_network
from ganbench_text.reading import UNKNOWN, split_at_random
from ganbench_text.space import TokenSpace, tokens_of

SPACE = TokenSpace(5, ("", "a", "b", "\n"), has_end=True)
TEXTS = torch.tensor([[1, 2, 0, 0, 0], [1, 0, 2, 0, 0], [0, 0, 0, 0, 0], [2, 1, 2, 1, 3]])
LINES = "".join(f"{'ab' * (i % 4 + 1)}{'cd'[i % 2]} {i}\n" for i in range(40))


def write(folder: Path, content: str | bytes, name: str = "some.txt") -> Path:
    """Return a file of this content."""
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def text(path: Path, **options: Any) -> ganbench.Dataset:
    """Return the dataset of a file."""
    return build_text(TextOptions(path=str(path), **options), ganbench.DataContext())


def oracle(**options: Any) -> ganbench.Dataset:
    """Return a small one."""
    return build_oracle(OracleOptions(**{"vocabulary": 30, "length": 6, "num_texts": 400, "hidden": 8, **options}), ganbench.DataContext())


def rows(source: ganbench.Source | None) -> list[str]:
    """Return all texts of a split as they are written."""
    assert source is not None
    return tokens_of(source.space).read(source.read(torch.arange(source.num_samples)))


def test_tokens_are_one_hot_for_networks_and_lines_for_people() -> None:
    """And back; an end within a text is seen, and no symbol breaks a line."""
    seen = SPACE.to_network(SPACE.arrange(TEXTS))
    assert (seen.shape, seen.dtype) == ((4, 5, 4), torch.float32)
    assert torch.equal(SPACE.to_network(TEXTS, torch.tensor([3, 0])), seen[[3, 0]])
    assert torch.equal(SPACE.to_stored(0.1 * torch.rand(seen.shape) + seen), TEXTS)
    assert SPACE.read(TEXTS) == ["ab", "a·b", "", "baba\n"]
    assert SPACE.lengths(TEXTS).tolist() == [2, 3, 0, 5]
    shown = SPACE.picture(TEXTS, columns=2, real=lambda count: TEXTS[:count]).decode()
    assert shown == "real\nab     a·b\n\ngenerated\nab     a·b           baba↵\n"
    numbers = TokenSpace(2, ("0", "1", "2"), separator=" ")
    assert numbers.picture(torch.tensor([[2, 0], [1, 1]]), columns=1, real=lambda n: torch.tensor([[0, 0]])).decode().split("\n") == [
        *("real", "0 0", "", "generated", "2 0", "1 1", "")
    ]
    with pytest.raises(ValueError, match=r"^tokens must be from 0 to 3 \(got 0 to 4\)$"):
        SPACE.check(torch.tensor([[0, 1, 2, 3, 4]]))
    with pytest.raises(ValueError, match=r"^this needs texts \(got nothing\)$"):
        tokens_of(None)


def test_the_oracle_is_seqgans_lstm_and_its_likelihood_is_exact() -> None:
    """333,320 parameters at V 5000, and 21,320 at V 200 (LantaoYu/SeqGAN: embedding 32, hidden 32, one bias a gate); the probabilities of
    all texts sum to 1, and no weight is small."""
    for vocabulary, count in ((5000, 333_320), (200, 21_320)):
        with torch.device("meta"):
            assert sum(p.numel() for p in LanguageModel(vocabulary, 20, 32, 32).parameters()) == count
    network = oracle_network(4, 3, 5, 0)
    assert torch.cat([p.flatten() for p in network.parameters()]).std().item() == pytest.approx(1, abs=0.1)
    every = torch.cartesian_prod(*[torch.arange(4)] * 3)
    assert (-network.nll(every).sum(1)).exp().sum().item() == pytest.approx(1, abs=1e-12)


def test_the_likelihood_is_a_mean_over_all_tokens_in_nats() -> None:
    """Of even tokens it is log V, whatever the length: not a sum, not in bits, and the first token counts."""
    network = LanguageModel(7, 20, 3, 3).requires_grad_(False)
    for parameter in network.parameters():
        parameter.zero_()
    nll = network.nll(torch.randint(7, (5, 20), generator=torch.Generator().manual_seed(0)))
    assert nll.shape == (5, 20)
    assert torch.allclose(nll.mean(1), torch.full((5,), math.log(7)))


def test_the_oracles_entropy_and_hash_are_printed_and_another_seed_is_another_benchmark() -> None:
    """The entropy is what its own texts have; the same seed gives the same texts, and the notes say whose figures are others."""
    first, again, other = oracle(), oracle(), oracle(seed=1)
    one, two = (tokens_of(dataset.space).oracle for dataset in (first, other))
    assert one is not None
    assert two is not None
    assert (first.space, first.train.content_hash) == (again.space, again.train.content_hash)
    assert one.weights_hash != two.weights_hash
    assert first.train.content_hash != other.train.content_hash
    assert (first.train.num_samples, first.test and first.test.num_samples) == (400, 100)
    found = nll_per_text(one, first.train.read(torch.arange(400)))
    assert float(found.mean()) == pytest.approx(one.entropy, abs=4 * float(found.std()) / 20)
    assert 0 < one.entropy_error < float(found.std()) / 20
    assert first.notes[0].startswith(f"oracle {one.weights_hash}: ")
    assert f"its entropy is {one.entropy:.4f} ±{one.entropy_error:.4f} nats a token" in first.notes[0]
    assert "have an oracle of their own, and published figures, the best of a run, are of those" in first.notes[1]


def test_words_are_letters_in_lower_case_each_once_and_split_for_good(tmp_path: Path) -> None:
    """What is no word is left out and counted; all words of the list are valid, held out or not."""
    names = [f"{a}{b}{c}" for a in "abcd" for b in "xy" for c in "mno"]
    path = write(tmp_path, "\ufeff" + "\r\n".join([*names, "Abc", "abc", "don't", "", "toolongaword", "b2"]))
    options = WordsOptions(path=str(path), length=5, test_fraction=0.2)
    dataset, again = (build_words(options, ganbench.DataContext()) for _ in range(2))
    train, test = rows(dataset.train), rows(dataset.test)
    assert sorted([*train, *test]) == sorted({*names, "abc"})
    assert len(test) == 5
    assert tokens_of(dataset.space).lexicon == {*names, "abc"}
    assert tokens_of(dataset.space).symbols[0] == ""
    assert dataset.notes[0].startswith("some.txt: 4 lines are left out: ")
    assert dataset.notes[1] == "20 texts to train on, 5 to test on, each of 5 tokens"
    assert dataset.train.content_hash == again.train.content_hash


def test_lines_and_pieces_of_any_text_by_characters_and_by_words(tmp_path: Path) -> None:
    """Lines are cut or filled up; pieces are whole and the last are held out; what is rare is unknown."""
    path = write(tmp_path, LINES)
    by_lines = text(path, length=6)
    assert by_lines.name == "text:some"
    assert set(map(len, rows(by_lines.train))) == {5, 6}  # "abc 0" is 5, longer ones are cut
    assert [note for note in by_lines.notes if "cut there" in note]
    pieces = text(path, cut="windows", length=10, test_fraction=0.25)
    assert "".join([*rows(pieces.train), *rows(pieces.test)]) == LINES[: len(LINES) // 10 * 10]
    words = text(path, tokens="words", length=2, max_vocabulary=4)
    assert tokens_of(words.space).symbols[-1] == UNKNOWN
    assert {line.split(" ")[1] for line in rows(words.train)} == {UNKNOWN}
    assert "of the tokens are rarer" in words.notes[1]


def test_equal_texts_are_in_one_part() -> None:
    """Else the held-out ones would be learned by heart."""
    split = split_at_random(list("aabbbccdde" * 3), 0.4)
    assert set(split.train).isdisjoint(split.test)
    assert len(split.train) + len(split.test) == 30


BROKEN: list[tuple[str, str | bytes, dict[str, Any], str]] = [
    ("empty", "", {}, "some.txt is empty; give a file with text"),
    ("blank", " \n\n", {}, "some.txt is empty; give a file with text"),
    ("latin-1", "größe\n".encode("latin-1"), {}, "some.txt is not UTF-8 at byte 2; save it as plain text in UTF-8"),
    ("one-letter", "a" * 400, {"cut": "windows", "length": 8}, "some.txt has one token alone ('a'); give a file with two or more"),
    ("one-line", "one line and no more\n", {}, "some.txt has too few texts: 1 to train on and 0 to test on; each split needs two"),
    ("short", "ab" * 30, {"cut": "windows"}, "some.txt is too short: 60 characters are 1 texts of 32; give four texts or more"),
    ("few-words", "one two three", {"cut": "windows", "tokens": "words", "length": 2}, "some.txt is too short: 3 words are 1 texts of 2"),
    ("no-length", LINES, {"length": 1}, "dataset.length must be between 2 and 1000 (got 1)"),
    ("no-cut", LINES, {"cut": "pages"}, "dataset.cut must be "),
]


@pytest.mark.parametrize(("content", "options", "said"), [pytest.param(*one[1:], id=one[0]) for one in BROKEN])
def test_a_text_that_cannot_be_used_is_one_line(
    content: str | bytes, options: dict[str, Any], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the file and what to do; exit code 2, and nothing is made."""
    path, out = write(tmp_path, content), tmp_path / "run"
    flags = [flag for name, value in options.items() for flag in ("-o", f"dataset.{name}={value}")]
    code = main(["run", "--plugin", "language-model", "--dataset", "text", "-o", f"path={path}", *flags, "--out", str(out)])
    error = capsys.readouterr().err
    assert code == 2, error
    assert said in error
    assert len(error.strip().splitlines()) == 1, error
    assert not out.exists()


def test_word_lists_that_cannot_be_used_are_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No list on the system, no word short enough, no file."""
    context = ganbench.DataContext()
    with pytest.raises(ganbench.DataError, match=r"^some.txt has no word of 3 letters or fewer; words are lines of letters alone"):
        build_words(WordsOptions(path=str(write(tmp_path, "house\nx-ray\n")), length=3), context)
    with pytest.raises(ganbench.DataError, match=r"^words: path is not a file \(got .*; give a text file with -o path=FILE$"):
        build_words(WordsOptions(path=str(tmp_path / "nothing")), context)
    monkeypatch.setattr("ganbench_text.datasets.WORD_LISTS", (str(tmp_path / "words"),))
    with pytest.raises(ganbench.DataError, match=r"^words: there is no .*; install Debian's wamerican, or give a list with -o path=FILE$"):
        build_words(WordsOptions(), context)


@pytest.mark.slow
def test_a_metric_of_an_oracle_is_refused_where_there_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And a likelihood where the networks give none; one line each, before anything is trained."""
    path = write(tmp_path, LINES)
    small = [f"--set={name}={value}" for name, value in CASES["language-model"].items() if not name.startswith("dataset")]
    for plugin, metric, settings, said in (
        ("language-model", "nll_oracle20", small, "nll_oracle needs texts of a known oracle; use --dataset oracle, or another metric"),
        ("language-model", "valid_words20", small, "valid_words needs words of a list; use --dataset words, or another metric"),
        (
            "character-gan",
            "nll_gen",
            ["--batch-size", "8", "-o", "width=8"],
            "looks at scores, and character-gan gives none",
        ),
    ):
        command = ["run", "--plugin", plugin, "--dataset", "text", "-o", f"path={path}", "--metric", metric, *settings]
        assert main([*command, "--out", str(tmp_path / "run")]) == 2
        error = capsys.readouterr().err
        assert said in error
        assert len(error.strip().splitlines()) == 1, error
