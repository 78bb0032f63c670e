"""``ganbench trend``."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import html
import json
import re
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from ganbench.cli.main import main
from ganbench.record.serialise import to_json
from ganbench_gate.history import add_record
from ganbench_gate.trend import NEWEST
from ganbench_gate.trend_command import command

START = datetime(2026, 1, 1, tzinfo=timezone.utc)


@pytest.fixture
def at(make_record):
    """Return a builder of the record of a day with a speed."""

    def build(day=0, speed=1000.0, **changes):
        moment = START + timedelta(days=day)
        record = make_record(run_id=f"{moment:%Y%m%d-%H%M%S}-dcgan-digits-s0", created=moment.isoformat())
        return dataclasses.replace(record, throughput=dataclasses.replace(record.throughput, samples_per_second=speed), **changes)

    return build


@pytest.fixture
def history(tmp_path, monkeypatch, at):
    """Return ``h`` below the current folder: twenty commits at 1,000 images/s and eight at 800."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    for day in range(28):
        add_record(Path("h"), at(day, 1000.0 + day % 3 if day < 20 else 800.0 + day % 3), f"{day:07x}abcde")
    return Path("h")


def test_a_slowdown_is_shown_and_fails(history, capsys):
    """Machine, cell, plot, step and verdict on stdout; exit code 1."""
    assert main(["trend", "h"]) == 1
    out, err = capsys.readouterr()
    for words in (
        "Test CPU, 2 cores, 24 GiB",
        "dcgan digits [",
        "throughput ↑",
        "▁▁▁▁",
        "worse by 20%: 1,001 to 801.0 from 0000014abcde on (2026-01-21, p 0.001); FAILS",
        "1 step for the worse in the newest 20 commits: throughput of dcgan digits at 0000014abcde",
    ):
        assert words in out
    assert err == ""


def test_an_accepted_change_passes(history, capsys):
    """From accept.toml in the history, or from the file that is named."""
    entry = {"metric": "samples_per_second", "cell": "dcgan digits", "from": 1000, "to": 800, "reason": "larger batches"}
    Path("other.json").write_text(json.dumps({"accept": [entry]}))
    assert main(["trend", "h", "--accept", "other.json"]) == 0
    (history / "accept.toml").write_text("[[accept]]\n" + "".join(f"{k} = {json.dumps(v)}\n" for k, v in entry.items()))
    assert main(["trend", "h"]) == 0
    out = capsys.readouterr().out
    assert "accepted: larger batches" in out
    assert "no step for the worse in the newest 20 commits that is not accepted" in out


def test_the_page_is_one_file_that_loads_nothing(history, capsys):
    """Every commit is a point, the step is marked and told, and text from outside is text."""
    (history / "accept.toml").write_text(
        '[[accept]]\nmetric = "samples_per_second"\ncell = "dcgan digits"\nfrom = 1000\nto = 800\nreason = "<script>alert(1)</script>"\n'
    )
    assert main(["trend", "h", "--metric", "samples_per_second", "-o", "html=trend.html"]) == 0
    page = Path("trend.html").read_text(encoding="utf-8")
    assert page.count("<circle") == 28
    assert page.count('<line class="accepted"') == 1
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script" not in page
    assert "http" not in page.replace("http-equiv", "")
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', page)
    assert html.unescape(policy) == f"default-src 'none'; base-uri 'none'; form-action 'none'; style-src 'sha256-{digest}'"


def test_a_plot_of_the_page_has_its_scales(history):
    """From the lowest to the highest value, or as wide as a step would be; one value where there is one; the first and the last commit."""
    main(["trend", "h", "-o", "html=trend.html"])
    page = Path("trend.html").read_text(encoding="utf-8")
    scales = [re.findall(r"<span>([^<]+)</span>", values) for values in re.findall(r'values">(.*?)</div>', page)]
    assert scales[0] == ["1,002", "800.0"]
    assert scales[1] == ["643.1", "581.9"], "5 % on either side of 612.5 MiB"
    assert len(scales[2]) == 1, "the parameters never changed"
    assert page.count("<span>0000000abcde, 2026-01-01</span><span>000001babcde, 2026-01-28</span>") == page.count("<svg")


def test_a_step_that_fails_is_marked_on_the_page(history):
    """And the verdict stands above all plots."""
    assert main(["trend", "h", "-o", "html=trend.html"]) == 1
    page = Path("trend.html").read_text(encoding="utf-8")
    assert '<line class="fails"' in page
    assert '<p class="failed">1 step for the worse' in page


def test_one_metric_can_be_chosen(history, capsys):
    """The others decide nothing then."""
    assert main(["trend", "h", "--metric", "peak_memory_mib"]) == 0
    assert "throughput" not in capsys.readouterr().out


def test_json_is_alone_on_stdout(history, capsys):
    """For programs, with the same exit code."""
    assert main(["trend", "h", "--json"]) == 1
    data = json.loads(capsys.readouterr().out)
    assert (data["schema"], data["exit_code"]) == ("ganbench-trend", 1)


