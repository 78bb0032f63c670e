"""What the executor on Ray is made of, without Ray: a run's files on their way, the comparison of sources, and what is refused."""

from __future__ import annotations

import dataclasses
import errno
import importlib.util
import io
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

from ganbench import CellRequest, CellTask, ExecutorContext, RunLock, StorageError, UsageError
from ganbench.cli.main import main
from ganbench_ray import RayOptions, bridge, files, mailbox, node, sources
from ganbench_ray.executor import build, order_of


def run_of(folder: Path, *, record: bool = False) -> Path:
    """Make a run's directory."""
    (folder / "samples").mkdir(parents=True)
    (folder / "config.toml").write_text("x = 1\n")
    (folder / "samples" / "0.png").write_bytes(bytes(range(256)))
    (folder / ".lock").write_text("process 1")
    if record:
        (folder / "record.json").write_text('{"status": "complete"}')
    return folder


def content(folder: Path) -> dict[str, bytes]:
    """Return the files of a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_runs_directory_arrives_as_it_was_but_for_its_lock_and_links(tmp_path: Path) -> None:
    """Times too, by which the newest run is found."""
    run = run_of(tmp_path / "there")
    (run / "evil").symlink_to("/etc/passwd")
    place = files.Place(tmp_path / "m" / "here")
    assert place.read() == b""
    place.put(files.pack(run))
    place.leave()
    expected = {name: data for name, data in content(run).items() if name not in (".lock", "evil")}
    assert content(tmp_path / "m" / "here") == expected
    times = [(folder / "config.toml").stat().st_mtime for folder in (tmp_path / "m" / "here", run)]
    assert times[0] == pytest.approx(times[1], abs=1e-3)
    assert [path.name for path in (tmp_path / "m").iterdir()] == ["here"]


@pytest.mark.parametrize("name", ["../outside", "/tmp/outside", "a/../../outside"])
def test_a_file_that_leads_out_of_its_directory_is_refused(tmp_path: Path, name: str) -> None:
    """Whatever a node sends."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo(name))
    with pytest.raises(ValueError, match="must lie in its directory"):
        files.unpack(buffer.getvalue(), tmp_path / "run")


