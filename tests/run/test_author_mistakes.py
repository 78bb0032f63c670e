"""What an author gets wrong, and the sentence that ``ganbench run`` says of it: it names the plugin and what it was doing."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from ganbench.cli.main import main
from ganbench.record.serialise import from_json

PARTS = re.split(r"^==== ", (Path(__file__).parents[1] / "testing" / "broken_plugins.txt").read_text(), flags=re.MULTILINE)[1]
SOUND = "\n\ndef sound(options, context):\n    return networks(context)\n\nsound.Options = Options\n"
NETWORKS = "def build(options, context):\n    return networks(context, {})\n"
OBJECTIVE = "def build(options):\n    return Objective(discriminator_loss={}, generator_loss=lambda f: -f.mean())\n"
AUGMENT = """
class A(Augmentation):
    def forward(self, samples, uniform):
        return {}

def build(options, context):
    return A()
"""
DATASET = "def build(options, context):\n    return Dataset(name='d', {})\n"
OWN_SOURCE = """
class Own:
    num_samples, labels, content_hash, is_resident = 64, None, "a", False
    space = image_source(torch.zeros(8, 1, 16, 16, dtype=torch.uint8)).space

    def read(self, indices):
        {}

def build(options, context):
    return Dataset(name="d", train=Own())
