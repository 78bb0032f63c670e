"""A command: the best value of each metric of a run."""

from __future__ import annotations

from ganbench import Cell, Column, Document, Invocation, Row, Section, load, number, print_document
from proof_outside import BestOptions


def best(options: BestOptions, invocation: Invocation) -> int:
    """Print a table."""
    record = load(options.run).record
    rows = tuple(Row((Cell(name), Cell(number(record.best(name).value)))) for name in record.metric_names)
    columns = (Column(heading="metric", kind="name"), Column(heading="best", id="best"))
    print_document(Document(sections=(Section(title=record.run_id, columns=columns, rows=rows),)))
    return 0
