"""``ganbench baseline``."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ganbench.cli.main import main
from ganbench.record.baseline import resolve_baseline
from ganbench.record.serialise import to_json

RUN = "20261121-035800-dcgan-digits-s"


@pytest.fixture
def runs(tmp_path, monkeypatch, make_record):
    """Return the folder of two finished runs and an interrupted one below the current folder."""
    monkeypatch.chdir(tmp_path)
    for seed, name in ((0, "record.json"), (1, "record.json"), (2, "partial_record.json")):
        path = Path("results/runs") / f"{RUN}{seed}"
        path.mkdir(parents=True)
        status = "complete" if seed < 2 else "interrupted"
        (path / name).write_text(to_json(make_record(run_id=path.name, seed=seed, status=status)))
    return Path("results/runs")


def test_a_baseline_is_set_listed_shown_and_removed(runs, capsys, monkeypatch):
    """The whole life of one, with the runs themselves left alone."""
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["baseline", "set", "main", f"{RUN}0", str(runs / f"{RUN}1")]) == 0
    assert capsys.readouterr().out == "baseline main: 2 runs in .ganbench/baselines/main.json\n"
    assert main(["baseline", "list"]) == 0
    assert "main  2 runs of dcgan digits, set 20" in capsys.readouterr().out
    assert main(["baseline", "show", "main"]) == 0
    out = capsys.readouterr().out
    assert f"{RUN}0"[:15] in out
    assert "12.25 ±0.50" in out
    assert main(["baseline", "remove", "main"]) == 0
    assert main(["baseline", "list"]) == 0
    out, err = capsys.readouterr()
    assert out == "baseline main is removed\n"
    assert "no baseline in .ganbench; `ganbench baseline set NAME RUN...` makes one" in err
    assert (runs / f"{RUN}0" / "record.json").exists()


def test_the_records_outlive_the_runs(runs, make_record):
    """A baseline holds copies, in the directory that is named."""
    assert main(["baseline", "set", "main", f"{RUN}0", "--history", "h"]) == 0
    (runs / f"{RUN}0" / "record.json").unlink()
    assert resolve_baseline("main", Path("h")) == [make_record(run_id=f"{RUN}0", seed=0)]
    assert not Path(".ganbench").exists()


def test_a_baseline_is_a_side_of_a_comparison(runs, capsys):
    """By its name, from its directory; the same runs have not changed."""
    assert main(["baseline", "set", "main", f"{RUN}0", f"{RUN}1", "--history", "h"]) == 0
    capsys.readouterr()
    assert main(["compare", "baseline:main", str(runs), "--history", "h", "--json"]) == 0
    verdict = json.loads(capsys.readouterr().out)
    assert verdict["base"] == "baseline:main"
    assert {finding["num_base"] for finding in verdict["findings"] if finding["state"] == "unchanged"} >= {2}
    assert main(["compare", "baseline:other", str(runs), "--history", "h"]) == 2
    assert "other" in capsys.readouterr().err


def test_json_is_for_programs(runs, capsys):
    """List and table."""
    main(["baseline", "set", "main", f"{RUN}0"])
    capsys.readouterr()
    assert main(["baseline", "list", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["name"], row["runs"], row["num_damaged"]) == ("main", [f"{RUN}0"], 0)
    assert main(["baseline", "show", "main", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["groups"][0]["rows"][0]["run"] == f"{RUN}0"


def test_a_damaged_record_is_named(runs, capsys):
    """In the list, and when the rest is shown."""
    main(["baseline", "set", "main", f"{RUN}0", f"{RUN}1"])
    path = Path(".ganbench/baselines/main.json")
    data = json.loads(path.read_text())
    del data["records"][0]["seed"]
    path.write_text(json.dumps(data))
    Path(".ganbench/baselines/broken.json").write_text("{")
    capsys.readouterr()
    assert main(["baseline", "list"]) == 0
    out, err = capsys.readouterr()
    assert "1 run, 1 damaged of dcgan digits" in out
    assert "broken.json is damaged: not JSON" in err
    assert main(["baseline", "show", "main"]) == 0
    out, err = capsys.readouterr()
    assert "record 1 of .ganbench/baselines/main.json is damaged: record lacks the field 'seed'" in err
    assert f"{RUN}1" in out


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["set", "main", f"{RUN}2"], 2, "is interrupted, and a baseline holds finished runs only"),
        (["set", "main", "nothing"], 2, "no run 'nothing'"),
        (["set", "a/b", f"{RUN}0"], 2, "a baseline's name must be letters"),
        (["set", "main"], 2, "Missing argument 'RUNS...'"),
        (["set", "main", f"{RUN}0", "--history", "file"], 3, "cannot write file/baselines"),
        (["show", "main"], 2, "no baseline 'main' in .ganbench"),
        (["remove", "main"], 2, "no baseline 'main' in .ganbench"),
    ],
)
def test_a_bad_input_is_one_line_and_its_exit_code(runs, capsys, arguments, code, words):
    """Nothing on stdout, no traceback, nothing half written."""
    Path("file").touch()
    assert main(["baseline", *arguments]) == code
    out, err = capsys.readouterr()
    assert (out, len(err.splitlines())) == ("", 1)
    assert words in err
    assert not list(Path().glob(".ganbench/baselines/*"))


def test_naming_runs_needs_no_torch(runs):
    """Keeping a baseline does not wait for torch or scipy."""
    code = "import sys; from ganbench.cli.main import main; assert main(sys.argv[1:]) == 0; print({'torch', 'scipy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code, "baseline", "set", "main", f"{RUN}0"], capture_output=True, text=True, check=True)
    assert done.stdout.rstrip().endswith("set()")
