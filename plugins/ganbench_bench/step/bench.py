"""``ganbench bench step``: whole training steps of several loops, interleaved in one process."""

from __future__ import annotations

import contextlib
import gc
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ganbench_bench.interleave import interleaved
from ganbench_bench.interval import Interval
from ganbench_bench.kernels.bandwidth import matrix_rate
from ganbench_bench.kernels.launches import profiled
from ganbench_bench.kernels.timers import first_line
from ganbench_bench.step.check import CHECKED_STEPS, check_arithmetic, compare_losses, loss_error
from ganbench_bench.step.entries import PUBLISHED, Loop, Task, builder, has_to_be_compiled, is_compiled_published, obstacle
from ganbench_bench.step.harness import Harness
from ganbench_bench.step.row import Entry, Measured, SingleStep, StepRow

Say = Callable[[str], None]

WARM_UP_STEPS = 4
HOST_STEPS = 11
PREPARING = 0.75
"""Share of the time in which loops may be made ready; the rest is for measuring."""
FEWEST_BLOCKS = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class StepSettings:
    """What is measured, and for how long."""

    plugin: str
    settings: dict[str, object]
    """By configuration path."""
    precision: str
    device: torch.device
    entries: tuple[Entry, ...]
    compiles: str = ""
    """Why nothing is to be compiled; empty to compile."""
    blocks: int
    """Blocks that go through all loops forwards and backwards."""
    seconds: float
    """For all of it: a loop whose turn to be built comes too late takes no part, and a quarter is for measuring."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StepReport:
    """What came out."""

    trained: dict[str, Any]
    """Plugin, dataset, batch size."""
    precision: str
    blocks: int
    rows: tuple[StepRow, ...]
    seconds: float
    """That it took."""
    flops: int
    """Floating-point operations of a step: products and convolutions of the harness's arithmetic, which shares the generated images."""
    matrix_tflops: Interval
    """The rate of a large matrix product in the same precision."""
    is_interrupted: bool = False
    """Whether Ctrl-C or a limit from outside ended it early; what was measured by then is there."""


Keep = Callable[[StepReport], None]
NOT_REACHED, NOT_TIMED = "not reached", "made ready, and not timed yet"


@dataclass(slots=True)
class Prepared:
    """A loop that is right and warm."""

    loop: Loop
    losses: Tensor
    single: SingleStep
    seconds_per_step: float
    ready_seconds: float


def measure_steps(settings: StepSettings, say: Say = lambda text: None, keep: Keep = lambda report: None) -> StepReport:
    """Build, check and time every loop.

    Args:
        settings: which, and for how long.
        say: told what is being done.
        keep: given what is known after each loop that is made ready and after each block, so that nothing is lost where the process ends.

    Raises:
        GanbenchError: a wrong setting, or an architecture that the published loop cannot train.
    """
    began = time.monotonic()
    with contextlib.ExitStack() as stack:
        task = Task(
            plugin=settings.plugin,
            settings=settings.settings,
            precision=settings.precision,
            device=settings.device,
            scratch=Path(stack.enter_context(tempfile.TemporaryDirectory())),
        )
        say("building the networks")
        base = stack.enter_context(contextlib.closing(task.harness(runner="eager", kernels="ref")))
        say("comparing the published loop with ganbench's arithmetic in float64")
        exact, flops = check_arithmetic(base)
        rate = matrix_rate(settings.device, settings.precision, blocks=settings.blocks, seconds=0.01)
        rows: dict[Entry, StepRow] = {}
        ready: dict[Entry, Prepared] = {}
        seconds: dict[Entry, list[float]] = {}
        images = base.real_images()

        def report(*, is_interrupted: bool = False) -> StepReport:
            timed = {
                e: _row(e, p, seconds, base.batch_size, exact, 1e-12 * flops / rate.median) for e, p in ready.items() if seconds.get(e)
            }
            late = {entry: StepRow(entry=entry, status="not run", reason=NOT_TIMED) for entry in ready}
            known = {**late, **rows, **timed}
            return StepReport(
                trained=base.facts(),
                precision=settings.precision,
                blocks=max(map(len, seconds.values()), default=0),
                rows=tuple(known.get(entry) or StepRow(entry=entry, status="not run", reason=NOT_REACHED) for entry in settings.entries),
                seconds=time.monotonic() - began,
                flops=flops,
                matrix_tflops=rate,
                is_interrupted=is_interrupted,
            )

        with contextlib.suppress(KeyboardInterrupt):
            _measure(settings, task, base, images, stack, ready, rows, seconds, began, say, lambda: keep(report()))
            return report()
        return report(is_interrupted=True)


