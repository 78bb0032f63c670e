"""Where files lie is no part of what is run: paths of any bytes, runs that move, and data that are the same elsewhere."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from installed import installed
from PIL import Image

import ganbench
from ganbench.cli.main import main
from ganbench.record.cells import cells_of, group_replicates
from ganbench.record.record import RunRecord
from ganbench.testing.new import write_plugin

pytestmark = pytest.mark.slow

FEW = ("--kimg", "0.02", "--batch-size", "4", "--threads", "1", "--no-eval", "--quiet")
NAME = os.fsdecode(b"donn\xe9es")
"""A folder's name in Latin-1, which is not UTF-8."""
GAN = """
import math
from torch import nn
from ganbench import Latents, Networks

class Judge(nn.Module):
    def __init__(self, numbers):
        super().__init__()
        self.layer = nn.Linear(numbers, 1)
    def forward(self, samples, labels=None):
        return self.layer(samples.flatten(1))[:, 0]

class Maker(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(4, math.prod(size)), nn.Tanh(), nn.Unflatten(1, size))
    def forward(self, latents, labels=None):
        return self.layers(latents)

def build(options, context):
    size = context.space.size
    return Networks(modules={"generator": Maker(size), "discriminator": Judge(math.prod(size))}, inputs=Latents(4))
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with a plugin's file and data of each kind in folders whose names are no text."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GANBENCH_CACHE", str(tmp_path / "cache"))
    images = np.random.default_rng(0).integers(0, 256, (12, 16, 32, 3), dtype=np.uint8)
    folder = tmp_path / "data" / NAME
    folder.mkdir(parents=True)
    for number, image in enumerate(images):
        Image.fromarray(image).save(folder / f"{number}.png")
    np.savez(tmp_path / "data" / f"{NAME}.npz", images=images[:, :, :16], y=np.arange(12) % 3)
    (tmp_path / f"{NAME}.py").write_text(GAN)
    return tmp_path


CASES = {
    "folder": ("--plugin", "dcgan", "--dataset", "folder", "-o", "dataset.resolution=16", "-o", f"path=data/{NAME}"),
    "array": ("--plugin", "dcgan", "--dataset", "array", "-o", f"path=data/{NAME}.npz"),
    "pairs": ("--plugin", "mlp", "--dataset", "pairs", "-o", "resolution=8", "-o", f"path=data/{NAME}", "-o", f"test_path=data/{NAME}"),
    "data root": ("--plugin", "mlp", "--data-root", f"data/{NAME}"),
    "plugin file": ("--plugin", f"./{NAME}.py:build"),
}


@pytest.mark.parametrize("case", CASES)
def test_a_path_of_any_bytes_is_a_path(case: str, here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """It runs, its files are UTF-8 and read back, and every form of a table can be printed and written."""
    assert main(["run", *CASES[case], *FEW, "--out", "run"]) == 0
    for name in ("config.toml", "record.json", "events.jsonl", "log.txt"):
        (here / "run" / name).read_text(encoding="utf-8")
    assert main(["run", "--config", "run/config.toml", *FEW, "--out", "again"]) == 0
    first, again = (ganbench.load(name).record for name in ("run", "again"))
    assert (again.config, again.work) == (first.config, first.work)
    for form in ("terminal", "markdown", "csv", "html", "latex", "json"):
        assert main(["table", "run", "again", "--format", form]) == 0
        assert main(["table", "run", "--format", form, "--out", f"table.{form}"]) == 0
    assert main(["show", "run"]) == 0
    assert list(csv.reader(io.StringIO((here / "table.csv").read_text(encoding="utf-8"))))
    capfd.readouterr()
    assert main(["run", *CASES[case], *FEW, "--json", "--out", "third"]) == 0
    assert json.loads(capfd.readouterr().out)["config"] == json.loads((here / "run/record.json").read_text())["config"]


def _interrupted(out: str, **call: object) -> None:
    """Leave a run that stopped after a checkpoint."""

    def stop(event: object) -> None:
        if isinstance(event, ganbench.Saved) and event.what == "checkpoint" and event.samples_seen:
            raise KeyboardInterrupt

    settings = {"training.batch_size": 4, "training.threads": 1, "checkpoint.every_kimg": 0.008, "training.device": "cpu"}
    with pytest.raises(KeyboardInterrupt):
        ganbench.run(**call, kimg=0.024, metrics=[], settings=settings, out=out, on_event=stop)  # type: ignore[arg-type]


FOLDER = {"name": "mlp", "dataset": "folder", "options": {"dataset.path": f"data/{NAME}", "dataset.resolution": "16"}}


def test_a_run_goes_on_from_anywhere(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path means what it meant where the run began; so does a plugin's file; and config.toml repeats the run there too."""
    _interrupted("run", **FOLDER)
    _interrupted("own", name=f"./{NAME}.py:build")
    (here / "elsewhere").mkdir()
    monkeypatch.chdir(here / "elsewhere")
    for run in ("../run", "../own"):
        assert main(["run", "--resume", run, "--quiet"]) == 0
        assert main(["run", "--config", f"{run}/config.toml", "--quiet", "--out", f"{run}-again"]) == 0
        done, again = (ganbench.load(one).record for one in (run, f"{run}-again"))
        assert done.work == again.work


