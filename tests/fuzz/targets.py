"""What is damaged, and the commands that are given it: every file that a user may get from elsewhere, or that a crash may have left."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

import mutate
import torch
from PIL import Image

from ganbench.cli.main import main

MATRIX = """\
name = "small"
exclusive = false

[axes]
plugin = ["mlp", "dcgan"]
loss = ["hinge", "logistic"]
seed = [0, 1]
"training.batch_size" = [16, 32]

[settings]
"training.total_kimg" = 0.1
"evaluation.metrics" = ["none"]

[settings.dataset]
name = "digits"

[[exclude]]
plugin = "dcgan"
loss = "hinge"

[[include]]
plugin = "mlp"
seed = [7]
"""


@dataclass(frozen=True)
class Case:
    """One damaged file in a folder, and the command that is given it."""

    arguments: list[str]
    damaged: Path


@dataclass(frozen=True)
class Target:
    """A kind of file."""

    name: str
    share: int
    """How many of a hundred cases it gets."""
    make: Callable[[Path, Path, Random], Case]
    """(where the sound files are, an empty folder, random) to a case in that folder."""


def make_sound_files(folder: Path) -> None:
    """Make by the commands themselves what is damaged later: two finished runs, a baseline, a matrix, and a folder of images."""
    budget = "--dataset digits --kimg 0.2 --batch-size 16 --metric fd100_digits --threads 1 --quiet"
    here = Path.cwd()
    os.chdir(folder)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            for run, seed in (("run", 0), ("other", 1)):
                assert main(["run", "--plugin", "mlp", *budget.split(), "--seed", str(seed), "--out", run]) == 0
            assert main(["baseline", "set", "main", "run", "other"]) == 0
    finally:
        os.chdir(here)
    (folder / "matrix.toml").write_text(MATRIX)
    images = folder / "images"
    images.mkdir()
    random = Random(0)
    for i, suffix in enumerate((".png", ".png", ".jpg", ".gif", ".bmp", ".webp", ".tif", ".png")):
        mode = "RGBA" if i == 1 else "I;16" if i == 7 else "RGB"
        count = 9 * 9 * {"RGBA": 4, "I;16": 2, "RGB": 3}[mode]
        Image.frombytes(mode, (9, 9), random.randbytes(count)).save(images / f"{i}{suffix}")


def _of_a_run(name: str, change: Callable[[bytes, Random], bytes], commands: tuple[str, ...]) -> Callable[[Path, Path, Random], Case]:
    """Return what damages one file of a finished run."""

    def make(sound: Path, folder: Path, random: Random) -> Case:
        for run in ("run", "other"):
            shutil.copytree(sound / run, folder / run, ignore=shutil.ignore_patterns("checkpoints", "samples", "*.png"))
        path = next((folder / "run").glob(name))
        path.write_bytes(change(path.read_bytes(), random))
        return Case(random.choice(commands).split(), path)

    return make


def _resumed(name: str, change: Callable[[bytes, Random], bytes]) -> Callable[[Path, Path, Random], Case]:
    """Return what damages one file of a run that has not come to its end."""

    def make(sound: Path, folder: Path, random: Random) -> Case:
        shutil.copytree(sound / "run", folder / "run")
        (folder / "run" / "record.json").rename(folder / "run" / "partial_record.json")
        paths = sorted((folder / "run").glob(name))
        path = random.choice(paths)
        path.write_bytes(change(path.read_bytes(), random))
        return Case(["run", "--resume", "run", "--quiet"], path)

    return make


def _single(name: str, change: Callable[[bytes, Random], bytes], commands: tuple[str, ...]) -> Callable[[Path, Path, Random], Case]:
    """Return what damages a file that stands alone."""

    def make(sound: Path, folder: Path, random: Random) -> Case:
        path = folder / Path(name).name
        path.write_bytes(change((sound / name).read_bytes(), random))
        return Case(random.choice(commands).split(), path)

    return make


def _baseline(sound: Path, folder: Path, random: Random) -> Case:
    shutil.copytree(sound / ".ganbench", folder / ".ganbench")
    shutil.copytree(sound / "run", folder / "run")
    path = folder / ".ganbench" / "baselines" / "main.json"
    path.write_bytes(mutate.blind_or(mutate.mutate_json)(path.read_bytes(), random))
    return Case(random.choice(("baseline list", "baseline list --json", "compare baseline:main run")).split(), path)


def _image(sound: Path, folder: Path, random: Random) -> Case:
    shutil.copytree(sound / "images", folder / "images")
    path = random.choice(sorted((folder / "images").iterdir()))
    path.write_bytes(mutate.mutate_bytes(path.read_bytes(), random))
    fail = random.choice(("skip", "fail"))
    options = f"-o dataset.path=images -o dataset.resolution=8 -o dataset.on_error={fail} --no-eval --kimg 0.004 --batch-size 2 --threads 1"
    return Case(f"run --plugin mlp --dataset folder {options} --quiet --out out".split(), path)


def _crafted(sound: Path, folder: Path, random: Random) -> Case:
    """A checkpoint whose name fits its content, and whose content is not what was saved."""
    shutil.copytree(sound / "run", folder / "run")
    (folder / "run" / "record.json").rename(folder / "run" / "partial_record.json")
    old = sorted((folder / "run" / "checkpoints").iterdir())
    state = torch.load(old[-1], weights_only=True)
    places = list(mutate.places(state))
    parent, key = random.choice(places)
    value = random.choice((*mutate.VALUES, torch.zeros(3), torch.full((2, 2), float("nan")), torch.zeros(1, dtype=torch.int64)))
    parent[key] = value
    buffer = io.BytesIO()
    torch.save(state, buffer)
    for path in old:
        path.unlink()
    path = old[-1].with_name(f"{old[-1].name[:12]}-{hashlib.sha256(buffer.getvalue()).hexdigest()[:16]}.pt")
    path.write_bytes(buffer.getvalue())
    return Case(["run", "--resume", "run", "--quiet"], path)


_PATHS = (
    *("training.batch_size", "training.total_kimg", "training.seed", "training.threads", "training.workers", "training.device", "name"),
    *("evaluation.metrics", "evaluation.every_kimg", "generator_optimizer.learning_rate", "generator_optimizer.kind", "dataset.name"),
    *("architecture.options.hidden", "dataset.options.resolution", "loss.name", "checkpoint.keep", "data.root", "augmentation.name"),
    *("", "x"),
)
_FLAGS = ("--set", "--set", "-o", "--kimg", "--batch-size", "--metric", "--loss", "--dataset", "--device", "--augment", "--seed")


def _option(sound: Path, folder: Path, random: Random) -> Case:
    """A flag with an odd value."""
    damaged = mutate.mutate_bytes(b"0.5,1e3,auto", random).decode(errors="replace")
    value = random.choice((damaged, str(random.choice(mutate.VALUES)))).replace("\x00", "")[:5000]
    flag = random.choice(_FLAGS)
    given = f"{random.choice(_PATHS)}={value}" if flag in ("--set", "-o") else value
    (folder / "given.txt").write_bytes(f"{flag} {given}".encode(errors="surrogatepass"))
    return Case(["run", "--plugin", "mlp", flag, given, "--dry-run"], folder / "given.txt")


_FIELDS = {
    "name": ('"x"', '"X"', '""', "None", "3", '"a b"', '"\\x1b[1m"', '"é"', '"-"', '"a:b"'),
    "summary": ('"s"', '""', "None", '"a\\nb"', "3", '"\\x1b[1m"', '"x" * 5000'),
    "factory": ('"p:build"', '"p.build"', '"p:"', '":"', "None", '"p:build:x"', '"no_such:build"', '"p:Options"', '"../p:build"', "3"),
    "options": ("Options", "NoDefault", "Loose", "Nested", "3", "None", "Options()", "int", "Wrong"),
    "paper": ('"p"', "None", "3"),
    "sources": ("()", '("numpy",)', '"numpy"', "None", '("../x",)', "(3,)", '("no_such",)'),
    "losses": ("()", '("hinge",)', "None", '"hinge"', "(3,)"),
    "resolutions": ("()", "(8,)", '("8",)', "8", "None"),
    "spaces": ("()", '("images",)', "None", '"images"'),
    "defaults": ("()", '(("training.seed", 1),)', '(("x", 1),)', '(("training.seed",),)', "None", '(("training.seed", []),)', "3"),
    "algorithm": ('"p:build"', '"x"', "None", '"no_such:x"'),
}
_MODULE = """
from dataclasses import dataclass, field
from ganbench import ArchitectureSpec, hookimpl

