"""What is known of one implementation of one pass of one case."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ganbench_bench.interval import Interval
from ganbench_bench.kernels.case import Case, Implementation, Pass

Status = Literal["ok", "wrong", "not run"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """The figures of calls that were right."""

    microseconds: Interval
    """How long one call takes."""
    gb_per_second: float
    """Bytes that the pass must move at least, over its time: what an implementation moves on top of them lowers it."""
    percent_of_copy: float
    """The same over the bandwidth of a copy in this run."""
    speedup_over_eager: Interval | None
    """Eager time over this one's, block by block; None where eager has no time."""
    speedup_over_compile: Interval | None
    launches: int | None
    """Kernels, copies and fills of one call; None on a CPU, or where nothing could count them."""
    peak_mib: float | None
    """Memory that one call takes on top of what is there before it; None on a CPU."""
    error: float
    """Against the reference in float64: the largest difference of a value, over the root mean square of its tensor."""
    first_seconds: float
    """Until the first result of this implementation in this process: what compiling takes, where something is compiled."""
    dispatch_microseconds: Interval | None
    """What the host needs to issue one call; None on a CPU, where it does the work as well."""
    timing: str
    """``graph``, ``events`` or ``wall clock``."""
    num_sets: int
    """Sets of inputs that the calls go through in turn."""
    is_cold: bool
    """Whether those are more than three times what the GPU's cache holds."""
    note: str
    """What a reader must know of the timing; usually empty."""


@dataclass(frozen=True, kw_only=True, slots=True)
class KernelRow:
    """One implementation of one pass of one case."""

    op: str
    title: str
    variant: str
    shape: tuple[int, ...]
    dtype: str
    layout: str
    wanted: Pass
    implementation: Implementation
    num_bytes: int
    status: Status
    reason: str
    """Why there are no figures; empty where there are."""
    measured: Measured | None = None

    @classmethod
    def of(cls, case: Case, wanted: Pass, implementation: Implementation, outcome: Measured | str, *, wrong: bool = False) -> KernelRow:
        """Return the row of a case.

        Args:
            case: which.
            wanted: of its passes.
            implementation: of the pass.
            outcome: figures, or the reason why there are none.
            wrong: whether that reason is a wrong result.
        """
        has_figures = isinstance(outcome, Measured)
        return cls(
            op=case.op,
            title=case.title,
            variant=case.variant,
            shape=case.shape,
            dtype=case.dtype_name,
            layout=case.layout,
            wanted=wanted,
            implementation=implementation,
            num_bytes=case.num_bytes[wanted],
            status="ok" if has_figures else "wrong" if wrong else "not run",
            reason=outcome if isinstance(outcome, str) else "",
            measured=outcome if isinstance(outcome, Measured) else None,
        )
