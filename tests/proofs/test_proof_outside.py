"""A reporter, a command and an executor from outside: a distribution of its own that uses public names only."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from proof import check_public_names_alone, count_lines, different, install

import ganbench
from ganbench.cli.main import main

TINY = (
    "--set=dataset.options.resolution=8",
    "--set=training.total_kimg=0.24",
    "--set=training.batch_size=24",
    "--set=training.device=cpu",
    "--set=evaluation.metrics=fd100_digits",
    "--set=evaluation.every_kimg=0.1",
    "--set=evaluation.grid_size=2",
    *(f"--set=architecture.options.{name}=4" for name in ("latent_dim", "generator_width", "discriminator_width")),
)
RUN = ("run", "--plugin", "dcgan", *TINY, "--out", "run", "--reporter", "lines", "-o", "lines.file=told.jsonl")
AXES = ("-a", "plugin=dcgan", "-a", "seed=0..1", "--out", "m", "--executor", "threads", "-x", "diary=diary.txt")


@pytest.fixture(autouse=True)
def _distribution(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install it where the tests' Python finds it, and begin in an empty folder."""
    install("outside", tmp_path / "site", monkeypatch)
    (tmp_path / "place").mkdir()
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("GANBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path / "place")


def told() -> list[dict[str, Any]]:
    """Return what the reporter has written."""
    return [json.loads(line) for line in Path("told.jsonl").read_text().splitlines()]


def test_it_uses_public_names_alone() -> None:
    """And few lines of it are there only because of ganbench."""
    check_public_names_alone("outside")
    registered, everything = count_lines("outside")
    print(f"outside: {registered} lines that register all three, {everything} with what they are made of")
    assert registered <= 15


@pytest.mark.slow
def test_the_reporter_writes_every_event_as_json(capfd: pytest.CaptureFixture[str]) -> None:
    """Numbers stay numbers; a run that is told of has the same record as one that is not."""
    assert main(list(RUN)) == 0
    names = [line["event"] for line in told()]
    assert (names[0], names[-1]) == ("Started", "Ended")
    assert {"Message", "Progressed", "Evaluated", "Saved"} <= set(names)
    (end,) = [line for line in told() if line["event"] == "Ended"]
    assert end["status"] == "complete"
    last = [line for line in told() if line["event"] == "Progressed"][-1]
    assert (last["samples_seen"], last["unit"]) == (240, "images")
    assert last["statistics"].keys() >= {"discriminator_loss", "generator_loss"}
    alone = ganbench.run("dcgan", settings=dict(one.removeprefix("--set=").split("=") for one in TINY), out="alone").record
    ours = ganbench.load("run").record
    assert ours.evaluations[-1].values == alone.evaluations[-1].values
    assert ours.work == alone.work


@pytest.mark.slow
def test_the_reporter_hears_of_a_resumed_run(capfd: pytest.CaptureFixture[str]) -> None:
    """Which goes on where the other stopped, to the same bits."""

    def stop(event: ganbench.Event) -> None:
        if isinstance(event, ganbench.Saved) and event.what == "checkpoint":
            raise KeyboardInterrupt

    settings = dict(one.removeprefix("--set=").split("=") for one in TINY)
    whole = ganbench.run("dcgan", settings=settings, out="whole")
    with pytest.raises(KeyboardInterrupt):
        ganbench.run("dcgan", settings=settings, out="run", on_event=stop)
    assert main(["run", "--resume", "run", "--reporter", "lines", "-o", "lines.file=told.jsonl"]) == 0
    (start,) = [line for line in told() if line["event"] == "Started"]
    assert start["resumed"] is True
    resumed = ganbench.load("run")
    assert resumed.record.work == whole.record.work
    expected, found = (ganbench.load_checkpoint(one.directory / "checkpoints") for one in (whole, resumed))
    assert expected is not None
    assert found is not None
    assert different(expected["algorithm"], found["algorithm"]) == []


@pytest.mark.slow
def test_the_command_shows_what_a_run_has_measured(capfd: pytest.CaptureFixture[str]) -> None:
    """It stands in the help, with a flag for its option."""
    assert main(list(RUN)) == 0
    capfd.readouterr()
    assert main(["best", "--run", "run"]) == 0
    shown = capfd.readouterr().out.split()
    record = ganbench.load("run").record
    assert shown[shown.index("fd100_digits") + 1] == ganbench.number(record.best("fd100_digits").value)
    assert main(["--help"]) == 0
    assert re.search(r"\n  best +Say how good a run was at best\.\n", capfd.readouterr().out)


@pytest.mark.slow
def test_the_executor_runs_a_matrix_to_its_records(capfd: pytest.CaptureFixture[str]) -> None:
    """Rows, records and table as of any executor; the reporter hears of both; a second call, told to nobody, has nothing to do."""
    assert main(["matrix", *AXES, *TINY, "--reporter", "lines", "-o", "lines.file=told.jsonl"]) == 0
    assert [line["event"] for line in told() if line["event"] in ("Started", "Ended")] == ["Started", "Ended"] * 2
    assert [line["seed"] for line in told() if line["event"] == "Started"] == [0, 1]
    assert Path("diary.txt").read_text().splitlines() == [
        "dcgan seed=0, attempt 1, threads 1: done",
        "dcgan seed=1, attempt 1, threads 1: done",
    ]
    rows = json.loads(Path("m/matrix.json").read_text())["cells"]
    assert [row["state"] for row in rows] == ["done", "done"]
    records = [json.loads((Path("m") / row["directory"] / "record.json").read_text()) for row in rows]
    assert [(record["status"], record["seed"]) for record in records] == [("complete", 0), ("complete", 1)]
    assert "digits, seed 1" in (Path("m") / rows[1]["directory"] / "log.txt").read_text()
    assert "2/2  dcgan seed=1: done after" in capfd.readouterr().err
    assert main(["matrix", *AXES, *TINY]) == 0
    assert "2 skipped" in capfd.readouterr().out
    assert len(Path("diary.txt").read_text().splitlines()) == 2


@pytest.mark.slow
def test_what_a_cell_does_is_an_outcome(capfd: pytest.CaptureFixture[str]) -> None:
    """What cannot be built is unsupported, here as in a process of its own."""
    assert main(["matrix", *AXES, *TINY, "--set=dataset.options.resolution=12"]) == 5
    assert "cannot be built for 12x12" in capfd.readouterr().out
    assert "unsupported" in Path("diary.txt").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--executor", "thread"), "unknown executor 'thread'; did you mean 'threads'?"),
        (("--executor", "threads"), "threads.diary is required"),
        (("-x", "grace_seconds=soon"), "local.grace_seconds"),
        (("-x", "grace_seconds"), "-x wants KEY=VALUE"),
    ],
)
def test_an_executor_that_cannot_be_made_is_one_line(arguments: tuple[str, ...], message: str, capfd: pytest.CaptureFixture[str]) -> None:
    """Exit code 2 before any cell is looked at, and no folder."""
    assert main(["matrix", "-a", "plugin=dcgan", "--out", "m", *arguments]) == 2
    assert message in capfd.readouterr().err
    assert not Path("m").exists()
