"""``ganbench evaluate`` and ``ganbench sample``: what exists is measured as a run measures itself."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from ganbench.cli.main import main
from ganbench.record.record import RunRecord
from ganbench.record.serialise import from_json

METRIC = "fd500_digits"
THIRD_PARTY = '''
"""Somebody's DCGAN, in the manner of the public example: latents with two sizes of 1 behind, tanh at the end."""

import torch
from torch import nn


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.main = nn.Sequential(
            nn.ConvTranspose2d(20, 16, 4, 1, 0, bias=False),
            nn.BatchNorm2d(16),
            nn.ReLU(True),
            nn.ConvTranspose2d(16, 8, 4, 2, 1, bias=False),
            nn.BatchNorm2d(8),
            nn.ReLU(True),
            nn.ConvTranspose2d(8, 1, 4, 2, 1, bias=False),
            nn.Tanh(),
        )

    def forward(self, z):
        return self.main(z)


def broken():
    raise RuntimeError("no weights today")


number = 3
'''


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two short runs: images by class, and points."""
    folder = tmp_path_factory.mktemp("trained")
    shared = ["--threads", "1", "--quiet", "--device", "cpu"]
    images = ["run", "--plugin", "cgan-mlp", "--dataset", "digits", "--kimg", "0.256", "--metric", METRIC, "--out", str(folder / "images")]
    assert main([*images, *shared]) == 0
    points = ["run", "--plugin", "mlp", "--dataset", "ring8", "--kimg", "0.256", "--out", str(folder / "points")]
    assert main([*points, *shared]) == 0
    return folder


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory of its own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def record_of(folder: Path) -> RunRecord:
    return from_json((folder / "record.json").read_text())


def measured(arguments: list[str]) -> RunRecord:
    assert main(["evaluate", *arguments, "--device", "cpu", "--out", "measured"]) == 0
    return record_of(Path("measured"))


def value(record: RunRecord) -> float:
    return record.final(METRIC).value


@pytest.mark.slow
def test_a_checkpoint_has_the_metric_of_its_run(trained: Path) -> None:
    """The same latents, weights and reference, under the same key; and nothing of it is a speed."""
    run = record_of(trained / "images")
    again = measured([str(trained / "images")])
    assert value(again) == pytest.approx(value(run), rel=1e-6)
    assert again.keys.evaluation == run.keys.evaluation
    assert again.kind == "evaluation"
    assert again.work.samples_seen == run.work.samples_seen
    assert again.throughput.samples_per_second == 0.0


@pytest.mark.slow
def test_samples_that_were_written_have_the_metric_of_their_run(trained: Path) -> None:
    """As an array with labels, and as a folder of PNGs, which know none."""
    run = record_of(trained / "images")
    assert main(["sample", str(trained / "images"), "--as-evaluated", "--out", "written", "--device", "cpu"]) == 0
    assert len(list(Path("written/images").iterdir())) == 500
    of_array = measured(["written", "--dataset", "digits", "--metric", METRIC])
    shutil.rmtree("measured")
    of_folder = measured(["written/images", "--dataset", "digits", "--metric", METRIC])
    assert value(of_array) == pytest.approx(value(run), rel=1e-6)
    assert value(of_folder) == pytest.approx(value(run), rel=1e-6)
    assert of_folder.keys.evaluation == run.keys.evaluation


@pytest.mark.slow
def test_the_raw_generator_and_another_seed_are_other_samples(trained: Path) -> None:
    """Under the same protocol, so that they stand in one column."""
    run = record_of(trained / "images")
    raw = measured([str(trained / "images"), "--which", "raw"])
    shutil.rmtree("measured")
    other = measured([str(trained / "images"), "--seed", "7"])
    assert len({value(run), value(raw), value(other)}) == 3
    assert raw.keys.evaluation == other.keys.evaluation == run.keys.evaluation


@pytest.mark.slow
def test_a_generator_of_somebody_is_measured(workplace: Path) -> None:
    """With its state dict, by the value that its images have as a file."""
    (workplace / "theirs.py").write_text(THIRD_PARTY)
    namespace: dict[str, Any] = {}
    exec(THIRD_PARTY, namespace)
    torch.manual_seed(3)
    theirs = namespace["Generator"]().eval()
    torch.save({"g_ema": theirs.state_dict()}, "theirs.pt")
    shared = ["--dataset", "digits", "--metric", METRIC]
    asked = ["--latent-dim", "20x1x1", "--weights", "theirs.pt", "--weights-key", "g_ema"]
    found = measured(["theirs.py:Generator", *asked, *shared])
    assert found.work.parameters == {"generator": sum(p.numel() for p in theirs.parameters())}

    from ganbench import Latents, stream
    from ganbench_kernels import to_uint8

    latents = Latents(20).draw(500, stream(0, "evaluation"))[:, :, None, None]
    with torch.inference_mode():
        np.save("theirs.npy", to_uint8(torch.cat([theirs(part) for part in latents.split(250)])).numpy())
    shutil.rmtree("measured")
    assert value(measured(["theirs.npy", *shared])) == pytest.approx(value(found), rel=1e-6)


@pytest.mark.slow
def test_points_are_sampled_and_measured(trained: Path) -> None:
    """From CSV as from an array."""
    assert main(["sample", str(trained / "points"), "-n", "2500", "--out", "points", "--device", "cpu"]) == 0
    assert sorted(path.name for path in Path("points").iterdir()) == ["samples.csv", "samples.npz", "sheet.png"]
    one = measured(["points", "--dataset", "ring8", "--metric", "modes2500_points"])
    shutil.rmtree("measured")
    other = measured(["points/samples.csv", "--dataset", "ring8", "--metric", "modes2500_points"])
    assert [v.value for v in one.evaluations[0].values] == [v.value for v in other.evaluations[0].values]


@pytest.mark.slow
def test_a_reference_goes_out_and_comes_back(workplace: Path) -> None:
    """Mean and covariance in a file give the distance of the data themselves, under a key of its own, and marked."""
    torch.manual_seed(0)
    points = torch.randn(600, 2)
    np.save("points.npy", points.numpy())
    shared = ["points.npy", "--dataset", "ring8", "--metric", "fd600_points"]
    direct = measured([*shared, "--write-reference", "ring8.npz"])
    shutil.rmtree("measured")
    imported = measured([*shared, "--reference", "ring8.npz"])
    (one,), (other,) = direct.evaluations[0].values, imported.evaluations[0].values
    assert other.value == pytest.approx(one.value, rel=1e-6)
    assert other.evaluation_key != one.evaluation_key
    assert "unverified" in other.label
    assert any("not verified" in note for note in imported.notes)


@pytest.mark.slow
def test_an_evaluation_stands_in_tables_without_a_speed(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Beside its run, in the same column, and in a row of its own."""
    measured([str(trained / "images")])
    capsys.readouterr()
    assert main(["table", str(trained / "images"), "measured"]) == 0
    assert "other software" not in capsys.readouterr().out
    assert main(["table", str(trained / "images"), "measured", "--format", "json"]) == 0
    rows = [row for section in json.loads(capsys.readouterr().out)["groups"] for row in section["rows"]]
    speeds = {row["name"]: row.get("samples_per_second") for row in rows}
    assert speeds.pop("cgan-mlp (ema)") is None
    assert [speed for speed in speeds.values() if speed] == list(speeds.values())
    assert main(["show", "measured"]) == 0
    assert "per second" not in capsys.readouterr().out


@pytest.mark.slow
def test_evaluations_of_one_name_are_compared_by_quality_alone(capsys: pytest.CaptureFixture[str]) -> None:
    """Two sets of samples of one thing; speed, memory and counts are nothing that they have."""
    for index in range(2):
        torch.manual_seed(index)
        np.save(f"points{index}.npy", torch.randn(600, 2).numpy())
        arguments = [f"points{index}.npy", "--name", "mine", "--dataset", "ring8", "--metric", "fd600_points", "--out", f"side{index}"]
        assert main(["evaluate", *arguments, "--device", "cpu"]) == 0
    capsys.readouterr()
    assert main(["compare", "side0", "side1", "--all", "--json"]) in (0, 1)
    metrics = {finding["metric"] for finding in json.loads(capsys.readouterr().out)["findings"]}
    assert any(metric.startswith("fd600_points") for metric in metrics)
    assert not metrics & {"samples_per_second", "peak_memory_mib", "samples_seen"}


def test_black_and_white_are_what_the_generator_says() -> None:
    """Images in [0, 1] are those in [-1, 1] that look the same, to the rounding of a level."""
    from ganbench_spaces.images import ImageSpace
    from ganbench_use.sources import GeneratorOptions, of_generator

    def generate(low: float, high: float) -> torch.Tensor:
        options = GeneratorOptions(latent_shape=(1, 4, 4), output_range=(low, high))
        made = of_generator("g", lambda z: low + (z.tanh() + 1) * (high - low) / 2, ImageSpace.square(1, 4), "g", 50, options)
        return made.generate(0, 50).int()

    usual = generate(-1.0, 1.0)
    assert int(usual.max()) - int(usual.min()) > 200
    assert int((generate(0.0, 1.0) - usual).abs().max()) <= 1


WRONG: dict[str, tuple[list[str], str]] = {
    "no dataset": (["few.npy"], "--dataset is missing"),
    "nothing there": (["absent.npy", "--dataset", "ring8"], "there is no absent.npy"),
    "no run": (["absent"], "no run 'absent'"),
    "too few": (["few.npy", "--dataset", "ring8", "--metric", "fd500_points"], "holds 20"),
    "of another size": (["few.npy", "--dataset", "digits"], "must be"),
    "an empty folder": (["empty", "--dataset", "digits"], "there is no image"),
    "images of another size": (["pictures", "--dataset", "digits"], "nothing is resized"),
    "no module": (["no_such_module:G", "--dataset", "digits"], "cannot be imported"),
    "no such name": (["theirs.py:Generater", "--dataset", "digits"], "has no 'Generater'"),
    "no generator": (["theirs.py:number", "--dataset", "digits"], "no generator"),
    "it raises": (["theirs.py:broken", "--dataset", "digits"], "no weights today"),
    "no latent dim": (["theirs.py:Generator", "--dataset", "digits"], "--latent-dim"),
    "weights that are none": (["theirs.py:Generator", "--dataset", "digits", "--weights", "few.npy"], "cannot be read"),
    "no array": (["text.npz", "--dataset", "ring8"], "it holds no numbers that NumPy wrote"),
    "an unknown metric": (["few.npy", "--dataset", "ring8", "--metric", "fud5k"], "unknown metric"),
    "an option of nobody": (["few.npy", "--dataset", "ring8", "-o", "loss.r1_gamma=1"], "nothing here is called 'loss'"),
    "a flag without effect": (["few.npy", "--dataset", "ring8", "--seed", "1"], "--seed says nothing of samples"),
    "a reference that is none": (
        ["few.npy", "--dataset", "ring8", "--metric", "fd20_points", "--reference", "few.npy"],
        "holds no mu and sigma",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_one_line(workplace: Path, capsys: pytest.CaptureFixture[str], case: str) -> None:
    """With exit code 2, and nothing is made."""
    (workplace / "theirs.py").write_text(THIRD_PARTY)
    (workplace / "empty").mkdir()
    (workplace / "pictures").mkdir()
    Image.new("L", (9, 9)).save(workplace / "pictures" / "a.png")
    np.save("few.npy", np.zeros((20, 2), np.float32))
    (workplace / "text.npz").write_text("no array")
    before = sorted(path.name for path in workplace.iterdir())
    arguments, expected = WRONG[case]
    assert main(["evaluate", *arguments, "--device", "cpu", "--out", "measured"]) == 2
    error = capsys.readouterr().err
    assert expected in error
    assert len(error.splitlines()) == 1
    assert sorted(path.name for path in workplace.iterdir() if path.name != "__pycache__") == before
