"""The table of ``ganbench bench step``: a line for each loop."""

from __future__ import annotations

from collections.abc import Sequence

from ganbench import Cell, Column, Document, Row, Section, number
from ganbench_bench.interval import Interval
from ganbench_bench.kernel_table import not_measured
from ganbench_bench.step.bench import StepReport
from ganbench_bench.step.row import Measured, StepRow

_COLUMNS = (
    Column(heading="loop", kind="name"),
    Column(heading="images/s", kind="speed", direction="higher"),
    Column(heading="over pytorch/\nexamples"),
    Column(heading="over best\ncompile"),
    Column(heading="ms\na step"),
    Column(heading="host ms\na step"),
    Column(heading="launches\nhost"),
    Column(heading="launches\ndevice"),
    Column(heading="peak\nMiB"),
    Column(heading="% of\nmatrix"),
    Column(heading="error"),
    Column(heading="ready\ns"),
)
_LEGEND = (
    "images/s: real images into the discriminator, median ± half of its 95 % interval; speed-ups block by block, the loops taking turns"
)
_EXPLANATION = (
    "best compile: the fastest torch.compile of pytorch/examples' loop; all a user can do: channels_last and fused Adam as well",
    "% of matrix: products and convolutions of a step over its time, and over the rate of a large matrix product in this precision",
    "error: of the first losses against float64; ready s: from building to the first losses, compiling and capturing included",
    "all loops share weights, batch, precision, numerics and the process (its allocator too), and gave the published loop's first losses",
)
_ON_A_GPU = (
    "host ms: until a step is issued to an idle GPU; launches: what the host asks for (a graph counts once), and what the device runs",
    "peak: allocated from building the loop to its first steps",
)


def step_document(report: StepReport, heading: Sequence[str]) -> Document:
    """Return the table.

    Args:
        report: what was measured.
        heading: lines that name the machine and the software.
    """
    trained = report.trained
    section = Section(
        title=f"{trained['plugin']} on {trained['dataset']}, batch {trained['batch_size']}, {report.precision}",
        columns=_COLUMNS,
        rows=tuple(Row((Cell(str(row.entry)), *_cells(row))) for row in report.rows),
    )
    on_gpu = any(row.measured and row.measured.single.host_milliseconds for row in report.rows)
    return Document(
        title="ganbench bench step",
        heading=(
            *heading,
            f"{report.blocks} blocks; took {report.seconds:.0f} s; "
            f"{1e-9 * report.flops:.3g} GFLOP a step, a matrix product has {number(report.matrix_tflops.median, 3)} TFLOP/s",
        ),
        sections=(section,),
        legend=(_LEGEND,),
        explanation=(*_EXPLANATION, *(_ON_A_GPU if on_gpu else ())),
        options=("--explain",),
    )


def _cells(row: StepRow) -> tuple[Cell, ...]:
    if row.measured is not None:
        return _figures(row.measured)
    return (not_measured(row.status, row.reason), *(Cell() for _ in _COLUMNS[2:]))


def _figures(measured: Measured) -> tuple[Cell, ...]:
    speed, single = measured.samples_per_second, measured.single
    return (
        Cell(f"{number(speed.median)} ±{number(speed.half_width, 2)}"),
        Cell(_ratio(measured.speedup_over_published)),
        Cell(_ratio(measured.speedup_over_compile)),
        Cell(number(measured.milliseconds.median, 3)),
        Cell(number(single.host_milliseconds.median, 3) if single.host_milliseconds else ""),
        Cell("" if single.requests is None else f"{single.requests:,}"),
        Cell("" if single.device_launches is None else f"{single.device_launches:,}"),
        Cell("" if single.peak_mib is None else f"{single.peak_mib:,.0f}"),
        Cell(number(measured.percent_of_matrix_rate, 2)),
        Cell(f"{measured.error:.0e}".replace("e-0", "e-")),
        Cell(number(measured.ready_seconds, 2)),
    )


def _ratio(value: Interval | None) -> str:
    return "" if value is None else f"{value.median:.2f}x ±{value.half_width:.2f}"
