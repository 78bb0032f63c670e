"""``ganbench bench kernels``: all cases, each op's largest first, within a limit of time."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import torch

from ganbench_bench.interval import Interval
from ganbench_bench.kernels.bandwidth import copy_bandwidth
from ganbench_bench.kernels.case import IMPLEMENTATIONS, Case, Implementation, Pass
from ganbench_bench.kernels.cases import Missing, cases_of
from ganbench_bench.kernels.contest import Effort, contest
from ganbench_bench.kernels.implementations import implementations
from ganbench_bench.kernels.row import KernelRow
from ganbench_bench.kernels.sizes import sizes_for

Say = Callable[[str], None]
INTERRUPTED, NOT_REACHED = "interrupted", "not reached"
Keep = Callable[["KernelReport"], None]
SayWhere = Callable[[Case, Pass, Implementation], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class KernelSettings:
    """What is measured, and for how long."""

    device: torch.device
    ops: tuple[str, ...]
    dtypes: tuple[torch.dtype, ...]
    layouts: tuple[str, ...]
    compiles: str = ""
    """Why nothing is to be compiled, which takes most of the time; empty to compile."""
    quick: bool = False
    """Tiny inputs and two short blocks: to see that all works."""
    seconds: float = 150.0
    """What has not begun by then is not measured."""

    @property
    def effort(self) -> Effort:
        """How long each contest takes."""
        if self.quick:
            return Effort(blocks=2, seconds=2e-4)
        return Effort(blocks=10, seconds=2e-3 if self.device.type == "cuda" else 1e-2)


FAST = (1.0, 1.5)


@dataclass(frozen=True, kw_only=True, slots=True)
class Share:
    """How many cases of an op are right and at least so many times as fast as a baseline, ``fast_p`` of KernelBench (arXiv:2502.10517)."""

    op: str
    wanted: Pass
    baseline: Implementation
    times: float
    """p: 1 or 1.5."""
    num_fast: int
    num_cases: int
    """Those of which there is a time of the baseline, and ours was tried."""


@dataclass(frozen=True, kw_only=True, slots=True)
class KernelReport:
    """What came out."""

    copy_gb_per_second: Interval
    rows: tuple[KernelRow, ...]
    """In the order of the ops and their cases."""
    missing: tuple[Missing, ...]
    shares: tuple[Share, ...] = ()
    """By op, pass, baseline and p."""
    seconds: float
    """That it took."""
    is_interrupted: bool = False
    """Whether Ctrl-C ended it early; what was measured by then is there."""


def measure_kernels(settings: KernelSettings, say: Say = lambda text: None, keep: Keep = lambda report: None) -> KernelReport:
    """Measure every case.

    Args:
        settings: what, and for how long.
        say: told what is being done.
        keep: given what is known after each case, so that nothing is lost where the process ends; the rest is a row that says so.
    """
    began = time.monotonic()
    found = [cases_of(op, sizes_for(settings.device, quick=settings.quick), settings.dtypes, settings.layouts) for op in settings.ops]
    cases = [case for one in found if not isinstance(one, Missing) for case in one]
    rows: dict[int, list[KernelRow]] = {}
    with surroundings(settings.device):
        say("copy bandwidth")
        copy = copy_bandwidth(settings.device, blocks=settings.effort.blocks, seconds=0.01, mib=4 if settings.quick else None)
        stopped = ""

        def report() -> KernelReport:
            every = [row for index, case in enumerate(cases) for row in rows.get(index) or _without(case, NOT_REACHED)]
            return KernelReport(
                copy_gb_per_second=copy,
                rows=tuple(every),
                missing=tuple(one for one in found if isinstance(one, Missing)),
                shares=tuple(_shares(every)),
                seconds=time.monotonic() - began,
                is_interrupted=stopped == INTERRUPTED,
            )

        for done, index in enumerate(in_turns(cases)):
            case = cases[index]
            if not stopped and time.monotonic() - began > settings.seconds:
                stopped = f"the limit of {settings.seconds:g} s was over (--seconds)"
            try:
                rows[index] = _without(case, stopped) or _measure(
                    case, settings, copy.median, partial(_say_where, say, done + 1, len(cases))
                )
            except KeyboardInterrupt:
                stopped = INTERRUPTED
                rows[index] = _without(case, stopped)
            if not stopped:
                keep(report())
    return report()


def _shares(rows: list[KernelRow]) -> Iterator[Share]:
    """Yield the shares of each op and pass."""
    by_pass: dict[tuple[str, Pass], list[tuple[KernelRow, ...]]] = {}
    for three in zip(*(rows[place :: len(IMPLEMENTATIONS)] for place in range(len(IMPLEMENTATIONS))), strict=True):
        by_pass.setdefault((three[0].op, three[0].wanted), []).append(three)
    for (op, wanted), cases in by_pass.items():
        for place, baseline in enumerate(IMPLEMENTATIONS[:-1]):
            tried = [case[-1] for case in cases if case[place].measured and case[-1].status != "not run"]
            right = [row.measured for row in tried if row.measured]
            speeds = [one.speedup_over_compile if place else one.speedup_over_eager for one in right]
            for times in FAST:
                num_fast = sum(speed is not None and speed.median >= times for speed in speeds)
                yield Share(op=op, wanted=wanted, baseline=baseline, times=times, num_fast=num_fast, num_cases=len(tried))


def _say_where(say: Say, number: int, count: int, case: Case, wanted: Pass, implementation: Implementation) -> None:
    say(f"{number} of {count}: {case}, {wanted}, {implementation}")


def in_turns(cases: list[Case]) -> list[int]:
    """Return the cases' indices, each op's largest first: where the time does not suffice, every op has its most telling sizes."""
    rank: dict[int, tuple[int, int]] = {}
    seen: Counter[str] = Counter()
    for index in sorted(range(len(cases)), key=lambda i: -cases[i].num_bytes["forward"]):
        rank[index] = seen[cases[index].op], index
        seen[cases[index].op] += 1
    return sorted(rank, key=lambda index: rank[index])


def _measure(case: Case, settings: KernelSettings, copy_gb_per_second: float, say: SayWhere) -> list[KernelRow]:
    torch._dynamo.reset()  # each case is compiled for its own shapes, and a function may not be recompiled without end
    functions = implementations(case, settings.device, compiles=settings.compiles)
    rows = []
    for wanted in case.passes:
        rows += contest(
            case,
            wanted,
            functions,
            settings.device,
            effort=settings.effort,
            copy_gb_per_second=copy_gb_per_second,
            note_progress=partial(say, case, wanted),
        )
    return rows


def _without(case: Case, reason: str) -> list[KernelRow]:
    """Return the rows of a case that is not measured; none without a reason."""
    return [KernelRow.of(case, wanted, name, reason) for wanted in case.passes for name in IMPLEMENTATIONS if reason]


@contextlib.contextmanager
def surroundings(device: torch.device) -> Iterator[None]:
    """Work on a stream that can be captured, with compiled backwards that can be called again."""
    import torch._functorch.config as functorch

    with contextlib.ExitStack() as stack:
        stack.enter_context(functorch.patch(donated_buffer=False))
        if device.type == "cuda":
            stack.enter_context(torch.cuda.device(device))
            stack.enter_context(torch.cuda.stream(torch.cuda.Stream(device)))  # type: ignore[no-untyped-call]
        yield
