"""One run on several processes, by gloo: the networks of one process, one line for a death, and a resume to the same bits."""

from __future__ import annotations

import io
import os
import signal
import tarfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import together
import torch
import zoo_translation
from PIL import Image

import ganbench

pytestmark = pytest.mark.slow

STEPS = 50
BATCH = 16
SMALL: dict[str, Any] = {
    "training.batch_size": BATCH,
    "training.total_kimg": STEPS * BATCH / 1000,
    "training.threads": 1,
    "training.device": "cpu",
    "evaluation.metrics": (),
}
DCGAN = {
    **SMALL,
    "dataset.name": "digits",
    "architecture.options.generator_width": 8,
    "architecture.options.discriminator_width": 8,
    "architecture.options.generator_norm": "virtual",
    "architecture.options.discriminator_norm": "none",
}
WASSERSTEIN = {
    "loss.name": "wasserstein",
    "loss.options.gp_weight": 10.0,
    "training.d_steps": 2,
    "training.total_kimg": 2 * STEPS * BATCH / 1000,
}
SPECTRAL = str(Path(__file__).with_name("spectral_points.py")) + ":build"
SHARDS = {
    "dataset.name": "shards",
    "dataset.options.path": "tar",
    "dataset.options.resolution": 16,
    "dataset.options.channels": "1",
    "data.resident_limit_mib": 0.0,
}
CASES: together.Cases = {
    "dcgan": ("dcgan", DCGAN),
    "wgan-gp": ("dcgan", {**DCGAN, **WASSERSTEIN, "training.seed": 1}),  # at seed 0 rounding moves one unit over the edge of its ReLU
    "r1": ("dcgan", {**DCGAN, "loss.options.r1_gamma": 1.0}),
    "hinge-spectral": (SPECTRAL, {**SMALL, "dataset.name": "ring8", "loss.name": "hinge"}),
    "shards": ("dcgan", {**DCGAN, **SHARDS}),
    "cyclegan": ("cyclegan", {**zoo_translation.CASES["cyclegan"], **SMALL}),
}
MEASURED = {
    **DCGAN,
    "training.total_kimg": 0.2,
    "evaluation.metrics": ("fd1k_digits", "kd1k_digits"),
    "evaluation.batch_size": 130,
}


def bound(case: str, name: str) -> float:
    """Return how far a number of the networks may be from that of one process.

    Adam makes steps of the learning rate's size of whatever sign rounding gives a gradient that is nothing but rounding, as that of a bias
    before an instance norm, which takes it out again; the images are the same all the same.
    """
    return 0.02 if case == "cyclegan" and name.endswith(".bias") else 1e-5


def write_shards(folder: Path) -> None:
    """Write 96 grey images into three tar files, of which each process reads what is its share of a batch."""
    folder.mkdir(parents=True)
    pixels = np.random.default_rng(0).integers(0, 256, (3, 32, 16, 16), dtype=np.uint8)
    for shard, images in enumerate(pixels):
        with tarfile.open(folder / f"train-{shard}.tar", "w") as archive:
            for number, image in enumerate(images):
                content = io.BytesIO()
                Image.fromarray(image).save(content, "png")
                member = tarfile.TarInfo(f"{number:04}.png")
                member.size = content.tell()
                content.seek(0)
                archive.addfile(member, content)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with each case trained by 1, 2 and 4 processes, and by 2 once more."""
    folder = tmp_path_factory.mktemp("together")
    for name, world in (("1", 1), ("2", 2), ("4", 4), ("again", 2)):
        write_shards(folder / name / "tar")
        together.train(world, {**CASES, "measured": ("dcgan", MEASURED)}, folder / name)
    return folder


@pytest.mark.parametrize("world", ["2", "4"])
@pytest.mark.parametrize("case", CASES)
def test_the_networks_are_those_of_one_process(case: str, world: str, trained: Path) -> None:
    """After 50 steps at the same batch of all together."""
    alone, shared = (together.networks(trained / name / case) for name in ("1", world))
    assert alone.keys() == shared.keys()
    for name, tensor in alone.items():
        assert (shared[name].double() - tensor.double()).abs().max() <= bound(case, name), name


@pytest.mark.parametrize("case", CASES)
def test_twice_the_same_bits(case: str, trained: Path) -> None:
    """With the same number of processes."""
    one, other = (together.networks(trained / name / case) for name in ("2", "again"))
    assert all(torch.equal(tensor, other[name]) for name, tensor in one.items())


@pytest.mark.parametrize("world", ["2", "4"])
def test_the_measures_are_those_of_one_process(world: str, trained: Path) -> None:
    """Before the first step, where the networks are the same to the bit: each process extracts every second or fourth batch."""
    alone, shared = (ganbench.load(trained / name / "measured").record for name in ("1", world))
    for one, other in zip(alone.evaluations[0].values, shared.evaluations[0].values, strict=True):
        assert other.name == one.name
        assert other.value == pytest.approx(one.value, rel=1e-9)
    assert len(shared.evaluations) == len(alone.evaluations)
    assert shared.work.samples_seen == alone.work.samples_seen


def test_the_record_says_how_many_processes_there_were(trained: Path) -> None:
    """In its notes, and in the key of the software, so that its speed is compared with nothing else's."""
    alone, shared = (ganbench.load(trained / name / "measured").record for name in ("1", "2"))
    assert any(note.startswith("2 processes on 1 machine (gloo): ") for note in shared.notes)
    assert dict(shared.keys.software.fields)["world"] == 2
    assert "world" not in dict(alone.keys.software.fields)
    assert dict(shared.keys.work.fields) == dict(alone.keys.work.fields)


