"""``ganbench export``: what leaves makes the same samples, and is measured as the run that it came from."""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from ganbench import tensors_from_bytes, tensors_to_bytes
from ganbench.cli.main import main
from ganbench.record.record import RunRecord
from ganbench.record.serialise import from_json
from ganbench_use import exported
from ganbench_use.evaluation import evaluate

METRIC = "fd500_digits"
SHARED = ["--threads", "1", "--quiet", "--device", "cpu"]
needs_onnx = pytest.mark.skipif(bool(exported.missing_packages("onnx")), reason="onnx, onnxscript and onnxruntime are not all installed")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short run by class, with a metric."""
    folder = tmp_path_factory.mktemp("run") / "images"
    arguments = ["run", "--plugin", "cgan-mlp", "--dataset", "digits", "--kimg", "0.128", "--metric", METRIC, "--out", str(folder)]
    assert main([*arguments, *SHARED]) == 0
    return folder


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working directory of its own."""
    monkeypatch.chdir(tmp_path)


def measured(source: str, *arguments: str) -> RunRecord:
    shutil.rmtree("measured", ignore_errors=True)
    assert main(["evaluate", source, "--dataset", "digits", "--metric", METRIC, "--device", "cpu", "--out", "measured", *arguments]) == 0
    return from_json(Path("measured/record.json").read_text())


@pytest.mark.slow
def test_a_program_makes_the_same_samples_and_has_the_metric_of_its_run(run: Path) -> None:
    """Its latents, labels, seed and batch size come with it; so do the weights, which any reader of the format takes."""
    assert main(["export", str(run), "--out", "gan", "--write", "safetensors,pt2"]) == 0
    assert sorted(path.name for path in Path("gan").iterdir()) == ["generator.json", "generator.pt2", "generator.safetensors"]
    layout = json.loads(Path("gan/generator.json").read_text())
    assert layout["inputs"] == {"dtype": "float32", "shape": ["n", 100], "source": "latents", "distribution": "uniform"}
    assert (layout["labels"]["shape"], layout["labels"]["num_classes"]) == (["n"], 10)
    assert all(file["largest_difference"] <= exported.TOLERANCE for file in layout["files"].values())

    own = from_json((run / "record.json").read_text())
    found = measured("gan/generator.pt2")
    assert found.final(METRIC).value == pytest.approx(own.final(METRIC).value, rel=1e-6)
    assert found.keys.evaluation == own.keys.evaluation
    assert found.work.samples_seen == own.work.samples_seen
    assert found.work.parameters == {"generator": layout["parameters"]}
    of_weights = measured("gan/generator.safetensors", "--loader", "architecture", "-o", "loader.config=gan/generator.json")
    assert of_weights.final(METRIC).value == pytest.approx(own.final(METRIC).value, rel=1e-6)
    assert of_weights.keys.evaluation == own.keys.evaluation
    assert measured("gan", "--seed", "7").final(METRIC).value != found.final(METRIC).value

    weights = tensors_from_bytes(Path("gan/generator.safetensors").read_bytes())
    program = torch.export.load("gan/generator.pt2")
    assert {f"parts.{name}" for name in weights} == program.state_dict.keys()
    assert all(torch.equal(tensor, program.state_dict[f"parts.{name}"]) for name, tensor in weights.items())


