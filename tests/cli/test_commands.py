"""The commands as a user meets them: help, dry runs, repeated runs, what goes to which stream, completion, the doctor, the README."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from ganbench.cli.main import cli, main

RUN = ["run", "--plugin", "dcgan", "--kimg", "0.5", "--threads", "1", "--metric", "fd100_digits"]
SMALL = ["-o", "generator_width=8", "-o", "discriminator_width=8"]
ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory and a cache of its own."""
    monkeypatch.setenv("GANBENCH_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def test_a_run_names_its_directory_first_and_its_result_last(workplace: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The table and the sentence are on stdout, the rest on stderr."""
    assert main([*RUN, *SMALL]) == 0
    out, err = capfd.readouterr()
    (record,) = (workplace / "results" / "runs").glob("*/record.json")
    assert err.splitlines()[0] == f"run directory: results/runs/{record.parent.name}"
    assert out.splitlines()[-1].startswith("dcgan on digits, seed 0: FD digits ")
    assert out.splitlines()[-1].endswith(f"everything is in results/runs/{record.parent.name}")
    assert "images/s" in out
    assert sorted(p.name for p in record.parent.iterdir() if not p.name.startswith(".")) == [
        "checkpoints",
        "config.toml",
        "curves.png",
        "events.jsonl",
        "log.txt",
        "progress.png",
        "progress.webp",
        "record.json",
        "samples",
    ]


@pytest.mark.slow
def test_a_run_is_repeated_from_its_own_configuration(workplace: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """config.toml alone gives the same losses, and --json is the record and nothing else."""
    assert main([*RUN, *SMALL, "--seed", "5", "--json", "--out", "first"]) == 0
    first = json.loads(capfd.readouterr().out)
    assert main(["run", "--config", "first/config.toml", "--json", "--out", "second"]) == 0
    second = json.loads(capfd.readouterr().out)
    assert first["work"]["trajectory_hash"] == second["work"]["trajectory_hash"]
    assert [e["values"] for e in first["evaluations"]] == [e["values"] for e in second["evaluations"]]
    assert first["keys"]["work"] == second["keys"]["work"]


@pytest.mark.slow
def test_a_metric_takes_its_options_by_family(capfd: pytest.CaptureFixture[str]) -> None:
    """They reach the arithmetic, the evaluation key and config.toml, and are no part of the work."""
    small = ["run", "--plugin", "dcgan", "--kimg", "0.2", "--threads", "1", *SMALL, "--metric", "kd300_digits", "--json"]
    records = []
    for size, out in (("200", "a"), ("250", "b")):
        assert main([*small, "-o", f"kd.subset_size={size}", "-o", "kd.num_subsets=3", "--out", out]) == 0
        records.append(json.loads(capfd.readouterr().out))
    assert main(["run", "--config", "a/config.toml", "--json", "--out", "c"]) == 0
    records.append(json.loads(capfd.readouterr().out))
    keys = [record["keys"]["evaluation"] for record in records]
    assert keys[0] == keys[2] != keys[1]
    assert records[0]["keys"]["work"] == records[1]["keys"]["work"]
    assert records[0]["config"]["metrics.kd.subset_size"] == 200


def test_a_dry_run_prints_a_configuration_with_origins_and_makes_nothing(workplace: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """What it prints is itself a configuration file."""
    assert main([*RUN, "--dry-run", "--seed", "7"]) == 0
    printed = capfd.readouterr().out
    lines = {line.split(" =")[0]: line for line in printed.splitlines() if " =" in line}
    assert lines["seed"].endswith("# command line")
    assert lines["beta2"].endswith("# default")
    Path("printed.toml").write_text(printed)
    assert main(["run", "--config", "printed.toml", "--dry-run"]) == 0
    again = capfd.readouterr().out
    values = [[line.split("#")[0].strip() for line in text.splitlines()] for text in (printed, again)]
    assert values[0] == values[1]
    assert sorted(p.name for p in workplace.iterdir()) == ["printed.toml"]


def test_a_recipe_is_the_origin_of_what_it_fixes(capfd: pytest.CaptureFixture[str]) -> None:
    """Also of the resolution of a dataset that can choose."""
    assert main(["run", "--plugin", "dcgan-32", "--dry-run"]) == 0
    printed = capfd.readouterr().out
    assert [line.split()[2] for line in printed.splitlines() if line.startswith("resolution") and "recipe dcgan-32" in line] == ["32"]


@pytest.mark.slow
def test_quiet_says_nothing_on_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    """Only the result is printed."""
    assert main([*RUN, *SMALL, "--quiet"]) == 0
    out, err = capfd.readouterr()
    assert err == ""
    assert "FD digits" in out
    assert main([*RUN, *SMALL, "--quiet", "--json"]) == 0
    out, err = capfd.readouterr()
    assert err == ""
    assert json.loads(out)["status"] == "complete"


@pytest.mark.slow
def test_a_run_without_metrics_has_a_speed(capfd: pytest.CaptureFixture[str]) -> None:
    """--no-eval leaves out the quality and keeps the rest."""
    assert main(["run", "--plugin", "dcgan", "--kimg", "0.5", "--threads", "1", *SMALL, "--no-eval", "--json"]) == 0
    record = json.loads(capfd.readouterr().out)
    assert record["evaluations"] == []
    assert record["throughput"]["samples_per_second"] > 0


CONTEXT = click.Context(cli)


@pytest.mark.parametrize("command", [[], *([name] for name in cli.list_commands(CONTEXT))])
def test_help_shows_every_option(command: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    """Each with a help text, and the command with a summary."""
    assert main([*command, "--help"]) == 0
    printed = capfd.readouterr().out
    found = cli.get_command(CONTEXT, command[0]) if command else cli
    assert found is not None
    assert found.help
    for parameter in found.params:
        if parameter.param_type_name == "option":
            assert parameter.opts[0] in printed
            assert getattr(parameter, "help", None), parameter.name


@pytest.mark.parametrize(
    ("words", "wanted"), [("ganbench ru", "run"), ("ganbench run --plugin dcgan-3", "dcgan-32"), ("ganbench run --loss h", "hinge")]
)
def test_the_shell_completes_commands_and_plugins(words: str, wanted: str) -> None:
    """Through click's own protocol, without importing torch."""
    parts = words.split()
    code = "import sys; from ganbench.cli.main import main; main([]); assert 'torch' not in sys.modules"
    environment = {**os.environ, "_GANBENCH_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(len(parts) - 1)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert f"plain,{wanted}" in done.stdout.splitlines()


def test_the_completion_script_names_the_program(capfd: pytest.CaptureFixture[str]) -> None:
    """For each shell that is offered."""
    for shell in ("zsh", "fish"):
        assert main(["completion", shell]) == 0
        assert "_GANBENCH_COMPLETE" in capfd.readouterr().out


@pytest.mark.slow
def test_the_doctor_finds_nothing_wrong_here(capfd: pytest.CaptureFixture[str]) -> None:
    """Each finding has a state; a missing GPU or weights file is a note."""
    assert main(["doctor", "--json"]) == 0
    findings = {f["check"]: f for f in json.loads(capfd.readouterr().out)}
    assert findings["data digits"]["state"] == "ok"
    assert findings["extractor digits"]["state"] == "ok"
    assert {f["state"] for f in findings.values()} <= {"ok", "note"}


@pytest.mark.slow
def test_the_doctor_reports_what_must_be_mended(
    workplace: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A broken plugin is a problem, and the exit code says so."""
    info = workplace / "broken-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[ganbench]\nbroken = no_such_module_at_all\n")
    monkeypatch.syspath_prepend(str(workplace))
    assert main(["doctor"]) == 1
    assert "problem  plugin broken" in capfd.readouterr().out


def test_the_readme_has_exactly_the_two_commands() -> None:
    """They stand on lines of their own, as CI reads them."""
    lines = (ROOT / "README.md").read_text().splitlines()
    assert [line for line in lines if line.startswith("pip ")] == [
        "pip install -e . && ganbench run --plugin dcgan",
        "pip install -e '.[test]' && pytest",
    ]