LONG = ["-m", "ganbench", "run", "--plugin", "dcgan", "--no-eval", "--device", "cpu", "--set", "training.batch_size=16"]
LONG += ["-o", "generator_width=8", "-o", "discriminator_width=8"]


def wait_for(path: Path, pattern: str) -> None:
    """Wait until something of this name is there."""
    end = time.monotonic() + 120
    while not list(path.glob(pattern)):
        assert time.monotonic() < end, pattern
        time.sleep(0.05)


@pytest.mark.parametrize("victim", [0, 1, 2])
def test_a_death_ends_all_with_one_line(victim: int, tmp_path: Path) -> None:
    """Within half a minute, with a code that is none of success, and the run goes on from its last checkpoint."""
    command = [*LONG, "--kimg", "100000", "--set", "checkpoint.every_kimg=0.2", "--out", "run", "--quiet"]
    processes = together.start(3, [*command[:9], "training.batch_size=18", *command[10:]], folder=tmp_path)
    wait_for(tmp_path, "run/checkpoints/*.pt")
    os.kill(processes[victim].pid, signal.SIGKILL)
    processes[victim].wait()
    said = [one.communicate(timeout=30)[1] for one in processes]
    lines = [line for text in said for line in text.splitlines() if line.startswith("ganbench: process")]
    assert lines == [f"ganbench: process {victim} of 3 ended unexpectedly, and with it the run"]
    assert all(one.returncode not in (0, None) for one in processes)
    assert not (tmp_path / "run" / "record.json").exists()


def test_a_run_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    """Interrupted by a signal to one process, and resumed by as many; by another number it is refused."""
    together.finish(together.start(2, [*LONG, "--kimg", "2", "--out", "whole", "--quiet"], folder=tmp_path))
    cut = together.start(2, [*LONG, "--kimg", "2", "--set", "checkpoint.every_kimg=0.1", "--out", "cut", "--quiet"], folder=tmp_path)
    wait_for(tmp_path, "cut/checkpoints/*.pt")
    os.kill(cut[1].pid, signal.SIGTERM)
    said = [one.communicate(timeout=60)[1] for one in cut]
    assert [one.returncode for one in cut] == [130, 130], said
    assert "".join(said).count("interrupted at") == 1
    (three,) = {
        one.communicate(timeout=60)[1].splitlines()[-1]
        for one in together.start(1, ["-m", "ganbench", "run", "--resume", "cut"], folder=tmp_path)
    }
    assert three == "ganbench: the run began on 2 processes, this is 1; resume it on 2"
    together.finish(together.start(2, ["-m", "ganbench", "run", "--resume", "cut", "--quiet"], folder=tmp_path))
    whole, cut_and_resumed = together.networks(tmp_path / "whole"), together.networks(tmp_path / "cut")
    assert all(torch.equal(tensor, cut_and_resumed[name]) for name, tensor in whole.items())


@pytest.mark.parametrize(
    ("world", "arguments", "line"),
    [
        (
            3,
            ["--plugin", "dcgan", "--batch-size", "64"],
            "64 samples cannot be shared evenly among 3 processes; take a --batch-size that 3 divides",
        ),
        (2, ["--plugin", "seqgan-small"], "seqgan-small is trained by one process (SeqGAN shares no batches); start it without torchrun"),
        (2, ["--plugin", "dcgann"], "unknown architecture or recipe 'dcgann'"),
    ],
)
def test_what_is_wrong_is_said_once(world: int, arguments: list[str], line: str, tmp_path: Path) -> None:
    """By one of all, with the code of usage."""
    processes = together.start(world, ["-m", "ganbench", "run", *arguments, "--out", "run"], folder=tmp_path)
    said = [text for one in processes for text in one.communicate(timeout=60)[1].splitlines()]
    assert [text.startswith(f"ganbench: {line}") for text in said] == [True]
    assert [one.returncode for one in processes] == [2] * world
    assert not (tmp_path / "run").exists()


def test_half_an_environment_is_refused(tmp_path: Path) -> None:
    """It would wait for ever for the others, or train alone beside them."""
    (one,) = together.start(1, ["-c", "import os; os.environ['WORLD_SIZE'] = '2'; del os.environ['MASTER_ADDR']; " + MAIN], folder=tmp_path)
    assert one.communicate(timeout=60)[1] == "ganbench: WORLD_SIZE is 2, and MASTER_ADDR is not set; start the processes with torchrun\n"
    assert one.returncode == 2


MAIN = "import sys; from ganbench.cli.main import main; sys.exit(main(['run', '--plugin', 'dcgan']))"