"""
OPTIONS = "@dataclass({})\nclass Odd:\n    {}\n\n" + NETWORKS.format("") + "build.Options = Odd\n"

REFUSED: dict[str, tuple[str, str, str]] = {
    "generator-of-another-size": (
        "--plugin",
        NETWORKS.format("g=G((1, 8, 8))"),
        "the generator of 'build' makes images [2, 1, 8, 8], the dataset needs [2, 1, 16, 16]",
    ),
    "latents-of-another-length": (
        "--plugin",
        NETWORKS.format("dim=7"),
        "its generator is called with (inputs, labels): inputs [2, 7], labels are None without classes",
    ),
    "samples-0-to-255": ("--plugin", NETWORKS.format("g=G(context.space.size, last=Scaled)"), "and networks see real ones from -1 to 1"),
    "sigmoid-of-the-generator": (
        "--plugin",
        NETWORKS.format("g=G(context.space.size, last=nn.Sigmoid)"),
        "the generator of 'build': no generated value is below 0, and networks see real ones from -1 to 1; end it with a tanh",
    ),
    "sigmoid-of-the-discriminator": (
        "--plugin",
        "class S(D):\n    def forward(self, samples, labels=None):\n        return super().forward(samples).sigmoid()\n"
        + NETWORKS.format("d=S(context.space.size)"),
        "'build': all outputs of the discriminator lie between 0 and 1, and losses take logits; leave out the sigmoid at its end",
    ),
    "generator-of-no-tensor": (
        "--plugin",
        "class N(G):\n    def forward(self, latents, labels=None):\n        return [1]\n" + NETWORKS.format("g=N(context.space.size)"),
        "the generator of 'build' must return a torch.Tensor (got list)",
    ),
    "loss-of-a-vector": (
        "--loss",
        OBJECTIVE.format("lambda r, f: f - r"),
        "the discriminator's loss of 'FILE:build' is [2] for logits [2], and must be one number; return the mean over the batch",
    ),
    "loss-that-raises": (
        "--loss",
        OBJECTIVE.format("lambda r, f: r[9]"),
        "the discriminator's loss of 'FILE:build' fails on two logits: IndexError: index 9 is out of bounds",
    ),
    "loss-without-gradient": (
        "--loss",
        OBJECTIVE.format("lambda r, f: (r + f).mean().detach()"),
        "the discriminator's loss of 'FILE:build' has no gradient; compute it from the logits",
    ),
    "augmentation-of-another-shape": (
        "--augment",
        AUGMENT.format("samples[..., :-1]"),
        "augmentation 'FILE:build': samples [8, 1, 16, 16] torch.float32 come back as [8, 1, 16, 15] torch.float32",
    ),
    "augmentation-that-detaches": (
        "--augment",
        AUGMENT.format("samples.detach()"),
        "augmentation 'FILE:build': no gradient passes through it",
    ),
    "augmentation-of-no-tensor": (
        "--augment",
        AUGMENT.format("None"),
        "augmentation 'FILE:build' must return a torch.Tensor (got NoneType)",
    ),
    "augmentation-that-raises": (
        "--augment",
        AUGMENT.format("samples[99]"),
        "augmentation 'FILE:build' fails on a few samples: IndexError: index 99 is out of bounds",
    ),
    "augmentation-that-is-a-function": (
        "--augment",
        "def build(options, context):\n    return lambda samples, uniform: samples\n",
        "augmentation 'FILE:build' must return a ganbench.Augmentation (got function)",
    ),
    "dataset-without-train": (
        "--dataset",
        DATASET.format("train=None"),
        "the train split of dataset 'FILE:build' must be a ganbench.Source (got NoneType, which has no space)",
    ),
    "source-that-is-a-tensor": (
        "--dataset",
        DATASET.format("train=torch.zeros(8, 1, 16, 16)"),
        "the train split of dataset 'FILE:build' must be a ganbench.Source (got Tensor, which has no space)",
    ),
    "source-of-another-shape": (
        "--dataset",
        OWN_SOURCE.format("return torch.zeros(len(indices), 1, 16)"),
        "reads what its space is not: images must be uint8 [N, C, H, W] (got torch.float32 [2, 1, 16])",
    ),
    "source-of-another-type": (
        "--dataset",
        OWN_SOURCE.format("return torch.zeros(len(indices), 1, 16, 16)"),
        "the train split of dataset 'FILE:build' reads what its space is not: images must be uint8",
    ),
    "source-that-raises": (
        "--dataset",
        OWN_SOURCE.format("raise OSError('no such tape')"),
        "the train split of dataset 'FILE:build' cannot read its first samples: OSError: no such tape; read takes indices, int64 [n]",
    ),
    "classes-without-labels": (
        "--dataset",
        DATASET.format("num_classes=3, train=image_source(torch.zeros(64, 1, 16, 16, dtype=torch.uint8))"),
        "dataset 'FILE:build': num_classes is 3, and the train split has no labels",
    ),
    "labels-of-another-type": (
        "--dataset",
        OWN_SOURCE.replace("labels, content_hash", "other, content_hash")
        .replace("    space =", "    labels = torch.zeros(64)\n    space =")
        .format("return torch.zeros(len(indices), 1, 16, 16, dtype=torch.uint8)"),
        "the labels of the train split of dataset 'FILE:build' must be int64 [64], one for each sample (got torch.float32 [64])",
    ),
    "labels-beyond-the-classes": (
        "--dataset",
        DATASET.format("num_classes=3, train=image_source(torch.zeros(64, 1, 16, 16, dtype=torch.uint8), torch.arange(64) % 4)"),
        "the train labels of d must be from 0 to 2, one less than its classes (got 3)",
    ),
    "classes-without-names": (
        "--dataset",
        DATASET.format(
            "num_classes=1, class_names=('a', 'b'), train=image_source(torch.zeros(64, 1, 16, 16).byte(), torch.zeros(64).long())"
        ),
        "d must have one name for each of its 1 classes (got 2)",
    ),
    "option-that-means-none": (
        "--plugin",
        OPTIONS.format("frozen=True", "norm: str | None = 'none'"),
        "in the option norm the text none says that it is unset; call that value by another word",
    ),
    "options-that-can-be-changed": (
        "--plugin",
        OPTIONS.format("", "width: int = 8"),
        "the options Odd can be changed after they were made; write @dataclass(frozen=True)",
    ),
    "option-of-a-list": (
        "--plugin",
        OPTIONS.format("frozen=True", "widths: list[int] = dataclasses.field(default_factory=list)"),
        "the option widths has the type list[int], which a flag cannot give; use bool, int, float, str, Literal, X | None or a flat tuple",
    ),
    "option-of-pairs": (
        "--plugin",
        OPTIONS.format("frozen=True", "pairs: tuple[tuple[int, int], ...] = ()"),
        "the option pairs has the type tuple[tuple[int, int], ...], which a flag cannot give",
    ),
    "option-with-another-default": (
        "--plugin",
        OPTIONS.format("frozen=True", "width: int = NoneType"),
        "the default of the option width is a type, which a flag cannot give",
    ),
}


@pytest.fixture
def say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """Return a function that trains with a plugin file and returns the exit code and the last line of stderr, with FILE for the file."""
    monkeypatch.chdir(tmp_path)
    path = Path("bad.py")

    def run(flag: str, source: str, *arguments: str) -> tuple[int, str]:
        path.write_text(f"{PARTS.removeprefix('parts')}\nNoneType = type(None)\n{SOUND}\n\n{source}")
        given = {"--plugin": f"./{path}:sound", "--dataset": "digits", "--loss": "logistic", flag: f"./{path}:build"}
        flat = [text for pair in given.items() for text in pair]
        budget = ["--kimg", "0.3", "--batch-size", "8", "--quiet", "--out", "run", "--threads", "1"]
        code = main(["run", *flat, *budget, *([] if "--metric" in arguments else ["--no-eval"]), *arguments])
        lines = capsys.readouterr().err.strip().splitlines() or [""]
        return code, lines[-1].replace(f"./{path}", "FILE").replace(f"'{path}:", "'FILE:")

    return run


@pytest.mark.parametrize(("flag", "source", "sentence"), REFUSED.values(), ids=REFUSED)
def test_what_two_samples_show_is_said_before_training(
    flag: str, source: str, sentence: str, say: Callable[..., tuple[int, str]], tmp_path: Path
) -> None:
    """One line that names the plugin and the remedy; no run directory is left."""
    code, line = say(flag, source)
    assert sentence in line
    assert code == 2
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_what_only_looks_wrong_can_be_forced(say: Callable[..., tuple[int, str]]) -> None:
    """A range is a guess: the user may know better."""
    assert say("--plugin", NETWORKS.format("g=G(context.space.size, last=nn.Sigmoid)"), "--force")[0] == 0


@pytest.mark.slow
def test_an_untrained_generator_near_zero_and_dark_data_are_sound(say: Callable[..., tuple[int, str]]) -> None:
    """Neither a last layer of zeros nor samples of one colour are taken for a mistake."""
    zeros = "class Z(nn.Module):\n    def forward(self, x):\n        return 0 * x\n" + NETWORKS.format("g=G(context.space.size, last=Z)")
    assert say("--plugin", zeros)[0] == 0


TIRED = """
class Tired(G):
    calls = 0

    def forward(self, latents, labels=None):
        self.calls += 1
        if self.calls > 30:
            raise RuntimeError("the generator is tired")
        return super().forward(latents)

