"""``ganbench plugins new`` writes distributions that keep every promise as they are."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from installed import installed

from ganbench.cli.main import main
from ganbench.errors import UsageError
from ganbench.testing import check
from ganbench.testing.new import kinds, write_plugin

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def workplace(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """A current folder of its own: a reporter writes there."""
    monkeypatch.chdir(tmp_path_factory.mktemp("workplace"))


EXAMPLE = Path(__file__).parents[2] / "plugins" / "ganbench-example" / "ganbench_example"


@pytest.mark.parametrize("kind", kinds())
def test_what_is_written_keeps_every_promise(kind: str, tmp_path: Path) -> None:
    """Of its kind, at once."""
    folder = write_plugin(kind, f"my-{kind}", tmp_path)[0].parents[0]
    folder = next(tmp_path.iterdir())
    with installed(folder):
        outcomes = check(f"my-{kind}")
    assert [(one.promise.name, one.what) for one in outcomes if one.state == "broken"] == []
    assert len([one for one in outcomes if one.state == "kept"]) >= 6


@pytest.mark.parametrize("kind", ["loss", "command"])
def test_its_own_tests_pass(kind: str, tmp_path: Path) -> None:
    """With the one line that its test file has."""
    write_plugin(kind, f"my-{kind}", tmp_path)
    folder = next(tmp_path.iterdir())
    with installed(folder):
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stdout
    assert "passed" in done.stdout


def test_the_command_line_writes_and_checks(tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """It prints the files and the next command."""
    monkeypatch.chdir(tmp_path)
    assert main(["plugins", "new", "augmentation", "brighter"]) == 0
    printed = capfd.readouterr().out.splitlines()
    assert str(Path("ganbench-brighter/pyproject.toml")) in printed
    assert printed[-1] == "pip install -e ganbench-brighter && ganbench plugins check brighter"
    with installed(tmp_path / "ganbench-brighter"):
        assert main(["plugins", "check", "brighter"]) == 0
    assert "kept        What goes in comes out" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("kind", "name", "words"),
    [
        ("losss", "a", "unknown kind 'losss'; did you mean 'loss'?"),
        ("loss", "My Loss", "a plugin's name is lower case letters, digits and hyphens (got 'My Loss')"),
        ("loss", "there", "exists"),
    ],
)
def test_what_cannot_be_written_is_one_line(kind: str, name: str, words: str, tmp_path: Path) -> None:
    """And nothing is left behind."""
    (tmp_path / "ganbench-there").mkdir()
    with pytest.raises(UsageError) as caught:
        write_plugin(kind, name, tmp_path)
    assert words in f"{caught.value.what}; {caught.value.hint}"
    assert [path.name for path in tmp_path.iterdir()] == ["ganbench-there"]


def test_the_example_plugin_is_what_it_writes(tmp_path: Path) -> None:
    """Its architecture, but for the names."""
    write_plugin("architecture", "example", tmp_path)
    ours = (tmp_path / "ganbench-example" / "ganbench_example" / "resize.py").read_text(encoding="utf-8")
    assert ours == (EXAMPLE / "resize.py").read_text(encoding="utf-8").replace("ResizeOptions", "Options")
