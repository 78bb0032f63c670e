"""Jobs for clusters that are not here: what sbatch and the Kubernetes API server would refuse, and the script run as Slurm runs it."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ganbench.cli.main import main
from ganbench_cluster.job import job_name

CELLS = (
    *("-a", "plugin=mlp", "-a", "dataset=ring8", "-a", "seed=0..3", "--set=kimg=0.2", "--set=batch_size=40"),
    *("--set=device=cpu", "--set=evaluation.grid_size=2"),
)
SBATCH = {
    "job-name": r"[\w.-]+",
    "array": r"\d+-\d+(%\d+)?",
    "nodes": r"\d+",
    "ntasks": r"\d+",
    "cpus-per-task": r"\d+",
    "gpus-per-node": r"(\w+:)?\d+",
    "mem": r"\d+[KMGT]?",
    "time": r"\d+|\d+:\d\d(:\d\d)?|\d+-\d+(:\d\d(:\d\d)?)?",
    "output": r"[^\n]+",
    "signal": r"(R|B|RB)?:?\w+(@\d+)?",
    "account": r"\w+",
    "exclusive": "",
    "requeue": "",
}
"""Options of sbatch and what each takes, https://slurm.schedmd.com/sbatch.html."""


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory of its own; the tests share a cache."""
    monkeypatch.setenv("GANBENCH_CACHE", str(tmp_path_factory.getbasetemp() / "shards-cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def directives(script: str) -> dict[str, str]:
    """Return the options that sbatch reads: those before the first command."""
    lines = script.splitlines()
    assert lines[0] == "#!/bin/bash"
    found = {}
    for line in lines[1:]:
        if not line.startswith("#SBATCH "):
            break
        name, _, value = line.removeprefix("#SBATCH --").partition("=")
        assert re.fullmatch(SBATCH[name], value), line
        found[name] = value
    assert script.count("#SBATCH") == len(found)
    return found


def emitted(*arguments: str) -> str:
    """Return what the command writes."""
    assert main(["matrix-emit", *arguments]) == 0
    return next(Path("job").glob("job.*")).read_text()


@pytest.mark.slow(keep=1)
def test_an_array_job_says_what_was_asked_for(workplace: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """In options that sbatch has."""
    wanted = (
        "--shards",
        "4",
        "--parallel",
        "2",
        "--cpus",
        "3",
        "--gpus",
        "1",
        "--memory",
        "4096",
        "--hours",
        "26.5",
        "--sbatch=--account=lab",
    )
    script = emitted("slurm", "job", *wanted, "--setup", "module load cuda", "--", *CELLS, "--exclusive")
    assert capfd.readouterr().out == "4 cells in 4 shards: sbatch job/job.sbatch\n"
    found = directives(script)
    expected = {"array": "1-4%2", "cpus-per-task": "3", "gpus-per-node": "1", "mem": "4096M", "time": "1-02:30:00", "account": "lab"}
    assert {name: found[name] for name in expected} == expected
    assert {"exclusive", "requeue"} <= set(found)
    assert found["output"] == f"{workplace}/job/slurm-%A_%a.txt"
    assert "module load cuda" in script.splitlines()
    assert subprocess.run(["bash", "-n"], input=script, text=True, check=False).returncode == 0


@pytest.mark.slow
def test_shards_run_by_the_script_and_merged_are_the_whole_matrix(workplace: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The body of each task in bash, as Slurm runs it; the merged runs are those of one call, and that call has nothing to do."""
    script = emitted("slurm", "job", "--shards", "2", "--", *CELLS)
    for number in (2, 1):
        environment = {**os.environ, "SLURM_ARRAY_TASK_ID": str(number)}
        done = subprocess.run(["bash", "-s"], input=script, text=True, env=environment, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr
    assert main(["matrix-merge", "job", "--into", "merged"]) == 0
    assert main(["matrix", *CELLS, "--out", "whole", "--quiet"]) == 0
    capfd.readouterr()
    columns = ("--columns", "name,n,kimg,seeds,modes2500_points.final,reverse_kl2500_points.final")
    tables = []
    for folder in ("merged", "whole"):
        assert main(["table", folder, *columns]) == 0
        tables.append(capfd.readouterr().out)
    assert tables[0] == tables[1]
    hashes = [
        {path.parent.name: json.loads(path.read_text())["work"]["trajectory_hash"] for path in Path(folder).glob("*/record.json")}
        for folder in ("merged", "whole")
    ]
    assert len(hashes[0]) == 4
    assert hashes[0] == hashes[1]
    assert main(["matrix", *CELLS, "--out", "merged"]) == 0
    assert "0 done, 0 failed, 0 unsupported, 4 skipped" in capfd.readouterr().out


@pytest.mark.slow
def test_a_kubernetes_job_is_one_that_the_api_server_takes(workplace: Path) -> None:
    """By the published schema of the version; evictions count for nothing, and what another attempt would repeat ends its index alone."""
    validate: Any = pytest.importorskip("kubernetes_validate", reason="kubernetes-validate is not installed here").validate
    Path("rings.toml").write_text('[axes]\nplugin = ["mlp"]\nseed = "0..3"\n[settings]\n"dataset.name" = "ring8"\n')
    wanted = (
        "--shards",
        "4",
        "--parallel",
        "2",
        "--gpus",
        "1",
        "--memory",
        "4096",
        "--hours",
        "2",
        "--image",
        "lab/ganbench:1",
        "--claim",
        "runs",
    )
    text = emitted("kubernetes", "job", *wanted, "--", "rings.toml", "--set", "kimg=0.2", "--exclusive")
    configuration, job = json.loads(text)["items"]
    for one in (configuration, job):
        validate(one, "1.33", strict=True)
    assert configuration["data"]["rings.toml"] == Path("rings.toml").read_text()
    spec = job["spec"]
    assert (spec["completions"], spec["parallelism"], spec["completionMode"], spec["backoffLimitPerIndex"]) == (4, 2, "Indexed", 3)
    assert spec["podFailurePolicy"]["rules"] == [
        {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
        {"action": "FailIndex", "onExitCodes": {"containerName": "matrix", "operator": "In", "values": [2, 3]}},
    ]
    pod = spec["template"]["spec"]
    assert (pod["restartPolicy"], pod["activeDeadlineSeconds"]) == ("Never", 7200)  # a policy for failures wants Never
    (container,) = pod["containers"]
    assert container["resources"]["limits"] == {"cpu": "1", "memory": "4096Mi", "nvidia.com/gpu": "1"}
    script = container["command"][2].replace("exec ganbench", "echo")
    said = subprocess.run(["sh", "-c", script], env={"JOB_COMPLETION_INDEX": "3"}, capture_output=True, text=True, check=True).stdout
    assert shlex.split(said)[1:] == [
        *("/matrix/rings.toml", "--set", "kimg=0.2", "--exclusive", "--shard", "4/4", "--out", "/runs/rings/shard-4")
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("slurm", "job", "--shards", "2", "--", "--shard", "1/2"), "--shard is what this command says of each shard; leave it out"),
        (("slurm", "job", "--shards", "2", "--", "--out=x"), "--out is what this command says of each shard"),
        (("slurm", "job", "--shards", "2", "--image", "x", "--", *CELLS), "--image means nothing to slurm"),
        (("kubernetes", "job", "--shards", "2", "--image", "x", "--", *CELLS), "kubernetes wants --claim"),
        (("slurm", "job", "--shards", "2", "--sbatch", "account", "--", *CELLS), "--sbatch must be an option (got 'account')"),
        (("slurm", "job", "--shards", "2", "--", "missing.toml"), "no such configuration file: missing.toml"),
        (("slurm", "job", "--shards", "0", "--", *CELLS), "Invalid value for '--shards'"),
        (("pbs", "job", "--shards", "2", "--", *CELLS), "'pbs' is not one of 'slurm', 'kubernetes'"),
        (("slurm", "job", "--shards", "5", "--", *CELLS), "--shards must be at most the 4 cells of the matrix (got 5)"),
    ],
)
def test_a_job_that_cannot_be_is_one_line(
    workplace: Path, arguments: tuple[str, ...], message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, and nothing is written."""
    assert main(["matrix-emit", *arguments]) == 2
    assert message in capfd.readouterr().err
    assert list(workplace.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "expected"), [("Losses v2", "losses-v2"), ("_x.", "x"), ("ü", "matrix"), ("a" * 60, "a" * 50), ("-" * 3, "matrix")]
)
def test_a_jobs_name_is_one_that_both_clusters_take(text: str, expected: str) -> None:
    """A label of RFC 1123."""
    assert job_name(text) == expected
