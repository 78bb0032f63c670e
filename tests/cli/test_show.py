"""``ganbench show``."""

from __future__ import annotations

import dataclasses
import json

import pytest

from ganbench.cli.main import main
from ganbench.record.directory import RunDirectory
from ganbench.record.serialise import from_json, to_json


@pytest.fixture
def run(tmp_path, monkeypatch, make_record):
    """Return a finished run in ./results/runs; the terminal is 100 columns wide."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    with RunDirectory.create(name="dcgan", dataset="digits", seed=0) as directory:
        directory.config_path.touch()
        directory.finish(make_record(run_id=directory.path.name, num_resumes=1))
    return directory


def _lines(text):
    return [" ".join(line.split()) for line in text.splitlines()]


def test_everything_is_shown(run, capsys):
    """Status, history with the best marked, floor, speed, time shares, machine, plugins, configuration, notes, files."""
    assert main(["show", run.path.name]) == 0
    out, err = capsys.readouterr()
    lines = _lines(out)
    assert err == ""
    for expected in (
        "status complete",
        "resumed 1 time",
        "0 0 s 80.00 ±0.50",
        "50 40 s 12.25 ±0.50 *",
        "75 60 s 13.50 ±0.50",
        "real against real 1.250",
        "images per second 1,250",
        "phases discriminator 30.00 ms, generator 20.00 ms",
        "training 80 s 85.1%",
        "other 1.5 s 1.6%",
        "images seen 100,032",
        "host test-host",
        "loss non-saturating ganbench 0.1.0",
        "architecture dcgan ganbench 0.1.0 abababababab",
        "training.batch_size 64",
        "evaluation.metrics fd1k_digits",
        "a stated fallback",
        f"files in results/runs/{run.path.name}",
        "record.json the record",
    ):
        assert expected in lines
    assert any(line.startswith("hardware Test CPU, 2 cores, 24 GiB [") for line in lines)


def test_the_newest_run_is_the_default(run, capsys):
    """No name needed after a run."""
    assert main(["show"]) == 0
    assert f"id {run.path.name}" in _lines(capsys.readouterr().out)


def test_json_is_the_record(run, capsys):
    """What is printed can be read back."""
    assert main(["show", "--json", str(run.path)]) == 0
    assert from_json(capsys.readouterr().out) == from_json(run.record_path.read_bytes())


def test_an_interrupted_run_says_how_to_go_on(tmp_path, capsys, make_record):
    """Its partial record is shown with the reason."""
    with RunDirectory.create_at(tmp_path / "run") as run:
        run.config_path.touch()
        run.write_partial(make_record(status="running"))
    assert main(["show", str(run.path)]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "interrupted: killed; continue it with `ganbench run --resume" in out
    assert "partial_record.json" in out


def test_a_bare_record_can_be_shown(tmp_path, capsys, make_record):
    """No evaluation, nothing counted, no speed: dashes, and no section without rows."""
    record = make_record(evaluations=(), notes=(), host="", plugins=(), collapsed=False)
    zero = dataclasses.replace(record.throughput, samples_per_second=0.0, seconds_per_kimg=0.0, phase_milliseconds=())
    timing = dataclasses.replace(record.timing, **{field.name: 0.0 for field in dataclasses.fields(record.timing)})
    record = dataclasses.replace(record, throughput=zero, timing=timing, work=dataclasses.replace(record.work, flops_per_iteration=0))
    (tmp_path / "bare.json").write_text(to_json(record))
    assert main(["show", str(tmp_path / "bare.json")]) == 0
    lines = _lines(capsys.readouterr().out)
    assert "images per second -" in lines
    assert "flops per iteration not counted" in lines
    assert not {"quality", "notes", "plugins"} & set(lines)


@pytest.mark.parametrize("width", [40, 80])
def test_no_line_is_wider_than_the_terminal(run, capsys, monkeypatch, width):
    """Long values are folded, not cut."""
    monkeypatch.setenv("COLUMNS", str(width))
    assert main(["show"]) == 0
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= width
    assert run.path.name in "".join(out.split())


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [(None, 2, "no run 'x'"), ("", 2, "x is neither a run folder nor a record.json")],
)
def test_what_is_no_run_is_one_line(tmp_path, monkeypatch, capsys, text, code, words):
    """A wrong name, and a file that is no record."""
    monkeypatch.chdir(tmp_path)
    if text is not None:
        (tmp_path / "x").write_text(text)
    assert main(["show", "x"]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert words in err
    assert len(err.splitlines()) == 1


def test_a_folder_of_several_runs_is_not_one_run(run, capsys, make_record):
    """One is suggested."""
    with RunDirectory.create(name="dcgan", dataset="digits", seed=1) as other:
        other.finish(make_record())
    assert main(["show", "results/runs"]) == 2
    assert "holds 2 runs, one is wanted" in capsys.readouterr().err


def test_a_damaged_record_is_named(run, capsys):
    """The path and the place of the damage."""
    data = json.loads(run.record_path.read_text())
    data["seed"] = "zero"
    run.record_path.write_text(json.dumps(data))
    assert main(["show", run.path.name]) == 2
    err = capsys.readouterr().err
    assert "record.seed must be int (got 'zero')" in err
    assert str(run.record_path) in err


def test_no_run_at_all_exits_with_5(tmp_path, monkeypatch, capsys):
    """Nothing to show yet."""
    monkeypatch.chdir(tmp_path)
    assert main(["show"]) == 5
    assert "no run found" in capsys.readouterr().err