def build(options, context):
    return networks(context, g=Tired(context.space.size))
"""


def test_an_error_in_a_step_names_the_plugin_the_phase_the_step_and_the_line(say: Callable[..., tuple[int, str]]) -> None:
    """And where its traceback is. The record says the same but for where this machine keeps its log."""
    code, line = say("--plugin", TIRED)
    assert code == 3
    pattern = (
        r"ganbench: architecture 'build' of file:bad.py failed in phase 'joint' of iteration \d+: RuntimeError: the generator is tired "
        r"\(bad.py:\d+\); the traceback is in run/log.txt"
    )
    assert re.fullmatch(pattern, line), line
    assert "the generator is tired" in Path("run/log.txt").read_text()
    assert "Traceback" in Path("run/log.txt").read_text()
    record = from_json(Path("run/partial_record.json").read_text())
    assert (record.status, record.status_detail) == ("failed", line.removeprefix("ganbench: ").partition("; the traceback")[0])


@pytest.mark.slow
def test_an_error_in_a_later_loss_names_the_loss(say: Callable[..., tuple[int, str]]) -> None:
    """The architecture is innocent, though its phase called the loss."""
    source = "calls = []\ndef d(r, f):\n    calls.append(1)\n    return (f - r).mean() if len(calls) < 20 else 1 / 0\n" + OBJECTIVE.format(
        "d"
    )
    code, line = say("--loss", source, "--plugin", "dcgan")
    assert code == 3
    assert line.startswith("ganbench: loss 'build' of file:bad.py failed in phase 'joint' of iteration ")
    assert "ZeroDivisionError" in line


def test_an_exit_in_a_step_is_an_error_of_the_plugin(say: Callable[..., tuple[int, str]]) -> None:
    """``sys.exit`` in a forward would end the run without a word and with the exit code of a success."""
    code, line = say("--plugin", TIRED.replace('RuntimeError("the generator is tired")', "SystemExit(0)"))
    assert code == 3
    assert "architecture 'build' of file:bad.py failed in phase 'joint'" in line


def test_an_error_of_the_first_step_is_found_by_the_first_step(say: Callable[..., tuple[int, str]]) -> None:
    """What is tried before, threads and FLOPs, does not end the run under another name."""
    code, line = say("--plugin", TIRED.replace("> 30", "> 1"), "--threads", "0")
    assert code == 3
    assert "failed in sampling at 0 kimg" in line or "failed in phase 'joint' of iteration 0" in line


PICTURE = """
from ganbench_spaces.images import ImageSpace

@dataclass(frozen=True)
class Unseen(ImageSpace):
    def picture(self, samples, *, columns, real):
        raise ValueError("nothing to see")

def build(options, context):
    space = Unseen(1, 16, 16)
    return Dataset(name="d", train=ArraySource(torch.randint(0, 255, (64, 1, 16, 16), dtype=torch.uint8), space=space))
"""


def test_a_picture_that_cannot_be_drawn_ends_no_run(say: Callable[..., tuple[int, str]], capsys: pytest.CaptureFixture[str]) -> None:
    """A grid is for people; the numbers are what was paid for."""
    source = PICTURE.replace("@dataclass(frozen=True)", "from ganbench import ArraySource\n\n@dataclass(frozen=True)")
    code, line = say("--dataset", source)
    assert code == 0
    assert "there is no samples/" in line
    assert "ValueError: nothing to see" in line


METRIC = """
class M:
    implementation = "m-1"
    needs = Needs(statistics=False, samples=True)
    least_samples = 1

    def parameters(self):
        return {}

    def compute(self, real, fake):
        COMPUTE

