"""The file of intended changes."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from ganbench.errors import UsageError
from ganbench_gate.accept import Accept, read_accepts

ENTRY = {"metric": "samples_per_second", "cell": "dcgan digits", "from": 1000.0, "to": 800, "reason": "larger batches"}
ACCEPT = Accept(metric="samples_per_second", cell="dcgan digits", before=1000.0, after=800, reason="larger batches")
TOML = "[[accept]]\n" + "".join(f"{name} = {json.dumps(value)}\n" for name, value in ENTRY.items())


@pytest.mark.parametrize(("name", "text"), [("a.toml", TOML), ("a.json", json.dumps({"accept": [ENTRY]}))])
def test_toml_and_json_hold_the_same(tmp_path: Path, name: str, text: str) -> None:
    """The file's name says which it is."""
    (tmp_path / name).write_text(text)
    assert read_accepts(tmp_path / name) == (ACCEPT,)


def test_an_empty_file_accepts_nothing(tmp_path: Path) -> None:
    """Before the first change is reviewed."""
    (tmp_path / "a.toml").touch()
    assert read_accepts(tmp_path / "a.toml") == ()


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.toml", "[[accept]", "is not valid TOML"),
        ("a.toml", b"\xff", "is not valid TOML"),
        ("a.toml", ".".join("a" * 20_000) + " = 1", "is not valid TOML: it is nested too deeply"),
        ("a.toml", "a = " + "[" * 10_000, "is not valid TOML: it is nested too deeply"),
        ("a.json", "{", "is not valid JSON"),
        ("a.json", "[]", "must be an object"),
        ("a.toml", "accept = 1", "accept must be a list of entries"),
        ("a.toml", "[[accepted]]", "unknown field 'accepted'"),
        ("a.toml", "accept = [1]", "entry 1 of .*must have the fields metric, cell, from, to, reason"),
        ("a.toml", TOML.replace('"larger batches"', '" "'), "entry 1 of .*: reason must be a text that is not empty"),
        ("a.toml", TOML.replace('"samples_per_second"', "3"), "metric must be a text"),
        ("a.toml", TOML.replace("reason", "why"), "unknown field 'why'"),
        ("a.toml", TOML.replace("to = 800\n", ""), "to must be a number or a text"),
        ("a.toml", TOML + "also = 'op_count'\n", "also must be a list of names"),
        ("a.toml", TOML + "where = ''\n", "where must be a text that is not empty"),
        ("a.toml", TOML + "who = 'me'\n", "unknown field 'who'"),
        ("a.toml", TOML + "commit = '0123456789ab'\n", "unknown field 'commit'"),
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
    ("before", "after", "tolerance", "is_it"),
    [
        (1000, 800, 0.0, True),
        (1000, 801, 0.0, False),
        (1020.0, 790.0, 0.05, True),
        (1020.0, 700.0, 0.05, False),
        (800, 1000, 0.05, False),
        ("1000", "800", 0.0, False),
        (None, 800, 0.0, False),
    ],
)
def test_a_change_is_known_by_both_values(before: object, after: object, tolerance: float, is_it: bool) -> None:
    """Exact counts to the last digit, and what has noise as far as its threshold; the way back is another change."""
    assert ACCEPT.is_change(before, after, tolerance=tolerance) is is_it


def test_what_a_side_does_not_have_is_written_as_none() -> None:
    """A setting that is new has no value before."""
    new = dataclasses.replace(ACCEPT, before="none", after=True)
    assert new.is_change(None, True)
    assert not new.is_change(None, 1)
    assert not new.is_change(False, True)
