"""Seeds together: cells of a matrix that differ in the seed alone are trained in one process as one batched run."""

from __future__ import annotations

from dataclasses import dataclass

from ganbench import ExecutorSpec, Settings, hookimpl, setting


@dataclass(frozen=True, kw_only=True, slots=True)
class SeedsOptions(Settings):
    """Options of the executor that trains seeds together."""

    seeds: int = setting(64, least=2)
    """Seeds in one process, at most; their networks, optimizers and runs are all in its memory."""
    only_if_faster: bool = True
    """Time a few steps both ways first, and run the seeds one after another where that is faster, as with wide networks on a CPU."""
    grace_seconds: float = setting(15.0, least=0)
    """Between the request to stop and the end by force."""


@hookimpl
def ganbench_register() -> list[ExecutorSpec]:
    """Return the executor."""
    return [
        ExecutorSpec(
            name="seeds",
            summary="this machine, cells that differ in the seed alone trained together as one batched run",
            factory="ganbench_seeds.executor:build",
            options=SeedsOptions,
        )
    ]
