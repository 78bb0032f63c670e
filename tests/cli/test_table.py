"""``ganbench table``."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from ganbench.cli.compare import command as compare_command
from ganbench.cli.completion import complete_columns
from ganbench.cli.main import main
from ganbench.cli.table import command as table_command
from ganbench.record.serialise import to_json

RUN = "20261121-035800-dcgan-digits-s0"


@pytest.fixture
def runs(tmp_path, monkeypatch, make_record):
    """Return the folder of two finished runs below the current folder; the terminal is 200 columns wide."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    for seed in (0, 1):
        path = Path("results/runs") / f"{RUN[:-1]}{seed}"
        path.mkdir(parents=True)
        (path / "record.json").write_text(to_json(make_record(run_id=path.name, seed=seed)))
    return Path("results/runs")


def test_seeds_are_one_row_by_default(runs, capsys):
    """Results go to stdout, nothing to stderr: the mean of two seeds with its interval."""
    assert main(["table"]) == 0
    out, err = capsys.readouterr()
    assert RUN not in out
    assert "12.25 ±0.0" in out
    assert "0, 1" in out
    assert err == ""


def test_all_runs_are_shown_one_by_one_on_request(runs, capsys):
    """--runs shows each with the spread of its own networks."""
    assert main(["table", "--runs"]) == 0
    out, err = capsys.readouterr()
    assert RUN in out
    assert f"{RUN[:-1]}1" in out
    assert "12.25 ±0.50" in out
    assert err == ""


def test_runs_can_be_chosen(runs, capsys):
    """One of two, by its id."""
    assert main(["table", f"{RUN[:-1]}1"]) == 0
    out = capsys.readouterr().out
    assert f"{RUN[:-1]}1" in out
    assert RUN not in out


def test_each_format_is_what_it_says(runs, capsys):
    """CSV, JSON, markdown, HTML and LaTeX on stdout."""
    outputs = {}
    for form in ("terminal", "markdown", "csv", "json", "html", "latex"):
        assert main(["table", "--runs", "--format", form]) == 0
        outputs[form] = capsys.readouterr().out
    assert len(list(csv.DictReader(io.StringIO(outputs["csv"])))) == 2
    assert len(json.loads(outputs["json"])["groups"][0]["rows"]) == 2
    assert outputs["markdown"].startswith("### Test CPU")
    assert outputs["html"].startswith("<!DOCTYPE html>")
    assert outputs["latex"].startswith(r"\begin{table}")
    assert "───" in outputs["terminal"]


@pytest.mark.parametrize(
    ("name", "start"), [("t.md", "### "), ("t.csv", "machine,"), ("t.json", "{"), ("t.HTML", "<!DOCTYPE"), ("t.tex", "\\begin")]
)
def test_a_files_name_chooses_the_format(runs, capsys, name, start):
    """-o writes the file and leaves stdout empty."""
    assert main(["table", "-o", name]) == 0
    assert Path(name).read_text(encoding="utf-8").startswith(start)
    assert capsys.readouterr().out == ""


def test_a_damaged_record_is_a_row_among_the_others(runs, capsys):
    """The rest is still shown, as a single run now; the row names the reason."""
    (runs / RUN / "record.json").write_text("{")
    assert main(["table"]) == 0
    out = capsys.readouterr().out
    assert "unreadable" in out
    assert "record.json is damaged: not JSON" in out
    assert f"{RUN[:-1]}1" in out


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["table", "nowhere"], 2, "no run 'nowhere'"),
        (["table", "notes.txt"], 2, "notes.txt is neither a run folder nor a record.json"),
        (["table", "other"], 2, "other holds no run"),
        (["table", "nothing-*"], 5, "no run found in nothing-*"),
        (["table", "broken.json"], 2, "broken.json is damaged"),
        (["table", "future.json"], 2, "future.json has schema version 99"),
        (["table", "--sort", "fid10k"], 2, "no column is called 'fid10k'"),
        (["table", "--format", "pdf"], 2, "'pdf' is not one of"),
        (["table", "-o", "missing/t.md"], 2, "cannot write missing/t.md: No such file or directory"),
        (["table", "-o", "results"], 2, "is a directory"),
    ],
)
def test_a_bad_input_is_one_line_and_its_exit_code(runs, capsys, arguments, code, words):
    """Nothing on stdout, no traceback."""
    Path("notes.txt").touch()
    Path("other").mkdir()
    Path("other/file").touch()
    Path("broken.json").write_text("[")
    Path("future.json").write_text('{"schema_version": 99}')
    assert main(arguments) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert words in err
    assert len(err.splitlines()) == 1


def test_no_run_at_all_is_nothing_to_compare(tmp_path, monkeypatch, capsys):
    """An empty folder exits with 5 and says how to make a run."""
    monkeypatch.chdir(tmp_path)
    assert main(["table"]) == 5
    assert "no run found in results/runs; make one with `ganbench run`" in capsys.readouterr().err


