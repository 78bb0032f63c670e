"""Rows in the order of one column, the best first."""

from __future__ import annotations

import math
from dataclasses import replace

from ganbench.errors import UsageError, did_you_mean
from ganbench.record.record import Scalar
from ganbench.report.table_model import Column, Row, Table

_MORE_IS_BETTER = ("samples_per_second",)


def order_by(table: Table, name: str) -> Table:
    """Return a table whose rows stand by one column within each machine's group; rows without a value come last.

    Args:
        table: any.
        name: a metric (``fd5k_digits``, by its final value; ``fd5k_digits.best`` by another), or a column's heading or id (``images/s``).

    Raises:
        UsageError: there is no such column, or values in it cannot be compared.
    """
    column = _find(table, name)
    index = table.columns.index(column)
    more_is_better = column.direction == "higher" or column.id in _MORE_IS_BETTER

    def value(row: Row) -> Scalar:
        found = row.cells[index].value
        return None if found == "" or (isinstance(found, float) and math.isnan(found)) else found

    def rank(row: Row) -> float | str:
        found = value(row)
        return str(found) if not isinstance(found, (int, float)) else -found if more_is_better else found

    groups = []
    for group in table.groups:
        known = sorted((row for row in group.rows if value(row) is not None), key=rank)
        groups.append(replace(group, rows=(*known, *(row for row in group.rows if value(row) is None))))
    return replace(table, groups=tuple(groups))


def _find(table: Table, name: str) -> Column:
    metric, dot, part = name.rpartition(".")
    if not dot or part not in ("best", "final", "floor"):
        metric, part = name, "final"
    found = [column for column in table.columns if column.metric == metric and column.part == part]
    if len(found) > 1:
        raise UsageError(f"{metric} was measured in {len(found)} ways, which give no common order", hint="choose runs of one of them")
    found = found or [column for column in table.columns if not column.metric and name in (column.id, column.heading)]
    if not found:
        shown = [column for column in table.columns if column.in_text]
        known = list(dict.fromkeys(column.metric or column.heading for column in shown))
        raise UsageError(f"no column is called {name!r}", hint=did_you_mean(name, known))
    return found[0]
