"""The hooks that a plugin may implement. Every name begins with ``ganbench_``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from ganbench.record.events import Ended, Evaluated, Started
    from ganbench.registration import PluginSpec

hookspec = pluggy.HookspecMarker("ganbench")


@hookspec
def ganbench_register() -> Iterable[PluginSpec]:  # type: ignore[empty-body]
    """Return the specs of this distribution.

    Called once at start-up, also for ``--help`` and shell completion: it must be cheap and must not import torch. An empty iterable means
    that the plugin only implements other hooks.
    """


@hookspec
def ganbench_environment() -> Mapping[str, str] | None:
    """Return facts about the machine or the job (scheduler id, image tag) for the record's notes.

    Called once, before the run directory is made. None means nothing to add.
    """


@hookspec
def ganbench_before_run(event: Started) -> None:
    """See the resolved configuration, by path, and the run directory before the first step (again on resume)."""


@hookspec
def ganbench_after_step(samples_seen: int, generator_steps: int) -> None:
    """Follow every iteration. Looked up once; costs nothing when nobody implements it. It must not synchronise the device."""


@hookspec
def ganbench_after_evaluation(event: Evaluated) -> None:
    """See each evaluation, off the training clock."""


@hookspec
def ganbench_after_run(event: Ended) -> None:
    """See the record after it was written, whatever its status: complete, diverged, interrupted or failed."""
