"""What other users' permissions and names that no file can have do to a command: one line, or a row with the reason."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ganbench.cli.main import main
from ganbench.record.serialise import to_json

Call = Callable[..., subprocess.CompletedProcess[str]]
LONG = "n" * 300


@pytest.fixture
def runs(tmp_path: Path, make_record: Callable[..., Any]) -> Iterator[Path]:
    """A folder of three runs: one that can be read, one whose record cannot, and one in a private folder."""
    for name in ("open", "record", "folder"):
        run = tmp_path / "results" / "runs" / name
        run.mkdir(parents=True)
        (run / "config.toml").write_text('name = "dcgan"\n')
        (run / "record.json").write_text(to_json(make_record(run_id=name)))
    private = [tmp_path / "results/runs/folder", tmp_path / "results/runs/record/record.json"]
    for path in private:
        path.chmod(0)
    yield tmp_path
    for path in private:
        path.chmod(0o700)


@pytest.mark.slow
def test_a_private_run_is_a_row_with_the_reason(runs: Path, as_ordinary_user: Call) -> None:
    """The table shows whatever can be read, and says of the rest that it cannot."""
    done = as_ordinary_user("table", "--format", "csv", cwd=runs)
    assert done.returncode == 0, done.stderr
    assert "open" in done.stdout
    assert done.stdout.count("Permission denied") == 2


@pytest.mark.slow(keep=3)
@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("show", "open"), 0, ""),
        (("show", "folder"), 2, "Permission denied"),
        (("show", "results/runs/folder"), 2, "Permission denied"),
        (("compare", "results/runs/folder", "results/runs/open"), 2, "Permission denied"),
        (("run", "--resume", "results/runs/folder"), 2, "'results/runs/folder' is not readable"),
        (("run", "--plugin", "./results/runs/folder/x.py:Y"), 2, "cannot read the plugin file results/runs/folder/x.py"),
        (("run", "--config", "results/runs/folder/config.toml"), 2, "Permission denied"),
        (("trend", "results/runs/folder/x"), 2, ""),
        (("baseline", "list", "--history", "results/runs/folder/x"), 0, ""),
        (("matrix", "--status", "--out", "results/runs/folder"), 2, "'results/runs/folder' is not readable"),
    ],
)
def test_a_folder_of_somebody_else_is_one_line(
    arguments: tuple[str, ...], code: int, says: str, runs: Path, as_ordinary_user: Call
) -> None:
    """Whatever asks whether a file is there gets an answer."""
    done = as_ordinary_user(*arguments, cwd=runs, OMP_NUM_THREADS="1")
    assert done.returncode == code, done.stderr
    assert says in done.stderr
    assert "unexpected" not in done.stderr
    assert len(done.stderr.splitlines()) <= 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("table", LONG),
        ("show", LONG),
        ("compare", LONG, LONG),
        ("run", "--resume", LONG),
        ("run", "--plugin", f"./{LONG}.py:X"),
        ("run", "--config", LONG),
        ("run", "--plugin", "dcgan", "--out", LONG),
        ("matrix", LONG),
        ("trend", LONG),
        ("baseline", "list", "--history", LONG),
    ],
)
def test_a_name_that_no_file_can_have_is_one_line(
    arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Above 255 characters the system refuses the question itself."""
    monkeypatch.chdir(tmp_path)
    assert main(list(arguments)) in (0, 2, 5)
    assert "unexpected" not in capfd.readouterr().err
    assert not os.listdir(tmp_path)  # noqa: PTH208


@pytest.mark.parametrize("kind", ["fifo", "device"])
@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "--config", "FILE"),
        ("run", "--plugin", "FILE.py:X"),
        ("run", "--plugin", "dcgan", "--dataset", "array", "-o", "path=FILE.npz", "--no-eval"),
        ("run", "--plugin", "dcgan", "--metric", "fid100", "--extractor-weights", "FILE"),
        ("run", "--resume", "run"),
        ("show", "run"),
        ("table", "run"),
        ("compare", "run", "run"),
        ("matrix", "FILE"),
        ("matrix", "--status", "--out", "run"),
        ("trend", "--history", "run"),
        ("report", "run", "--out", "page.html"),
        ("runs", "rm", "run", "--yes"),
        ("evaluate", "run"),
        ("evaluate", "FILE.npz", "--dataset", "digits"),
        ("evaluate", "FILE.py:X", "--dataset", "digits"),
        ("sample", "run", "--out", "shown"),
        ("run", "--plugin", "ctgan", "--dataset", "table", "-o", "dataset.path=FILE.npz", "--no-eval"),
    ],
)
def test_a_pipe_or_a_device_in_the_place_of_a_file_blocks_nothing(
    arguments: tuple[str, ...], kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """It is refused in one line, and nobody waits for its end."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GANBENCH_CACHE", str(tmp_path / "cache"))
    (tmp_path / "run").mkdir()
    for name in ("FILE", "FILE.py", "FILE.npz", "run/config.toml", "run/record.json", "run/matrix.json", "run/accept.toml"):
        if kind == "fifo":
            os.mkfifo(tmp_path / name)
        else:
            (tmp_path / name).symlink_to("/dev/zero")
    assert main(list(arguments)) in (2, 5)
    err = capfd.readouterr().err
    assert "unexpected" not in err
    assert len(err.splitlines()) == 1


def test_whether_there_is_a_file_is_asked_in_one_way() -> None:
    """``os.path.isfile`` and its kin answer; the methods of ``Path`` raise where a folder is somebody else's or a name too long."""
    root = Path(__file__).parents[2]
    files = [path for folder in ("ganbench", "plugins") for path in (root / folder).rglob("*.py")]
    assert len(files) > 200
    raising = re.compile(r"\.(is_file|is_dir|exists)\(\)")
    assert [str(path.relative_to(root)) for path in files if raising.search(path.read_text(encoding="utf-8"))] == []
