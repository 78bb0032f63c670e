"""A minute of the fuzzer: damaged files and odd values get one clear line and the right exit code, or the right result."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from fuzzer import run_case
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from judge import judge
from targets import TARGETS, Target, make_sound_files

SECONDS = 60
"""For all kinds of files together; each gets its share, and at least three files."""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """What is damaged."""
    folder = tmp_path_factory.mktemp("sound")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANBENCH_CACHE", str(folder / "cache"))
        make_sound_files(folder)
        yield folder


@pytest.mark.parametrize("target", TARGETS, ids=[target.name for target in TARGETS])
def test_a_damaged_file_gets_an_answer(target: Target, sound: Path) -> None:
    """No traceback, nothing "unexpected", nothing that hangs."""
    end = time.monotonic() + SECONDS * target.share / 100
    for number in range(3 * target.share + 3):
        assert run_case(target, number, 0, sound) == "", f"fuzzer.py --only {target.name!r} --first {number} --count 1 does it again"
        if time.monotonic() > end and number >= 2:
            break


def test_the_shares_are_of_a_hundred() -> None:
    """Or some cases would be of no kind."""
    assert sum(target.share for target in TARGETS) == 100


PATHS = ("training.batch_size", "training.total_kimg", "training.device", "dataset.name", "architecture.options.hidden")
ODD = st.text(st.characters(exclude_characters="\0"), max_size=40) | st.floats().map(str) | st.integers().map(str)


@settings(max_examples=60, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(
    path=st.sampled_from(PATHS),
    value=ODD,
)
def test_any_value_of_a_setting_gets_an_answer(path: str, value: str, sound: Path) -> None:
    """Hypothesis looks for the text that breaks the reader of values, and makes it short."""
    assert judge(["run", "--plugin", "mlp", "--set", f"{path}={value}", "--dry-run"], sound) == ""


@settings(max_examples=60, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(name=ODD)
def test_any_name_of_a_plugin_gets_an_answer(name: str, sound: Path) -> None:
    """Whatever a user types where a name is asked for."""
    assert judge(["run", "--plugin", name or "x", "--dry-run"], sound) == ""
    assert judge(["plugins", "show", "--", name or "x"], sound) == ""


def test_the_judge_can_fail(sound: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A judge that passes everything would make all of this worthless."""
    import judge as module

    def unexpected(_: list[str]) -> int:
        import sys

        print("ganbench: unexpected KeyError: 'x'; --debug shows where, and a report is welcome", file=sys.stderr)
        return 3

    def forever(_: list[str]) -> int:
        while True:
            pass

    monkeypatch.setattr(module, "SECONDS", 0.2)
    for answer, words in (
        (unexpected, "unexpected KeyError"),
        (forever, "hangs"),
        (lambda _: 1 // 0, "ZeroDivisionError"),
        (lambda _: 7, "code 7"),
    ):
        monkeypatch.setattr(module, "main", answer)
        assert words in judge(["x"], sound)


def test_a_case_depends_on_its_number_alone(sound: Path, tmp_path: Path) -> None:
    """What a long run found can be done again."""
    (target,) = (one for one in TARGETS if one.name == "records")
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        folder.mkdir()
    one, other = (target.make(sound, folder, Random("0:records:5")) for folder in folders)
    assert one.arguments == other.arguments
    assert one.damaged.read_bytes() == other.damaged.read_bytes()
