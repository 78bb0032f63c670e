"""From a definition to its cells: the cross product, what is excluded and included, readable names, and shards."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ganbench.errors import UsageError
from ganbench.fleet.matrix.axes import PLUGIN, Axis, short_name, value_text
from ganbench.fleet.matrix.definition import Definition, Product


@dataclass(frozen=True, kw_only=True, slots=True)
class WantedCell:
    """One run that is wanted."""

    name: str
    """Its values on the axes: ``dcgan loss=hinge seed=0``; unique in the matrix."""
    plugin: str
    settings: tuple[tuple[str, Any], ...]
    """By configuration path, the matrix's own first."""
    options: tuple[tuple[str, str], ...] = ()
    """What ``-o`` gave."""
    exclusive: bool = False
    """Whether it runs alone on the machine."""


def expand(definition: Definition) -> tuple[WantedCell, ...]:
    """Return the cells in the order of the axes, the last axis fastest, then the included ones.

    A cell that is included although the product has it stays one cell; whether it runs alone is what the last one says.

    Raises:
        UsageError: a cell without a plugin, or no cell at all.
    """
    cells: dict[str, WantedCell] = {}
    for product in definition.products:
        for values in _products(product):
            if product.included or not any(_agrees(values, table, definition) for table in definition.exclude):
                cell = _cell(values, product, definition)
                cells[cell.name] = cell
    if not cells:
        raise UsageError(f"the matrix {definition.name} has no cell", hint="everything is excluded")
    return tuple(cells.values())


def shard(cells: Sequence[WantedCell], number: int, count: int) -> tuple[WantedCell, ...]:
    """Return the cells of one shard; the shards share nothing, and together they are all cells.

    Args:
        cells: of the whole matrix.
        number: of the shard, from 1.
        count: of shards.
    """
    return tuple(cells[number - 1 :: count])


def read_shard(text: str) -> tuple[int, int]:
    """Read ``2/3``.

    Raises:
        UsageError: it is no such text.
    """
    match = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text)
    if not match or not 1 <= int(match[1]) <= int(match[2]):
        raise UsageError(f"--shard must be i/n with i from 1 to n (got {text!r})", hint="write 1/3, 2/3 and 3/3")
    return int(match[1]), int(match[2])


def _products(product: Product) -> Iterator[dict[str, Any]]:
    for values in itertools.product(*(axis.values for axis in product.axes)):
        yield dict(zip((axis.path for axis in product.axes), values, strict=True))


def _agrees(values: dict[str, Any], table: Sequence[Axis], definition: Definition) -> bool:
    """Tell whether an exclusion means a cell; what the cell does not vary is looked up in the settings of all."""
    own = {**dict(definition.settings), **values}
    return all(axis.path in own and value_text(own[axis.path]) in map(value_text, axis.values) for axis in table)


def _cell(values: dict[str, Any], product: Product, definition: Definition) -> WantedCell:
    settings = {**dict(definition.settings), **values}
    plugin = settings.pop(PLUGIN, None)
    if not plugin:
        raise UsageError("which GAN? the matrix names no plugin", hint="add -a plugin=dcgan, or plugin under [axes] or [settings]")
    return WantedCell(
        name=_name(values, [axis.path for one in definition.products for axis in one.axes]) or str(plugin),
        plugin=str(plugin),
        settings=tuple(settings.items()),
        options=definition.options,
        exclusive=product.exclusive,
    )


def _name(values: dict[str, Any], paths: Sequence[str]) -> str:
    """Return the values in the order in which the matrix first names their settings."""
    parts = []
    for path in sorted(values, key=paths.index):
        text = value_text(values[path])
        parts.append(text if path == PLUGIN else f"{short_name(path, paths)}={text}")
    return " ".join(parts)