def build(options):
    return MADE

from ganbench import hookimpl

@hookimpl
def ganbench_register():
    quantity = Quantity(name="mine", label="mine", higher_is_better=True)
    return [MetricSpec(name="mine", summary="s", factory="MODULE:build", looks_at="samples", quantities=(quantity,))]
"""
WRONG_METRICS = {
    "a number": ("return 1.0", "M()", "metric 'mine100' must return a tuple of numbers (got float)"),
    "two numbers": ("return (1.0, 2.0)", "M()", "metric 'mine100' must return 1, one for each of its quantities (got 2)"),
    "text": ("return ('good',)", "M()", "metric 'mine100' must return numbers (got a str)"),
    "an error": ("return (1 / 0,)", "M()", "metric 'mine' of authors failed in metric 'mine100': ZeroDivisionError: division by zero ("),
    "a function": (
        "",
        "lambda real, fake: (1.0,)",
        "metric 'mine' must return a ganbench.Metric (got function, which has no implementation)",
    ),
    "nothing": ("", "None", "metric 'mine' must return a ganbench.Metric (got NoneType, which has no implementation)"),
}


@pytest.mark.parametrize(("computes", "made", "sentence"), WRONG_METRICS.values(), ids=WRONG_METRICS)
def test_a_metric_of_another_type_is_named(
    computes: str, made: str, sentence: str, say: Callable[..., tuple[int, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its name stands in the line, and not an error of the harness."""
    site, module = tmp_path / "site", f"authors_{abs(hash((computes, made)))}"
    info = site / "authors-1.dist-info"
    info.mkdir(parents=True)
    source = METRIC.replace("COMPUTE", computes or "pass").replace("MADE", made).replace("MODULE", module)
    (site / f"{module}.py").write_text(PARTS.removeprefix("parts") + textwrap.dedent(source))
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: authors\nVersion: 1\n")
    (info / "entry_points.txt").write_text(f"[ganbench]\nauthors = {module}\n")
    monkeypatch.syspath_prepend(site)
    code, line = say("--plugin", NETWORKS.format(""), "--metric", "mine100")
    assert sentence in line
    assert code in (2, 3)


@pytest.mark.slow
def test_a_file_is_shown_with_a_command_that_works(say: Callable[..., tuple[int, str]], capsys: pytest.CaptureFixture[str]) -> None:
    """Of any kind, under the name that the user gave, and with the factory as it can be typed."""
    say("--loss", OBJECTIVE.format("lambda r, f: (f - r).mean()") + "\nL = LossSpec(name='l', summary='s', factory='bad:build')\n")
    for name, use in (("sound", "--plugin ./bad.py:sound"), ("L", "--plugin NAME --loss ./bad.py:L")):
        assert main(["plugins", "show", f"./bad.py:{name}"]) == 0
        out = capsys.readouterr().out
        assert f"ganbench run {use}\n" in out
        assert "ganbench_file" not in out


READS_LATE = OWN_SOURCE.format("""if int(indices.max()) > 1:
            raise OSError("the tape is torn")
        return torch.zeros(len(indices), 1, 16, 16, dtype=torch.uint8)""")


@pytest.mark.parametrize("workers", [0, 2])
def test_a_source_that_fails_later_is_named(workers: int, say: Callable[..., tuple[int, str]]) -> None:
    """In this process and in a worker; a worker's error was told as the death of the worker."""
    code, line = say("--dataset", READS_LATE, "--set", f"training.workers={workers}")
    assert code in (2, 3)
    assert "dataset 'build' of file:bad.py failed" in line
    assert "OSError: the tape is torn (bad.py:" in line


NOISY = """
class Noisy(G):
    def forward(self, latents, labels=None):
        return super().forward(latents + 0.1 * torch.rand_like(latents))

def build(options, context):
    return networks(context, g=Noisy(context.space.size))
"""


@pytest.mark.slow
def test_a_generator_with_noise_of_its_own_is_trained_alike_however_often_it_is_measured(say: Callable[..., tuple[int, str]]) -> None:
    """What it draws while it is evaluated, training does not miss."""
    weights = []
    for i, every in enumerate(("0.1", "0.05")):
        kept = ("--set", f"checkpoint.every_kimg={every}", "--set", f"evaluation.samples_every_kimg={every}", "--out", f"run{i}")
        assert say("--plugin", NOISY, *kept)[0] == 0
        newest = max((Path(f"run{i}") / "checkpoints").iterdir())
        weights.append(torch.load(newest, weights_only=True)["algorithm"]["modules"]["generator"]["linear.weight"])
    assert torch.equal(*weights)
