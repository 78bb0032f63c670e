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
INTERRUPTED = "interrupted"
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


@dataclass(frozen=True, kw_only=True, slots=True)
class KernelReport:
    """What came out."""

    copy_gb_per_second: Interval
    rows: tuple[KernelRow, ...]
    """In the order of the ops and their cases."""
    missing: tuple[Missing, ...]
    seconds: float
    """That it took."""
    is_interrupted: bool = False
    """Whether Ctrl-C ended it early; what was measured by then is there."""


def measure_kernels(settings: KernelSettings, say: Say = lambda text: None) -> KernelReport:
    """Measure every case.

    Args:
        settings: what, and for how long.
        say: told what is being done.
    """
    began = time.monotonic()
    found = [cases_of(op, sizes_for(settings.device, quick=settings.quick), settings.dtypes, settings.layouts) for op in settings.ops]
    cases = [case for one in found if not isinstance(one, Missing) for case in one]
    rows: dict[int, list[KernelRow]] = {}
    with surroundings(settings.device):
        say("copy bandwidth")
        copy = copy_bandwidth(settings.device, blocks=settings.effort.blocks, seconds=0.01, mib=4 if settings.quick else None)
        stopped = ""
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
    return KernelReport(
        copy_gb_per_second=copy,
        rows=tuple(row for index in range(len(cases)) for row in rows[index]),
        missing=tuple(one for one in found if isinstance(one, Missing)),
        seconds=time.monotonic() - began,
        is_interrupted=stopped == INTERRUPTED,
    )


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
