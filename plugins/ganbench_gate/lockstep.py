"""One pair: two processes alive, and short blocks that the parent alternates between them, so that what slows the machine slows both."""

from __future__ import annotations

import contextlib
import math
import random
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ganbench import Launch, UsageError, Worker, WorkerFailed
from ganbench_gate.paired import log_shift
from ganbench_gate.side import Refusal, SidesFailed

BASE, HEAD, NULL = "base", "head", "null"
_FEWEST_ROUNDS = 3
_REFUSALS = ("ConfigError", "UnsuitableError", "DataError", "WeightsError", "UsageError")
"""Errors of all versions that say that what was asked does not do; the others are of the code."""
_POINTS, _FEWEST_STEPS, _MOST_STEPS = 5, 2, 40


@dataclass(frozen=True, kw_only=True, slots=True)
class PairPlan:
    """How one pair is measured."""

    block_seconds: float = 0.1
    """A block is so many steps that it takes about this long, and at least one."""
    pair_seconds: float = 6.0
    """All blocks of both processes together; at least three rounds of A B B A, whatever they take."""
    warmup_seconds: float = 0.5
    """How long each process warms up, off the record; it takes at least :attr:`first_steps`."""
    first_steps: int = 8
    """How many steps the fingerprint of the losses covers; the warm-up takes at least as many, and the operators of one are counted."""
    fingerprint_seconds: float = 3.0
    """About how long each side trains, all over its budget, for the fingerprint of its run; at least two steps at each point."""
    fingerprint_samples: int = 64
    start_timeout: float = 600.0
    """Seconds that a process may take to import, read the data and build."""
    block_timeout: float = 120.0
    """Seconds that a process may take for any later answer."""


@dataclass(slots=True)
class SideResult:
    """What one process of a pair said."""

    samples_per_second: list[float] = field(default_factory=list)
    """One for each block, in the order of time."""
    ready: dict[str, Any] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    fingerprint: dict[str, Any] = field(default_factory=dict)
    """What its steps and its evaluation come to; of the first pair only."""


@dataclass(slots=True)
class PairResult:
    """What one pair measured."""

    sides: dict[str, SideResult]
    """``base`` and ``head``, and ``null`` where there was a second base process."""
    spawn_order: tuple[str, ...]
    steps_per_block: int = 0
    seconds: float = 0.0
    """From the first start to the last answer."""


def run_pair(
    launches: Mapping[str, Launch],
    plan: PairPlan,
    rng: random.Random,
    *,
    is_first: bool = False,
    check: Callable[[str, Mapping[str, Any]], None] = lambda name, ready: None,
) -> PairResult:
    """Start the processes in random order, alternate their blocks, and end them.

    Args:
        launches: ``base`` and ``head``, and perhaps ``null``.
        plan: how long.
        rng: decides who is started first and who begins.
        is_first: start one process after the other, since the first may have to make what the second finds in a cache; and count
            FLOPs, bytes and living objects, and take the fingerprints of both runs, in the end.
        check: called with what each process says when it is ready; may raise.

    Raises:
        SidesFailed: a process refuses the job, died, hung or answered nonsense.
    """
    began = time.perf_counter()
    order = rng.sample(sorted(launches), len(launches))
    pair = PairResult(sides={name: SideResult() for name in launches}, spawn_order=tuple(order))
    workers: dict[str, Worker] = {}
    try:
        _start(launches, workers, pair, plan, one_by_one=is_first)
        for name, side in pair.sides.items():
            check(name, side.ready)
        pair.steps_per_block = _warm_up(workers, plan)
        for name, worker in workers.items():
            with _blaming(name):
                worker.ask({"measure": True, "census": is_first}, "measure", plan.block_timeout)
        _alternate(workers, pair, plan, rng)
        for name, worker in workers.items():
            question = {"finish": True, "first_steps": plan.first_steps, "counts": is_first}
            with _blaming(name):
                pair.sides[name].facts = worker.ask(question, "facts", plan.start_timeout)
        for name in (BASE, HEAD) if is_first else ():
            how = {"steps": _fingerprint_steps(pair, plan), "samples": plan.fingerprint_samples}
            with _blaming(name):
                pair.sides[name].fingerprint = workers[name].ask({"fingerprint": how}, "fingerprint", plan.start_timeout)
    finally:
        for worker in workers.values():
            worker.close()
    pair.seconds = time.perf_counter() - began
    return pair


