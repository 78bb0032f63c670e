"""One pass of one case: each implementation is compared with the reference, then all that agree are timed in turn."""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

from ganbench_bench.interleave import interleaved
from ganbench_bench.interval import Interval
from ganbench_bench.kernels import launches
from ganbench_bench.kernels.case import Case, Function, Implementation, Pass
from ganbench_bench.kernels.correctness import Comparison, compare
from ganbench_bench.kernels.row import KernelRow, Measured
from ganbench_bench.kernels.timers import GraphTimer, Timer, first_line, make_timer, rounds_for
from ganbench_bench.kernels.work import Work, prepare

MAX_SETS = 64
"""Sets of inputs: calls on less than a few KB would need thousands to leave a cache, and are not about bytes anyway."""
CPU_SETS = 2
CACHE_FACTOR = 3
DISPATCHES = 21


@dataclass(frozen=True, kw_only=True, slots=True)
class Effort:
    """How long things are timed."""

    blocks: int
    """Blocks of A B C C B A."""
    seconds: float
    """How long each timing in a block takes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Contestant:
    """An implementation that is right, with its calls."""

    works: tuple[Work, ...]
    timer: Timer
    note: str
    peak_mib: float | None
    launches: int | None
    comparison: Comparison


def contest(
    case: Case,
    wanted: Pass,
    functions: dict[Implementation, Function | str],
    device: torch.device,
    *,
    effort: Effort,
    copy_gb_per_second: float,
    note_progress: Callable[[Implementation], None] = lambda name: None,
) -> list[KernelRow]:
    """Return a row for each implementation.

    Args:
        case: the op and its inputs.
        wanted: one of its passes.
        functions: the implementations, or why there is none.
        device: where; on a GPU the current stream must not be the default one.
        effort: how long things are timed.
        copy_gb_per_second: the bandwidth of a copy.
        note_progress: told which implementation is being made ready.
    """
    ready: dict[Implementation, Contestant] = {}
    rows: dict[Implementation, KernelRow] = {}
    for name, function in functions.items():
        if isinstance(function, str):
            rows[name] = KernelRow.of(case, wanted, name, function)
            continue
        note_progress(name)
        try:
            comparison = compare(case, wanted, function, device)
            if comparison.problem:
                rows[name] = KernelRow.of(case, wanted, name, f"wrong: {comparison.problem}", wrong=True)
            else:
                ready[name] = _enter(case, wanted, function, device, comparison)
        except Exception as error:  # whatever a compiler or a kernel does: the others can still be timed
            rows[name] = KernelRow.of(case, wanted, name, first_line(error))
    seconds = _time(ready, effort)
    dispatch = _time_dispatch(ready, device)
    for name, contestant in ready.items():
        cold = _is_cold(case, wanted, len(contestant.works), device)
        measured = _measured(name, contestant, seconds, dispatch.get(name), case.num_bytes[wanted], copy_gb_per_second, cold)
        rows[name] = KernelRow.of(case, wanted, name, measured)
    return [rows[name] for name in functions]


def num_sets(num_bytes: int, cache_bytes: int) -> int:
    """Return how many sets of inputs a round goes through, so that they are more than three times the cache."""
    return max(2, min(MAX_SETS, math.ceil(CACHE_FACTOR * cache_bytes / num_bytes) + 1))


def cache_bytes(device: torch.device) -> int:
    """Return the size of a GPU's L2 cache."""
    return int(torch.cuda.get_device_properties(device).L2_cache_size)


def _sets(case: Case, wanted: Pass, device: torch.device) -> int:
    return num_sets(case.num_bytes[wanted], cache_bytes(device)) if device.type == "cuda" else CPU_SETS


def _is_cold(case: Case, wanted: Pass, sets: int, device: torch.device) -> bool:
    return device.type == "cuda" and sets * case.num_bytes[wanted] > CACHE_FACTOR * cache_bytes(device)


def _enter(case: Case, wanted: Pass, function: Function, device: torch.device, comparison: Comparison) -> Contestant:
    """Make the calls of one implementation ready, and measure what a single one shows."""
    works = tuple(prepare(case, wanted, function, device, seed=seed) for seed in range(_sets(case, wanted, device)))
    calls = [work.call for work in works]
    calls[0]()
    peak_mib = _peak_mib(calls[0], device)
    timer, note = make_timer(calls, device)
    launched = _count_launches(timer, calls[0], device)
    return Contestant(works=works, timer=timer, note=note, peak_mib=peak_mib, launches=launched, comparison=comparison)


def _peak_mib(call: Callable[[], object], device: torch.device) -> float | None:
    if device.type != "cuda":
        return None
    torch.cuda.synchronize(device)
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device)
    call()
    return (torch.cuda.max_memory_allocated(device) - before) / 2**20


def _count_launches(timer: Timer, call: Callable[[], object], device: torch.device) -> int | None:
    if device.type != "cuda":
        return None
    in_graph = launches.nodes(timer.graph) if isinstance(timer, GraphTimer) else None
    if in_graph is not None:
        return round(in_graph / timer.calls)
    counted = launches.profiled(call, device)
    return None if counted is None else counted[0]


def _time(ready: dict[Implementation, Contestant], effort: Effort) -> dict[Implementation, list[float]]:
    """Return the seconds of a call, block by block, for each implementation."""
    rounds = {name: rounds_for(contestant.timer, effort.seconds) for name, contestant in ready.items()}

    def quarter(name: Implementation) -> Callable[[], float]:
        timer, count = ready[name].timer, rounds[name]
        return lambda: timer.seconds(count) / (count * timer.calls)

    return interleaved({name: quarter(name) for name in ready}, blocks=effort.blocks)


def _time_dispatch(ready: dict[Implementation, Contestant], device: torch.device) -> dict[Implementation, Interval]:
    """Return what the host needs to issue a call to an idle device."""
    if device.type != "cuda":
        return {}
    taken: dict[Implementation, list[float]] = {name: [] for name in ready}
    gc.collect()
    for _ in range(DISPATCHES):
        for name, contestant in ready.items():
            torch.cuda.synchronize(device)
            began = time.perf_counter()
            contestant.works[0].call()
            taken[name].append(1e6 * (time.perf_counter() - began))
    torch.cuda.synchronize(device)
    return {name: Interval.of(values) for name, values in taken.items()}


def _measured(
    name: Implementation,
    contestant: Contestant,
    seconds: dict[Implementation, list[float]],
    dispatch: Interval | None,
    num_bytes: int,
    copy_gb_per_second: float,
    is_cold: bool,
) -> Measured:
    microseconds = Interval.of(seconds[name]).scaled(1e6)
    gb_per_second = 1e-3 * num_bytes / microseconds.median
    return Measured(
        microseconds=microseconds,
        gb_per_second=gb_per_second,
        percent_of_copy=100 * gb_per_second / copy_gb_per_second,
        speedup_over_eager=_speedup(seconds, "eager", name),
        speedup_over_compile=_speedup(seconds, "compile", name),
        launches=contestant.launches,
        peak_mib=contestant.peak_mib,
        error=contestant.comparison.error,
        first_seconds=contestant.comparison.first_seconds,
        dispatch_microseconds=dispatch,
        timing=contestant.timer.kind,
        num_sets=len(contestant.works),
        is_cold=is_cold,
        note=contestant.note,
    )


def _speedup(seconds: dict[Implementation, list[float]], base: Implementation, name: Implementation) -> Interval | None:
    if base not in seconds:
        return None
    return Interval.of([b / own for b, own in zip(seconds[base], seconds[name], strict=True)])
