"""``ganbench ab`` as a user calls it, with processes that speak the protocol and train nothing."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ganbench_gate.side import Side

Call = Callable[..., int]


@pytest.fixture
def call(call_with_fakes: Call) -> Call:
    """Return a caller of ``ganbench ab`` whose workers are fakes: ``call("a", "b", head={"mode": "die@block"})``."""
    return functools.partial(call_with_fakes, "ab")


@pytest.mark.slow
def test_identical_sides_pass(call: Call, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 0, and the first line is the verdict."""
    assert call("./a", "./b", "--plugin", "dcgan") == 0
    assert "unchanged" in capsys.readouterr().out.splitlines()[0]


@pytest.mark.slow
def test_an_injected_slowdown_fails_the_gate(call: Call, capsys: pytest.CaptureFixture[str]) -> None:
    """The gate's own test: regressed, exit code 1, and a note that it was on purpose."""
    assert call("./a", "./a", "--plugin", "dcgan", "--inject-slowdown", "10%") == 1
    out = capsys.readouterr().out
    assert out.startswith("failed: throughput of dcgan is 9.1% lower")
    assert "head was slowed down by 10% on purpose" in out


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["die@block", "garbage@block", "kill@finish", "fail"])
def test_a_head_that_fails_is_broken(call: Call, capsys: pytest.CaptureFixture[str], mode: str) -> None:
    """The verdict says so, with what it said last, and is written as any other."""
    assert call("./a", "./b", "--plugin", "dcgan", "-o", "junit=verdict.xml", head={"mode": mode}) == 1
    out = " ".join(capsys.readouterr().out.split())
    assert out.startswith("broken: head ")
    assert ("it said last: last words" in out) == (mode == "die@block")
    assert 'errors="1"' in Path("verdict.xml").read_text()


@pytest.mark.slow
def test_a_base_that_lacks_a_setting_is_exit_code_4(call: Call, capsys: pytest.CaptureFixture[str]) -> None:
    """The message says which side, and what it says."""
    assert call("./a", "./b", "--plugin", "dcgan", base={"mode": "refuse"}) == 4
    out = " ".join(capsys.readouterr().out.split())
    assert out.startswith("not comparable: base does not take what head takes: unknown setting 'training.shiny'")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--plugin", "dcgan"), "BASE is missing"),
        (("./a", "./b"), "--plugin is missing"),
        (("./a", "./b", "./a", "--plugin", "dcgan"), "two sides are compared (got 3)"),
        (("nothing", "./a", "--plugin", "dcgan"), "'nothing' is no folder"),
        (("one.toml", "--plugin", "dcgan"), "HEAD is missing"),
        (("none.toml", "nor.toml", "--plugin", "dcgan"), "no such configuration file"),
        (("./a", "./b", "--plugin", "dcgan", "--inject-slowdown", "10"), "--inject-slowdown must be a percentage"),
        (("./a", "./b", "--plugin", "dcgan", "--set", "x"), "--set wants KEY=VALUE"),
        (("./a", "./b", "--plugin", "dcgan", "--samples", "no/where.json"), "there is no folder"),
        (("./a", "./b", "--plugin", "dcgan", "-o", "paper=x"), "-o paper=x"),
        (("./a", "./b", "--plugin", "dcgan", "--isolated"), "has no pyproject.toml"),
        (
            ("--plugin", "dcgan", "--head-set", "training.tf32=true", "--isolated"),
            "--isolated has a meaning only with a git ref or a folder",
        ),
        (("./a", "./b", "--plugin", "dcgan", "--threads", "0"), "--threads"),
    ],
)
def test_wrong_input_is_one_line(call: Call, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str) -> None:
    """Exit code 2 before any process is started."""
    assert call(*arguments) == 2
    err = capsys.readouterr().err
    assert message in err
    assert len(err.strip().splitlines()) == 1


@pytest.mark.slow
def test_samples_and_outputs_are_kept(call: Call, capsys: pytest.CaptureFixture[str]) -> None:
    """Every block of every process as JSON, and the verdict as JSON on stdout and JUnit in a file."""
    assert call("./a", "./b", "--plugin", "dcgan", "--samples", "samples.json", "-o", "junit=verdict.xml", "--json") == 0
    verdict = json.loads(capsys.readouterr().out)
    assert (verdict["base"], verdict["head"]) == ("./a", "./b")
    samples = json.loads(Path("samples.json").read_text())
    assert [sorted(pair["sides"]) for pair in samples["pairs"]] == [["base", "head"]] * 2
    assert Path("verdict.xml").read_text().startswith("<?xml")


@pytest.mark.slow
def test_two_configurations_differ_by_their_own_settings(call: Call, seen: dict[str, Side], capsys: pytest.CaptureFixture[str]) -> None:
    """No trees: the code that runs here, with a setting of each side; what has no noise is told and not gated."""
    arguments = ("--plugin", "dcgan", "--batch-size", "8", "--set", "training.tf32=true", "--head-set", "training.batch_size=16")
    assert call(*arguments, head={"generator_parameters": 2000}) == 0
    assert seen["base"].settings == {"training.batch_size": "8", "training.tf32": "true"}
    assert seen["head"].settings == {"training.batch_size": "16", "training.tf32": "true"}
    assert seen["head"].tree is None
    assert "head: training.batch_size=16" in capsys.readouterr().out


@pytest.mark.slow
def test_two_files_are_two_configurations(call: Call, seen: dict[str, Side], tmp_path: Path) -> None:
    """Each TOML file names its plugin and settings."""
    for name, batch in (("one", 8), ("two", 16)):
        (tmp_path / f"{name}.toml").write_text(f'name = "dcgan"\n[training]\nbatch_size = {batch}\n')
    assert call("one.toml", "two.toml", "--seed", "3") == 0
    assert seen["head"] == Side(name="two.toml", plugin="dcgan", settings={"training.batch_size": 16, "training.seed": 3})


@pytest.mark.slow
def test_head_is_the_working_tree_by_default(call: Call, seen: dict[str, Side], tmp_path: Path) -> None:
    """``ganbench ab main`` compares main with what lies here."""
    assert call("./a", "--plugin", "dcgan", "--option", "latent_dim=8") == 0
    assert (seen["base"].tree, seen["head"].tree) == (tmp_path / "a", tmp_path)
    assert seen["base"].options == {"latent_dim": "8"}
