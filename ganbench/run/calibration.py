"""The first seconds of a run: how many CPU threads are fastest right now, and how much arithmetic an iteration is.

With another process on the machine two threads were measured ten times slower than one (threads that wait at a barrier keep their core),
so the count is measured and never assumed. Everything that the trial iterations changed is put back.
"""

from __future__ import annotations

import logging
import os
import statistics
import time
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from ganbench.record.probes import available_cpus
from ganbench.training.algorithm import Steps, execute
from ganbench.training.rehearsal import undone

logger = logging.getLogger(__name__)

_TRIAL_SECONDS = 3.0
_MAX_ROUNDS = 12
_WORTHWHILE = 0.97
"""More threads must bring the time below this fraction: a tie goes to the count that suffers less from other processes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Threads:
    """The chosen thread count and why."""

    count: int
    reason: str


def choose_threads(algorithm: Steps, device: torch.device, wanted: int) -> Threads:
    """Set the thread count of this process.

    Args:
        algorithm: whose iterations are timed, and undone.
        device: on a GPU the host's threads do not matter, and torch's own choice stands.
        wanted: a count, or 0 to measure.
    """
    if wanted:
        torch.set_num_threads(wanted)
        return Threads(count=wanted, reason="given")
    if device.type != "cpu":
        return Threads(count=torch.get_num_threads(), reason="torch's default")
    if os.environ.get("OMP_NUM_THREADS", "").isdigit():
        return Threads(count=torch.get_num_threads(), reason="OMP_NUM_THREADS")
    if (together := algorithm.ranks.local_world) > 1:
        count = max(available_cpus() // together, 1)
        torch.set_num_threads(count)
        return Threads(count=count, reason=f"{together} processes share the CPUs")
    candidates = candidate_counts(available_cpus())
    if len(candidates) == 1:
        torch.set_num_threads(candidates[0])
        return Threads(count=candidates[0], reason="the only CPU")
    try:
        with undone(algorithm, device):
            seconds = _trial(algorithm, candidates)
    except Exception as error:  # what is wrong with the step itself, the first step says
        logger.debug("the trial iterations failed: %s", error)
        torch.set_num_threads(candidates[0])
        return Threads(count=candidates[0], reason="the trial iterations failed")
    best = candidates[0]
    for count in candidates[1:]:
        if seconds[count] < _WORTHWHILE * seconds[best]:
            best = count
    torch.set_num_threads(best)
    return Threads(count=best, reason=f"fastest of {', '.join(f'{c}: {1e3 * s:.1f} ms' for c, s in seconds.items())}")


def candidate_counts(cpus: int) -> list[int]:
    """Return the thread counts to try, smallest first: 1, powers of two, and all CPUs (at most 64)."""
    cpus = min(cpus, 64)
    powers = {2**k for k in range(7) if 2**k <= cpus}
    return sorted(powers | {cpus} if cpus <= 8 else {1, *sorted(powers)[-3:], cpus})


def _trial(algorithm: Steps, candidates: list[int]) -> dict[int, float]:
    """Time single iterations in turn, forwards and backwards, so that drift hits every count alike."""
    samples: dict[int, list[float]] = {count: [] for count in candidates}
    for count in candidates:
        _timed_iteration(algorithm, count)
    began = time.perf_counter()
    for round_ in range(_MAX_ROUNDS):
        for count in candidates if round_ % 2 == 0 else candidates[::-1]:
            samples[count].append(_timed_iteration(algorithm, count))
        if round_ >= 1 and time.perf_counter() - began > _TRIAL_SECONDS:
            break
    return {count: statistics.median(s) for count, s in samples.items()}


def _timed_iteration(algorithm: Steps, threads: int) -> float:
    """Return the seconds of one whole iteration at a thread count."""
    torch.set_num_threads(threads)
    began = time.perf_counter()
    execute(algorithm, 0)
    return time.perf_counter() - began


def count_flops(algorithm: Steps, device: torch.device) -> int:
    """Return the floating-point operations of one iteration (a multiply-add is two), or 0 where they cannot be counted.

    torch's own counter looks for the module of each operation, which a penalty's gradient of a gradient and a parameter's view do not have.
    """
    try:
        counter = _Flops()
        with undone(algorithm, device), algorithm.ranks.alone(), counter:
            execute(algorithm, 0)
    except Exception as error:  # what is wrong with the step itself, the first step says
        logger.debug("FLOPs were not counted: %s", error)
        return 0
    return counter.total * algorithm.ranks.world


class _Flops(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Adds up what torch knows of each operation that is executed in the block, backward passes too."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.total = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        formula = flop_registry.get(func._overloadpacket)
        if formula is None:
            with self:
                parts = func.decompose(*args, **kwargs or {})
            if parts is not NotImplemented:
                return parts
        result = func(*args, **kwargs or {})
        if formula is not None:
            self.total += int(formula(*args, **kwargs or {}, out_val=result))
        return result
