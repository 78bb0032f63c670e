"""How an iteration is executed: as it is written, replayed from CUDA graphs, or through ``torch.compile``."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import torch

from ganbench.errors import ConfigError, RunFailed
from ganbench.training.algorithm import Steps
from ganbench.training.eager_runner import EagerRunner, StepRunner

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ChosenRunner:
    """A runner, and why it is this one."""

    runner: StepRunner
    reason: str
    named: bool = True
    """Whether the user named it: then it is not replaced by another."""


def choose_runner(wanted: str, algorithm: Steps, device: torch.device) -> ChosenRunner:
    """Return the runner to start.

    ``auto`` captures CUDA graphs on a GPU where the algorithm allows it, and is eager elsewhere. On a CPU nothing is compiled unasked:
    compiling takes longer than most runs there.

    Args:
        wanted: ``auto`` or one of :data:`ganbench.config.model.RUNNERS`.
        algorithm: what is run.
        device: where.

    Raises:
        ConfigError: the named runner does not suit the device or the algorithm.
    """
    if wanted != "auto":
        return ChosenRunner(make_runner(wanted, algorithm, device), "as asked")
    reason = _against_graphs(algorithm, device)
    if reason:
        return ChosenRunner(make_runner("eager", algorithm, device), reason, named=False)
    return ChosenRunner(make_runner("cuda_graph", algorithm, device), "its steps can be captured", named=False)


def start_runner(chosen: ChosenRunner, algorithm: Steps, device: torch.device) -> ChosenRunner:
    """Start a runner; one that nobody named is replaced by the eager one where it cannot start.

    Raises:
        RunFailed: the named runner cannot run this algorithm here.
    """
    try:
        chosen.runner.start()
    except RunFailed as error:
        if chosen.named:
            raise
        logger.warning("%s; going on with the eager runner", error)
        return ChosenRunner(make_runner("eager", algorithm, device), f"{chosen.runner.name} failed", named=False)
    return chosen


def _against_graphs(algorithm: Steps, device: torch.device) -> str:
    """Return why ``auto`` does not try to capture, or nothing."""
    if device.type != "cuda":
        return "no GPU to capture on"
    if algorithm.ranks.world > 1:
        return "several processes train together"
    return "" if "cuda_graph" in algorithm.runners else "this algorithm does not allow capturing"


def make_runner(name: str, algorithm: Steps, device: torch.device) -> StepRunner:
    """Return the runner of this name, not yet started; ``auto`` is eager.

    Raises:
        ConfigError: it does not suit the device or the algorithm.
    """
    if name in ("auto", "eager"):
        return EagerRunner(algorithm, device)
    if name not in algorithm.runners:
        allowed = ", ".join(("auto", *algorithm.runners))
        raise ConfigError(f"training.runner is {name!r}, and {type(algorithm).__name__} allows {allowed}", hint="use --runner auto")
    if name == "compile":
        from ganbench.training.compile_runner import CompileRunner

        return CompileRunner(algorithm, device)
    assert name == "cuda_graph", name
    if device.type != "cuda":
        raise ConfigError(f"training.runner is 'cuda_graph', and the device is {device}", hint="use --runner auto or eager")
    from ganbench.training.graph_runner import CudaGraphs, GraphRunner

    return GraphRunner(algorithm, device, CudaGraphs(device, algorithm.random_generators()))
