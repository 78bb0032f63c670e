"""Environments by the content of ``pyproject.toml``; the commands that make them are written down instead of run."""

from __future__ import annotations

import contextlib
import fcntl
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import pytest

from ganbench.errors import RunFailed, StorageError, UsageError
from ganbench_gate.trees import isolated_python


class Recorder:
    """Takes commands; the one at ``fails`` raises."""

    def __init__(self, fails: int = -1) -> None:
        self.commands: list[list[str]] = []
        self._fails = fails

    def __call__(self, command: Sequence[str]) -> None:
        if len(self.commands) == self._fails:
            raise RunFailed("pip failed")
        self.commands.append(list(command))
        if "venv" in command:
            Path(command[-1]).mkdir(parents=True)


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GANBENCH_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "tree"
    folder.mkdir()
    (folder / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    return folder


def make(tree: Path, recorder: Recorder) -> str:
    return isolated_python(tree, lambda said: None, recorder)


def test_an_environment_is_made_once(tree: Path) -> None:
    """A virtual environment with the tree in it, and the second call finds it."""
    recorder = Recorder()
    python = make(tree, recorder)
    assert recorder.commands[0][:3] == [sys.executable, "-m", "venv"]
    assert recorder.commands[1][0] == python
    assert recorder.commands[1][-1] == str(tree)
    assert make(tree, recorder) == python
    assert len(recorder.commands) == 2


def test_another_pyproject_is_another_environment(tree: Path) -> None:
    """New dependencies, new environment."""
    first = make(tree, Recorder())
    (tree / "pyproject.toml").write_text("[project]\nname = 'y'\n")
    assert make(tree, Recorder()) != first


def test_an_unfinished_environment_is_made_anew(tree: Path) -> None:
    """Where the installation failed, the next call does not take the half of it."""
    with pytest.raises(RunFailed):
        make(tree, Recorder(fails=1))
    recorder = Recorder()
    make(tree, recorder)
    assert len(recorder.commands) == 2


@pytest.mark.parametrize("fails", [False, True])
def test_the_tree_stays_as_it_was(tree: Path, fails: bool) -> None:
    """What setuptools leaves in a folder that it builds from goes again, unless the user had it."""
    (tree / "x.egg-info").mkdir()

    def build(command: Sequence[str]) -> None:
        Path(command[-1]).mkdir(parents=True, exist_ok=True)
        if command[-1] == str(tree):
            (tree / "build" / "lib").mkdir(parents=True)
            (tree / "y.egg-info").mkdir()
            if fails:
                raise RunFailed("pip failed")

    with pytest.raises(RunFailed) if fails else contextlib.nullcontext():
        isolated_python(tree, lambda said: None, build)
    assert sorted(path.name for path in tree.iterdir()) == ["pyproject.toml", "x.egg-info"]


def test_what_another_call_makes_is_waited_for(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two calls at once would delete each other's half; when the lock is free, the environment is there."""

    def wait(file: IO[str], operation: int) -> None:
        assert operation == fcntl.LOCK_EX
        lock = Path(file.name)
        made = lock.with_name(lock.stem.lstrip("."))
        made.mkdir()
        (made / "complete").touch()

    monkeypatch.setattr("ganbench_gate.trees.fcntl.flock", wait)
    recorder = Recorder()
    python = make(tree, recorder)
    assert recorder.commands == []
    assert "environments" in python


def test_a_cache_that_cannot_be_written_is_told(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one line, with the path."""
    (tree.parent / "cache").write_text("a file in the place of the folder")
    with pytest.raises(StorageError, match="cache/environments"):
        make(tree, Recorder())


def test_a_tree_without_pyproject_is_refused(tmp_path: Path) -> None:
    """There is nothing to make an environment from."""
    with pytest.raises(UsageError, match=r"has no pyproject\.toml"):
        isolated_python(tmp_path, lambda said: None, Recorder())
