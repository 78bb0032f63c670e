"""More wrong inputs: files of every kind that are not what they should be, flags without effect, the environment.

The files are made once; every case leaves all of them as they were.
"""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from ganbench.cli.main import main

QUICK = "run --plugin dcgan --kimg 1 --no-eval"
ARRAY = f"{QUICK} --dataset array -o path="
FID = "run --plugin dcgan --kimg 1 --metric fid64 --set data.download=false --extractor-weights"
MNIST = f"{QUICK} --dataset mnist --set data.download=false --data-root"
RECORD = "results/cpu/default-run/record.json"

PLUGIN = """
import torch
from torch import nn
from ganbench import Latents, LossSpec, Networks
class Generator(nn.Module):
    def forward(self, latents, labels=None): return torch.zeros(len(latents), 1, 16, 16)
class Discriminator(nn.Module):
    def forward(self, images, labels=None): raise IndexError("layer 7")
def fails_on_samples(options, shape):
    return Networks(modules={"generator": Generator(), "discriminator": Discriminator()}, inputs=Latents(4))
def takes_nothing(): return None
def loss(options): return "x"
def dataset(options, context): return [1, 2]
a_loss = LossSpec(name="a-loss", summary="x", factory="p:loss")
"""

CASES = [
    # arrays and their labels
    (f"{ARRAY}few.npy", "training.batch_size is 64, and array:few has 10 train images; use a smaller --batch-size"),
    (f"{ARRAY}ambiguous.npy", "can be [N, H, W, C] or [N, C, H, W]; say which with -o layout="),
    (f"{ARRAY}good.npy -o layout=nchw", "images must be square with 1 or 3 channels, [N, C, H, W] (got shape [80, 16, 16, 1])"),
    (f"{ARRAY}good.npy -o layout=chwn", "dataset.layout must be one of auto, nhwc, nchw (got 'chwn')"),
    (f"{ARRAY}good.npy -o labels=none.npy", "array: labels is not a file (got 'none.npy')"),
    (f"{ARRAY}good.npy -o labels=good.npy", "good.npy must be 80 integers, one for each image (got uint8 [80, 16, 16, 1])"),
    (f"{ARRAY}good.npy -o test_fraction=1", "dataset.test_fraction must be at least 0 and below 1 (got 1.0)"),
    (f"{ARRAY}good.npy -o test_fraction=0.5", "batch_size is 64, and array:good has 40 train images"),
    (f"{ARRAY}good.npy -o conditional=true", "conditional needs labels, and this dataset has none; use -o conditional=false"),
    (f"{ARRAY}twenty.npy", "dcgan cannot be built for 20x20 images (it can for 8, 16, 32"),
    (f"{ARRAY}cut.npy", "cut.npy is truncated:"),
    (f"{ARRAY}nothing.npy", "nothing.npy is not a .npy file; write it with numpy.save"),
    (f"{ARRAY}pickle.npy", "pickle.npy holds Python objects"),
    (f"{ARRAY}.", "array: path must be a .npy or .npz file (got '/"),
    (f"{ARRAY}labels.npz", "labels.npz: 'labels' must be 80 integers, one for each image (got int64 [70])"),
    (f"{ARRAY}negative.npz", "'labels' must be class numbers from 0 (got -1)"),
    (f"{ARRAY}two.npz", "two.npz has 2 arrays of four dimensions; choose of a, b with -o key=NAME"),
    (f"{ARRAY}two.npz -o key=c", "two.npz has no array 'c'; it has a, b"),
    (f"{ARRAY}cut.npz", "cut.npz is not an .npz file or is truncated"),
    # folders
    (f"{QUICK} --dataset folder -o path=good.npy", "/good.npy'); give it with -o path=DIR"),
    (f"{QUICK} --dataset folder -o path=idx -o channels=2", "dataset.channels must be one of 3, 1 (got '2')"),
    (f"{QUICK} --dataset synthetic -o num_images=0", "dataset.num_images must be 1 or more (got 0)"),
    # archives
    (f"{MNIST} nowhere", "nowhere"),
    (f"{MNIST} good.npy", "good.npy"),
    (f"{MNIST} empty", "mnist is not on this machine and downloading is switched off; put train-images-idx3-ubyte.gz"),
    (f"{MNIST} idx", "idx/train-* is not a set of idx files"),
    (f"{MNIST} wrong", "wrong/train-images-idx3-ubyte.gz is damaged: its MD5 is"),
    (f"{QUICK} --dataset cifar10 --data-root wrong", "wrong/cifar-10-python.tar.gz is damaged: its MD5 is"),
    # weights
    (f"{FID} nothing.npy", "nothing.npy cannot be read as a PyTorch state dict"),
    (f"{FID} abc.pth", "abc.pth cannot be read as a PyTorch state dict"),
    (f"{FID} cut.pth", "cut.pth cannot be read as a PyTorch state dict"),
    (f"{FID} list.pth", "list.pth holds no state dict (got list)"),
    (f"{FID} other.pth", "other.pth does not fit the 2015 Inception network: Missing key(s)"),
    (f"{FID} empty", "/empty/weights-inception"),
    # configuration files
    ("run --config empty", "cannot read the configuration file empty: Is a directory"),
    ("run --config cut.npz", "cut.npz is not valid TOML"),
    (f"{QUICK} --config number.toml", "unknown setting 'training'; it is a table; set what is in it, as training.seed"),
    (f"{QUICK} --config tables.toml", "unknown setting 'training'; it is a table"),
    (f"{QUICK} --config deep.toml", "unknown setting 'architecture.name.x'; did you mean 'architecture.name'?"),
    (f"{QUICK} --set loss=hinge", "unknown setting 'loss'; it is a table; set what is in it, as loss.name"),
    ("run --config number.toml --plugin dcgan --resume empty", "--resume takes the run's own configuration;"),
    # plugins in files
    ("run --plugin ./empty:X", "unknown architecture or recipe './empty:X'"),
    ("run --plugin ./p.py:", "a plugin in a file needs a name (got './p.py:'); write ./my_gan.py:MyGAN"),
    ("run --plugin ./p.py:generator", "p.py has no 'generator'; did you mean 'Generator'?"),
    ("run --plugin ./p.py:a_loss", "p.py:a_loss is a loss, and the kind wanted here is architecture or recipe"),
    ("run --plugin ./p.py:takes_nothing", "failed to build: TypeError: takes_nothing() takes 0 positional arguments"),
    ("run --plugin ./p.py:fails_on_samples", "architecture 'fails_on_samples' fails on two samples: IndexError: layer 7"),
    (f"{QUICK} --loss ./p.py:loss", "must return a ganbench.Objective (got str)"),
    (f"{QUICK} --dataset ./p.py:dataset", "must return a ganbench.Dataset (got list)"),
    # flags without effect, or against each other
    (f"{QUICK} --dry-run --json", "--dry-run prints TOML, and --json asks for a record; give one of them"),
    ("run --plugin dcgan --metric ,", "--metric names no metric; write one, as in fd5k_digits"),
    ("run --resume empty --kimg 1", "--kimg cannot be given with it"),
    ("run --resume empty --config number.toml", "--config cannot be given with it"),
    ("run --resume empty --metric fd5k_digits", "--metric cannot be given with it"),
    ("run --resume empty --no-eval", "--no-eval cannot be given with it"),
    ("run --resume good.npy", "good.npy is not a run directory; give the folder that holds the run's config.toml"),
    ("run --resume nobody", "no run 'nobody': neither a path nor a run id below results/runs; there is none yet"),
    (f"{QUICK} --out new/../empty/../idx", "is not empty (it holds t10k-images-idx3-ubyte)"),
    (f"{QUICK} extra", "extra"),
    ("plugins lst", "lst"),
    ("plugins show", "NAME"),
    ("plugins list --jsn", "--jsn"),
    ("doctor --jsn", "--jsn"),
    ("completion", "bash, zsh, fish"),
    # records
    ("table good.npy", "good.npy is neither a run folder nor a record.json"),
    ("show empty", "no run found in empty"),
    ("show cut.json", "cut.json is damaged"),
    ("table cut.json", "no record can be read: cut.json is damaged"),
]
CODES = {"show empty": 5}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of files that are not what they should be."""
    folder = tmp_path_factory.mktemp("wrong")
    save_arrays(folder)
    for name in ("idx", "wrong", "empty"):
        (folder / name).mkdir()
    for part in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
        (folder / "idx" / f"{part}-ubyte").write_bytes(b"\0\0\x08\x03\0\0")
        (folder / "wrong" / f"{part}-ubyte.gz").write_bytes(gzip.compress(b"something else"))
    (folder / "wrong" / "cifar-10-python.tar.gz").write_bytes(b"something else")
    (folder / "abc.pth").write_bytes(b"abc")
    torch.save([1, 2], folder / "list.pth")
    torch.save({"a": torch.ones(99)}, folder / "other.pth")
    (folder / "cut.pth").write_bytes((folder / "other.pth").read_bytes()[:300])
    (folder / "number.toml").write_text("training = 3\n")
    (folder / "tables.toml").write_text("[[training]]\nseed = 1\n")
    (folder / "deep.toml").write_text("[architecture.name]\nx = 1\n")
    (folder / "p.py").write_text(PLUGIN)
    (folder / "cut.json").write_bytes((Path(__file__).parents[2] / RECORD).read_bytes()[:500])
    return folder


def save_arrays(folder: Path) -> None:
    """Save images and labels in every wrong form."""
    good = np.arange(80 * 256, dtype=np.uint8).reshape(80, 16, 16, 1)
    np.save(folder / "good.npy", good)
    np.save(folder / "few.npy", good[:10])
    np.save(folder / "twenty.npy", np.zeros((80, 20, 20, 1), np.uint8))
    np.save(folder / "ambiguous.npy", np.zeros((80, 3, 3, 3), np.uint8))
    np.save(folder / "pickle.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    (folder / "cut.npy").write_bytes((folder / "good.npy").read_bytes()[:-500])
    (folder / "nothing.npy").touch()
    np.savez(folder / "labels.npz", images=good, labels=np.zeros(70, np.int64))
    np.savez(folder / "negative.npz", images=good, labels=np.full(80, -1))
    np.savez(folder / "two.npz", a=good, b=good)
    (folder / "cut.npz").write_bytes((folder / "two.npz").read_bytes()[:9000])


def contents(folder: Path) -> dict[str, bytes]:
    """Return what lies below a folder."""
    paths = [p for p in folder.rglob("*") if "__pycache__" not in p.parts]
    return {str(p.relative_to(folder)): p.read_bytes() if p.is_file() else b"" for p in sorted(paths)}


@pytest.fixture
def workplace(files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder as the working directory, checked afterwards: no file made, changed or lost."""
    for name in ("GANBENCH_DATA", "GANBENCH_PLUGINS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GANBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(files)
    before = contents(files)
    yield files
    assert contents(files) == before


@pytest.mark.parametrize(("arguments", "words"), CASES, ids=[arguments.removeprefix(QUICK).strip() for arguments, _ in CASES])
def test_a_wrong_file_or_flag_is_one_line(arguments: str, words: str, workplace: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """That says what is wrong and what to do, with the exit code of a usage error."""
    assert main(arguments.split()) == CODES.get(arguments, 2)
    out, err = capfd.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1
    assert err.startswith("ganbench: ")
    assert words in err


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("OMP_NUM_THREADS", "abc", "OMP_NUM_THREADS must be a number of threads, 1 or more (got 'abc'); unset it, or use --threads N"),
        ("OMP_NUM_THREADS", "0", "OMP_NUM_THREADS must be a number of threads, 1 or more (got '0')"),
        ("GANBENCH_DATA", "no-such-folder", "no-such-folder"),
    ],
)
def test_a_wrong_environment_is_one_line_of_a_process(name: str, value: str, words: str, workplace: Path) -> None:
    """In a process of its own, as a user starts it: no library adds its own complaint, and no traceback ends it."""
    command = f"{QUICK} --dataset cifar10 --set data.download=false".split()
    environment = {**os.environ, name: value}
    done = subprocess.run([sys.executable, "-m", "ganbench", *command], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("ganbench: ")
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1


_TOLD = """
import sys
from ganbench.cli.main import main
code = main(sys.argv[1:])
print(code, *sorted({"torch", "scipy.stats", "sklearn"} & set(sys.modules)))
"""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            "run --plugin dcgan --metric fid5k --set data.download=false",
            "the Inception weights are not there and downloading is off; get https://",
        ),
        ("run --plugin dcgan --metric fid5k --extractor-weights none.pth", "no such weights file: none.pth"),
        (f"{QUICK} --dataset folder -o path=none", "dataset.path: there is no file or folder 'none'; say -o dataset.path=PATH"),
        (f"{QUICK} --loss hinge --set loss.name=logistic", "loss.name is hinge by a flag, and logistic by --set; give one of them"),
        ("evaluate none --dataset digits", "no run 'none'"),
        ("evaluate . --dataset digit", "unknown dataset 'digit'; did you mean 'digits'?"),
        ("evaluate . --dataset digits --metric fid5k --extractor-weights none.pth", "no such weights file: none.pth"),
        ("evaluate none.py:Generator --dataset digits", "there is no file none.py"),
        ("sample none --out shown", "no run 'none'"),
        ("export none --out gan", "no run 'none'"),
        ("export none --out gan --write onx", "--write onx: a generator is written as safetensors, pt2, onnx"),
        ("plugins check dcgn", "did you mean 'dcgan'?"),
        ("plugins new architecur my-gan", "did you mean 'architecture'?"),
        ("compare none none", "no run 'none'"),
        ("ab none --plugin dcgan", "no folder and no git ref"),
    ],
)
def test_what_is_impossible_is_told_before_anything_is_imported_that_takes_seconds(arguments: str, words: str, workplace: Path) -> None:
    """In a process of its own, as a user starts it, without weights in any cache."""
    environment = {**os.environ, "GANBENCH_CACHE": str(workplace / "cache"), "TORCH_HOME": str(workplace / "hub")}
    command = [sys.executable, "-c", _TOLD, *arguments.split()]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.stdout == "2\n"
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(("arguments", "words"), [([], "plugins"), (["plugins"], "show")])
def test_a_command_without_its_subcommand_shows_its_help(arguments: list[str], words: str, capfd: pytest.CaptureFixture[str]) -> None:
    """Nothing was asked for, so nothing failed."""
    assert main(arguments) == 0
    out, err = capfd.readouterr()
    assert out.startswith("Usage: ganbench")
    assert words in out
    assert err == ""
