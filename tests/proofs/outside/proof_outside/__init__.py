"""What surrounds a run, from outside: a reporter, a command and an executor."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ganbench import CommandSpec, ExecutorSpec, PluginSpec, ReporterSpec, hookimpl


@dataclass(frozen=True, kw_only=True, slots=True)
class LinesOptions:
    """Options of the reporter."""

    file: str = "events.jsonl"
    """File that each event is written into."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BestOptions:
    """Flags of the command."""

    run: str
    """The run's folder or id."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ThreadsOptions:
    """Options of the executor."""

    diary: str
    """File that it writes the cells into."""


@hookimpl
def ganbench_register() -> Iterator[PluginSpec]:
    """Register all three."""
    yield ReporterSpec(name="lines", summary="a line of JSON for each event", factory="proof_outside.lines:build", options=LinesOptions)
    yield CommandSpec(name="best", summary="Say how good a run was at best.", factory="proof_outside.best:best", options=BestOptions)
    yield ExecutorSpec(name="threads", summary="threads of this process", factory="proof_outside.cells:build", options=ThreadsOptions)
