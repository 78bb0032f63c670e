"""The file of intended changes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ganbench.errors import UsageError
from ganbench_gate.accept import Accept, read_accepts

ENTRY = {"metric": "samples_per_second", "cell": "dcgan digits", "commit": "0123456789ab", "reason": "larger batches"}
TOML = "[[accept]]\n" + "".join(f"{name} = {json.dumps(value)}\n" for name, value in ENTRY.items())


@pytest.mark.parametrize(("name", "text"), [("a.toml", TOML), ("a.json", json.dumps({"accept": [ENTRY]}))])
def test_toml_and_json_hold_the_same(tmp_path: Path, name: str, text: str) -> None:
    """The file's name says which it is."""
    (tmp_path / name).write_text(text)
    assert read_accepts(tmp_path / name) == (Accept(**ENTRY),)


def test_an_empty_file_accepts_nothing(tmp_path: Path) -> None:
    """Before the first change is reviewed."""
    (tmp_path / "a.toml").touch()
    assert read_accepts(tmp_path / "a.toml") == ()


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.toml", "[[accept]", "is not valid TOML"),
        ("a.toml", b"\xff", "is not valid TOML"),
        ("a.json", "{", "is not valid JSON"),
        ("a.json", "[]", "must be an object"),
        ("a.toml", "accept = 1", "accept must be a list of entries"),
        ("a.toml", "[[accepted]]", "unknown field 'accepted'"),
        ("a.toml", "accept = [1]", "entry 1 of .*must have the fields metric, cell, commit, reason"),
        ("a.toml", TOML.replace('"larger batches"', '" "'), "entry 1 of .*: reason must be a text that is not empty"),
        ("a.toml", TOML.replace('"samples_per_second"', "3"), "metric must be a text"),
        ("a.toml", TOML.replace("reason", "why"), "reason must be a text"),
        ("a.toml", TOML + "who = 'me'\n", "unknown field 'who'"),
        ("a.toml", TOML.replace("0123456789ab", "0123"), "commit must have 7 digits or more"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, name: str, text: str | bytes, words: str) -> None:
    """An entry that is not understood must not be passed over: it would fail a build, or let one pass."""
    (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UsageError, match=words):
        read_accepts(tmp_path / name)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    """It was asked for by name."""
    with pytest.raises(UsageError, match=r"cannot read .*a\.toml: No such file"):
        read_accepts(tmp_path / "a.toml")


@pytest.mark.parametrize(
    ("written", "known", "covered"),
    [
        ("0123456", "0123456789ab", True),
        ("0123456789abcdef0123", "0123456789ab", True),
        ("0123456", "0123456789ab+dirty", True),
        ("0123457", "0123456789ab", False),
        ("unknown", "unknown", False),
    ],
)
def test_commits_agree_as_far_as_both_are_written(written: str, known: str, covered: bool) -> None:
    """Seven digits or forty mean the same commit."""
    entry = Accept(**{**ENTRY, "commit": written})
    assert entry.covers("samples_per_second", ("dcgan digits",), [known], ()) is covered
