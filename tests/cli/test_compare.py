"""``ganbench compare``."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from ganbench.cli.main import main
from ganbench.record.record import Key, RunRecord
from ganbench.record.serialise import to_json

Save = Callable[..., Path]
SPEEDS = [1000.0, 1010.0, 990.0, 1005.0, 995.0]
CODE = "import sys; from ganbench.cli.main import main; raise SystemExit(main(sys.argv[1:]))"
BENCHMARKS = {
    "machine_info": {"cpu": {"brand_raw": "Test CPU", "count": 2}, "python_version": "3.11.7"},
    "benchmarks": [{"name": "a", "fullname": "t.py::a", "stats": {"data": [1.0, 1.1]}}],
}


GATED = ("--gate", "throughput=fail")
"""A stored speed gates nothing by itself."""


@pytest.fixture
def save(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_record: Callable[..., RunRecord], make_value: Callable[..., Any]) -> Save:
    """Return what saves runs in the working directory: ``save("base", [1000.0, ...])``, one for each speed; other words replace fields."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)

    def call(folder: str, speeds: Iterable[float] = SPEEDS, quality: float = 20.0, cpu: str = "Test CPU", **changes: Any) -> Path:
        for seed, speed in enumerate(speeds):
            record = make_record(seed=seed, run_id=f"{Path(folder).name}-s{seed}")
            throughput = dataclasses.replace(record.throughput, samples_per_second=speed)
            work = dataclasses.replace(record.work, trajectory_hash=f"{folder}{seed}")
            values = (make_value(quality + 0.1 * seed),)
            evaluations = (dataclasses.replace(record.evaluations[0], values=values),)
            hardware = Key.of(**{**dict(record.keys.hardware.fields), "cpu": cpu})
            fields = {"throughput": throughput, "work": work, "evaluations": evaluations}
            fields["keys"] = dataclasses.replace(record.keys, hardware=hardware)
            path = Path(folder) / record.run_id
            path.mkdir(parents=True)
            (path / "record.json").write_text(to_json(dataclasses.replace(record, **{**fields, **changes})))
        return Path(folder)

    return call


@pytest.fixture
def sides(save: Save) -> tuple[str, str]:
    """Return base, and a head that is 30 percent slower."""
    return str(save("base")), str(save("head", [0.7 * speed for speed in SPEEDS]))


def saved(path: str, content: Any) -> str:
    """Write JSON, and return the path."""
    Path(path).write_text(json.dumps(content))
    return path


