"""``ganbench ci`` as a job calls it, with processes that train nothing and frozen samples that a test decides."""

from __future__ import annotations

import dataclasses
import functools
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ganbench import StorageError, WorkerFailed
from ganbench.cli.main import main
from ganbench.record.record import RunRecord
from ganbench.record.serialise import to_json
from ganbench_gate import measure
from ganbench_gate.frozen import frozen_verdict
from ganbench_gate.side import Side

Call = Callable[..., int]
FILES = ["benchmark-bigger.json", "benchmark-smaller.json", "samples.json", "verdict.json", "verdict.md", "verdict.xml"]


@pytest.fixture
def frozen_value(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Return what decides the score of the frozen samples, whose stored one is 20; it is that one at first."""

    def decide(value: float) -> None:
        metric = {"name": "fd500_digits", "label": "FD digits", "stored": 20.0, "measured": value, "differences": []}
        answer = [{"samples": "digits", "error": "", "metrics": [metric]}]
        monkeypatch.setattr("ganbench_gate.frozen.check_frozen_samples", lambda head, policy, **_: frozen_verdict(answer, policy))

    decide(20.0)
    return decide


@pytest.fixture
def call(call_with_fakes: Call, frozen_value: Callable[[float], None]) -> Call:
    """Return a caller of ``ganbench ci`` for dcgan: ``call("./a", "./b", head={"op_count": 300})``."""
    return functools.partial(call_with_fakes, "ci", "--plugin", "dcgan")


def git(*arguments: str) -> str:
    """Run git in the current folder."""
    identity = ("-c", "user.name=Test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false")
    return subprocess.run(["git", *identity, *arguments], check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repository(call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """Make the current folder a repository with two commits, and return them."""
    monkeypatch.setenv("GANBENCH_CACHE", str(tmp_path / "cache"))
    Path("checkout").mkdir()
    monkeypatch.chdir("checkout")
    git("init", "--quiet", "--initial-branch=main")
    commits = []
    for number in (1, 2):
        Path("code.py").write_text(f"number = {number}\n")
        git("add", ".")
        git("commit", "--quiet", "-m", f"number {number}")
        commits.append(git("rev-parse", "HEAD"))
    return commits


def verdict() -> dict[str, Any]:
    """Return the verdict of the last call."""
    found: dict[str, Any] = json.loads(Path("ganbench-ci/verdict.json").read_text())
    return found


def states() -> dict[str, tuple[str, str]]:
    """Return state and gate of each finding of the last call."""
    return {one["metric"]: (one["state"], one["gate"]) for one in verdict()["findings"]}


def test_a_change_of_nothing_passes_and_leaves_its_files(call: Call, capsys: pytest.CaptureFixture[str]) -> None:
    """One folder with everything that a job wants to keep; speed, counts and metrics are in one verdict."""
    assert call("./a", "./b") == 0
    assert capsys.readouterr().out.startswith("passed: no regression (")
    assert sorted(path.name for path in Path("ganbench-ci").iterdir()) == [".gitignore", *FILES]
    assert verdict()["kind"] == "paired"
    for metric in ("samples_per_second", "op_count", "peak_memory_mib", "frozen.fd500_digits"):
        assert states()[metric][0] == "unchanged"


def test_on_a_hosted_runner_speed_and_memory_only_warn(call: Call) -> None:
    """Its neighbours are unknown; the verdict says so all the same."""
    facts = {"facts": {"peak_rss_mib": 1600.0}}
    assert call("./a", "./b", "--inject-slowdown", "30%", head=facts) == 0
    assert (states()["samples_per_second"], states()["peak_memory_mib"]) == (("regressed", "warn"), ("regressed", "warn"))
    assert (
        "a warning, which blocks no merge" in Path("ganbench-ci/verdict.xml").read_text()
        or "| warns |" in Path("ganbench-ci/verdict.md").read_text()
    )


@pytest.mark.slow
def test_on_a_gpu_of_ones_own_speed_and_memory_fail(call: Call, seen: dict[str, Side]) -> None:
    """The device is the GPU, unless another one is named."""
    assert call("./a", "./b", "--gpu", "--inject-slowdown", "10%") == 1
    assert states()["samples_per_second"] == ("regressed", "fail")
    assert call("./a", "./b", "--gpu", head={"facts": {"peak_device_mib": 900.0}}, base={"facts": {"peak_device_mib": 800.0}}) == 1
    assert states()["peak_memory_mib"] == ("regressed", "fail")
    assert seen["head"].settings["training.device"] == "cuda"
    assert call("./a", "./b", "--gpu", "--device", "cuda:1") == 0
    assert seen["base"].settings["training.device"] == "cuda:1"


def test_what_has_no_noise_fails_everywhere(call: Call, capsys: pytest.CaptureFixture[str]) -> None:
    """One more parameter is a change that somebody must have intended."""
    assert call("./a", "./b", head={"generator_parameters": 1001}) == 1
    assert capsys.readouterr().out.startswith("failed: parameters of the generator")


def test_a_metric_that_drifted_fails_everywhere(call: Call, frozen_value: Callable[[float], None]) -> None:
    """The evaluator is part of what is gated: no quality could be compared after it."""
    frozen_value(20.5)
    assert call("./a", "./b") == 1
    assert states()["frozen.fd500_digits"] == ("regressed", "fail")
    assert "<failure" in Path("ganbench-ci/verdict.xml").read_text()


@pytest.mark.slow
def test_the_users_gates_are_the_strongest(call: Call, frozen_value: Callable[[float], None]) -> None:
    """Above the preset's: a metric or a tier can be made to fail, or not to."""
    frozen_value(20.5)
    assert call("./a", "./b", "--gate", "frozen.fd500_digits=off") == 0
    assert call("./a", "./b", "--gate", "frozen.fd500_digits=off", "--gate", "throughput=fail", "--inject-slowdown", "25%") == 1


@pytest.mark.slow
def test_base_is_the_commit_before_and_head_the_checkout(repository: list[str], call: Call, seen: dict[str, Side]) -> None:
    """Called twice, the first call's folder does not make the checkout a changed one."""
    for _ in range(2):
        assert call() == 0
        assert seen["head"].name == f"working tree ({repository[1][:9]})"
        assert seen["base"].name == f"commit before HEAD ({repository[0][:9]})"
    assert seen["base"].tree is not None
    assert (seen["base"].tree / "code.py").read_text() == "number = 1\n"


def test_in_a_pull_request_base_is_the_merge_base(
    repository: list[str], call: Call, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And it is called so."""
    monkeypatch.setenv("GITHUB_BASE_REF", "main")
    git("switch", "--quiet", "-c", "feature")
    git("commit", "--quiet", "--allow-empty", "-m", "feature")
    Path("code.py").write_text("number = 3\n")
    assert call() == 0
    assert verdict()["base"] == f"merge base with main ({repository[1][:9]})"
    assert verdict()["head"].endswith(", changed)")
    assert "working tree differs from its commit in 1 file" in verdict()["notes"]


@pytest.mark.slow
def test_an_accepted_change_is_told_and_does_not_fail(repository: list[str], call: Call) -> None:
    """Wherever exactly this change is found, whatever its commit is called; a reviewer has read the reason."""
    Path(".ganbench").mkdir()
    entry = '[[accept]]\nmetric = "op_count"\ncell = "dcgan digits"\nfrom = 205\nto = 300\nreason = "a larger kernel"\n'
    Path(".ganbench/accept.toml").write_text(entry + 'also = ["checkpoint_bytes"]\n')
    more = {"facts": {"op_count": 300, "checkpoint_bytes": 9000}}
    assert call(repository[0], head=more) == 0
    assert states()["op_count"] == states()["checkpoint_bytes"] == ("regressed", "warn")
    assert "intended: op_count from 205 to 300 and with it checkpoint_bytes: a larger kernel" in verdict()["notes"]
    assert call(repository[0], "--gate", "op_count=fail", head=more) == 1
    assert call(repository[0], head={"facts": {"op_count": 301}}) == 1
    assert "not as accepted: op_count was to go from 205 to 300, and goes to 301.0" in verdict()["notes"]
    assert call(repository[0], head={"generator_parameters": 2000}) == 1


def test_what_would_accept_a_change_is_written_and_lacks_only_its_reason(repository: list[str], call: Call) -> None:
    """An exact value, and what failed with it; of a verdict without failures nothing is left there."""
    proposed, accepted = Path("ganbench-ci/accept.toml"), Path(".ganbench/accept.toml")
    more = {"facts": {"op_count": 300, "checkpoint_bytes": 9000}}
    assert call(repository[0], head=more) == 1
    assert f"if this is intended: give the entry in {proposed} its reason, and put it into {accepted}" in verdict()["notes"]
    accepted.parent.mkdir()
    accepted.write_text(proposed.read_text())
    assert call(repository[0], head=more) == 2  # nobody has said why
    accepted.write_text(proposed.read_text().replace('reason = ""', 'reason = "a larger kernel"'))
    assert call(repository[0], head=more) == 0
    assert not proposed.exists()


@pytest.mark.slow
def test_each_commit_is_held_against_the_one_before_it(
    repository: list[str], call: Call, seen: dict[str, Side], capsys: pytest.CaptureFixture[str]
) -> None:
    """A verdict each in a folder of its own, a table, and the exit code of the worst."""
    for number in (3, 4):
        Path("code.py").write_text(f"number = {number}\n")
        git("commit", "--quiet", "--all", "-m", f"number {number}")
    commits = git("rev-list", "--reverse", f"{repository[0]}..HEAD").split()
    assert call(repository[0], "--each") == 0
    assert sorted(path.name for path in Path("ganbench-ci").iterdir()) == sorted(commit[:9] for commit in commits)
    assert sorted(path.name for path in Path("ganbench-ci", commits[0][:9]).iterdir() if path.name != ".gitignore") == FILES
    assert seen["base"].tree is not None
    assert (seen["base"].tree / "code.py").read_text() == "number = 3\n"
    said = capsys.readouterr().out
    table = said.partition("no commit of 3 failed")[2]
    assert table.count("number ") == 3
    assert table.index(commits[0][:9]) < table.index(commits[1][:9]) < table.index(commits[2][:9])
    assert call(repository[0], "--each", head={"generator_parameters": 1001}) == 1
    assert "3 of 3 commits did not pass" in capsys.readouterr().out


def test_what_cannot_be_walked_is_refused(repository: list[str], call: Call, capsys: pytest.CaptureFixture[str]) -> None:
    """Before anything is made."""
    assert call("HEAD", "--each") == 5
    assert call(repository[0], "--each", "--json") == 2
    assert call(repository[0], "--each", "-o", "csv=a.csv") == 2
    assert "-o is of one verdict, and --each gives several" in capsys.readouterr().err
    for sides in (("nowhere",), (repository[0], "nowhere")):
        assert call(*sides, "--each") == 2
        assert "'nowhere' is no commit, branch or tag of the checkout" in capsys.readouterr().err
    assert not Path("ganbench-ci").exists()


@pytest.mark.slow
def test_quality_is_that_of_the_runs_against_a_baseline(
    call: Call, make_record: Callable[..., RunRecord], make_value: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """In the same verdict: a worse model fails although its code is as fast; runs of another machine are no hindrance."""
    for side, quality in (("old", 10.0), ("same", 10.01), ("worse", 14.0)):
        for seed in range(5):
            record = make_record(run_id=f"{side}-s{seed}", seed=seed)
            values = (make_value(quality + 0.02 * seed),)
            work = dataclasses.replace(record.work, trajectory_hash=record.run_id)
            evaluations = (dataclasses.replace(record.evaluations[0], values=values),)
            folder = Path(side, record.run_id)
            folder.mkdir(parents=True)
            (folder / "record.json").write_text(to_json(dataclasses.replace(record, work=work, evaluations=evaluations)))
    assert main(["baseline", "set", "main", "old"]) == 0
    assert call("./a", "./b", "--baseline", "baseline:main", "--runs", "same") == 0
    assert call("./a", "./b", "--baseline", "baseline:main", "--runs", "worse") == 1
    capsys.readouterr()
    found = [one for one in verdict()["findings"] if one["tier"] == "quality"]
    assert [(one["metric"], one["cell"], one["state"]) for one in found] == [("fd1k_digits", "dcgan digits", "regressed")]
    assert "quality is of the runs worse against baseline:main, and n counts runs there" in verdict()["notes"]


def test_other_outputs_and_the_summary_are_written_too(
    call: Call, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """-o adds to the folder; JSON on stdout is the verdict and nothing else."""
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "summary.md")
    assert call("./a", "./b", "-o", "csv=verdict.csv", "--out", "deep/folder", "--json") == 0
    assert json.loads(capsys.readouterr().out) == json.loads(Path("deep/folder/verdict.json").read_text())
    headline, _, rest = Path("deep/folder/verdict.md").read_text().partition("\n")
    assert Path("summary.md").read_text() == f"{headline}\n\n<details><summary>Details</summary>\n{rest}\n</details>\n"
    assert Path("verdict.csv").read_text().startswith("cell,")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("./a", "./b", "./a"), "two sides are compared (got 3)"),
        (("nothing", "./a"), "'nothing' is no folder"),
        (("one.toml", "two.toml"), "two versions of the code are compared (got one.toml); ganbench ab compares configurations"),
        ((), "is not in a git checkout, so that there is no commit to compare with; give BASE and HEAD"),
        (("./a", "./b", "--plugin", ""), "--plugin is missing"),
        (("./a", "./b", "--baseline", "baseline:main"), "--baseline is given and --runs is missing"),
        (("./a", "./b", "--runs", "results"), "--runs is given and --baseline is missing"),
        (("./a", "./b", "--out", "file"), "--out file: "),
        (("./a", "./b", "--out", "file/deeper"), "is a file; name a folder"),
        (("./a", "./b", "--gate", "throughput=maybe"), "gate of throughput must be fail, warn or off (got 'maybe')"),
        (("./a", "./b", "--threshold", "throughput=5"), "must be a percentage such as 5%"),
        (("./a", "./b", "--alpha", "2"), "alpha must be above 0"),
        (("./a", "./b", "-o", "paper=x"), "there is no kind 'paper'"),
        (("./a", "./b", "--inject-slowdown", "fast"), "--inject-slowdown must be a percentage"),
        (("./a", "./b", "--isolated"), "has no pyproject.toml"),
        (("./a", "./b", "--history", "bad"), "bad/accept.toml is not valid TOML"),
        (("./a", "./b", "--base-set", "a.b=1"), "No such option"),
        (("./a", "./b", "--gate", "throughtput=fail"), "throughtput: nothing that is compared is called so; did you mean 'throughput'?"),
        (("./a", "./b", "--threshold", "samples_per_secnd=5%"), "did you mean 'samples_per_second'?"),
    ],
)
def test_wrong_input_is_one_line(call: Call, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str) -> None:
    """Exit code 2 before any process is started, and nothing is made."""
    Path("file").touch()
    Path("bad").mkdir()
    Path("bad/accept.toml").write_text("[[accept")
    before = set(Path().rglob("*"))
    assert call(*arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert len(err.strip().splitlines()) == 1
    assert set(Path().rglob("*")) == before


def test_runs_that_are_none_are_found_out_before_anything_is_measured(call: Call, capsys: pytest.CaptureFixture[str]) -> None:
    """A name that is no run is usage, and an empty folder is nothing to compare."""
    Path("empty").mkdir()
    assert call("./a", "./b", "--baseline", "baseline:main", "--runs", "empty") == 2
    assert "no baseline 'main'" in capsys.readouterr().err
    assert call("./a", "./b", "--baseline", "empty", "--runs", "empty") == 5
    assert not Path("log").exists()


LACKS = {"resolved": {"refusal": "unknown", "message": "PluginError: unknown architecture or recipe 'dcgan'; known: none"}}
BREAKS = {"resolved": {"refusal": "broken", "message": "ImportError: cannot import name 'x'"}}
REFUSES = {"resolved": {"refusal": "refused", "message": "ConfigError: unknown setting 'training.shiny'"}}


@pytest.mark.parametrize(
    ("given", "code", "line"),
    [
        ({"head": BREAKS}, 1, "broken: head cannot be run: ImportError: cannot import name 'x' (1 broken)"),
        ({"head": {"mode": "kill@block"}}, 1, "broken: head was killed by SIGKILL"),
        ({"head": {"mode": "fail"}}, 1, "broken: head failed: RuntimeError: broken"),
        ({"head": REFUSES}, 1, "broken: head cannot be run: unknown setting 'training.shiny'"),
        ({"base": BREAKS}, 3, "broken: base cannot be run: ImportError: cannot import name 'x'; nothing is known of head"),
        ({"base": BREAKS, "head": BREAKS}, 1, "broken: head cannot be run: "),
        ({"base": REFUSES}, 4, "not comparable: base does not take what head takes: unknown setting"),
        (
            {"base": LACKS},
            0,
            "new: there is nothing to compare with yet (unknown architecture or recipe 'dcgan'); head runs dcgan on digits",
        ),
        ({"base": LACKS, "head": {"mode": "fail"}}, 1, "broken: head failed: RuntimeError: broken"),
    ],
)
def test_every_state_writes_every_file(call: Call, capsys: pytest.CaptureFixture[str], given: dict[str, Any], code: int, line: str) -> None:
    """The verdict says in its first line what happened, and a job finds its files whatever that was."""
    assert call("./a", "./b", **given) == code
    assert Path("ganbench-ci/verdict.md").read_text().replace("\\", "").startswith(line)
    assert set(FILES) - {"samples.json"} <= {path.name for path in Path("ganbench-ci").iterdir()}
    assert (verdict()["outcome"], verdict()["exit_code"]) == (line.partition(":")[0].replace(" ", "-"), code)
    suites = Path("ganbench-ci/verdict.xml").read_text()
    assert ("<error" in suites) == line.startswith("broken")


def test_what_neither_side_takes_is_a_line_and_no_verdict(call: Call, capsys: pytest.CaptureFixture[str]) -> None:
    """Before anything is built: the process that trains is never started."""
    for answer in (LACKS, REFUSES):
        assert call("./a", "./b", base=answer, head=answer) == 2
    assert "unknown setting 'training.shiny'" in capsys.readouterr().err
    assert not Path("log").exists()
    assert not Path("ganbench-ci/verdict.json").exists()


def test_a_gate_of_a_network_that_no_side_has_is_refused_before_it_is_measured(call: Call, capsys: pytest.CaptureFixture[str]) -> None:
    """Which networks there are is known when they are built."""
    assert call("./a", "./b", "--gate", "generater_parameters=off") == 2
    assert "did you mean 'generator_parameters'?" in capsys.readouterr().err
    assert not [line for line in Path("log").read_text().splitlines() if "begins" in line]


def test_the_first_commit_is_new(call: Call, repository: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """There is no commit before it: it passes when it runs, and fails when it does not."""
    git("checkout", "--quiet", repository[0])
    assert call() == 0
    assert capsys.readouterr().out.replace("\n", " ").startswith("new: there is nothing to compare with yet (")
    assert verdict()["base"] == "nothing yet"
    assert call(head={"mode": "fail"}) == 1
    assert verdict()["outcome"] == "broken"


@pytest.mark.parametrize("error", [KeyboardInterrupt(), StorageError("the disk is full")])
def test_what_is_ended_in_the_middle_leaves_its_files(
    call: Call, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: BaseException
) -> None:
    """Ctrl-C, the end of the job or a full disk: what there is, marked, and with the exit code of what happened."""
    run_pair = measure.run_pair

    def second_fails(*arguments: Any, is_first: bool, **options: Any) -> Any:
        if not is_first:
            raise error
        return run_pair(*arguments, is_first=is_first, **options)

    monkeypatch.setattr(measure, "run_pair", second_fails)
    assert call("./a", "./b") == (130 if isinstance(error, KeyboardInterrupt) else 3)
    assert verdict()["outcome"] == "interrupted"
    assert states()["op_count"][0] == "unchanged"
    assert sorted(path.name for path in Path("ganbench-ci").iterdir()) == [".gitignore", *FILES]
    assert capsys.readouterr().out.startswith("interrupted: the measurement was not finished")


def test_a_metric_that_cannot_be_scored_is_a_finding(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest of the verdict is not lost by it."""

    def fail(*_: Any, **__: Any) -> Any:
        raise WorkerFailed("frozen samples (b) ended with exit code 1")

    monkeypatch.setattr("ganbench_gate.frozen.check_frozen_samples", fail)
    assert call("./a", "./b") == 1
    assert states()["frozen.scores"] == ("missing", "fail")
    assert states()["op_count"][0] == "unchanged"


@pytest.mark.slow
def test_several_plugins_are_one_verdict_and_every_name_holds_plugin_and_dataset(
    call_with_fakes: Call, frozen_value: Callable[[float], None]
) -> None:
    """One folder and one exit code; neither charts nor tests mix, and the frozen samples are scored once."""
    resolved = {"resolved": {"configuration": {"dataset.name": "digits"}}}
    assert call_with_fakes("ci", "--plugin", "dcgan", "--plugin", "wgan-gp", "./a", "./b", head={"op_count": 300, **resolved}) == 0
    found = verdict()["findings"]
    assert {one["cell"] for one in found if not one["metric"].startswith("frozen.")} == {"dcgan digits", "wgan-gp digits"}
    assert [one["metric"] for one in found].count("frozen.fd500_digits") == 1
    names = [entry["name"] for entry in json.loads(Path("ganbench-ci/benchmark-bigger.json").read_text())]
    assert names == ["throughput of dcgan digits", "throughput of wgan-gp digits"]
    text = Path("ganbench-ci/verdict.xml").read_text()
    assert 'classname="ganbench.dcgan digits"' in text
    assert 'classname="ganbench.wgan-gp digits"' in text
    assert {path.name for path in Path("ganbench-ci").glob("samples*")} == {"samples-dcgan.json", "samples-wgan-gp.json"}
    worse = {"facts": {"op_count": 300}, **resolved}
    assert call_with_fakes("ci", "--plugin", "dcgan", "--plugin", "wgan-gp", "./a", "./b", head=worse) == 1
    assert len([one for one in verdict()["findings"] if one["metric"] == "op_count" and one["state"] == "regressed"]) == 2
