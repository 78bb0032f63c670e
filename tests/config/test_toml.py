"""Configuration files: reading, writing, and what is wrong with a file."""

from __future__ import annotations

import importlib
import os
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganbench.config.toml import dump_settings, read_settings
from ganbench.errors import ConfigError


def test_tables_become_paths(tmp_path: Path) -> None:
    """Nested tables and dotted keys alike."""
    path = tmp_path / "a.toml"
    path.write_text('name = "dcgan"\n[training]\nseed = 3\n[loss.options]\nr1_gamma = 0.5\n[evaluation]\nmetrics = ["fd5k_digits"]\n')
    assert read_settings(path) == {
        "name": "dcgan",
        "training.seed": 3,
        "loss.options.r1_gamma": 0.5,
        "evaluation.metrics": ["fd5k_digits"],
    }


def test_what_is_written_reads_back(tmp_path: Path) -> None:
    """Every type; awkward text; None as the word none; the comment is no setting."""
    settings = {
        "name": 'a "quoted" näme\n\\',
        "training.seed": 2**62,
        "training.x": 1e-8,
        "a.b.c": True,
        "a.b.d": ("x", "y"),
        "a.none": None,
    }
    path = tmp_path / "a.toml"
    path.write_text(dump_settings(settings, "first line\nsecond line"), encoding="utf-8")
    assert read_settings(path) == {**settings, "a.b.d": ["x", "y"], "a.none": "none"}


TEXT = st.text(st.characters(exclude_categories=["Cs"]))
SCALARS = st.one_of(st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(), TEXT)
KEYS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="."))


@pytest.mark.slow
@given(
    top=st.dictionaries(KEYS.map("top-{}".format), SCALARS, max_size=3),
    tables=st.dictionaries(
        KEYS.filter(lambda k: not k.startswith("top-")),
        st.dictionaries(KEYS.map("key-{}".format), SCALARS | st.lists(SCALARS, max_size=3), max_size=3),
        max_size=3,
    ),
    options=st.dictionaries(KEYS, SCALARS, max_size=3),
)
def test_any_value_under_any_name_reads_back(
    top: dict[str, object], tables: dict[str, dict[str, object]], options: dict[str, object]
) -> None:
    """Control characters, quotes and every number, by their bits; in tables, in tables of tables, and outside of them in any order."""
    settings = {f"{table}.{key}": value for table, own in tables.items() for key, value in own.items()}
    settings |= {f"{table}.options.{key}": value for table in tables for key, value in options.items()}
    settings |= top
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.toml"
        path.write_bytes(dump_settings(settings, "a comment").encode())
        assert {k: repr(v) for k, v in read_settings(path).items()} == {k: repr(v) for k, v in settings.items()}


def test_a_value_that_toml_does_not_have_is_refused() -> None:
    """By its type, before anything is written."""
    with pytest.raises(TypeError, match=r"a setting must be bool, .* \(got complex\)"):
        dump_settings({"a": 1j})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such configuration file"),
        (b"[training\nseed", "is not valid TOML"),
        (b"\xff\xfe", "not text in UTF-8"),
        (b"a = 1\na = 2", "is not valid TOML"),
        (b"a = " + b"[" * 50_000, "is nested too deeply"),
        (b".".join([b"a"] * 4_000) + b" = 1", "is nested too deeply"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_line(content: bytes | None, message: str, tmp_path: Path) -> None:
    """Named, with what is wrong."""
    path = tmp_path / "bad.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=message) as caught:
        read_settings(path)
    assert "bad.toml" in str(caught.value)


def test_a_folder_is_no_configuration_file(tmp_path: Path) -> None:
    """The run directory instead of its config.toml."""
    with pytest.raises(ConfigError, match="cannot read"):
        read_settings(tmp_path)


def test_what_is_nested_deeper_than_anybody_writes_is_refused(tmp_path: Path) -> None:
    """In lists, and in tables inside a list; a reader that calls itself for each level would end in an error of Python."""
    for text in (f"x = {'[' * 60}{']' * 60}", f"[[include]]\n{'a.' * 900}b = 1"):
        path = tmp_path / "deep.toml"
        path.write_text(text)
        with pytest.raises(ConfigError, match="it is nested too deeply"):
            read_settings(path)


@pytest.mark.parametrize("text", ["{} = 1", "x = {{{} = 1}}", "[{}]"])
def test_a_key_of_tens_of_thousands_of_parts_is_not_parsed(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The standard library's parser would take seconds and a gigabyte and a half for it."""
    parser = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    monkeypatch.setattr(parser, "loads", lambda _: pytest.fail("it was parsed"))
    path = tmp_path / "long.toml"
    path.write_text(text.format(".".join(["a"] * 20_000)))
    with pytest.raises(ConfigError, match="it is nested too deeply"):
        read_settings(path)


def test_a_byte_order_mark_is_passed_over(tmp_path: Path) -> None:
    """Editors on Windows write one, and nobody sees it."""
    path = tmp_path / "settings.toml"
    path.write_bytes(b"\xef\xbb\xbf[training]\r\nseed = 3\r\n")
    assert read_settings(path) == {"training.seed": 3}


def test_bytes_that_are_no_text_read_back(tmp_path: Path) -> None:
    """A path is bytes: a folder of another encoding is a folder all the same, and the file is UTF-8."""
    path, settings = tmp_path / "config.toml", {"dataset.options.path": os.fsdecode(b"donn\xe9es/\xff"), "other": "donn\u00e9es"}
    path.write_text(dump_settings(settings), encoding="utf-8")
    assert read_settings(path) == settings


def test_the_origin_of_a_value_stands_behind_it_and_is_no_part_of_it(tmp_path: Path) -> None:
    """Whoever opens the file sees what was chosen; a name of a file must not end the comment, nor the text of a value begin one."""
    path, settings = tmp_path / "config.toml", {"name": "a # b", "training.seed": 3, "training.workers": 2, "data.root": ""}
    text = dump_settings(settings, "head", {"name": "--plugin", "training.seed": "my\nfile\udce9.toml"})
    path.write_text(text, encoding="utf-8")
    assert read_settings(path) == settings
    assert text.splitlines()[1:6] == [
        'name = "a # b"                               # --plugin',
        "",
        "[training]",
        "seed = 3                                     # my file?.toml",
        "workers = 2                                  # default",
    ]
