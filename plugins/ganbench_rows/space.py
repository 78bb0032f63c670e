"""Rows of a table: stored as the table has them, with categories as their places, and mode by mode as networks see them.

Shapes: N rows stored or on the device, n of a batch, C columns, W numbers that networks see: for a column of numbers where a value lies in
its mode and a one-hot mode, for a column of categories a one-hot category, column by column in the table's order.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor

from ganbench import Space
from ganbench_rows.columns import Category, Column, Number
from ganbench_rows.density import Density

NUM_ROWS = 1000
"""Rows of either kind in a picture."""


@dataclass(frozen=True, slots=True)
class RowSpace(Space):
    """Rows ``[C]`` float64 as they are stored."""

    columns: tuple[Column, ...]
    target: str = ""
    """The column that a classifier is to predict; empty where none is named."""
    density: Density | None = None
    """Of the rows, where it is known."""

    name: ClassVar[str] = "rows"
    unit: ClassVar[str] = "rows"
    stored_dtype: ClassVar[torch.dtype] = torch.float64
    quantiser: ClassVar[str] = "likeliest-mode-and-category"

    @property
    def size(self) -> tuple[int]:
        """(W,)."""
        return (sum(column.width for column in self.columns),)

    @property
    def stored_size(self) -> tuple[int]:
        """(C,)."""
        return (len(self.columns),)

    def parts(self) -> Iterator[tuple[int, Column, slice]]:
        """Yield the place of each column, the column, and what networks see of it."""
        start = 0
        for place, column in enumerate(self.columns):
            yield place, column, slice(start, start + column.width)
            start += column.width

    def check(self, stored: Tensor) -> None:
        """Refuse what are no rows of this table."""
        super(RowSpace, self).check(stored)
        if not bool(stored.isfinite().all()):
            raise ValueError("rows must be finite (got NaN or Inf)")
        for place, column, _ in self.parts():
            if isinstance(column, Category) and not bool(torch.isin(stored[:, place], torch.arange(column.width).double()).all()):
                raise ValueError(f"column {column.name!r} must hold places of its {column.width} categories")

    def arrange(self, stored: Tensor, *, channels_last: bool = False) -> Tensor:
        """Return ``[N, W]`` float32. The mode of each number is drawn by its probability, once for all, as the article has it."""
        return self.encode(stored, torch.Generator().manual_seed(0))

    def encode(self, stored: Tensor, random: torch.Generator | None = None) -> Tensor:
        """Return rows as networks see them.

        Args:
            stored: ``[n, C]``.
            random: draws the modes of numbers, on the device of the rows; None takes the likeliest.

        Returns:
            ``[n, W]`` float32.
        """
        parts = []
        for place, column, _ in self.parts():
            values = stored[:, place]
            if isinstance(column, Category):
                parts.append(values[:, None] == torch.arange(column.width, device=values.device))
                continue
            means, stds = (values.new_tensor([getattr(mode, name) for mode in column.modes]) for name in ("mean", "std"))
            modes = choose_modes(column, values, random)
            parts.append(((values - means[modes]) / (4 * stds[modes]))[:, None])
            parts.append(modes[:, None] == torch.arange(len(column.modes), device=values.device))
        return torch.cat([part.float() for part in parts], dim=1)

    def to_network(
        self, arranged: Tensor, indices: Tensor | None = None, mirrored: Tensor | None = None, *, channels_last: bool = False
    ) -> Tensor:
        """Return ``[n, W]`` float32."""
        return arranged.clone() if indices is None else arranged.index_select(0, indices)

    def quantise(self, samples: Tensor) -> Tensor:
        """Return rows in the table's own units: the likeliest mode's number, rounded as the table's are, and the likeliest category."""
        values = []
        for _, column, seen in self.parts():
            part = samples[:, seen].double()
            if isinstance(column, Category):
                values.append(part.argmax(1).double())
                continue
            means, stds = (part.new_tensor([getattr(mode, name) for mode in column.modes]) for name in ("mean", "std"))
            mode = part[:, 1:].argmax(1)
            number = part[:, 0] * 4 * stds[mode] + means[mode]
            values.append(number if column.decimals is None else number.round(decimals=column.decimals))
        return torch.stack(values, dim=1)

    def picture_count(self, grid_size: int) -> int:
        """Return how many rows a panel of marginals is made of."""
        return NUM_ROWS

    def picture(self, samples: Tensor, *, columns: int, real: Callable[[int], Tensor]) -> bytes:
        """Return the marginals: a histogram of each column, generated beside real."""
        from ganbench_rows.panel import draw_marginals

        return draw_marginals(self.columns, real(NUM_ROWS), samples)

    def files(self, samples: Tensor) -> Iterator[tuple[str, bytes]]:
        """Yield one CSV with the names of the columns, a line for each row, and categories as the table has them."""
        file = io.StringIO()
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(column.name for column in self.columns)
        for row in samples.tolist():
            cells = zip(self.columns, row, strict=True)
            writer.writerow(column.values[int(value)] if isinstance(column, Category) else f"{value:.17g}" for column, value in cells)
        yield "samples.csv", file.getvalue().encode()

    def strip(self, pictures: Sequence[tuple[str, Path]]) -> bytes | None:
        """Return the panels one below the other."""
        from ganbench_spaces.grid import draw_strip

        return draw_strip(pictures)

    def film(self, pictures: Sequence[tuple[str, Path]]) -> bytes | None:
        """Return the panels one after the other."""
        from ganbench_spaces.grid import draw_film

        return draw_film(pictures)


def choose_modes(column: Number, values: Tensor, random: torch.Generator | None) -> Tensor:
    """Return the mode of each number ``[n]`` int64: drawn by its probability, or the likeliest."""
    weights, means, stds = (values.new_tensor([getattr(mode, name) for mode in column.modes]) for name in ("weight", "mean", "std"))
    logits = weights.log() - stds.log() - 0.5 * ((values[:, None] - means) / stds).square()
    if random is None or len(column.modes) == 1:
        return logits.argmax(1)
    return torch.multinomial(logits.softmax(1), 1, generator=random)[:, 0]


def rows_of(space: Space | None) -> RowSpace:
    """Return a space that must be one of rows.

    Raises:
        ValueError: it is another.
    """
    if not isinstance(space, RowSpace):
        raise ValueError(f"this needs rows of a table (got {'nothing' if space is None else space.unit})")
    return space
