"""The table of ``ganbench bench kernels``: a section for each op and what it computes, a block for each case, a line for each pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby

from ganbench import Cell, Column, Document, Row, Section, number
from ganbench_bench.interval import Interval
from ganbench_bench.kernels.bench import FAST, KernelReport
from ganbench_bench.kernels.case import IMPLEMENTATIONS, Pass
from ganbench_bench.kernels.row import KernelRow, Measured

_COLUMNS = (
    Column(heading="case", kind="name"),
    Column(heading="pass", kind="text"),
    Column(heading="eager µs", kind="speed", direction="lower"),
    Column(heading="compile µs", kind="speed", direction="lower"),
    Column(heading="ours µs", kind="speed", direction="lower"),
    Column(heading="eager\n/ ours"),
    Column(heading="compile\n/ ours"),
    Column(heading="% of copy\ne/c/o"),
    Column(heading="launches\ne/c/o"),
    Column(heading="dispatch µs\ne/c/o"),
    Column(heading="peak MiB\ne/c/o"),
    Column(heading="error\ne/c/o"),
    Column(heading="first s\ne/c/o"),
    Column(heading="GB/s\ne/c/o"),
)
_PASSES: dict[Pass, str] = {"forward": "forward", "backward": "backward", "double backward": "double"}
_LEGEND = "µs: one call, median ± half of its 95 % interval, after the same inputs gave the reference's values; timings interleaved"
_EXPLANATION = (
    "e/c/o: eager / compile / ours; eager is the expression in the title, compile is torch.compile of it; double: the backward's backward",
    "GB/s and % of copy: the bytes that the pass must move over its time, and that over the bandwidth of a copy in this run",
    "error: largest difference to float64 over the root mean square; first s: until the first result, compiling included",
    "fast_p: of the cases that were tried on both, those in which ours is right and at least p times as fast",
)
_ON_A_GPU = (
    "replays of CUDA graphs over inputs in turn that are more than three times the L2 cache; dispatch: the host's time to issue one call",
)


def kernel_document(report: KernelReport, heading: Sequence[str]) -> Document:
    """Return the table.

    Args:
        report: what was measured.
        heading: lines that name the machine and the software.
    """
    figures = [row.measured for row in report.rows if row.measured]
    copy = f"copy {_interval(report.copy_gb_per_second)} GB/s"
    return Document(
        title="ganbench bench kernels",
        heading=(*heading, f"{copy}; took {report.seconds:.0f} s"),
        sections=(*(_section(f"{op}: {title}", list(rows)) for (op, title), rows in groupby(report.rows, _title)), *_fast(report)),
        legend=(*(f"{one.op}: not measured: {one.reason}" for one in report.missing), _LEGEND),
        explanation=(*_EXPLANATION, *(_ON_A_GPU if any(m.timing == "graph" for m in figures) else ())),
        options=("--explain",),
    )


def _title(row: KernelRow) -> tuple[str, str]:
    return row.op, row.title


def _fast(report: KernelReport) -> list[Section]:
    """Return how often ours is fast, a row for each op and pass; nothing where nothing could be compared."""
    columns = tuple(Column(heading=f"fast_{p:g} over\n{name}") for name in IMPLEMENTATIONS[:-1] for p in FAST)
    by_pass = [(key, list(group)) for key, group in groupby(report.shares, lambda share: (share.op, share.wanted))]
    rows = [
        Row((Cell(op), Cell(_PASSES[wanted]), *(Cell(f"{s.num_fast} of {s.num_cases}" if s.num_cases else "-") for s in shares)))
        for (op, wanted), shares in by_pass
        if any(share.num_cases for share in shares)
    ]
    first = (Column(heading="op", kind="name"), Column(heading="pass", kind="text"))
    return (
        [Section(title="cases in which ours is right and so many times as fast", columns=(*first, *columns), rows=tuple(rows))]
        if rows
        else []
    )


def _section(title: str, rows: list[KernelRow]) -> Section:
    cases = [_case(list(same)) for _, same in groupby(rows, lambda row: (row.variant, row.shape, row.dtype, row.layout))]
    return Section(title=title, columns=_COLUMNS, rows=tuple(row for case in cases for row in case))


def _case(rows: list[KernelRow]) -> list[Row]:
    """Return a row for each pass."""
    first = rows[0]
    warm = any(row.measured and row.measured.timing != "wall clock" and not row.measured.is_cold for row in rows)
    size = "x".join(map(str, first.shape))
    lines = (first.variant, *((size, f"{first.dtype} {first.layout}") if first.layout else (f"{size} {first.dtype}",)))
    name = Cell("\n".join(filter(None, lines)), notes=("so little that it stays in the L2 cache",) if warm else ())
    passes = (list(same) for _, same in groupby(rows, lambda row: row.wanted))
    return [Row((name, *_figures(same)), is_joined=i > 0) for i, same in enumerate(passes)]


def _figures(rows: list[KernelRow]) -> tuple[Cell, ...]:
    assert tuple(row.implementation for row in rows) == IMPLEMENTATIONS
    figures = [row.measured for row in rows]
    ours = figures[-1]
    return (
        Cell(_PASSES[rows[0].wanted]),
        *(_time(row) for row in rows),
        Cell(_ratio(ours.speedup_over_eager if ours else None)),
        Cell(_ratio(ours.speedup_over_compile if ours else None)),
        _triple(figures, lambda m: m.percent_of_copy),
        _triple(figures, lambda m: m.launches),
        _triple(figures, lambda m: m.dispatch_microseconds.median if m.dispatch_microseconds else None),
        _triple(figures, lambda m: m.peak_mib),
        _triple(figures, lambda m: m.error, lambda value: f"{value:.0e}".replace("e-0", "e-") if value else "0"),
        _triple(figures, lambda m: m.first_seconds, lambda value: number(value, 2)),
        _triple(figures, lambda m: m.gb_per_second),
    )


def _time(row: KernelRow) -> Cell:
    """Return the time; in its place ``wrong`` or a dash, with the reason in a note."""
    if row.measured is None:
        return not_measured(row.status, row.reason)
    return Cell(_interval(row.measured.microseconds), notes=(row.measured.note,) if row.measured.note else ())


def not_measured(status: str, reason: str) -> Cell:
    """Return ``wrong`` or a dash, with the reason in a note."""
    return Cell("wrong", notes=(reason,), tone="bad") if status == "wrong" else Cell("-", notes=(reason,))


def _interval(value: Interval) -> str:
    return f"{number(value.median)} ±{number(value.half_width, 2)}"


def _ratio(value: Interval | None) -> str:
    return "" if value is None else f"{value.median:.2f}x"


def _triple(
    figures: Sequence[Measured | None], value: Callable[[Measured], float | None], as_text: Callable[[float], str] | None = None
) -> Cell:
    """Return a figure of each implementation: ``30/91/93``; nothing where none has it."""
    values = [None if m is None else value(m) for m in figures]
    if all(v is None for v in values):
        return Cell()
    return Cell("/".join("-" if v is None else (as_text or _whole)(v) for v in values))


def _whole(value: float) -> str:
    """Return a number without decimals, but never a rounded zero."""
    return "<1" if 0 < value < 0.5 else f"{value:.0f}"