def _start(arguments, **environment):
    """Start the command as a process with an environment of its own."""
    code = "import sys; from ganbench.cli.main import main; sys.exit(main(sys.argv[1:]))"
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **environment},
    )


def test_a_reader_that_stops_is_no_error(runs):
    """`ganbench table | head -0`: silent, exit code 0."""
    process = _start(["table", "--format", "csv"])
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    errors = process.stderr.read()
    process.stderr.close()
    assert (process.wait(), errors) == (0, b"")


@pytest.mark.slow
def test_a_stream_without_unicode_gets_ascii(runs):
    """Under an ASCII locale the table is still complete."""
    out, err = _start(["table"], PYTHONIOENCODING="ascii").communicate()
    assert err == b""
    assert b"FD digits v" in out
    assert b"12.25 +-0.0" in out


@pytest.mark.parametrize("arguments", [["table", "--help"], ["show", "--help"]])
def test_help_imports_nothing_heavy(arguments):
    """Start-up stays short because torch, numpy and rich stay out."""
    code = "import sys; from ganbench.cli.main import main; main(sys.argv[1:]); print({'torch', 'numpy', 'rich'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    assert done.stdout.rstrip().endswith("set()")


@pytest.mark.slow
@pytest.mark.parametrize("command", ["table", "show"])
def test_showing_needs_no_torch(runs, command):
    """A table of a hundred runs does not wait for torch."""
    code = "import sys; from ganbench.cli.main import main; assert main(sys.argv[1:]) == 0; print({'torch', 'numpy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code, command], capture_output=True, text=True, check=True)
    assert done.stdout.rstrip().endswith("set()")


class _Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("environment", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False), ({"NO_COLOR": ""}, True)]
)
def test_colour_is_for_terminals_that_want_it(runs, monkeypatch, environment, coloured):
    """NO_COLOR and a dumb terminal turn it off."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    stream = _Terminal()
    monkeypatch.setattr(sys, "stdout", stream)
    assert main(["table"]) == 0
    assert ("\x1b[" in stream.getvalue()) is coloured


FORMS = ("terminal", "markdown", "csv", "json", "html", "latex")


@pytest.mark.parametrize("form", FORMS)
def test_columns_are_chosen_by_one_name_in_every_format(runs, capsys, form):
    """In the order that was asked for, behind the name of the row; by heading, id or metric."""
    assert main(["table", "--runs", "--format", form, "--columns", "id,fd1k_digits.best,images/s"]) == 0
    out = capsys.readouterr().out
    assert RUN in out.replace("\\", "")
    values = {"csv": ("12.25", "1250.0"), "json": ("12.25", "1250.0")}.get(form, ("12.25", "1,250"))
    assert all(value in out for value in values)
    assert out.index(RUN if form != "latex" else "id") < out.index(values[0])
    assert "13.5" not in out  # the final value, which leads otherwise
    assert "complete" not in out


def test_a_table_that_was_chosen_is_as_wide_as_it_gets(runs, capsys, monkeypatch):
    """Nothing is folded into the caption or left out, with --columns as with --all-columns."""
    monkeypatch.setenv("COLUMNS", "40")
    assert main(["table", "--runs", "--all-columns"]) == 0
    lines = capsys.readouterr().out.splitlines()
    (first, second) = [line for line in lines if RUN[:-1] in line]
    assert all(
        text in first for text in ("dcgan seed 0", "13.50 ±0.50", "12.25 ±0.50", "complete", "1,250", "digits", "1.07M", "non-saturating")
    )
    assert len(first) == len(second) > 100
    assert not any("left out" in line for line in lines)


def test_what_columns_mean_is_said_on_request(runs, capsys):
    """In at most two lines of a legend otherwise."""
    assert main(["table"]) == 0
    assert "generated against" not in capsys.readouterr().out
    assert main(["table", "--explain"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "FD digits: fd1k_digits, 1,000 generated against 1,437 real images, lower is better" in out
    assert "--explain" not in out


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ("fd1k_digts", "no column is called 'fd1k_digts'; did you mean 'fd1k_digits'?"),
        ("n,memry", "no column is called 'memry'; did you mean 'memory'?"),
    ],
)
def test_a_wrong_column_has_a_nearest_one(runs, capsys, names, words):
    """One line, and no table."""
    assert main(["table", "--columns", names]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert words in err


def test_the_last_of_several_columns_is_completed(runs):
    """Also the metrics of the runs that are there, and the columns of a verdict."""
    table = click.Context(table_command)
    table.params["runs"] = ()
    assert complete_columns(table, None, "n,fd1k_digits.b") == ["n,fd1k_digits.best"]
    assert "samples_per_second" in complete_columns(table, None, "")
    assert complete_columns(click.Context(compare_command), None, "change,det") == ["change,detectable"]