def test_a_run_and_its_data_move(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """`-o` and `--set` say where files lie now, and config.toml keeps that; other data and other settings are refused."""
    _interrupted("run", **FOLDER)
    _interrupted("own", name=f"./{NAME}.py:build")
    shutil.move("data", "moved")
    shutil.move(f"{NAME}.py", "moved")
    shutil.move("run", "there")
    assert main(["run", "--resume", "there", "--quiet"]) == 2
    assert "dataset.path: there is no file or folder" in capfd.readouterr().err
    (here / "other").mkdir()
    Image.new("RGB", (16, 16)).resize((16, 16)).save(here / "other/0.png")
    for number in range(12):
        Image.new("RGB", (16, 16), (number, 0, 0)).save(here / f"other/{number}.png")
    kept = (here / "there/config.toml").read_text()
    for given, words in (
        (("-o", "path=other"), "the data have changed since the run began"),
        (("-o", "resolution=8"), "dataset.options.resolution cannot be given"),
        (("--set", "training.seed=1"), "training.seed cannot be given"),
        (("--plugin", "dcgan"), "cannot be given"),
    ):
        assert main(["run", "--resume", "there", "--quiet", *given]) == 2
        assert words in capfd.readouterr().err
        assert (here / "there/config.toml").read_text() == kept
    assert main(["run", "--resume", "there", "--quiet", "-o", f"path=moved/{NAME}", "--set", "training.workers=0"]) == 0
    assert ganbench.load("there").record.config["dataset.options.path"] == str(here / "moved" / NAME)
    assert main(["run", "--config", "there/config.toml", "--quiet", "--out", "again"]) == 0
    assert main(["run", "--resume", "own", "--quiet", "--plugin", f"moved/{NAME}.py:build"]) == 0


def test_a_cell_of_a_matrix_goes_on_where_its_data_lie_now(here: Path) -> None:
    """The definition says where, and the cell is the same one: it is resumed, to the same bits."""
    definition = Path("m.toml")

    def run_matrix(path: str) -> RunRecord:
        settings = "training.total_kimg = 0.024\ntraining.batch_size = 4\ntraining.threads = 1\ntraining.device = 'cpu'\n"
        options = f"dataset.options.resolution = 16\ndataset.options.path = '{path}'\nevaluation.metrics = 'none'\n"
        axes = "[axes]\nplugin = 'mlp'\ndataset = 'folder'\n"
        definition.write_text(f"name = 'm'\n[settings]\n{settings}checkpoint.every_kimg = 0.008\n{options}{axes}", encoding="utf-8")
        assert main(["matrix", str(definition)]) == 0
        (done,) = Path("results/runs/m").glob("*/record.json")
        return ganbench.load(done.parent).record

    shutil.copytree(f"data/{NAME}", "before")  # a definition is UTF-8
    whole = run_matrix("before")
    (cell,) = (path.parent for path in Path("results/runs/m").glob("*/record.json"))
    shutil.rmtree("results")
    _interrupted(str(cell), name="mlp", dataset="folder", options={"dataset.path": "before", "dataset.resolution": "16"})
    shutil.move("before", "now")
    resumed = run_matrix("now")
    assert (resumed.num_resumes, resumed.work) == (1, whole.work)


def _record(path: str, out: str) -> RunRecord:
    options = ("-o", f"path={path}", "-o", "dataset.resolution=16")
    assert main(["run", "--plugin", "mlp", "--dataset", "folder", *options, *FEW, "--out", out]) == 0
    return ganbench.load(out).record


def test_what_was_run_is_the_content_of_the_data(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """However a folder is called and wherever it lies, equal images are one cell and one row; other images are neither."""
    shutil.copytree(f"data/{NAME}", "elsewhere/copy")
    shutil.copytree(f"data/{NAME}", f"other/{NAME}")
    Image.new("RGB", (32, 16)).save(here / "other" / NAME / "0.png")
    same = [_record(path, f"run{n}") for n, path in enumerate((f"data/{NAME}", f"./data/../data/{NAME}", str(here / "elsewhere/copy")))]
    other = _record(f"other/{NAME}", "run3")
    assert len(cells_of(same)) == len(group_replicates(same)) == 1
    assert len(cells_of([*same, other])) == len(group_replicates([*same, other])) == 2
    assert main(["compare", "run0", "run2"]) == 0
    capfd.readouterr()
    assert main(["compare", "run0", "run3"]) == 4
    assert "work data.hash" in capfd.readouterr().out


def test_a_plugins_file_is_its_content(here: Path) -> None:
    """A copy of it elsewhere is the same plugin."""
    (here / "copy").mkdir()
    shutil.copy(f"{NAME}.py", "copy")
    for out, folder in (("one", "."), ("two", "copy")):
        assert main(["run", "--plugin", f"./{folder}/{NAME}.py:build", *FEW, "--out", out]) == 0
    records = [ganbench.load(out).record for out in ("one", "two")]
    assert len(cells_of(records)) == len(group_replicates(records)) == 1
    assert records[0].name == f"{NAME}.py:build"


def test_labels_are_a_key_whatever_lies_here(here: Path) -> None:
    """A folder called like the key of an archive is not taken for the labels."""
    (here / "y").mkdir()
    given = ("--plugin", "mlp", "--dataset", "array", "-o", f"path=data/{NAME}.npz", "-o", "labels=y")
    assert main(["run", *given, *FEW, "--out", "run"]) == 0
    assert "class-conditional, 3 classes" in ganbench.load("run").record.notes


def test_an_edited_extractor_is_not_answered_from_the_cache(here: Path) -> None:
    """Its version is the old one, as authors leave it; what counts is its code."""
    folder = write_plugin("extractor", "cells", here)[0].parent
    source = folder / "ganbench_cells" / "cells.py"
    with installed(folder):
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), *filter(None, sys.path)])}

    def floor() -> float:
        call = [sys.executable, "-m", "ganbench", "run", "--plugin", "mlp", "--metric", "fd100_cells", "--json", *FEW]
        call.remove("--no-eval")
        done = subprocess.run(call, env=environment, stdout=subprocess.PIPE, text=True, check=True)
        value: float = json.loads(done.stdout)["evaluations"][-1]["values"][0]["floor"]
        return value

    before = floor()
    source.write_text(source.read_text(encoding="utf-8").replace("/ 255", "/ 100"), encoding="utf-8")
    assert floor() == pytest.approx(before * 2.55**2, rel=1e-3)
