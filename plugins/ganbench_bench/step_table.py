"""The table of ``ganbench bench step``: a line for each loop."""

from __future__ import annotations

from collections.abc import Sequence

from ganbench.report.document import Block, Cell, Column, Notes, Section, Sheet
from ganbench.text import number
from ganbench_bench.interval import Interval
from ganbench_bench.step.bench import StepReport
from ganbench_bench.step.row import Measured, StepRow

_COLUMNS = (
    Column(heading="loop", is_number=False),
    Column(heading="images/s"),
    Column(heading="over pytorch/\nexamples"),
    Column(heading="over best\ncompile", priority=1),
    Column(heading="ms\na step", priority=4),
    Column(heading="host ms\na step", priority=3),
    Column(heading="launches\nhost", priority=5),
    Column(heading="launches\ndevice", priority=6),
    Column(heading="peak\nMiB", priority=2),
)
_LEGEND = (
    "images/s: real images into the discriminator, median ± half of its 95 % interval; speed-ups block by block, the loops taking turns",
    "best compile: the faster torch.compile of pytorch/examples' loop",
    "all loops share weights, batch, precision, numerics and the process (its allocator too), and gave the published loop's first losses",
)
_ON_A_GPU = (
    "host ms: until a step is issued to an idle GPU; launches: what the host asks for (a graph counts once), and what the device runs",
    "peak: allocated from building the loop to its first steps",
)


def step_sheet(report: StepReport, heading: Sequence[str]) -> Sheet:
    """Return the table.

    Args:
        report: what was measured.
        heading: lines that name the machine and the software.
    """
    notes, trained = Notes(), report.trained
    section = Section(
        title=f"{trained['plugin']} on {trained['dataset']}, batch {trained['batch_size']}, {report.precision}",
        columns=_COLUMNS,
        blocks=tuple(_block(row, notes) for row in report.rows),
    )
    on_gpu = any(row.measured and row.measured.single.host_milliseconds for row in report.rows)
    return Sheet(
        heading=(*heading, f"{report.blocks} blocks; took {report.seconds:.0f} s"),
        sections=(section,),
        notes=tuple(notes.texts),
        legend=(*_LEGEND, *(_ON_A_GPU if on_gpu else ())),
    )


def _block(row: StepRow, notes: Notes) -> Block:
    if row.measured is not None:
        return Block((str(row.entry),), (_figures(row.measured),))
    figure = Cell("wrong" if row.status == "wrong" else "-", notes.add(row.reason), is_bad=row.status == "wrong")
    return Block((str(row.entry),), ((figure, *(Cell() for _ in _COLUMNS[2:])),))


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
    )


def _ratio(value: Interval | None) -> str:
    return "" if value is None else f"{value.median:.2f}x ±{value.half_width:.2f}"
