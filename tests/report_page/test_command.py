"""``ganbench report``: what it writes, and what it says of paths that are none."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ganbench.cli.main import main
from ganbench_report.page import render_page

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_one_file_is_written_and_told(put_run, capsys):
    """Its size too: it may go into a mail."""
    put_run(Path("runs"))
    assert main(["report", "runs"]) == 0
    out, err = capsys.readouterr()
    assert (out, re.fullmatch(r"report\.html: 1 run, 0\.\d MB\n", err) is not None) == ("", True)
    assert sorted(path.name for path in Path.cwd().iterdir()) == ["report.html", "runs"]


@pytest.mark.slow
def test_the_committed_boards_are_below_three_megabytes_without_pictures(capsys):
    """With the chart library inside."""
    assert main(["report", str(ROOT / "results/leaderboard"), "--pictures", "0", "-o", "r.html"]) == 0
    assert Path("r.html").stat().st_size < 3e6
    assert 'id="pictures-' not in Path("r.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["nowhere"], 2, "no run 'nowhere': neither a path nor a run id below results/runs; there is none yet"),
        (["empty"], 5, "no run found in empty; make one with `ganbench run`"),
        ([], 5, "no run found in results/runs; make one with `ganbench run`"),
        (["other"], 2, "other holds no run; give a run folder, a folder of runs or a run id"),
        (["broken"], 2, "no record can be read: broken/run/record.json is damaged"),
        (["verdict.json"], 2, "verdict.json is no verdict of this version: verdict lacks the field"),
        (["runs", "-o", "no/such/folder.html"], 2, "-o no/such/folder.html: cannot write no/such/folder.html: No such file or directory"),
        (["runs", "-o", "empty"], 2, "Invalid value for '-o' / '--out': File 'empty' is a directory."),
        (["runs", "--pictures", "-1"], 2, "Invalid value for '--pictures'"),
        (["runs", "--pictures-mib", "nan"], 2, "Invalid value for '--pictures-mib'"),
    ],
)
def test_what_cannot_be_shown_is_one_line(arguments, code, said, put_run, capsys):
    """And nothing is written."""
    put_run(Path("runs"))
    Path("empty").mkdir()
    Path("other/folder").mkdir(parents=True)
    Path("broken/run").mkdir(parents=True)
    Path("broken/run/record.json").write_text("{")
    Path("verdict.json").write_text('{"findings": []}')
    before = sorted(Path.cwd().rglob("*"))
    assert main(["report", *arguments]) == code
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith(f"ganbench: {said}")
    assert sorted(Path.cwd().rglob("*")) == before


def test_a_broken_record_among_others_is_told_and_left_out(put_run, capsys):
    """One damaged run of a hundred must not hide the rest; the page lists it."""
    put_run(Path("runs"))
    Path("runs/torn").mkdir()
    Path("runs/torn/record.json").write_text("{")
    assert main(["report", "runs"]) == 0
    err = capsys.readouterr().err.splitlines()
    assert err[0].startswith("ganbench: runs/torn/record.json is damaged: not JSON")
    assert "runs/torn/record.json is damaged" in Path("report.html").read_text()


@pytest.mark.slow
def test_a_folder_that_is_not_writable_is_one_line(put_run, as_ordinary_user, tmp_path):
    """The old page stays."""
    put_run(Path("runs"))
    Path("closed").mkdir()
    Path("closed/report.html").write_text("old")
    Path("closed").chmod(0o555)
    done = as_ordinary_user("report", "runs", "-o", "closed/report.html", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("ganbench: -o closed/report.html: cannot write")
    assert Path("closed/report.html").read_text() == "old"


def test_nothing_in_the_page_reaches_outside():
    """No address of a script, a style or a picture; nothing is made of markup, nothing is evaluated."""
    empty = {"title": "t", "pictures": []}
    page = render_page(empty)
    assert re.findall(r"""(?:src|href)=["']?(?!data:,)[^"'\s>]+""", page.partition("<script>")[0]) == []
    assert "default-src &#x27;none&#x27;" in page
    assert "unsafe" not in page.partition("<style>")[0]
    own = "".join(path.read_text() for path in (ROOT / "plugins/ganbench_report/assets").glob("*.js"))
    for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "eval(", "document.write", "fetch(", "XMLHttpRequest"):
        assert word not in own