def _start(launches: Mapping[str, Launch], workers: dict[str, Worker], pair: PairResult, plan: PairPlan, *, one_by_one: bool) -> None:
    """Start the processes and wait until each is ready.

    Raises:
        SidesFailed: some cannot be; each says why.
    """
    refusals: dict[str, Refusal] = {}

    def wait_for(name: str) -> None:
        try:
            with _blaming(name):
                pair.sides[name].ready = workers[name].answer("ready", plan.start_timeout, beside=workers.values())
        except SidesFailed as error:
            refusals.update(error.refusals)

    for name in pair.spawn_order:
        with _blaming(name):
            workers[name] = Worker(launches[name])
        if one_by_one:
            wait_for(name)
    for name in () if one_by_one else pair.spawn_order:
        wait_for(name)
    if refusals:
        raise SidesFailed(refusals)


@contextlib.contextmanager
def _blaming(role: str) -> Iterator[None]:
    """Say of each failure of a process which side's it is.

    Raises:
        SidesFailed: in the place of it.
    """
    try:
        yield
    except UsageError as error:
        kind: Any = "refused" if error.what.partition(":")[0] in _REFUSALS else "broken"
        raise SidesFailed({role: Refusal(kind=kind, message=error.what)}) from error
    except WorkerFailed as error:
        raise SidesFailed({role: Refusal(kind="broken", message=error.what, last_words=error.last_words)}) from error


def run_alone(role: str, launch: Launch, plan: PairPlan) -> SideResult:
    """Start one process and take its first steps: where there is nothing to compare with, it is known at least that the side runs.

    Raises:
        SidesFailed: it refuses the job, died, hung or answered nonsense.
    """
    pair = PairResult(sides={role: SideResult()}, spawn_order=(role,))
    workers: dict[str, Worker] = {}
    try:
        _start({role: launch}, workers, pair, plan, one_by_one=True)
        _warm_up(workers, plan)
    finally:
        for worker in workers.values():
            worker.close()
    return pair.sides[role]


def _warm_up(workers: dict[str, Worker], plan: PairPlan) -> int:
    """Take steps off the record, in turn, and return how many make a block."""
    spent = dict.fromkeys(workers, 0.0)
    taken = dict.fromkeys(workers, 0)
    latest: dict[str, float] = {}
    steps = 1
    while min(spent.values()) < plan.warmup_seconds or min(taken.values()) < plan.first_steps:
        for name, worker in workers.items():
            seconds, _ = _block(name, worker, steps, plan)
            spent[name] += seconds
            taken[name] += steps
            latest[name] = seconds / steps
        steps = max(1, min(2 * steps, _steps_for(plan.block_seconds, latest)))
    return _steps_for(plan.block_seconds, latest)


def _steps_for(seconds: float, step_seconds: dict[str, float]) -> int:
    """Return how many steps of the mean side take about this long."""
    return max(1, round(seconds / max(statistics.fmean(step_seconds.values()), 1e-6)))


def _alternate(workers: dict[str, Worker], pair: PairResult, plan: PairPlan, rng: random.Random) -> None:
    """Run rounds of A B B A until the time is over; who begins is drawn for each pair. A second base process has rounds of its own."""
    began, rounds = time.perf_counter(), 0
    partners = [name for name in (HEAD, NULL) if name in workers]
    base_begins = rng.random() < 0.5
    while rounds < _FEWEST_ROUNDS * len(partners) or time.perf_counter() - began < plan.pair_seconds:
        other = partners[rounds % len(partners)]
        one, two = (BASE, other) if base_begins else (other, BASE)
        for name in (one, two, two, one):
            seconds, images = _block(name, workers[name], pair.steps_per_block, plan)
            pair.sides[name].samples_per_second.append(images / seconds)
        rounds += 1


def _fingerprint_steps(pair: PairResult, plan: PairPlan) -> int:
    """Return how many steps each of the five points of a fingerprint gets, the same for both sides."""
    return max(_FEWEST_STEPS, min(_MOST_STEPS, round(pair.steps_per_block * plan.fingerprint_seconds / plan.block_seconds / _POINTS)))


def _block(role: str, worker: Worker, steps: int, plan: PairPlan) -> tuple[float, float]:
    """Have a block run and return its seconds and images.

    Raises:
        SidesFailed: also for a time that is none, such as a clock that steps backwards measures.
    """
    with _blaming(role):
        block = worker.ask({"run": steps}, "block", plan.block_timeout)
        seconds, images = float(block["seconds"]), float(block["images"])
        if not (seconds > 0 and math.isfinite(seconds)):
            raise WorkerFailed(f"{worker.name} measured {seconds} s for {steps} steps", worker.last_words())
    return seconds, images


def log_ratio_of(pair: PairResult) -> float:
    """Return ln(head / base) of the images per second of a pair, as a comparison takes it."""
    return log_shift(pair.sides[BASE].samples_per_second, pair.sides[HEAD].samples_per_second)


def phases_of(sides: Sequence[SideResult]) -> list[str]:
    """Return the phases that every one of some processes has, in the first one's order."""
    found = [side.facts.get("phase_milliseconds", {}) for side in sides]
    return [name for name in found[0] if all(name in one for one in found)] if found else []
