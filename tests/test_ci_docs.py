"""action.yml and docs/ci.md say what the program takes: every input is used, every command line is accepted, and the shell steps run."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from ganbench.cli.main import cli
from ganbench_gate.accept import read_accepts
from ganbench_gate.ci import FILES, SAMPLES

ROOT = Path(__file__).parents[1]
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
STEPS: list[dict[str, Any]] = ACTION["runs"]["steps"]
DOCS = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
GATE = next(step for step in STEPS if step["name"] == "ganbench ci")


def blocks(language: str) -> list[str]:
    """Return the blocks of a language in the docs; an empty one for plain commands."""
    found = re.findall(r"^```(\w*)\n(.*?)^```$", DOCS, flags=re.DOTALL | re.MULTILINE)
    return [text for name, text in found if name == language]


def parse(words: list[str]) -> dict[str, Any]:
    """Return what the parser makes of a command line of ``ganbench``, whose command is not run.

    Raises:
        click.UsageError: it does not take it.
    """
    command: Any = cli
    context = click.Context(cli, **cli.context_settings)
    while isinstance(command, click.Group):
        name, found, words = command.resolve_command(context, words)
        assert found is not None
        command, context = found, click.Context(found, parent=context, info_name=name)
    parsed: dict[str, Any] = command.make_context(command.name, list(words), parent=context.parent).params
    return parsed


COMMANDS = [line for block in blocks("") for line in block.splitlines() if line.startswith("ganbench ")]


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_of_the_docs_is_accepted(line: str) -> None:
    """With its options and the form of their values."""
    parse(shlex.split(line)[1:])


def test_the_docs_have_commands_and_a_wrong_one_would_be_seen() -> None:
    """So that the test above cannot pass for want of cases."""
    assert len(COMMANDS) >= 8
    with pytest.raises(click.UsageError):
        parse(["ci", "--plugin", "dcgan", "--pears", "5"])


def test_the_module_of_the_docs_takes_its_arguments() -> None:
    """The script that measures the frozen samples anew."""
    from ganbench_extractors.freeze import main

    (line,) = [line for block in blocks("") for line in block.splitlines() if line.startswith("python ")]
    words = shlex.split(line)
    assert words[:3] == ["python", "-m", "ganbench_extractors.freeze"]
    assert main.make_context("freeze", words[3:]).params["name"] == "digits"


def test_the_workflow_of_the_docs_uses_the_action_as_it_is() -> None:
    """Only inputs that there are, the one that must be given, the whole history, no right but reading, and one job at a time."""
    (block,) = blocks("yaml")
    workflow = yaml.safe_load(block)
    assert workflow["permissions"] == {"contents": "read"}
    assert workflow["concurrency"]["cancel-in-progress"]
    assert {"pull_request", "push"} == set(workflow[True])  # YAML 1.1 takes the key `on` for a truth value
    for job in workflow["jobs"].values():
        (checkout,) = [step for step in job["steps"] if step["uses"].startswith("actions/checkout@")]
        assert checkout["with"]["fetch-depth"] == 0
        (ours,) = [step for step in job["steps"] if step["uses"].startswith("OWNER/ganbench@")]
        assert {"plugin"} <= set(ours["with"]) <= set(ACTION["inputs"])
        assert ours["with"]["mode"] in ("free", "gpu")
        parse(["ci", "--plugin", ours["with"]["plugin"], *shlex.split(ours["with"].get("args", ""))])


def test_the_accept_file_of_the_docs_is_one(tmp_path: Path) -> None:
    """Each entry has the fields that are wanted."""
    (block,) = blocks("toml")
    (tmp_path / "accept.toml").write_text(block)
    (entry,) = read_accepts(tmp_path / "accept.toml")
    assert (entry.metric, entry.before, entry.after) == ("architecture.options.width", 64, 96)
    assert "generator_parameters" in entry.also


def test_the_docs_name_every_file_that_is_written() -> None:
    """As the action keeps them."""
    for name in (*FILES.values(), SAMPLES):
        assert name in DOCS or name.replace(".json", "-bigger.json") in DOCS


def test_every_input_is_described_and_used_without_being_pasted_into_a_script() -> None:
    """What a pull request can write reaches the shell as a variable only; no secret and no token is asked for."""
    text = (ROOT / "action.yml").read_text(encoding="utf-8")
    for name, described in ACTION["inputs"].items():
        assert described["description"]
        assert f"${{{{ inputs.{name} }}}}" in GATE["env"].values()
        assert described.get("required", False) != ("default" in described)
    assert "token" not in text
    assert "secrets" not in text
    for step in STEPS:
        assert "${{" not in step.get("run", "")
        assert ("uses" in step) != (step.get("shell") == "bash")


def run_gate(tmp_path: Path, **inputs: str) -> tuple[int, list[str]]:
    """Run the action's step with a ``ganbench`` that writes down its arguments; return the exit code and those."""
    binary = tmp_path / "ganbench-environment" / "bin"
    binary.mkdir(parents=True, exist_ok=True)
    (binary / "activate").write_text(f'PATH="{binary}:$PATH"\n')
    script = 'printf "%s\\n" "$@" >arguments\nmkdir -p ganbench-ci\ncp verdict ganbench-ci/verdict.md 2>/dev/null\nexit 1'
    (binary / "ganbench").write_text(f"#!/bin/sh\n{script}\n")
    (binary / "ganbench").chmod(0o755)
    given = {name: described.get("default", "") for name, described in ACTION["inputs"].items()} | inputs
    values = {f"${{{{ inputs.{name} }}}}": value for name, value in given.items()} | {"${{ runner.temp }}": str(tmp_path)}
    environment = {**os.environ, "RUNNER_TEMP": str(tmp_path)}
    environment |= {"GITHUB_OUTPUT": str(tmp_path / "output"), "GITHUB_STEP_SUMMARY": str(tmp_path / "summary")}
    for name, value in GATE["env"].items():
        for placeholder, text in values.items():
            value = value.replace(placeholder, text)
        environment[name] = re.sub(r"\$\{\{.*?\}\}", "", value)
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", GATE["run"]]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    (tmp_path / "said").write_text(done.stdout)
    written = tmp_path / "arguments"
    return done.returncode, written.read_text().splitlines() if written.exists() else []


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        ({}, ["--plugin", "dcgan"]),
        ({"plugin": "dcgan wgan-gp"}, ["--plugin", "dcgan", "--plugin", "wgan-gp"]),
        ({"base": "v1.0", "mode": "gpu"}, ["v1.0", "--plugin", "dcgan", "--gpu"]),
        ({"args": "--pairs 5 --set 'a.b=c d'"}, ["--plugin", "dcgan", "--pairs", "5", "--set", "a.b=c d"]),
        ({"base": "$(touch pwned); x", "args": "`touch pwned` *"}, ["$(touch pwned); x", "--plugin", "dcgan", "`touch", "pwned`", "*"]),
    ],
)
def test_the_step_passes_its_inputs_on(tmp_path: Path, inputs: dict[str, str], expected: list[str]) -> None:
    """Word by word, with nothing executed or expanded; the exit code of the gate is that of the step."""
    code, words = run_gate(tmp_path, **{"plugin": "dcgan", **inputs})
    assert code == 1
    assert words == ["ci", *expected, "--out", "ganbench-ci"]
    assert not (tmp_path / "pwned").exists()
    if "args" not in inputs:
        parse(words)


