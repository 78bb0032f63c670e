"""A disk that fills up ends the run with one line; what was saved stays, and with space again the run goes on to the same bits."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ganbench.run.checkpoint import _list_checkpoints, load_checkpoint

pytestmark = pytest.mark.slow


def check_stopped(child: Any, relative: Path, reason: str) -> None:
    """Check that a run stopped with one line that says how to go on, and that its checkpoints are whole."""
    run = child.files.parent / relative
    assert child.code == 3, child.stderr
    lines = child.stderr.strip().splitlines()
    assert len(lines) == 1, child.stderr
    assert lines[0].startswith("ganbench: cannot write ")
    assert reason in lines[0]
    assert lines[0].endswith(f"free space, then `ganbench run --resume {relative}`")
    assert child.stdout == ""
    assert not (run / "record.json").exists()
    assert not list(run.rglob("*tmp"))
    if _list_checkpoints(run / "checkpoints"):
        assert load_checkpoint(run / "checkpoints") is not None


@pytest.fixture
def whole(call: Callable[..., Any], tiny: tuple[str, ...], tmp_path: Path) -> Path:
    """Return the run that had space enough."""
    child = call(*tiny, "--out", "whole")
    assert child.code == 0, child.stderr
    return tmp_path / "whole"


@pytest.mark.parametrize(("place", "share"), [("checkpoints", 0.97), ("events", 0.5), ("config", 0.5)])
def test_a_file_that_cannot_grow_ends_the_run(
    call: Callable[..., Any], tiny: tuple[str, ...], whole: Path, differences: Callable[[Path, Path], Any], place: str, share: float
) -> None:
    """A quota that the second checkpoint, the log of events or even the configuration does not fit into."""
    config, events = ((whole / name).stat().st_size for name in ("config.toml", "events.jsonl"))
    assert config < events
    largest = {
        "checkpoints": max(p.stat().st_size for p in _list_checkpoints(whole / "checkpoints")),
        "events": config + events,  # half of it lies between the two
        "config": config,
    }[place]
    child = call(*tiny, "--out", "run", limit=int(largest * share))
    run = whole.with_name("run")
    if place == "config":
        assert child.code == 3
        assert "ganbench: cannot write run/config.toml: File too large; free space, then" in child.stderr
        child = call(*tiny, "--out", "run")
    else:
        check_stopped(child, Path("run"), "File too large")
        child = call("run", "--resume", "run", "--quiet")
    assert child.code == 0, child.stderr
    assert differences(run, whole) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Return a mounted disk of 256 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    options = ("-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder))
    done = subprocess.run((mount, *options), capture_output=True, text=True, check=False) if mount else None
    if done is None or done.returncode != 0:
        pytest.skip(f"no disk can be mounted here: {done.stderr.strip() if done else 'there is no mount command'}")
    yield folder
    subprocess.run(("umount", "-l", str(folder)), check=True)


def test_a_full_disk_ends_the_run(
    call: Callable[..., Any], tiny: tuple[str, ...], whole: Path, small_disk: Path, differences: Callable[[Path, Path], Any]
) -> None:
    """Another file takes the space; when it is gone, the run goes on."""
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(100 * 1024))
    run = small_disk / "run"
    child = call(*tiny, "--out", "disk/run", "--set", "checkpoint.keep=1")
    check_stopped(child, Path("disk/run"), "No space left on device")
    assert _list_checkpoints(run / "checkpoints")
    ballast.unlink()
    child = call("run", "--resume", "disk/run", "--quiet")
    assert child.code == 0, child.stderr
    assert [d.split(":")[0] for d in differences(run, whole)] == ["record/config/checkpoint.keep", "state/config"]
