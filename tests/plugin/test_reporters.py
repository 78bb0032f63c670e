"""Reporters: plugins that are told what happens in a run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ganbench.cli.main import main

Install = Callable[..., str]

NOTES = """
    import json
    from ganbench import ReporterSpec

    @dataclass(frozen=True, kw_only=True, slots=True)
    class NotesOptions:
        file: str = "notes.json"
        \"""Where to.\"""
        num_most: int = 1000
        \"""Of events.\"""

    @hookimpl
    def ganbench_register():
        return [ReporterSpec(name="notes", summary="writes down what happens", factory="MODULE:Notes", options=NotesOptions)]

    class Notes:
        def __init__(self, options, context):
            self.options, self.quiet, self.seen = options, context.quiet, []

        def __call__(self, event):
            self.seen = [*self.seen, type(event).__name__][: self.options.num_most]
            with open(self.options.file, "w") as file:
                json.dump([self.quiet, self.seen], file)
"""
RUN = ["run", "--plugin", "mlp", "--dataset", "ring8", "--kimg", "0.3", "--device", "cpu", "--threads", "1", "--no-eval", "--out", "run"]


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory of its own."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.slow
def test_a_reporter_is_told_every_event(install: Install, workplace: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """From the start to the end; its options are its own, and no part of the configuration."""
    install("notes", NOTES)
    assert main([*RUN, "--reporter", "notes", "-o", "notes.file=other.json", "-o", "latent_dim=2", "--quiet"]) == 0
    quiet, seen = json.loads((workplace / "other.json").read_text())
    assert quiet
    assert (seen[0], seen[-1]) == ("Started", "Ended")
    assert {"Message", "Progressed", "Saved"} <= set(seen)
    config = (workplace / "run" / "config.toml").read_text()
    assert "notes" not in config
    assert "latent_dim = 2" in config


def test_a_finished_run_is_not_resumed_but_its_reporter_is_looked_up(
    install: Install, workplace: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """``--resume`` takes reporters and their options, and no others."""
    install("notes", NOTES)
    (workplace / "begun").mkdir()
    (workplace / "begun/config.toml").write_text('name = "mlp"\n')
    assert main(["run", "--resume", "begun", "--reporter", "notes", "-o", "notes.file=a.json", "-o", "latent_dim=2"]) == 2
    assert "architecture.options.latent_dim cannot be given" in capfd.readouterr().err
    assert main(["run", "--resume", "run", "--reporter", "notes", "-o", "notes.file=a.json"]) == 2
    assert "-o" not in capfd.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--reporter", "nots"], "ganbench: unknown reporter 'nots'; did you mean 'notes'?"),
        (["--reporter", "notes", "-o", "notes.fil=x"], "ganbench: unknown option notes.fil; did you mean 'file'?"),
        (["--reporter", "notes", "-o", "notes.num_most=x"], "ganbench: notes.num_most must be a whole number (got 'x')"),
    ],
    ids=["name", "option", "value"],
)
def test_a_wrong_reporter_is_one_line_before_anything_is_built(
    install: Install, workplace: Path, capfd: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    """With exit code 2, and no run directory."""
    install("notes", NOTES)
    assert main([*RUN, *arguments]) == 2
    assert capfd.readouterr().err == message + "\n"
    assert list(workplace.iterdir()) == []


def test_what_is_no_function_is_no_reporter(install: Install, workplace: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The error names it."""
    source = NOTES + "\n    def number(options, context):\n        return 3\n"
    install("numbers", source.replace("MODULE:Notes", "MODULE:number").replace('name="notes"', 'name="number"'))
    assert main([*RUN, "--reporter", "number"]) == 2
    assert capfd.readouterr().err == "ganbench: reporter 'number' must return a function of events (got int)\n"


@pytest.mark.slow
def test_a_reporter_that_fails_does_not_end_the_run(install: Install, capfd: pytest.CaptureFixture[str]) -> None:
    """A warning names it, once."""
    install("notes", NOTES)
    assert main([*RUN, "--reporter", "notes", "-o", "notes.file=no/such/folder.json"]) == 0
    assert capfd.readouterr().err.count("the listener Notes raised FileNotFoundError") == 1
