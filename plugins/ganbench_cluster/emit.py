"""``ganbench matrix-emit``: a matrix as a job for a cluster, one shard for each task, each with a folder and a ledger of its own."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import click

from ganbench import NumberRange, UsageError, write_output

_OURS = ("--shard", "--out", "--dry-run", "--status")


@click.command("matrix-emit", context_settings={"ignore_unknown_options": True})
@click.argument("cluster", type=click.Choice(["slurm", "kubernetes"]))
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="-- MATRIX...")
@click.option("--shards", type=click.IntRange(min=1), required=True, metavar="N", help="Parts of the matrix; each is a task of the job.")
@click.option("--parallel", type=click.IntRange(min=0), default=0, metavar="N", help="Shards at a time.  [default: all]")
@click.option("--cpus", type=click.IntRange(min=1), default=1, show_default=True, metavar="N", help="Of a shard.")
@click.option("--gpus", type=click.IntRange(min=0), default=0, show_default=True, metavar="N", help="Of a shard.")
@click.option("--memory", type=click.IntRange(min=0), default=0, metavar="MIB", help="Of a shard.  [default: the cluster's]")
@click.option("--hours", type=NumberRange(min=0), default=0.0, metavar="H", help="For a shard.  [default: the cluster's]")
@click.option("--setup", multiple=True, metavar="COMMAND", help="Slurm: a shell command before it, as 'module load cuda'.")
@click.option("--program", metavar="COMMAND", help="Slurm: what is ganbench there.  [default: as it runs here]")
@click.option("--sbatch", multiple=True, metavar="OPTION", help="Slurm: a further option of sbatch, as --account=lab.")
@click.option("--image", metavar="IMAGE", help="Kubernetes: a container image that has ganbench.")
@click.option("--claim", metavar="NAME", help="Kubernetes: the PersistentVolumeClaim for the runs.")
@click.option("--namespace", default="default", show_default=True, metavar="NAME", help="Kubernetes: of the job.")
def command(cluster: str, folder: Path, arguments: tuple[str, ...], **flags: Any) -> None:
    """Write a job that runs a matrix in shards, and print how to submit it. What follows -- is what ganbench matrix takes.

    \b
    ganbench matrix-emit slurm job --shards 20 --gpus 1 --hours 12 -- losses.toml
    ganbench matrix-emit kubernetes job --shards 20 --image IMAGE --claim runs -- -a plugin=dcgan -a seed=0..99
    ganbench matrix-merge job --into results/runs/losses

    Each shard has a folder of its own, DIR/shard-I with Slurm, and goes on where it was when it is started again.
    """
    from ganbench_cluster.job import Job, job_name, kubernetes_job, slurm_script

    _refuse_others(cluster, flags)
    cells = _count_cells(arguments)
    if flags["shards"] > cells:
        raise UsageError(f"--shards must be at most the {cells} cells of the matrix (got {flags['shards']})")
    definition = next((one for one in arguments if one.endswith(".toml") and os.path.isfile(one)), "")
    job = Job(
        name=job_name(Path(definition).stem if definition else folder.resolve().name),
        arguments=arguments,
        shards=flags["shards"],
        parallel=flags["parallel"],
        cpus=flags["cpus"],
        gpus=flags["gpus"],
        memory_mib=flags["memory"],
        hours=flags["hours"],
        exclusive="--exclusive" in arguments,
    )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot make the folder {folder}: {error.strerror}", hint="choose another one") from None
    if cluster == "slurm":
        program = flags["program"] or f"{shlex.quote(sys.executable)} -m ganbench"
        runs = folder.resolve()
        if any(character in str(runs) for character in "%\n"):
            raise UsageError(f"{runs}: sbatch takes % and line breaks in a path for something else", hint="choose another folder")
        text = slurm_script(job, program=program, folder=Path.cwd(), runs=runs, setup=flags["setup"], more=flags["sbatch"])
        path, submit = folder / "job.sbatch", "sbatch"
    else:
        files = {definition: Path(definition).read_text(encoding="utf-8")} if definition else {}
        if any("/" in name for name in files):
            raise UsageError(f"{definition} must lie in the current folder: a ConfigMap has names, and no folders")
        text = kubernetes_job(job, image=flags["image"], claim=flags["claim"], files=files, namespace=flags["namespace"])
        path, submit = folder / "job.json", "kubectl apply -f"
    write_output(path, text, "DIR")
    click.echo(f"{cells} cells in {job.shards} shards: {submit} {shlex.quote(str(path))}")


def _count_cells(arguments: tuple[str, ...]) -> int:
    """Return how many cells a matrix has; the command itself says what is wrong with it.

    Raises:
        UsageError: it says that.
    """
    for one in arguments:
        if one.partition("=")[0] in _OURS:
            raise UsageError(f"{one.partition('=')[0]} is what this command says of each shard", hint="leave it out")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    words = [sys.executable, "-m", "ganbench", "matrix", *arguments, "--dry-run"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=environment)
    lines = done.stdout.splitlines()
    if done.returncode:
        last = next(reversed(done.stderr.splitlines()), "").removeprefix("ganbench: ")
        raise UsageError(last or f"no cell can run: {lines[0] if lines else 'there is none'}")
    return len(lines)


def _refuse_others(cluster: str, flags: dict[str, Any]) -> None:
    """Refuse an option of the other cluster, and the lack of one of this.

    Raises:
        UsageError: as said.
    """
    theirs = {"slurm": ("image", "claim"), "kubernetes": ("setup", "program", "sbatch")}[cluster]
    for name in theirs:
        if flags[name]:
            raise UsageError(f"--{name} means nothing to {cluster}", hint="leave it out")
    for name in ("image", "claim"):
        if cluster == "kubernetes" and not flags[name]:
            raise UsageError(f"kubernetes wants --{name}", hint=f"see ganbench matrix-emit --help for what --{name} is")
    if wrong := [one for one in flags["sbatch"] if not one.startswith("-") or "\n" in one]:
        raise UsageError(f"--sbatch must be an option (got {wrong[0]!r})", hint="write --sbatch=--account=lab")