def _measure(
    settings: StepSettings,
    task: Task,
    base: Harness,
    images: Tensor,
    stack: contextlib.ExitStack,
    ready: dict[Entry, Prepared],
    rows: dict[Entry, StepRow],
    seconds: dict[Entry, list[float]],
    began: float,
    say: Say,
    keep: Callable[[], None],
) -> None:
    """Make every loop ready, then time those that are; fill ``ready``, ``rows`` and ``seconds``."""
    for entry in _cheapest_first(settings.entries):
        if reason := obstacle(entry, settings.device, compiles=settings.compiles) or _too_late(began, settings.seconds):
            rows[entry] = StepRow(entry=entry, status="not run", reason=reason)
            continue
        say(f"making ready: {entry}")
        _enter(entry, task, base, images, stack, ready, rows)
        keep()
    blocks = _affordable_blocks(ready, settings)
    say(f"timing {len(ready)} loops in {blocks} blocks")
    _time(ready, blocks, settings, seconds, keep)


def _cheapest_first(entries: tuple[Entry, ...]) -> list[Entry]:
    """Leave what has to be compiled for the end: where the time does not suffice, the rest is there."""
    return sorted(entries, key=has_to_be_compiled)


def _too_late(began: float, seconds: float) -> str:
    return f"no time was left to make it ready (--seconds {seconds:g})" if time.monotonic() - began > PREPARING * seconds else ""


def _enter(
    entry: Entry,
    task: Task,
    base: Harness,
    images: Tensor,
    stack: contextlib.ExitStack,
    ready: dict[Entry, Prepared],
    rows: dict[Entry, StepRow],
) -> None:
    """Build a loop, compare its first losses, and measure what single steps show; or say why not."""
    try:
        began = time.monotonic()
        with _memory(task.device) as peak_mib:
            loop = builder(entry, task, base, images)()
            if isinstance(loop, Harness):
                stack.callback(loop.close)
            losses = loop.losses(CHECKED_STEPS)
        ready_seconds = time.monotonic() - began
        expected = ready[PUBLISHED].losses if PUBLISHED in ready else losses
        if problem := compare_losses(losses, expected, task.precision):
            rows[entry] = StepRow(entry=entry, status="wrong", reason=problem, first_losses=_pairs(losses))
            return
        loop.run(WARM_UP_STEPS)
        ready[entry] = Prepared(loop, losses, _single(loop, task.device, peak_mib), _seconds_per_step(loop), ready_seconds)
    except Exception as error:  # whatever a compiler or a capture does: the other loops can still be timed
        rows[entry] = StepRow(entry=entry, status="not run", reason=first_line(error))


@contextlib.contextmanager
def _memory(device: torch.device) -> Iterator[list[float]]:
    """Put into the list what a block allocates on a GPU at most; leave it empty on a CPU."""
    peak: list[float] = []
    if device.type != "cuda":
        yield peak
        return
    gc.collect()
    torch.cuda.synchronize(device)
    before = torch.cuda.memory_allocated(device)
    torch.cuda.reset_peak_memory_stats(device)
    yield peak
    torch.cuda.synchronize(device)
    peak.append((torch.cuda.max_memory_allocated(device) - before) / 2**20)