def test_a_full_disk_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The unfinished run stays, to the byte."""
    place = files.Place(run_of(tmp_path / "m" / "run"))
    before = content(tmp_path / "m" / "run")

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(StorageError, match=r"cannot write .*run: No space left on device; free space, then "):
        place.put(files.pack(run_of(tmp_path / "there", record=True)))
    assert content(tmp_path / "m" / "run") == before
    assert [path.name for path in (tmp_path / "m").iterdir()] == ["run"]


def test_what_a_killed_driver_had_half_done_is_undone(tmp_path: Path) -> None:
    """The run that was there comes back; what a shard beside this one is writing just now is left alone."""
    half = run_of(tmp_path / ".arriving" / "0-gone" / "old").parent
    (half / ".lock").touch()
    busy = tmp_path / ".arriving" / "1-busy"
    busy.mkdir()
    lock = RunLock(busy / ".lock")
    lock.acquire()
    files.mend(tmp_path)
    lock.release()
    assert set(content(tmp_path / "gone")) == {".lock", "config.toml", "samples/0.png"}
    assert [path.name for path in (tmp_path / ".arriving").iterdir()] == ["1-busy"]


def test_a_place_is_one_attempts_alone_and_a_finished_run_is_never_touched(tmp_path: Path) -> None:
    """So that no orphan writes."""
    first = files.Place(tmp_path / "run")
    with pytest.raises(UsageError, match="is in use by process"):
        files.Place(tmp_path / "run")
    first.leave()
    assert not (tmp_path / "run").exists()
    with pytest.raises(UsageError, match="a finished run is never overwritten"):
        files.Place(run_of(tmp_path / "run", record=True))


def test_a_lease_that_was_taken_back_is_told_so() -> None:
    """Stopping reaches those that have begun; progress is told once."""
    box = mailbox.Mailbox()
    assert box.report("a", None) == 0
    assert box.report("b", {"samples_seen": 1}) == 0
    assert box.collect() == {"b": {"samples_seen": 1}}
    assert box.collect() == {}
    box.take_back("a")
    assert box.report("a", None) is None
    assert box.stop() == {"a", "b"}
    assert box.report("b", None) == 1


def test_sources_are_compared_by_what_is_in_them(tmp_path: Path) -> None:
    """In a process that knows nothing of ganbench, as on a node without it."""
    here = sources.code_of(["ganbench_losses", "no_such_package"], ["torch", "no-such-distribution"])
    assert here["no_such_package"] == here["no-such-distribution's version"] == ""
    code = f"import runpy; print(runpy.run_path({sources.__file__!r})['code_of'](['ganbench_losses'], []))"
    empty = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True).stdout
    assert empty.strip() == "{'ganbench_losses': ''}"
    assert sources.differences(here, here) == "it lacks no_such_package, no-such-distribution's version"
    assert sources.differences({"a": "1", "b": "2"}, {"a": "1", "b": "2", "c": "3"}) == ""
    assert sources.differences({"a": "1", "b": "2"}, {"a": "3"}) == "it lacks b and its a is not what this machine has"
    many = {str(number): "1" for number in range(5)}
    assert sources.differences(many, dict.fromkeys(many, "2")) == "its 0, 1, 2 and 2 more are not what this machine has"


def test_a_plugin_file_that_is_another_one_on_the_node_fails_the_cell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is run."""
    monkeypatch.chdir(tmp_path)
    Path("my_gan.py").write_text("here")
    request = CellRequest(plugin="./my_gan.py:build", settings={"loss.name": "hinge", "dataset.name": "gone.py:build"})
    named = bridge.plugin_files(request)
    assert list(named) == ["./my_gan.py"]
    Path("my_gan.py").write_text("there")
    task = CellTask(name="a", request=request, directory=tmp_path / "run", log=tmp_path / "log")
    order = node.Order(task=task, lease="a", grace_seconds=1.0, folder=str(tmp_path), files=named, sees_gpus=True)
    outcome = node.run(order, b"", None).outcome
    assert (outcome.state, outcome.reason) == ("failed", "./my_gan.py is not on this node what it is on the matrix's machine")


def test_a_task_is_the_same_behind_the_pipe(tmp_path: Path) -> None:
    """All of its fields."""
    request = CellRequest(plugin="mlp", settings={"seed": 1}, options={"a": "b"}, off=["x"], reporters={"jsonl": {"file": "f"}})
    task = CellTask(
        name="a", request=request, directory=tmp_path / "run", log=tmp_path / "log", attempt=2, exclusive=True, threads=3, device="cpu",
        timeout_seconds=4.0, memory_limit_mib=5.0,
    )  # fmt: skip
    assert bridge.task_of(order_of(task)) == task
    assert set(order_of(task)) == {field.name for field in dataclasses.fields(CellTask)}


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("cpus_per_cell=0", "cpus_per_cell must be 1 or more (got 0)"),
        ("gpus_per_cell=1.5", "gpus_per_cell must be a whole number where it is above 1 (got 1.5)"),
        ("adress=local", "did you mean 'address'?"),
    ],
)
def test_an_option_that_cannot_be_is_one_line(option: str, message: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Before Ray is looked for."""
    assert main(["matrix", "-a", "plugin=mlp", "--executor", "ray", "-x", option, "--out", str(tmp_path / "m")]) == 2
    said = capfd.readouterr().err
    assert message in said
    assert said.count("\n") == 1


def test_without_ray_one_line_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And no process is started."""
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None if name == "ray" else find(name, *more))
    with pytest.raises(UsageError, match=r"^the executor ray needs ray; pip install 'ganbench\[ray\]'$"):
        build(RayOptions(), ExecutorContext(jobs=1, folder=tmp_path))


def test_registration_does_not_import_ray() -> None:
    """A list of plugins is as fast with it as without it."""
    code = "import sys, ganbench_ray, ganbench_ray.executor; assert 'ray' not in sys.modules"
    subprocess.run([sys.executable, "-c", f"import sys; sys.path[:] = {sys.path!r}; {code}"], check=True)
