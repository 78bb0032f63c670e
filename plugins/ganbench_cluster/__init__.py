"""A matrix in shards without a cluster at hand: a job for Slurm or Kubernetes, and its parts put together again."""

from __future__ import annotations

from ganbench import CommandSpec, hookimpl


@hookimpl
def ganbench_register() -> list[CommandSpec]:
    """Return the commands."""
    return [
        CommandSpec(
            name="matrix-emit",
            summary="Write a matrix as an array job for Slurm, or an Indexed Job for Kubernetes.",
            factory="ganbench_cluster.emit:command",
        ),
        CommandSpec(
            name="matrix-merge",
            summary="Put the shards of a matrix together.",
            factory="ganbench_cluster.merge:command",
        ),
    ]