def test_the_same_speed_passes_and_a_slower_head_fails(save: Save, sides: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    """Exit codes 0 and 1; the verdict on stdout, nothing on stderr."""
    save("same", [speed + 1 for speed in SPEEDS])
    assert main(["compare", "base", "same"]) == 0
    assert capsys.readouterr().out.startswith("passed: no regression (")
    assert main(["compare", *sides, *GATED]) == 1
    out, err = capsys.readouterr()
    assert out.splitlines()[0].startswith("failed: throughput of dcgan digits is 30.0% lower (1 regressed")
    assert "trajectory" not in out
    assert "unchanged are not shown; --all shows them" in out
    assert err == ""


def test_all_shows_what_is_unchanged(sides: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    """Below what changed."""
    assert main(["compare", *sides, *GATED, "--all"]) == 1
    out = capsys.readouterr().out
    assert 0 < out.index("regressed: dcgan digits") < out.index("unchanged: dcgan digits") < out.index("parameters of the generator")


def test_columns_are_chosen_and_explained(sides: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    """On a terminal and in files; a wrong name is refused before anything is read."""
    assert main(["compare", *sides, *GATED, "--columns", "detectable,if worse", "-o", "markdown=v.md"]) == 1
    out = capsys.readouterr().out
    (line,) = [line for line in out.splitlines() if line.startswith("throughput")]
    assert "-30.0%" not in line
    assert "blocks the merge" in line
    assert "| detectable | if worse |" in Path("v.md").read_text(encoding="utf-8")
    assert main(["compare", *sides, *GATED, "--explain"]) == 1
    assert "detectable: the smallest change" in capsys.readouterr().out
    assert main(["compare", "nowhere", "nobody", "--columns", "detectible"]) == 2
    assert "--columns: no column is called 'detectible'; did you mean 'detectable'?" in capsys.readouterr().err


def test_json_is_the_whole_verdict_and_nothing_else(sides: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    """Unchanged findings and raw values too."""
    assert main(["compare", *sides, *GATED, "--json"]) == 1
    out, err = capsys.readouterr()
    whole = json.loads(out)
    assert (whole["schema_version"], whole["exit_code"], whole["base"], whole["head"]) == (2, 1, "base", "head")
    (speed,) = [found for found in whole["findings"] if found["metric"] == "samples_per_second"]
    assert (speed["state"], sorted(speed["base_values"])) == ("regressed", sorted(SPEEDS))
    assert err == ""


def test_a_side_can_be_given_in_many_ways(save: Save, capsys: pytest.CaptureFixture[str]) -> None:
    """Folders, paths with commas, repeated options, ids and their beginnings all mean the same runs."""
    save("results/runs/one", SPEEDS[:2])
    save("two", [600.0, 610.0])
    ways = [
        ["results/runs/one", "two"],
        ["results/runs/one/one-s0,results/runs/one/one-s1", "two/two-s0,two/two-s1"],
        ["--base", "one-s0", "--base", "one-s1", "--head", "two"],
        ["one-s0, one-s1", "two/two-s0/record.json,two/two-s1"],
    ]
    outputs = []
    for way in ways:
        assert main(["compare", *way, "--json"]) == 0
        outputs.append(json.loads(capsys.readouterr().out)["findings"])
    assert outputs == [outputs[0]] * len(ways)
    assert {found["num_base"] for found in outputs[0] if found["metric"] == "samples_per_second"} == {2}


def test_a_folder_with_a_comma_is_one_folder(save: Save, capsys: pytest.CaptureFixture[str]) -> None:
    """A path that exists is never taken apart."""
    save("a,b")
    assert main(["compare", "a,b", "a,b", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["notes"][0] == "5 are on both sides"


def test_strict_fails_on_what_stays_open(save: Save, capsys: pytest.CaptureFixture[str]) -> None:
    """One run against one decides no speed."""
    save("a", SPEEDS[:1])
    save("b", SPEEDS[:1])
    assert main(["compare", "a", "b"]) == 0
    assert "1 against 1 runs can never be significant" in capsys.readouterr().out
    assert main(["compare", "a", "b", "--undecided", "fail", *GATED]) == 1
    assert capsys.readouterr().out.startswith("undecided: throughput of dcgan digits could not be decided")


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--threshold", "samples_per_second=50%"), 0),
        (("--threshold", "throughput=0.5"), 0),
        (("--threshold", "throughput=0%", *GATED), 1),
        (("--gate", "throughput=warn"), 0),
        (("--gate", "samples_per_second = off"), 0),
        (("--gate", "quality=off", "--gate", "memory=warn"), 0),
        (("--gate", "quality=off", "--gate", "memory=warn", *GATED), 1),
        (("--gate", "samples_per_second=fail"), 1),
        (("--alpha", "0.001"), 0),
        (("--quality", "best", *GATED), 1),
    ],
)
def test_the_policy_is_the_users(sides: tuple[str, str], options: tuple[str, ...], code: int) -> None:
    """Thresholds and gates by metric or by tier, alpha, and which quality counts."""
    assert main(["compare", *sides, *options]) == code


def test_unlike_hardware_is_told_and_the_rest_compared(save: Save, capsys: pytest.CaptureFixture[str]) -> None:
    """Field, and both values; counts and quality are compared across machines."""
    save("a")
    save("b", [500.0] * 5, cpu="Another CPU")
    assert main(["compare", "a", "b"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.split("  ")[-3:] == ["hardware cpu", "Test CPU", "Another CPU"] for line in lines)


def test_different_work_is_not_comparable(save: Save, make_record: Callable[..., RunRecord], capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 4, with the field and both values."""
    save("a")
    save("b", config={**make_record().config, "training.batch_size": 128})
    assert main(["compare", "a", "b"]) == 4
    out = capsys.readouterr().out
    assert out.startswith("not comparable: work training.batch_size differs\n")
    assert "work training.batch_size  64    128" in out


def test_nothing_to_compare_is_an_error_of_its_own(save: Save, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 5 for an empty folder, a glob without a match, and a file of pytest-benchmark without a benchmark."""
    save("a")
    Path("empty").mkdir()
    saved("none.json", {**BENCHMARKS, "benchmarks": []})
    saved("some.json", BENCHMARKS)
    for names in (["a", "empty"], ["nothing-*", "a"], ["none.json", "some.json"], ["some.json", "none.json"]):
        assert main(["compare", *names]) == 5
        out, err = capsys.readouterr()
        assert (out, len(err.splitlines())) == ("", 1)


def test_a_run_that_crashed_in_head_is_missing(save: Save, capsys: pytest.CaptureFixture[str]) -> None:
    """Its reason is told, and the gate fails."""
    save("a")
    save("b", status="failed", status_detail="out of memory")
    assert main(["compare", "a", "b", "-o", "junit=j.xml"]) == 1
    assert capsys.readouterr().out.startswith("failed: dcgan digits: head has no complete run: 5 failed")
    assert "<error" in Path("j.xml").read_text()


def test_every_kind_of_output_is_written(sides: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    """Beside the terminal's, each whole and under its own name."""
    kinds = {"terminal": "t.txt", "json": "v.json", "markdown": "v.md", "junit": "j.xml", "csv": "v.csv"}
    options = [word for kind, path in kinds.items() for word in ("-o", f"{kind}={path}")]
    assert main(["compare", *sides, *GATED, *options, "-o", "github-benchmark=g.json", "-o", "pytest-benchmark=p.json"]) == 1
    starts = {"t.txt": "failed: ", "v.json": "{", "v.md": "failed: ", "j.xml": "<?xml", "v.csv": "cell,"}
    starts |= {"g-bigger.json": "[", "g-smaller.json": "[", "p-base.json": "{", "p-head.json": "{"}
    assert {path.name for path in Path().iterdir() if path.is_file()} == set(starts)
    assert all(Path(name).read_text().startswith(start) for name, start in starts.items())
    assert "\x1b" not in Path("t.txt").read_text()
    assert capsys.readouterr().out.startswith("failed: ")


def test_files_of_pytest_benchmark_are_compared(save: Save, capsys: pytest.CaptureFixture[str]) -> None:
    """Several for each side are replicates."""
    save("unused")
    for number in range(5):
        times = [1.0 + 0.01 * number, 1.01 + 0.01 * number]
        slower = [2 * time for time in times]
        for side, data in (("a", times), ("b", slower)):
            saved(f"{side}{number}.json", {**BENCHMARKS, "benchmarks": [{"fullname": "t.py::a", "stats": {"data": data}}]})
    base, head = (",".join(f"{side}{number}.json" for number in range(5)) for side in "ab")
    assert main(["compare", base, head]) == 0
    assert capsys.readouterr().out.startswith("passed: no regression")
    assert main(["compare", base, head, *GATED]) == 1
    assert capsys.readouterr().out.startswith("failed: time per round of t.py::a is 100% higher")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("base",), "head is missing; give BASE and HEAD"),
        ((), "base is missing"),
        (("--head", "head"), "base is missing"),
        (("base", "head", "third"), "two sides are compared (got 3); put commas"),
        (("base", "head", "--base", "third"), "give BASE and HEAD, or --base and --head (got 'base' too)"),
        (("nowhere", "head"), "no run 'nowhere': neither a path nor a run id"),
        (("base", "head,"), "head has an empty name between commas (got 'head,')"),
        (("base", "notes.txt"), "notes.txt is neither a run folder nor a record.json"),
        (("base", "broken.json"), "broken.json is damaged: not JSON"),
        (("base", "future.json"), "future.json has schema version 99"),
        (("base", "damaged"), "1 of 6 runs in damaged cannot be read: "),
        (("base", "bench.json"), "base holds runs, and bench.json is of pytest-benchmark; give two of a kind"),
        (("base", "head,bench.json"), "head mixes files of pytest-benchmark with runs: bench.json, head"),
        (("bench.json", "bad-bench.json"), "bad-bench.json is damaged: benchmarks must be a list of objects"),
        (("base", "head", "--quality", "mean"), "'mean' is not one of"),
        (("base", "head", "--alpha", "1"), "alpha must be above 0 and below 0.5 (got 1.0)"),
        (("base", "head", "--alpha", "x"), "'x' is not a valid float"),
        (("base", "head", "--threshold", "throughput"), "--threshold wants METRIC=5% (got 'throughput')"),
        (("base", "head", "--threshold", "throughput=5"), "must be a percentage such as 5%, or a fraction such as 0.05 (got '5')"),
        (("base", "head", "--threshold", "throughput=x%"), "--threshold throughput must be a percentage such as 5% (got 'x%')"),
        (("base", "head", "--threshold", "throughput=-5%"), "threshold of throughput must be 0 or more (got -0.05)"),
        (("base", "head", "--threshold", "throughput=nan"), "threshold of throughput must be 0 or more (got nan)"),
        (("base", "head", "--threshold", "thruput=5%"), "--threshold thruput: nothing that was compared is called so; did you mean"),
        (("base", "head", "--gate", "fd5k=off"), "--gate fd5k: nothing that was compared is called so"),
        (("base", "head", "--gate", "memory=maybe"), "gate of memory must be fail, warn or off (got 'maybe')"),
        (("base", "head", "-o", "pdf=x"), "-o pdf=x: there is no kind 'pdf'; known: csv"),
        (("base", "head", "-o", "jsn=x"), "there is no kind 'jsn'; did you mean 'json'?"),
        (("base", "head", "-o", "json"), "-o wants KIND=PATH (got 'json')"),
        (("base", "head", "-o", "json=missing/x.json"), "-o json=missing/x.json: there is no folder"),
        (("base", "head", "-o", "json=base"), "base is a folder; name a file"),
        (("base", "head", "-o", "json=notes.txt/x"), "there is no folder"),
        (("base", "head", "-o", "json=x", "-o", "csv=./x"), "-o names one file twice"),
    ],
)
def test_a_wrong_input_is_one_line(
    sides: tuple[str, str], save: Save, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], words: str
) -> None:
    """Exit code 2, nothing on stdout, no file made."""
    Path("notes.txt").touch()
    Path("broken.json").write_text("[")
    Path("future.json").write_text('{"schema_version": 99}')
    saved("bench.json", BENCHMARKS)
    saved("bad-bench.json", {**BENCHMARKS, "benchmarks": [1]})
    (save("damaged", [*SPEEDS, 1000.0]) / "damaged-s2/record.json").write_text("{")
    before = set(Path().rglob("*"))
    assert main(["compare", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert words in err
    assert len(err.splitlines()) == 1
    assert set(Path().rglob("*")) == before


@pytest.mark.parametrize(("number", "code"), [(errno.EACCES, 2), (errno.EROFS, 2), (errno.ENOSPC, 3)])
def test_a_file_that_cannot_be_written_leaves_the_old_one(
    sides: tuple[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], number: int, code: int
) -> None:
    """One line, nothing half-written; a full disk is no mistake of the user."""
    Path("v.json").write_text("old")

    def refuse(*_: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refuse)
    assert main(["compare", *sides, "-o", "json=v.json"]) == code
    out, err = capsys.readouterr()
    assert (out, len(err.splitlines())) == ("", 1)
    assert os.strerror(number) in err
    assert Path("v.json").read_text() == "old"
    assert [path.name for path in Path().iterdir() if path.is_file()] == ["v.json"]


def test_the_verdict_is_added_to_the_step_summary(sides: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Below what another command wrote there; its first line is the verdict, and the rest is folded."""
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "summary.md")
    assert main(["compare", *sides, *GATED]) == 1
    text = Path("summary.md").read_text()
    first, second, third, *_, last = text.splitlines()
    assert first.startswith("failed: throughput")
    assert (second, third, last) == ("", "<details><summary>Details</summary>", "</details>")
    assert main(["compare", *sides, *GATED]) == 1
    assert Path("summary.md").read_text() == f"{text}\n{text}"


def test_the_step_summary_never_grows_past_its_limit(sides: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """GitHub would show nothing of it; a line says what was left out."""
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "summary.md")
    Path("summary.md").write_text("x" * (1024 * 1024 - 2600))
    assert main(["compare", *sides, *GATED, "--all"]) == 1
    text = Path("summary.md").read_text()
    assert len(text.encode()) <= 1024 * 1024
    assert text.endswith("lines left out: a summary holds 1024 kB.\n")


def test_a_summary_that_cannot_be_written_changes_no_verdict(
    sides: tuple[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is told on stderr."""
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "missing/summary.md")
    assert main(["compare", *sides, *GATED]) == 1
    out, err = capsys.readouterr()
    assert out.startswith("failed: ")
    assert err == "ganbench: the step summary was not written: No such file or directory\n"


@pytest.mark.slow
def test_a_closed_pipe_is_no_error(sides: tuple[str, str]) -> None:
    """``| head -1``: the reader has gone before the first byte; the exit code is the verdict's."""
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb") as pipe:
        done = subprocess.run([sys.executable, "-c", CODE, "compare", *sides, *GATED], stdout=pipe, stderr=subprocess.PIPE, check=False)
    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.slow
def test_an_old_terminal_gets_ascii(sides: tuple[str, str]) -> None:
    """A stream that cannot hold a superscript or a rule is no error."""
    root = Path(__file__).parents[2]
    # A checkout in a folder with an accent is not found through the ASCII that such a Python reads its .pth files by.
    paths = os.pathsep.join(str(path) for path in (root, root / "plugins", root / "kernels"))
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "PYTHONPATH": paths}
    done = subprocess.run([sys.executable, "-c", CODE, "compare", *sides, *GATED], capture_output=True, env=environment, check=False)
    assert (done.returncode, done.stderr) == (1, b"")
    assert b"failed: throughput" in done.stdout.replace(b"\n", b" ")


def test_help_imports_nothing_heavy() -> None:
    """It is there at once."""
    code = "import sys; from ganbench.cli.main import main; main(['compare', '--help']); print('IMPORTED', *sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    text, _, modules = done.stdout.partition("IMPORTED")
    assert not {"torch", "numpy", "scipy", "rich"} & set(modules.split())
    for word in ("--undecided", "--alpha", "--threshold", "--gate", "--quality", "--json", "--all", "pytest-benchmark", "Exit codes"):
        assert word in text


def test_a_stored_speed_gates_nothing_by_default_and_the_same_code_is_said(save: Save, capsys: pytest.CaptureFixture[str]) -> None:
    """Ten runs and five runs of one commit half an hour apart differed by 30 percent: that is the machine, and both loads are told."""
    work = json.loads(next(save("base", load=0.5).glob("*/record.json")).read_text())["work"]["trajectory_hash"]
    save("head", [0.7 * speed for speed in SPEEDS], load=3.0)
    for path in Path("head").glob("*/record.json"):
        path.write_text(path.read_text().replace('"trajectory_hash": "head', '"trajectory_hash": "base'))
    assert work.startswith("base")
    assert main(["compare", "base", "head", "--json"]) == 0
    (speed,) = [found for found in json.loads(capsys.readouterr().out)["findings"] if found["metric"] == "samples_per_second"]
    assert (speed["state"], speed["gate"]) == ("regressed", "warn")
    assert "same code: the plugins' sources, losses and counts are equal; load of the machine 0.5 and 3.0" in speed["reason"]
    assert main(["compare", "base", "head", *GATED]) == 1


def test_other_losses_or_other_sources_are_not_the_same_code(
    save: Save, sides: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """And a record without a load says nothing of it."""
    assert main(["compare", *sides, "--json"]) == 0
    (speed,) = [found for found in json.loads(capsys.readouterr().out)["findings"] if found["metric"] == "samples_per_second"]
    assert "same code" not in speed["reason"]
    assert "load" not in speed["reason"]