def _single(loop: Loop, device: torch.device, peak_mib: list[float]) -> SingleStep:
    if device.type != "cuda":
        return SingleStep(host_milliseconds=None, requests=None, device_launches=None, peak_mib=None)
    taken = []
    for _ in range(HOST_STEPS):
        torch.cuda.synchronize(device)
        began = time.perf_counter()
        loop.issue()
        taken.append(1e3 * (time.perf_counter() - began))
    torch.cuda.synchronize(device)
    counted = profiled(loop.issue, device)
    on_device, requests = counted if counted else (None, None)
    return SingleStep(
        host_milliseconds=Interval.of(taken),
        requests=requests,
        device_launches=on_device,
        peak_mib=peak_mib[0] if peak_mib else None,
    )


def _seconds_per_step(loop: Loop) -> float:
    """Return a first guess."""
    taken = []
    for _ in range(2):
        began = time.perf_counter()
        loop.run(1)
        taken.append(time.perf_counter() - began)
    return min(taken)


def _affordable_blocks(ready: dict[Entry, Prepared], settings: StepSettings) -> int:
    """Return how many blocks of single steps fit; never fewer than make an interval."""
    shortest = 2 * sum(prepared.seconds_per_step for prepared in ready.values())
    fitting = int((1 - PREPARING) * settings.seconds / shortest) if shortest else settings.blocks
    return max(min(FEWEST_BLOCKS, settings.blocks), min(settings.blocks, fitting))


def _time(
    ready: dict[Entry, Prepared], blocks: int, settings: StepSettings, seconds: dict[Entry, list[float]], keep: Callable[[], None]
) -> None:
    """Add the seconds of a step, block by block, for each loop."""
    share = (1 - PREPARING) * settings.seconds / (2 * blocks * max(len(ready), 1))

    def quarter(prepared: Prepared) -> Callable[[], float]:
        steps = max(1, round(share / prepared.seconds_per_step))

        def run() -> float:
            began = time.perf_counter()
            prepared.loop.run(steps)
            return (time.perf_counter() - began) / steps

        return run

    quarters = {entry: quarter(prepared) for entry, prepared in ready.items()}
    for _ in range(blocks):
        for entry, taken in interleaved(quarters, blocks=1).items():
            seconds.setdefault(entry, []).extend(taken)
        keep()


def _row(
    entry: Entry, prepared: Prepared, seconds: dict[Entry, list[float]], batch_size: int, exact: Tensor, shortest_seconds: float
) -> StepRow:
    """Return the figures of a loop; a step cannot take less than the shortest seconds at the rate of a matrix product."""
    own = seconds[entry]
    measured = Measured(
        milliseconds=Interval.of([1e3 * s for s in own]),
        samples_per_second=Interval.of([batch_size / s for s in own]),
        speedup_over_published=_speedup(seconds.get(PUBLISHED), own),
        speedup_over_compile=_speedup(_best_compiled(seconds), own),
        percent_of_matrix_rate=100 * shortest_seconds / statistics.median(own),
        ready_seconds=prepared.ready_seconds,
        error=loss_error(prepared.losses, exact),
        single=prepared.single,
    )
    return StepRow(entry=entry, status="ok", first_losses=_pairs(prepared.losses), measured=measured)


def _best_compiled(seconds: dict[Entry, list[float]]) -> list[float] | None:
    """Return the times of the faster of the compiled published loops."""
    compiled = [taken for entry, taken in seconds.items() if is_compiled_published(entry)]
    return min(compiled, key=statistics.median) if compiled else None


def _speedup(base: list[float] | None, own: list[float]) -> Interval | None:
    return None if base is None else Interval.of([b / o for b, o in zip(base, own, strict=True)])


def _pairs(losses: Tensor) -> tuple[tuple[float, float], ...]:
    return tuple((float(d), float(g)) for d, g in losses.double().cpu())
