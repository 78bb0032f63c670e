"""Many processes: workers and who runs them, the cells of a matrix, the pairs of a comparison. Registers the executor that ships."""

from __future__ import annotations

from dataclasses import dataclass

from ganbench.config.setting import Settings, setting
from ganbench.registration import hookimpl
from ganbench.spec import ExecutorSpec


@dataclass(frozen=True, kw_only=True, slots=True)
class LocalOptions(Settings):
    """Options of the executor on this machine."""

    grace_seconds: float = setting(15.0, least=0)
    """Between the request to stop and the end by force."""


@hookimpl
def ganbench_register() -> list[ExecutorSpec]:
    """Return the executor on this machine."""
    return [
        ExecutorSpec(
            name="local",
            summary="worker processes of this machine, with limits of time and memory",
            factory="ganbench.fleet.local:build",
            options=LocalOptions,
        )
    ]