def test_runs_are_added_first(history, capsys, at):
    """Finished ones, under the commit that is given; others are named and passed over."""
    for name, record in (("new", at(40)), ("open", at(41, status="interrupted"))):
        Path(name).mkdir()
        Path(name, "record.json").write_text(to_json(record))
    assert main(["trend", "h", "--add", "new", "--add", "open", "--commit", "0123456789abcdef", "--newest", "1"]) == 0
    assert len(list(history.rglob("0123456789ab-*.json"))) == 1
    out, err = capsys.readouterr()
    assert "29 commits" in out
    assert err.splitlines() == [f"ganbench: run {at(41).run_id} is interrupted and not added"]


def test_the_commit_is_what_lies_checked_out(history, capsys, at):
    """With a mark where tracked files were edited."""
    Path("new").mkdir()
    Path("new/record.json").write_text(to_json(at(40)))
    Path("code").touch()
    who = ("-c", "user.name=x", "-c", "user.email=x@example.org")
    for arguments in (("init", "-q"), ("add", "code"), (*who, "commit", "-q", "-m", "x")):
        subprocess.run(["git", *arguments], check=True)
    head = subprocess.run(["git", "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout[:12]
    main(["trend", "clean", "--add", "new"])
    Path("code").write_text("edited")
    main(["trend", "edited", "--add", "new"])
    names = [next(Path(folder).rglob("*.json")).name.partition("-")[0] for folder in ("clean", "edited")]
    assert names == [head, f"{head}+dirty"]


def test_a_damaged_record_is_a_warning(history, capsys):
    """The rest decides."""
    broken = next(history.rglob("0000003abcde-*.json"))
    broken.write_text("{")
    assert main(["trend", "h"]) == 1
    err = capsys.readouterr().err
    assert broken.name in err
    assert "is damaged: not JSON" in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("arguments", [[], ["empty"], ["short"]])
def test_nothing_to_look_at_is_exit_code_5(history, at, arguments):
    """No history, an empty one, a single record."""
    Path("empty").mkdir()
    add_record(Path("short"), at(0), "0123456789ab")
    assert main(["trend", *arguments]) == 5


@pytest.mark.slow(keep=5)
@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["nowhere"], 2, "no such folder: nowhere; `ganbench trend DIR --add RUN` makes it"),
        (["notes.txt"], 2, "notes.txt is not the directory of a history"),
        (["damaged"], 2, "no record of damaged can be read"),
        (["future"], 2, "has schema version 99"),
        (["h", "--metric", "image_per_second"], 2, "did you mean 'samples_per_second'"),
        (["h", "--newest", "0"], 2, "0 is not in the range"),
        (["h", "-o", "csv=trend.csv"], 2, "a trend is written as html=PATH"),
        (["h", "-o", "html=nowhere/trend.html"], 2, "there is no such folder"),
        (["h", "-o", "html=h"], 2, "a folder is there"),
        (["h", "--accept", "missing.toml"], 2, "cannot read missing.toml: No such file"),
        (["h", "--accept", "notes.txt"], 2, "notes.txt is not valid TOML"),
        (["h", "--commit", "0123456"], 2, "--commit has a meaning only with --add"),
        (["h", "--add", "nothing"], 2, "no run 'nothing'"),
        (["h", "--add", "run", "--commit", "main"], 2, "a commit must be 7 to 40 hex digits"),
    ],
)
def test_a_bad_input_is_one_line_and_its_exit_code(history, capsys, at, arguments, code, words):
    """Nothing on stdout, no traceback."""
    Path("notes.txt").write_text("a note")
    for name, text in (("damaged", "{"), ("future", '{"schema_version": 99}')):
        add_record(Path(name), at()).write_text(text)
    Path("run").mkdir()
    Path("run/record.json").write_text(to_json(at()))
    assert main(["trend", *arguments]) == code
    out, err = capsys.readouterr()
    assert (out, len(err.splitlines())) == ("", 1)
    assert words in err


@pytest.mark.slow
def test_an_ascii_stream_gets_an_ascii_plot(history):
    """Nothing becomes a question mark."""
    code = "import sys; from ganbench.cli.main import main; sys.exit(main(['trend', 'h']))"
    environment = {"PYTHONIOENCODING": "ascii", "PATH": ""}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=environment, check=False)
    assert done.returncode == 1
    assert done.stderr == b""
    assert b"throughput ^" in done.stdout
    assert b"?" not in done.stdout


def test_no_line_is_wider_than_the_terminal(history, capsys, monkeypatch):
    """At any width."""
    for width in (40, 80, 200):
        monkeypatch.setenv("COLUMNS", str(width))
        main(["trend", "h"])
        assert max(map(len, capsys.readouterr().out.splitlines())) <= width


def test_the_help_states_the_real_default():
    """The option repeats a number that only the logic owns, because help imports nothing heavy."""
    assert next(p.default for p in command.params if p.name == "newest") == NEWEST


@pytest.mark.parametrize("arguments", [["trend", "--help"], ["baseline", "--help"], ["baseline", "set", "--help"]])
def test_help_imports_nothing_heavy(arguments):
    """Start-up stays short because torch, numpy and rich stay out."""
    code = "import sys; from ganbench.cli.main import main; main(sys.argv[1:]); print({'torch', 'numpy', 'rich'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    assert done.stdout.rstrip().endswith("set()")