@pytest.mark.slow
@needs_onnx
def test_onnx_makes_the_same_samples(run: Path) -> None:
    """By another runtime, whose last bits are others: a level in some thousand pixels may be the next one."""
    assert main(["export", str(run), "--out", "gan", "--write", "onnx", "--which", "raw"]) == 0
    assert main(["export", str(run), "--out", "same", "--write", "pt2", "--which", "raw"]) == 0
    assert json.loads(Path("gan/generator.json").read_text())["files"]["generator.onnx"]["largest_difference"] <= exported.TOLERANCE
    assert measured("gan").final(METRIC).value == pytest.approx(measured("same").final(METRIC).value, rel=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("plugin", ["pix2pix", "srgan-small"])
def test_what_is_asked_with_data_is_exported_too(plugin: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A translation and a restoration: their inputs are samples, which only their run can draw."""
    from zoo import small_cases

    settings = [part for path, value in small_cases()[plugin].items() for part in ("--set", f"{path}={_text(value)}")]
    assert main(["run", "--plugin", plugin, *settings, "--kimg", "0.008", "--no-eval", "--out", "run", *SHARED]) == 0
    assert main(["export", "run", "--out", "gan", "--write", "pt2"]) == 0
    layout = json.loads(Path("gan/generator.json").read_text())
    assert layout["inputs"]["source"] == "data"
    program = exported.read_program(Path("gan"))
    made = program.call(torch.zeros(2, *layout["inputs"]["shape"][1:]))
    assert list(made.shape) == [2, *layout["samples"]["shape"][1:]]
    assert main(["evaluate", "gan", "--dataset", "digits", "--device", "cpu"]) == 2
    assert "measure its run" in capsys.readouterr().err


@pytest.mark.slow(keep=1)
@pytest.mark.parametrize("plugin", ["r3gan", "sagan", "stylegan2"])
def test_weights_of_any_layout_are_exported(plugin: str) -> None:
    """1x1 convolutions in the layout of channels last, spectral norm, images without a bound, and styles."""
    from zoo import small_cases

    settings = [part for path, value in small_cases()[plugin].items() for part in ("--set", f"{path}={_text(value)}")]
    assert main(["run", "--plugin", plugin, *settings, "--kimg", "0.008", "--no-eval", "--out", "run", *SHARED]) == 0
    assert main(["export", "run", "--out", "gan", "--write", "safetensors,pt2"]) == 0
    assert main(["sample", "run", "--device", "cpu", "--out", "samples", "--count", "4"]) == 0


def _text(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


THEIRS = """
import torch


class Theirs(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(4, 2)

    def forward(self, z):
        return self.layer(z)
"""


@pytest.mark.slow
def test_a_program_of_another_tool_is_measured_by_what_the_user_says_of_it() -> None:
    """It knows nothing of ganbench; the same module has the same value, given as an object, and as code with a flat file of weights."""
    Path("theirs.py").write_text(THEIRS)
    names: dict[str, Any] = {}
    exec(THEIRS, names)
    torch.manual_seed(0)
    theirs = names["Theirs"]().eval()
    program = torch.export.export(theirs, (torch.zeros(3, 4),), dynamic_shapes=({0: torch.export.Dim("n")},))
    torch.export.save(program, "theirs.pt2")
    Path("theirs.safetensors").write_bytes(tensors_to_bytes({f"g.{name}": tensor for name, tensor in theirs.state_dict().items()}))
    shared = ["--latent-dim", "4", "--dataset", "ring8", "--metric", "fd600_points", "--no-floor", "--device", "cpu"]
    assert main(["evaluate", "theirs.pt2", *shared, "--out", "one"]) == 0
    weights = ["--weights", "theirs.safetensors", "--weights-key", "g"]
    assert main(["evaluate", "theirs.py:Theirs", *weights, *shared, "--out", "two"]) == 0
    third = evaluate(
        theirs, dataset="ring8", metrics=["fd600_points"], latent_dim=4, floors=False, device="cpu", name="theirs", out="three"
    )
    values = [from_json(Path(folder, "record.json").read_text()).final("fd600_points").value for folder in ("one", "two")]
    assert values == pytest.approx([third.record.final("fd600_points").value] * 2, rel=1e-6)


WRONG: dict[str, tuple[list[str], str]] = {
    "no run": (["absent", "--out", "gan"], "no run 'absent'"),
    "no folder": (["RUN"], "Missing option '--out'"),
    "a folder that is taken": (["RUN", "--out", "taken"], "taken"),
    "a file in its place": (["RUN", "--out", "a_file"], "a_file"),
    "an unknown form": (["RUN", "--out", "gan", "--write", "tflite"], "--write tflite: a generator is written as safetensors, pt2, onnx"),
    "no form": (["RUN", "--out", "gan", "--write", ","], "--write names nothing"),
    "a package that is missing": (["RUN", "--out", "gan", "--write", "onnx"], "--write onnx needs onnxruntime"),
    "no such generator": (["RUN", "--out", "gan", "--which", "best"], "Invalid value for '--which'"),
    "an option without a value": (["RUN", "--out", "gan", "-o", "nothing"], "-o"),
    "no checkpoint": (["without", "--out", "gan"], "without has no checkpoint"),
    "no configuration": (["record_alone", "--out", "gan"], "holds no config.toml"),
    "a damaged checkpoint": (["damaged", "--out", "gan"], "damaged"),
}
WITH_LOADER = (
    "ganbench evaluate 'weights alone/generator.safetensors' --loader architecture"
    " -o 'loader.config=weights alone/generator.json' --dataset NAME"
)
WRONG_PROGRAMS: dict[str, tuple[list[str], str]] = {
    "no data": (["text.pt2"], "--dataset is missing"),
    "nothing there": (["absent.onnx", "--dataset", "digits"], "there is no absent.onnx"),
    "no program": (["text.pt2", "--dataset", "digits"], "text.pt2 cannot be read as a .pt2 program"),
    "a layout alone": (["layout_alone", "--dataset", "digits"], "layout_alone holds no program"),
    "weights alone": (["weights alone", "--dataset", "digits"], f"weights alone holds weights and no program; {WITH_LOADER}"),
    "a file of weights": (["weights alone/generator.safetensors", "--dataset", "digits"], f"--loader is missing; {WITH_LOADER}"),
    "a flag of others": (["text.pt2", "--dataset", "digits", "--weights", "text.pt2"], "--weights says nothing of an exported program"),
}


@pytest.mark.slow
def test_what_is_wrong_is_one_line(run: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """With exit code 2, or 3 where a run is damaged, and nothing is made."""
    there = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "onnxruntime" else there(name, *rest))
    Path("taken").mkdir()
    Path("taken/file").write_text("mine")
    Path("a_file").write_text("mine")
    Path("text.pt2").write_text("no program")
    for name in ("without", "record_alone", "damaged"):
        shutil.copytree(run, name)
    shutil.rmtree("without/checkpoints")
    Path("record_alone/config.toml").unlink()
    for checkpoint in Path("damaged/checkpoints").glob("*.pt"):
        checkpoint.write_bytes(checkpoint.read_bytes()[:1000])
    for name in ("layout_alone", "weights alone"):
        Path(name).mkdir()
        Path(name, "generator.json").write_text("{}")
    Path("weights alone/generator.safetensors").write_bytes(b"")
    before = sorted(Path.cwd().rglob("*"))
    for command, cases in (("export", WRONG), ("evaluate", WRONG_PROGRAMS)):
        for case, (arguments, expected) in cases.items():
            given = [str(run) if argument == "RUN" else argument for argument in arguments]
            assert main([command, *given]) == (3 if case == "a damaged checkpoint" else 2), case
            error = capsys.readouterr().err
            assert expected in error, case
            assert len(error.splitlines()) == 1, (case, error)
            assert sorted(Path.cwd().rglob("*")) == before, case
