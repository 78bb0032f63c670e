"""The help and the completion of ``ganbench run`` say what the program does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from ganbench.cli.main import main
from ganbench.cli.run import command
from ganbench.config.model import TrainingConfig
from ganbench.config.resolve import DEFAULTS


def printed_help() -> str:
    """Return the help at its usual width."""
    return CliRunner().invoke(command, ["--help"], prog_name="ganbench run", help_option_names=["-h", "--help"]).output


def test_every_option_stands_under_one_heading() -> None:
    """Once, with its text; the headings come in the order of use."""
    lines = printed_help().splitlines()
    headings = [line for line in lines if line.endswith(":") and not line.startswith(" ")]
    assert headings[0] == "What is trained:"
    assert headings[-2:] == ["Output:", "Help:"]
    entries = [line.split()[0].rstrip(",") for line in lines if line.startswith("  -")]
    options = [p.opts[0] for p in command.params if isinstance(p, click.Option)]
    assert sorted(entries) == sorted([*options, "-h"])


@pytest.mark.parametrize("flag", ["batch_size", "seed", "precision", "device", "threads"])
def test_a_stated_default_is_the_real_one(flag: str) -> None:
    """Text and configuration agree."""
    (option,) = [p for p in command.params if p.name == flag]
    assert isinstance(option, click.Option)
    assert str(option.help).endswith(f"[default: {getattr(TrainingConfig(), flag)}]")


def test_the_stated_plugins_are_the_defaults() -> None:
    """Loss, dataset, and the budget of what names none."""
    text = " ".join(printed_help().split())
    assert f"Adversarial loss. [default: {DEFAULTS['loss.name']}]" in text
    assert f"Dataset. [default: {DEFAULTS['dataset.name']}]" in text
    assert f"else {TrainingConfig().total_kimg:g}]" in text


def test_the_examples_in_the_help_are_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """Each can be resolved as it stands; my_gan.py is the reader's own."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_gan.py").write_text(
        "from dataclasses import dataclass\n\n@dataclass(frozen=True)\nclass Options:\n    latent_dim: int = 8\n\n"
        "def MyGAN(options, shape): ...\nMyGAN.Options = Options\n"
    )
    examples = [line.split()[1:] for line in printed_help().splitlines() if line.startswith("  ganbench run --plugin")]
    assert len(examples) == 3
    for words in examples:
        assert main([*words, "--dry-run"]) == 0, capfd.readouterr().err


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("ganbench run --device c", ["plain,cpu", "plain,cuda"]),
        ("ganbench run --precision b", ["plain,bf16"]),
        ("ganbench run --dataset fa", ["plain,fashion-mnist"]),
        ("ganbench run --plugin ./m", ["file,./m"]),
        ("ganbench run --metr", ["plain,--metric"]),
        ("ganbench plugins show ganbench-no", []),
        ("ganbench show 2026", ["plain,20260101-000000-dcgan-digits-s0"]),
        ("ganbench table --format la", ["plain,latex"]),
    ],
)
def test_the_shell_completes_what_an_option_takes(words: str, wanted: list[str], tmp_path: Path) -> None:
    """And nothing else, without importing torch."""
    run = tmp_path / "results" / "runs" / "20260101-000000-dcgan-digits-s0"
    run.mkdir(parents=True)
    (run / "config.toml").touch()
    code = "import sys; from ganbench.cli.main import main; main([]); assert 'torch' not in sys.modules"
    environment = {**os.environ, "_GANBENCH_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.stdout.split() == wanted


def test_a_reporter_that_is_given_as_a_flag_is_told_how_it_is_named(capfd: pytest.CaptureFixture[str]) -> None:
    """Other programs have --watch; a command without reporters, and a word that is none, get the suggestion of any other flag."""
    for words in (["run", "--plugin", "mlp", "--watch"], ["matrix", "-a", "plugin=mlp", "--tensorboard"]):
        assert main(words) == 2
        name = words[-1].lstrip("-")
        assert capfd.readouterr().err == f"ganbench: no such option: --{name}; a reporter is named with --reporter {name}\n"
    for words in (["show", "--watch"], ["run", "--plugin", "mlp", "--sead", "3"]):
        assert main(words) == 2
        assert "--reporter" not in capfd.readouterr().err
