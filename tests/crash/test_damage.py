"""A damaged checkpoint, a changed run, a run in use: going on is right or refused, and refusing changes nothing."""

from __future__ import annotations

import hashlib
import io
import pickle
import re
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from ganbench.run.checkpoint import _list_checkpoints, save_checkpoint

pytestmark = pytest.mark.slow

FILE_PLUGIN = """
from torch import nn
from ganbench import Latents, Networks

class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 64)

    def forward(self, latents, labels):
        return self.layer(latents).tanh().view(-1, 1, 8, 8)

class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(64, 1)

    def forward(self, images, labels):
        return self.layer(images.flatten(1)).squeeze(1)

def Tiny(options, shape):
    return Networks(modules={"generator": Generator(), "discriminator": Discriminator()}, inputs=Latents(4))
"""


@pytest.fixture(scope="module")
def sources(fork_server: Any, tiny: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a finished run ``whole`` and the same run ``killed`` after its fourth checkpoint."""
    folder = tmp_path_factory.mktemp("sources")
    die = {"function": "ganbench.run.checkpoint:write_bytes", "call": 5, "when": "before"}
    for name, options, code in (("whole", {}, 0), ("killed", {"die": die}, -signal.SIGKILL)):
        pid = fork_server.ask({"argv": [*tiny, "--out", name], "folder": str(folder), "name": name, **options})["pid"]
        assert fork_server.ask({"wait": pid})["code"] == code, (folder / f"{name}.err").read_text()
    return folder


@pytest.fixture
def run(sources: Path, tmp_path: Path) -> Path:
    """Return a copy of the killed run, to be damaged."""
    return Path(shutil.copytree(sources / "killed", tmp_path / "run"))


def truncated(data: bytes) -> bytes:
    return data[: len(data) // 2]


def flipped(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 16]) + data[middle + 1 :]


@pytest.mark.parametrize("damage", [truncated, flipped], ids=["truncated", "bit-flip"])
def test_a_damaged_checkpoint_costs_one_step_back(
    call: Callable[..., Any], run: Path, sources: Path, differences: Callable[[Path, Path], Any], damage: Callable[[bytes], bytes]
) -> None:
    """It is named, the one before is taken, the run ends with the same bits, and two whole checkpoints are kept."""
    newest = _list_checkpoints(run / "checkpoints")[-1]
    newest.write_bytes(damage(newest.read_bytes()))
    child = call("run", "--resume", "run", "--quiet")
    assert child.code == 0, child.stderr
    assert f"warning: checkpoint {newest.name} is damaged" in child.stderr
    assert differences(run, sources / "whole") == []
    assert [p.name[:12] for p in _list_checkpoints(run / "checkpoints")] == [
        p.name[:12] for p in _list_checkpoints(sources / "whole/checkpoints")
    ]


def test_a_damaged_checkpoint_is_not_counted_among_those_kept(tmp_path: Path) -> None:
    """It lies at or beyond the point that the run went on from, and leaves when that point is saved again."""
    for seen in (100, 200, 300):
        newest = save_checkpoint(tmp_path, {"seen": seen}, samples_seen=seen, keep=3)
    newest.write_bytes(b"damaged")
    for seen in (250, 300):
        save_checkpoint(tmp_path, {"seen": seen, "again": True}, samples_seen=seen, keep=3)
    states = [torch.load(path, weights_only=True)["seen"] for path in _list_checkpoints(tmp_path)]
    assert states == [200, 250, 300]


def test_with_every_checkpoint_damaged_nothing_is_touched(call: Callable[..., Any], run: Path, disk: Callable[[Path], Any]) -> None:
    """A run is not silently started anew over what is left of it."""
    for path in _list_checkpoints(run / "checkpoints"):
        path.write_bytes(truncated(path.read_bytes()))
    before = disk(run)
    child = call("run", "--resume", "run", "--quiet")
    assert child.code == 3
    assert "none of the 2 checkpoints in run/checkpoints is whole; start the run anew" in child.stderr
    assert disk(run) == before


def test_a_checkpoint_cannot_run_code(call: Callable[..., Any], run: Path, sources: Path, differences: Callable[[Path, Path], Any]) -> None:
    """A pickle that would write a file, under a name with its right hash, is passed over like a damaged one."""
    mark = run.parent / "mark"

    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (mark,))

    buffer = io.BytesIO()
    torch.save({"format": 2, "seconds": Evil()}, buffer, pickle_module=pickle)
    name = f"{10**9:012d}-{hashlib.sha256(buffer.getvalue()).hexdigest()[:16]}.pt"
    (run / "checkpoints" / name).write_bytes(buffer.getvalue())
    child = call("run", "--resume", "run", "--quiet")
    assert child.code == 0, child.stderr
    assert name in child.stderr
    assert not mark.exists()
    assert differences(run, sources / "whole") == []


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("learning_rate", "0.5", "discriminator_optimizer.learning_rate has changed since the run began (it was"),
        ("seed", "4", "training.seed has changed since the run began (it was 3, now 4); restore it in config.toml, or start a new run"),
        ("generator_width", "8", "architecture.options.generator_width has changed"),
    ],
)
def test_a_changed_configuration_is_refused(
    call: Callable[..., Any], run: Path, disk: Callable[[Path], Any], setting: str, value: str, message: str
) -> None:
    """Half of a run under one setting and half under another is a run of neither."""
    config = run / "config.toml"
    config.write_text(re.sub(rf"(?m)^{setting} = .*$", f"{setting} = {value}", config.read_text()))
    before = disk(run)
    child = call("run", "--resume", "run", "--quiet")
    assert (child.code, message in child.stderr) == (2, True), child.stderr
    assert disk(run) == before


def test_settings_that_change_no_bit_may_change(
    call: Callable[..., Any], run: Path, sources: Path, differences: Callable[[Path, Path], Any]
) -> None:
    """Saving more often, for instance."""
    config = run / "config.toml"
    config.write_text(re.sub(r"(?m)^keep = 2\b", "keep = 3", config.read_text()))
    child = call("run", "--resume", "run", "--quiet")
    assert child.code == 0, child.stderr
    assert len(_list_checkpoints(run / "checkpoints")) == 3
    assert [d.split(":")[0] for d in differences(run, sources / "whole")] == ["record/config/checkpoint.keep", "state/config"]


def small(folder: Path) -> tuple[str, ...]:
    """Return the arguments of a run of a plugin in a file on images in a folder."""
    settings = ("--set", "checkpoint.every_kimg=0.05", "--set", "training.max_abs_logit=0", "--set", "evaluation.grid_size=2")
    data = (
        "--dataset",
        "folder",
        "-o",
        f"dataset.path={folder}",
        "-o",
        "dataset.resolution=8",
        "-o",
        "dataset.channels=1",
        "--metric",
        "none",
    )
    return ("run", "--plugin", "./tiny.py:Tiny", *data, "--kimg", "0.4", "--batch-size", "16", "--quiet", *settings, "--out", "run")


DIES = {"function": "ganbench.run.checkpoint:write_bytes", "call": 4, "when": "before"}


def test_changed_data_are_refused(call: Callable[..., Any], pictures: Path, tmp_path: Path, disk: Callable[[Path], Any]) -> None:
    """By their content; --force does not help."""
    (tmp_path / "tiny.py").write_text(FILE_PLUGIN)
    copy = Path(shutil.copytree(pictures, tmp_path / "pictures"))
    killed = call(*small(copy), die=DIES)
    assert killed.code == -signal.SIGKILL, killed.stderr
    shutil.copy(copy / "000.png", copy / "001.png")
    before = disk(tmp_path / "run")
    child = call("run", "--resume", "run", "--force")
    assert child.code == 2
    assert re.search(r"the data have changed since the run began \(hash \w{12}, now \w{12}\); restore them", child.stderr)
    assert disk(tmp_path / "run") == before


def test_a_changed_plugin_needs_force(call: Callable[..., Any], pictures: Path, tmp_path: Path, disk: Callable[[Path], Any]) -> None:
    """Its source is hashed; --force goes on all the same. That the file may run at all is asked before."""
    plugin = tmp_path / "tiny.py"
    plugin.write_text(FILE_PLUGIN)
    killed = call(*small(pictures), die=DIES)
    assert killed.code == -signal.SIGKILL, killed.stderr
    plugin.write_text(FILE_PLUGIN + "# changed\n")
    before = disk(tmp_path / "run")
    asked = call("run", "--resume", "run", "--force")
    assert asked.code == 2
    assert f"run/config.toml wants to run {plugin}, which this user has not run before" in asked.stderr
    refused = call("run", "--resume", "run", "--trust-files")
    assert refused.code == 2
    assert "the source of architecture tiny has changed since the run began; --force goes on all the same" in refused.stderr
    assert disk(tmp_path / "run") == before
    forced = call("run", "--resume", "run", "--force", "--quiet")
    assert forced.code == 0, forced.stderr


def test_a_finished_run_is_never_touched(call: Callable[..., Any], sources: Path, disk: Callable[[Path], Any]) -> None:
    """Neither resumed nor started over."""
    before = disk(sources / "whole")
    resumed = call("run", "--resume", str(sources / "whole"))
    anew = call("run", "--plugin", "dcgan", "--out", str(sources / "whole"))
    assert (resumed.code, anew.code) == (2, 2)
    assert "is finished, and a finished run is never overwritten; start a new run" in resumed.stderr
    assert "is not empty" in anew.stderr
    assert disk(sources / "whole") == before


def test_what_is_no_run_is_not_resumed(call: Callable[..., Any], tmp_path: Path) -> None:
    """An empty folder stays empty."""
    (tmp_path / "empty").mkdir()
    folder, nothing = call("run", "--resume", "empty"), call("run", "--resume", "nothing")
    assert (folder.code, nothing.code) == (2, 2)
    assert "empty is not a run directory" in folder.stderr
    assert "no run 'nothing'" in nothing.stderr
    assert list((tmp_path / "empty").iterdir()) == []


def test_two_processes_never_work_on_one_run(launch: Callable[..., Any], call: Callable[..., Any], run: Path) -> None:
    """The second is told who has it; the first does not notice."""
    first = launch("run", "--resume", "run", "--quiet")
    first.until(lambda: f"process {first.pid} " in (run / ".lock").read_text())
    first.signal(signal.SIGSTOP)
    second = call("run", "--resume", "run")
    first.signal(signal.SIGCONT)
    assert second.code == 2
    assert f"is in use by process {first.pid} on " in second.stderr
    assert first.wait() == 0, first.stderr
