"""Every input that a user can get wrong: its exit code, one clear line, and nothing lost or left behind."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ganbench.cli.main import main

RUN = ("run", "--plugin", "dcgan")
QUICK = (*RUN, "--kimg", "1", "--no-eval")
FOLDER = (*QUICK, "--dataset", "folder", "-o", "dataset.resolution=16")
ARRAY = (*QUICK, "--dataset", "array")
FID = (*RUN, "--kimg", "1", "--metric", "fid64", "--set", "data.download=false")


@dataclass(frozen=True)
class Case:
    """One wrong input."""

    name: str
    arguments: tuple[str, ...]
    fragments: tuple[str, ...]
    """What the one line must hold."""
    code: int = 2
    prepare: Callable[[Path], None] | None = None
    """Makes files in the working directory."""


def write(name: str, content: str | bytes) -> Callable[[Path], None]:
    """Return what writes one file."""

    def prepare(folder: Path) -> None:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    return prepare


def save_array(name: str, array: np.ndarray) -> Callable[[Path], None]:  # type: ignore[type-arg]
    """Return what saves one array."""
    return lambda folder: np.save(folder / name, array)


def save_images(folder: Path) -> None:
    """Three images, fewer than a batch."""
    (folder / "pictures").mkdir()
    for index in range(3):
        Image.new("L", (16, 16), index).save(folder / "pictures" / f"{index}.png")


def only_broken_images(folder: Path) -> None:
    """A folder where nothing can be read."""
    (folder / "pictures").mkdir()
    (folder / "pictures" / "a.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")


def truncated_archive(folder: Path) -> None:
    """MNIST's four files, cut short."""
    raw = folder / "data" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for part in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
        (raw / f"{part}-ubyte.gz").write_bytes(gzip.compress(b"\0" * 200)[:20])


def finished_run(folder: Path) -> None:
    """A run directory that looks finished."""
    run = folder / "finished"
    run.mkdir()
    (run / "config.toml").write_text('name = "dcgan"\n')
    (run / "record.json").write_text("{}")


def run_with_damaged_config(folder: Path) -> None:
    """An unfinished run whose configuration is no TOML."""
    (folder / "damaged").mkdir()
    (folder / "damaged" / "config.toml").write_text("name = [")


def run_with_damaged_checkpoint(folder: Path) -> None:
    """An unfinished run whose only checkpoint is not what its name says."""
    run = folder / "damaged"
    (run / "checkpoints").mkdir(parents=True)
    (run / "config.toml").write_text('name = "dcgan"\n[evaluation]\nmetrics = []\n')
    (run / "checkpoints" / f"{64:012d}-{'0' * 16}.pt").write_bytes(b"not a checkpoint")


PLUGIN = """
import torch
from ganbench import Latents, Networks
def not_networks(options, shape): return "nothing"
def raises(options, shape): raise RuntimeError("no such layer")
def wrong_shape(options, shape):
    class G(torch.nn.Module):
        def forward(self, latents, labels=None): return torch.zeros(len(latents), 3, 5, 5)
    class D(torch.nn.Module):
        def forward(self, images, labels=None): return images.mean(dim=(1, 2, 3))
    return Networks(modules={"generator": G(), "discriminator": D()}, inputs=Latents(4))
number = 3
"""

