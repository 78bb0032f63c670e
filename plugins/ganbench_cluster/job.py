"""What a job of shards is, and how the two kinds of clusters are told: nothing here writes or asks."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_NOTICE_SECONDS = 120
"""Between the request to stop and the end, in which running cells save."""
_RETRIES = 3
"""Of a shard whose machine was lost; it goes on where it was."""
_HOPELESS_CODES = [2, 3]
"""Exit codes of ``ganbench matrix`` that another attempt would only repeat: wrong usage, and a cell that failed or diverged."""
_MOUNTED = "/matrix"
_RUNS = "/runs"
_LONGEST_NAME = 50


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """A matrix in parts."""

    name: str
    arguments: tuple[str, ...]
    """Of ``ganbench matrix``, without those that say which part."""
    shards: int
    parallel: int = 0
    """Shards at a time; 0 for all."""
    cpus: int = 1
    gpus: int = 0
    memory_mib: int = 0
    """0 leaves it to the cluster."""
    hours: float = 0.0
    """For a shard; 0 leaves it to the cluster."""
    exclusive: bool = False
    """Whether a shard has a machine for itself."""


def slurm_script(job: Job, *, program: str, folder: Path, runs: Path, setup: Sequence[str] = (), more: Sequence[str] = ()) -> str:
    """Return the text that ``sbatch`` takes: one task of an array for each shard, https://slurm.schedmd.com/sbatch.html.

    Args:
        job: what to run.
        program: the shell command that is ganbench there.
        folder: current folder of the shards; paths in the arguments are relative to it.
        runs: folder of their folders.
        setup: shell commands before it.
        more: further options of sbatch, as ``--account=lab``.
    """
    options = [
        f"--job-name={job.name}",
        f"--array=1-{job.shards}" + (f"%{job.parallel}" if job.parallel else ""),
        "--nodes=1",
        "--ntasks=1",
        f"--cpus-per-task={job.cpus}",
        *([f"--gpus-per-node={job.gpus}"] if job.gpus else []),
        *([f"--mem={job.memory_mib}M"] if job.memory_mib else []),
        *([f"--time={_slurm_time(job.hours)}"] if job.hours else []),
        *(["--exclusive"] if job.exclusive else []),
        f"--output={runs}/slurm-%A_%a.txt",
        f"--signal=B:TERM@{_NOTICE_SECONDS}",
        "--requeue",
        *more,
    ]
    words, out = " ".join(map(shlex.quote, job.arguments)), f'{shlex.quote(str(runs))}/shard-"$SLURM_ARRAY_TASK_ID"'
    lines = [
        "#!/bin/bash",
        *(f"#SBATCH {option}" for option in options),
        "set -eu",
        f"cd {shlex.quote(str(folder))}",
        *setup,
        "# The process takes the shell's place, so that the request to stop reaches it.",
        f'exec {program} matrix {words} --shard "$SLURM_ARRAY_TASK_ID/{job.shards}" --out {out}',
    ]
    return "\n".join(lines) + "\n"


def kubernetes_job(job: Job, *, image: str, claim: str, files: Mapping[str, str], namespace: str = "default") -> str:
    """Return an Indexed Job as JSON, which ``kubectl apply -f`` takes: one index for each shard.

    A pod that is evicted is replaced and counts for nothing; an index whose shard says that another attempt is in vain fails alone. The
    runs go to a claim that all pods mount. https://kubernetes.io/docs/concepts/workloads/controllers/job/

    Args:
        job: what to run.
        image: of a container that has ganbench.
        claim: a PersistentVolumeClaim that many nodes may write.
        files: definitions that the arguments name, by name; they become a ConfigMap.
        namespace: of all of it.
    """
    metadata = {"name": job.name, "namespace": namespace, "labels": {"app.kubernetes.io/name": "ganbench"}}
    words = " ".join(shlex.quote(f"{_MOUNTED}/{one}" if one in files else one) for one in job.arguments)
    number = "$((JOB_COMPLETION_INDEX + 1))"
    script = f"exec ganbench matrix {words} --shard {number}/{job.shards} --out {_RUNS}/{job.name}/shard-{number}"
    limits = {
        "cpu": str(job.cpus),
        **({"memory": f"{job.memory_mib}Mi"} if job.memory_mib else {}),
        **({"nvidia.com/gpu": str(job.gpus)} if job.gpus else {}),
    }
    volumes: list[dict[str, Any]] = [{"name": "runs", "persistentVolumeClaim": {"claimName": claim}}]
    mounts: list[dict[str, Any]] = [{"name": "runs", "mountPath": _RUNS}]
    if files:
        volumes.append({"name": "definition", "configMap": {"name": job.name}})
        mounts.append({"name": "definition", "mountPath": _MOUNTED, "readOnly": True})
    pod: dict[str, Any] = {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": _NOTICE_SECONDS,
        "containers": [
            {
                "name": "matrix",
                "image": image,
                "command": ["/bin/sh", "-c", script],
                "resources": {"requests": limits, "limits": limits},
                "volumeMounts": mounts,
            }
        ],
        "volumes": volumes,
    }
    if job.exclusive:  # no other pod of this job beside it; other jobs are the cluster's affair
        selector = {"labelSelector": {"matchLabels": metadata["labels"]}, "topologyKey": "kubernetes.io/hostname"}
        pod["affinity"] = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [selector]}}
    spec: dict[str, Any] = {
        "completions": job.shards,
        "parallelism": job.parallel or job.shards,
        "completionMode": "Indexed",
        "backoffLimitPerIndex": _RETRIES,
        "podFailurePolicy": {
            "rules": [
                {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
                {"action": "FailIndex", "onExitCodes": {"containerName": "matrix", "operator": "In", "values": _HOPELESS_CODES}},
            ]
        },
        "template": {"metadata": {"labels": metadata["labels"]}, "spec": pod},
    }
    if job.hours:
        pod["activeDeadlineSeconds"] = max(1, round(job.hours * 3600))
    items: list[dict[str, Any]] = [{"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec}]
    if files:
        items.insert(0, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": dict(files)})
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": items}, indent=2, ensure_ascii=False) + "\n"


def job_name(text: str) -> str:
    """Return a name that both clusters take: lower case letters, digits and hyphens (RFC 1123)."""
    plain = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in text.lower())
    return plain.strip("-")[:_LONGEST_NAME].strip("-") or "matrix"


def _slurm_time(hours: float) -> str:
    """Return ``days-hours:minutes:seconds``."""
    seconds = max(60, round(hours * 3600))
    days, rest = divmod(seconds, 24 * 3600)
    return f"{days}-{rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}"