def test_a_mode_that_is_none_is_usage(tmp_path: Path) -> None:
    """Before anything is run."""
    assert run_gate(tmp_path, plugin="dcgan", mode="fast") == (2, [])


@pytest.mark.parametrize("step", [step for step in STEPS if "run" in step], ids=lambda step: step["name"])
def test_the_scripts_are_shell(step: dict[str, Any]) -> None:
    """Bash can read them."""
    subprocess.run(["bash", "-n", "-c", step["run"]], check=True)


def test_outputs_and_a_short_summary_are_written(tmp_path: Path) -> None:
    """At most 40 lines with the details folded; the exit code is that of the gate."""
    (tmp_path / "verdict").write_text("failed: 9% lower\n" + "".join(f"line {number}\n" for number in range(200)))
    assert run_gate(tmp_path, plugin="dcgan")[0] == 1
    written = dict(line.split("=", 1) for line in (tmp_path / "output").read_text().splitlines())
    assert (written["verdict"], written["exit-code"], written["files"]) == ("failed: 9% lower", "1", "ganbench-ci")
    assert set(ACTION["outputs"]) == {"verdict", "exit-code", "files"}
    lines = (tmp_path / "summary").read_text().splitlines()
    assert lines[0] == "failed: 9% lower"
    assert len(lines) <= 40
    assert "<details>" in lines[2]
    assert any(line.startswith("170 more lines are in the artifact ganbench-ci-") for line in lines)
    run_gate(tmp_path, plugin="dcgan")
    assert "files=ganbench-ci-2" in (tmp_path / "output").read_text()


def test_every_action_of_others_is_pinned_by_a_commit() -> None:
    """A tag moves; in the docs, in the action and in our own workflow."""
    texts = [(ROOT / name).read_text(encoding="utf-8") for name in ("action.yml", ".github/workflows/ganbench.yml", "docs/ci.md")]
    used = [name for text in texts for name in re.findall(r"uses: (actions/\S+)", text)]
    assert len(used) >= 7
    assert all(re.fullmatch(r"actions/[\w-]+@[0-9a-f]{40}", name) for name in used)


@pytest.mark.slow
@pytest.mark.parametrize(("schema", "file"), [("github-actions", "action.yml"), ("github-workflows", ".github/workflows/ganbench.yml")])
def test_the_files_fit_the_published_schemas(schema: str, file: str) -> None:
    """Those that come with check-jsonschema."""
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}", str(ROOT / file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_the_workflows_of_the_docs_fit_the_schema(tmp_path: Path) -> None:
    """The gate's and that of the comment."""
    for number, block in enumerate([*blocks("yaml"), *blocks("yml")]):
        (tmp_path / f"{number}.yml").write_text(block)
    files = sorted(map(str, tmp_path.glob("*.yml")))
    assert len(files) == 2
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", *files]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_failure_is_an_annotation_and_other_requirements_isolate_the_sides(tmp_path: Path) -> None:
    """On the first Python file of the change, with what would end the line written as an escape."""

    def git(*arguments: str) -> None:
        identity = ("-c", "user.name=Test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false")
        subprocess.run(["git", *identity, *arguments], cwd=tmp_path, check=True, capture_output=True)

    (tmp_path / "verdict").write_text("failed: 9% lower\nmore\n")
    git("init", "--quiet")
    for number, name in enumerate(("gan.py", "gan.py", "pyproject.toml")):
        (tmp_path / name).write_text(f"# {number}\n")
        git("add", name)
        git("commit", "--quiet", "-m", name)
        if number == 1:
            assert "--isolated" not in run_gate(tmp_path, plugin="dcgan")[1]
            assert "::error file=gan.py,title=ganbench::failed: 9%25 lower" in (tmp_path / "said").read_text().splitlines()
    assert "--isolated" in run_gate(tmp_path, plugin="dcgan")[1]
    assert (tmp_path / "said").read_text() == "::error title=ganbench::ganbench ci ended with exit code 1 and no verdict\n"