FLAGS = [
    Case("no-plugin", ("run",), ("--plugin is missing", "dcgan")),
    Case("unknown-command", ("runn",), ("unknown command 'runn'", "did you mean 'run'?")),
    Case("unknown-flag", (*RUN, "--sed", "1"), ("--sed", "--seed")),
    Case("flag-without-value", (*RUN, "--kimg"), ("--kimg",)),
    Case("kimg-not-a-number", (*RUN, "--kimg", "many"), ("training.total_kimg must be a number", "'many'")),
    Case("kimg-zero", (*RUN, "--kimg", "0"), ("total_kimg must be above 0", "got 0")),
    Case("kimg-negative", (*RUN, "--kimg", "-5"), ("total_kimg must be above 0", "-5")),
    Case("kimg-nan", (*RUN, "--kimg", "nan"), ("total_kimg", "nan")),
    Case("kimg-infinite", (*RUN, "--kimg", "inf"), ("total_kimg must be above 0", "inf")),
    Case("batch-zero", (*RUN, "--batch-size", "0"), ("batch_size must be 1 or more", "got 0")),
    Case("batch-fraction", (*RUN, "--batch-size", "6.5"), ("training.batch_size must be a whole number", "6.5")),
    Case("seed-negative", (*RUN, "--seed", "-1"), ("seed must be between 0", "-1")),
    Case("seed-text", (*RUN, "--seed", "lucky"), ("training.seed must be a whole number", "lucky")),
    Case("precision", (*RUN, "--precision", "fp8"), ("training.precision must be one of fp32, bf16", "fp8")),
    Case("threads", (*RUN, "--threads", "-2"), ("threads must be between 0", "-2")),
    Case("device-nonsense", (*RUN, "--device", "tpu"), ("device must be auto, cpu, cuda or cuda:N", "tpu")),
    Case("device-absent", (*RUN, "--device", "cuda:99"), ("cuda:99", "--device cpu")),
    Case("metric-and-no-eval", (*RUN, "--metric", "fd5k_digits", "--no-eval"), ("--metric and --no-eval",)),
    Case("option-without-equals", (*RUN, "-o", "latent_dim"), ("-o wants KEY=VALUE", "latent_dim")),
    Case("option-unknown", (*RUN, "-o", "latent_dims=3"), ("-o latent_dims", "did you mean 'latent_dim'?")),
    Case("option-section", (*RUN, "-o", "los.r1_gamma=3"), ("unknown section 'los'",)),
    Case("option-type", (*RUN, "-o", "latent_dim=wide"), ("architecture.latent_dim must be a whole number", "wide")),
    Case("option-range", (*RUN, "-o", "latent_dim=0"), ("latent_dim must be 1 or more", "got 0")),
    Case("set-without-equals", (*RUN, "--set", "training.seed"), ("--set wants KEY=VALUE",)),
    Case("set-unknown-section", (*RUN, "--set", "trainin.seed=1"), ("trainin", "did you mean 'training")),
    Case("set-unknown-field", (*RUN, "--set", "training.sed=1"), ("training.sed", "did you mean")),
    Case("set-bad-schedule", (*RUN, "--set", "generator_optimizer.schedule=step"), ("schedule must be one of", "step")),
    Case("set-bad-beta", (*RUN, "--set", "generator_optimizer.beta1=1"), ("beta1 must be at least 0 and below 1",)),
    Case("set-bad-rate", (*RUN, "--set", "generator_optimizer.learning_rate=0"), ("learning_rate must be above 0",)),
    Case("set-bad-bool", (*RUN, "--set", "training.tf32=maybe"), ("training.tf32 must be true or false", "maybe")),
    Case("set-bad-grid", (*RUN, "--set", "evaluation.grid_size=0"), ("grid_size must be between 1 and 32",)),
    Case("set-bad-runner", (*RUN, "--set", "training.runner=magic"), ("runner must be", "magic")),
    Case("graphs-without-a-gpu", (*RUN, "--device", "cpu", "--runner", "cuda_graph"), ("cuda_graph", "the device is cpu", "--runner auto")),
    Case("triton-without-a-gpu", (*RUN, "--device", "cpu", "--kernels", "triton"), ("triton", "cpu", "--kernels auto")),
    Case("kernels-unknown", (*RUN, "--kernels", "cuda"), ("kernels must be auto, triton or ref", "cuda")),
    Case("penalty-every-zero", (*RUN, "--set", "training.penalty_every=0"), ("penalty_every must be 1 or more",)),
    Case("switch-form", ("-p", "dcgan", "plugins", "list"), ("no:NAME", "dcgan")),
    Case("completion-shell", ("completion", "csh"), ("csh",)),
    Case("table-format", ("table", "--format", "yaml"), ("yaml",)),
]
CONFIG_FILES = [
    Case(
        "no-folder-no-weights",  # the folder is what is wrong first
        (*FID, "--dataset", "folder", "-o", "path=nope"),
        ("dataset.path: there is no file or folder", "nope"),
    ),
    Case("count-huge", (*RUN, "--metric", "fd99999999999999999999k_digits"), ("must be at most 10,000,000",)),
    Case("count-of-thousands-of-digits", (*RUN, "--metric", f"fd{'9' * 5000}_digits"), ("must be at most 10,000,000",)),
    Case("steps-huge", (*QUICK, "--set", f"training.d_steps={10**400}"), ("training.d_steps must be a whole number",)),
    Case("toml-huge", ("run", "--config", "a.toml"), ("not valid TOML",), prepare=write("a.toml", f"a = {'9' * 5000}")),
    Case("toml-missing", ("run", "--config", "none.toml"), ("no such configuration file", "none.toml")),
    Case("toml-directory", ("run", "--config", "."), (".",)),
    Case("toml-syntax", ("run", "--config", "c.toml"), ("not valid TOML",), prepare=write("c.toml", "[training\nseed=1")),
    Case("toml-binary", ("run", "--config", "c.toml"), ("c.toml",), prepare=write("c.toml", b"\xff\xfe\x00\x01")),
    Case("toml-no-plugin", ("run", "--config", "c.toml"), ("--plugin is missing",), prepare=write("c.toml", "[training]\nseed = 1\n")),
    Case("toml-section", (*RUN, "--config", "c.toml"), ("optimiser",), prepare=write("c.toml", "[optimiser]\nlr = 1\n")),
    Case("toml-key", (*RUN, "--config", "c.toml"), ("training.seeds", "'seed'"), prepare=write("c.toml", "[training]\nseeds = 1\n")),
    Case("toml-type", (*RUN, "--config", "c.toml"), ("training.seed must be",), prepare=write("c.toml", "[training]\nseed = [1]\n")),
]
PLUGINS = [
    Case("plugin-unknown", ("run", "--plugin", "dcgna"), ("unknown architecture or recipe 'dcgna'", "did you mean 'dcgan'?")),
    Case("plugin-distribution", ("run", "--plugin", "nobody:dcgan"), ("nobody:dcgan",)),
    Case("loss-unknown", (*RUN, "--loss", "hing"), ("unknown loss 'hing'", "'hinge'")),
    Case("dataset-unknown", (*RUN, "--dataset", "digit"), ("unknown dataset 'digit'", "'digits'")),
    Case("plugin-off", ("run", "-p", "no:dcgan", "--plugin", "dcgan"), ("dcgan",)),
    Case("switch-unknown", ("-p", "no:dcgna", "plugins", "list"), ("dcgna",)),
    Case("show-unknown", ("plugins", "show", "dcgna"), ("dcgna", "dcgan")),
    Case("file-missing", ("run", "--plugin", "./none.py:X"), ("no such plugin file", "none.py")),
    Case("file-no-name", ("run", "--plugin", "./p.py"), ("needs a name", "./my_gan.py:MyGAN"), prepare=write("p.py", PLUGIN)),
    Case("file-wrong-name", ("run", "--plugin", "./p.py:raise"), ("has no 'raise'",), prepare=write("p.py", PLUGIN)),
    Case("file-syntax", ("run", "--plugin", "./p.py:X"), ("cannot be imported", "SyntaxError"), prepare=write("p.py", "def (")),
    Case("file-raises", ("run", "--plugin", "./p.py:X"), ("ImportError",), prepare=write("p.py", "raise ImportError('x')")),
    Case("file-exits", ("run", "--plugin", "./p.py:X"), ("SystemExit",), prepare=write("p.py", "raise SystemExit(0)")),
    Case("file-not-callable", ("run", "--plugin", "./p.py:number"), ("neither a spec nor callable",), prepare=write("p.py", PLUGIN)),
    Case(
        "factory-type", ("run", "--plugin", "./p.py:not_networks"), ("must return ganbench.Networks", "str"), prepare=write("p.py", PLUGIN)
    ),
    Case("factory-raises", ("run", "--plugin", "./p.py:raises"), ("failed to build", "no such layer"), prepare=write("p.py", PLUGIN)),
    Case("factory-shape", ("run", "--plugin", "./p.py:wrong_shape"), ("[2, 3, 5, 5]", "[2, 1, 16, 16]"), prepare=write("p.py", PLUGIN)),
]
LOSSES = [
    Case("penalty-and-batch-norm", (*RUN, "-o", "loss.r1_gamma=1"), ("batch norm", "discriminator_norm=none")),
    Case("gp-and-batch-norm", (*RUN, "--loss", "wasserstein", "-o", "gp_weight=10"), ("gradient-penalty", "batch norm")),
    Case("clip-and-penalty", (*RUN, "--loss", "wasserstein", "-o", "gp_weight=10", "-o", "weight_clip=0.1"), ("weight_clip must be 0",)),
    Case("smoothing", (*RUN, "-o", "label_smoothing=1.5"), ("label_smoothing must be", "1.5")),
    Case("negative-gamma", (*RUN, "-o", "r1_gamma=-1"), ("r1_gamma must be 0 or more", "-1")),
    Case("equal-targets", (*RUN, "--loss", "least-squares", "-o", "real_target=0"), ("real_target must differ",)),
]
DATA = [
    Case("folder-without-path", (*QUICK, "--dataset", "folder"), ("path",)),
    Case("folder-absent", (*FOLDER, "-o", "path=nowhere"), ("nowhere",)),
    Case("folder-empty", (*FOLDER, "-o", "path=pictures"), ("pictures",), prepare=lambda f: (f / "pictures").mkdir()),
    Case("folder-of-text", (*FOLDER, "-o", "path=pictures"), ("pictures",), prepare=write("pictures/readme.txt", "hello")),
    Case("folder-broken", (*FOLDER, "-o", "path=pictures"), ("pictures",), prepare=only_broken_images),
    Case("folder-too-few", (*FOLDER, "-o", "path=pictures"), ("training.batch_size is 64", "3 train images"), prepare=save_images),
    Case("array-absent", (*ARRAY, "-o", "path=a.npy"), ("a.npy",)),
    Case("array-float", (*ARRAY, "-o", "path=a.npy"), ("uint8", "float"), prepare=save_array("a.npy", np.zeros((99, 16, 16, 1)))),
    Case("array-rank", (*ARRAY, "-o", "path=a.npy"), ("a.npy",), prepare=save_array("a.npy", np.zeros(99, np.uint8))),
    Case("array-object", (*ARRAY, "-o", "path=a.npy"), ("a.npy",), prepare=save_array("a.npy", np.array([{}, {}], dtype=object))),
    Case("array-not-square", (*ARRAY, "-o", "path=a.npy"), ("16",), prepare=save_array("a.npy", np.zeros((99, 16, 12, 1), np.uint8))),
    Case("array-text", (*ARRAY, "-o", "path=a.npy"), ("a.npy",), prepare=write("a.npy", "hello")),
    Case(
        "archive-cut",
        (*QUICK, "--dataset", "mnist", "--data-root", "data", "--set", "data.download=false"),
        ("train-images-idx3-ubyte.gz",),
        prepare=truncated_archive,
    ),
    Case(
        "data-not-there",
        (*QUICK, "--dataset", "cifar10", "--data-root", "data", "--set", "data.download=false"),
        ("cifar-10-python.tar.gz", "data"),
    ),
    Case("points-for-images", (*QUICK, "--dataset", "ring8"), ("dcgan makes images", "ring8 holds points")),
    Case("resolution-odd", (*QUICK, "-o", "dataset.resolution=20"), ("20x20", "16")),
    Case("resolution-zero", (*QUICK, "-o", "dataset.resolution=0"), ("resolution", "0")),
    Case("batch-above-data", (*QUICK, "--batch-size", "5000"), ("5000", "1437 train images")),
    Case(
        "labels-wanted",
        (*QUICK, "--dataset", "synthetic", "-o", "conditional=true", "-o", "dataset.num_classes=0"),
        ("conditional needs labels",),
    ),
]
METRICS = [
    Case("metric-unknown", (*RUN, "--metric", "fidd"), ("fidd", "'fid'")),
    Case("metric-fid-of-digits", (*RUN, "--metric", "fid5k_digits"), ("fd5k_digits",)),
    Case("metric-fd-of-inception", (*RUN, "--metric", "fd5k_inception"), ("fid5k",)),
    Case("metric-zero", (*RUN, "--metric", "fd0_digits"), ("1 or more", "0")),
    Case("metric-extractor", (*RUN, "--metric", "fd5k_digit"), ("digit", "digits")),
    Case("metric-one-sample", (*RUN, "--kimg", "1", "--metric", "fd1_digits"), ("fd1_digits", "at least 2")),
    Case("kid-too-few", (*RUN, "--kimg", "1", "--metric", "kd500_digits"), ("subset_size 1000", "at least 1000", "500")),
    Case("metric-option", (*RUN, "-o", "kd.subset=3"), ("metrics.kd.subset", "subset_size")),
    Case("metric-option-range", (*RUN, "-o", "kid.subset_size=0"), ("subset_size", "0")),
    Case("metric-family", (*RUN, "--set", "metrics.kdd.subset_size=9"), ("kdd", "'kd'")),
    Case("weights-absent", (*FID, "--extractor-weights", "none.pth"), ("none.pth",)),
    Case("weights-directory", (*FID, "--extractor-weights", "."), (".",)),
    Case("weights-text", (*FID, "--extractor-weights", "w.pth"), ("w.pth",), prepare=write("w.pth", "hello")),
    Case(
        "weights-format",
        (*FID, "--extractor-weights", "w.pth"),
        ("w.pth",),
        prepare=lambda f: torch.save({"a": torch.ones(1)}, f / "w.pth"),
    ),
    Case("weights-nowhere", FID, ("--extractor-weights",)),
]
RUN_DIRECTORIES = [
    Case("out-not-empty", (*QUICK, "--out", "full"), ("full", "not empty"), prepare=write("full/x.txt", "precious")),
    Case("out-is-a-file", (*QUICK, "--out", "file"), ("file",), prepare=write("file", "precious")),
    Case("out-below-a-file", (*QUICK, "--out", "file/run"), ("file",), prepare=write("file", "precious")),
    Case("resume-absent", ("run", "--resume", "nowhere"), ("nowhere",)),
    Case("resume-no-run", ("run", "--resume", "empty"), ("not a run directory",), prepare=lambda f: (f / "empty").mkdir()),
    Case("resume-finished", ("run", "--resume", "finished"), ("finished", "never overwritten"), prepare=finished_run),
    Case("resume-with-flags", ("run", "--resume", "x", "--seed", "3"), ("--resume", "--seed")),
    Case("resume-damaged-config", ("run", "--resume", "damaged"), ("not valid TOML",), prepare=run_with_damaged_config),
    Case("resume-damaged-checkpoint", ("run", "--resume", "damaged"), ("checkpoint",), code=3, prepare=run_with_damaged_checkpoint),
    Case("table-nothing", ("table",), ("results",), code=5),
    Case("table-absent", ("table", "nowhere"), ("nowhere",)),
    Case("show-absent", ("show", "nowhere"), ("nowhere",)),
    Case("show-damaged", ("show", "finished"), ("record.json",), prepare=finished_run),
]
CASES = [*FLAGS, *CONFIG_FILES, *PLUGINS, *LOSSES, *DATA, *METRICS, *RUN_DIRECTORIES]


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, and an empty cache beside it."""
    for name in ("GANBENCH_DATA", "GANBENCH_PLUGINS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GANBENCH_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_wrong_input_gives_its_code_and_one_clear_line(case: Case, workplace: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """What is wrong, with the value got; no traceback; nothing on stdout; no file made, changed or lost."""
    if case.prepare is not None:
        case.prepare(workplace)
    before = contents(workplace)
    code = main(list(case.arguments))
    out, err = capfd.readouterr()
    lines = [line for line in err.splitlines() if not line.startswith("warning: ")]
    assert (code, out) == (case.code, "")
    assert lines[-1].startswith("ganbench: ")
    for fragment in case.fragments:
        assert fragment in lines[-1]
    assert "Traceback" not in err
    assert len(lines) == 1
    after = {name: content for name, content in contents(workplace).items() if not name.endswith((".lock", ".pyc"))}
    assert after == before


def test_there_are_at_least_sixty() -> None:
    """The table keeps its breadth."""
    assert len({case.name for case in CASES}) == len(CASES) >= 60


@pytest.mark.parametrize("value", ["nowhere", "file"])
def test_a_data_root_in_the_environment_that_is_not_there_is_named(
    value: str, workplace: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """GANBENCH_DATA is checked as the flag is."""
    (workplace / "file").write_text("x")
    monkeypatch.setenv("GANBENCH_DATA", value)
    assert main([*QUICK, "--dataset", "cifar10", "--set", "data.download=false"]) == 2
    assert value in capfd.readouterr().err


@pytest.mark.slow
def test_an_unwritable_cache_costs_nothing_but_time(
    workplace: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The run goes on without it."""
    (workplace / "file").write_text("x")
    monkeypatch.setenv("GANBENCH_CACHE", os.fspath(workplace / "file"))
    assert main([*RUN, "--kimg", "0.2", "--metric", "fd100_digits", "--quiet", "--threads", "1"]) == 0
    assert "FD digits" in capfd.readouterr().out