@dataclass(frozen=True)
class Options:
    width: int = 8
    \"\"\"Units.\"\"\"

@dataclass(frozen=True)
class NoDefault:
    width: int

@dataclass
class Loose:
    width: int = 8

@dataclass(frozen=True)
class Nested:
    inner: Options = Options()

@dataclass(frozen=True)
class Wrong:
    inner: "NoSuchType" = None

def build(options, context):
    return None

X = ArchitectureSpec(FIELDS)

@hookimpl
def ganbench_register():
    return RETURNED
"""


def _registration(sound: Path, folder: Path, random: Random) -> Case:
    fields = {"name": '"x"', "summary": '"s"', "factory": '"p:build"'}
    for name in random.sample(list(_FIELDS), random.choice((1, 1, 2, 3))):
        fields[name] = random.choice(_FIELDS[name])
    returned = random.choice(("[X]", "[X]", "X", "[]", "None", "[X, X]", "3", "[ArchitectureSpec]", "1 / 0"))
    source = _MODULE.replace("FIELDS", ", ".join(f"{k}={v}" for k, v in fields.items())).replace("RETURNED", returned)
    path = folder / "p.py"
    path.write_text(source if random.randrange(10) else mutate.mutate_bytes(source.encode(), random).decode(errors="replace"))
    info = folder / "p-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: p\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[ganbench]\np = p\n")
    commands = ("plugins show ./p.py:X", "run --plugin ./p.py:X --dry-run", "run --plugin ./p.py:X", "plugins list", "plugins show x")
    return Case(random.choice(commands).split(), path)


def _entry_points(sound: Path, folder: Path, random: Random) -> Case:
    info = folder / "odd-1.dist-info"
    info.mkdir()
    texts = {
        "entry_points.txt": b"[ganbench]\nodd = odd_module\n\n[ganbench.commands]\nodd-commands = odd_module:commands\n",
        "METADATA": b"Metadata-Version: 2.1\nName: odd\nVersion: 1\nSummary: nothing\n",
    }
    chosen = random.choice(list(texts))
    texts[chosen] = mutate.mutate_bytes(texts[chosen], random)
    for name, text in texts.items():
        (info / name).write_bytes(text)
    return Case(random.choice(("plugins list", "--help", "plugins list --json", "doctor")).split(), info / chosen)


TARGETS = (
    Target(
        "records",
        40,
        _of_a_run(
            "record.json",
            mutate.blind_or(mutate.mutate_json),
            (
                "show run",
                "show run --json",
                "table run",
                "table . --format csv",
                "table . --format html",
                "table . --runs --sort images/s",
                "compare run other",
                "compare other run -o junit=out.xml",
                "table run --format latex",
                "table . --format json",
                "table . --format markdown",
            ),
        ),
    ),
    Target(
        "configurations",
        17,
        _single(
            "run/config.toml",
            mutate.blind_or(mutate.mutate_toml),
            ("run --config config.toml --dry-run", "run --config config.toml --plugin mlp --dry-run"),
        ),
    ),
    Target("matrix definitions", 16, _single("matrix.toml", mutate.blind_or(mutate.mutate_toml), ("matrix matrix.toml --dry-run",))),
    Target("stored configurations", 2, _resumed("config.toml", mutate.blind_or(mutate.mutate_toml))),
    Target("checkpoints", 1, _resumed("checkpoints/*.pt", mutate.mutate_bytes)),
    Target("events of a resumed run", 1, _resumed("events.jsonl", mutate.blind_or(mutate.mutate_lines))),
    Target("crafted checkpoints", 1, _crafted),
    Target("option values", 4, _option),
    Target("plugin registrations", 4, _registration),
    Target("baselines", 9, _baseline),
    Target("image files", 2, _image),
    Target("entry points", 3, _entry_points),
)
