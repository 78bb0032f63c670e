"""Ray: runs the cells of a matrix on the nodes of a cluster. Ray is imported in a process of its own, when a matrix asks for it."""

from __future__ import annotations

from dataclasses import dataclass

from ganbench import ExecutorSpec, Settings, hookimpl, setting


@dataclass(frozen=True, kw_only=True, slots=True)
class RayOptions(Settings):
    """Options of the executor on a Ray cluster."""

    address: str = setting("auto")
    """auto (the cluster that this machine belongs to), HOST:PORT, ray://HOST:PORT, or local: one that begins and ends with the call."""
    cpus_per_cell: int = setting(1, least=1, unit="CPUs")
    """Set aside for each cell; a node runs as many cells as fit. A timed cell takes a whole node."""
    gpus_per_cell: float = setting(0.0, least=0, unit="GPUs")
    """Set aside for each cell; a part of one lets cells share it, and with 0 a cell sees none."""
    ship: bool = setting(False)
    """Bring the sources of ganbench and of its plugins to the nodes, instead of asking for the same ones there."""
    grace_seconds: float = setting(15.0, least=0)
    """Between the request to stop and the end by force."""

    def __post_init__(self) -> None:
        """Refuse what Ray cannot set aside."""
        Settings.__post_init__(self)
        if self.gpus_per_cell > 1 and self.gpus_per_cell % 1:
            raise ValueError(f"gpus_per_cell must be a whole number where it is above 1 (got {self.gpus_per_cell:g})")


@hookimpl
def ganbench_register() -> list[ExecutorSpec]:
    """Return the executor."""
    return [
        ExecutorSpec(
            name="ray",
            summary="the nodes of a Ray cluster, one Ray task for each cell",
            factory="ganbench_ray.executor:build",
            options=RayOptions,
        )
    ]
