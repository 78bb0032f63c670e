"""A table of people, and the space of its rows, whose scaling is fitted to the train split.

Shapes: N rows, n of a batch, A numbers of a row, K categories.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from PIL import Image, ImageDraw
from torch import Tensor

from ganbench import ArraySource, DataContext, Dataset, Space

BINS, BAR, HEIGHT, GAP, LINE = 24, 8, 120, 16, 14
REAL, GENERATED, TEXT = (150, 150, 150), (220, 110, 20), (30, 30, 30)


@dataclass(frozen=True, slots=True)
class RowSpace(Space):
    """Rows: A numbers and the index of a category, float32, as they are stored; scaled numbers and a one-hot category for networks."""

    columns: tuple[str, ...]
    means: tuple[float, ...]
    deviations: tuple[float, ...]
    categories: tuple[str, ...]

    name: ClassVar[str] = "rows"
    unit: ClassVar[str] = "rows"
    stored_dtype: ClassVar[torch.dtype] = torch.float32
    quantiser: ClassVar[str] = "unscaled-argmax"

    @classmethod
    def fit(cls, rows: Tensor, columns: tuple[str, ...], categories: tuple[str, ...]) -> RowSpace:
        """Return the space whose scaled numbers have mean 0 and deviation 1 over these rows."""
        numbers = rows[:, :-1].double()
        return cls(columns, tuple(numbers.mean(0).tolist()), tuple(numbers.std(0).tolist()), categories)

    @property
    def size(self) -> tuple[int, ...]:
        """(A + K,)."""
        return (len(self.means) + len(self.categories),)

    @property
    def stored_size(self) -> tuple[int, ...]:
        """(A + 1,)."""
        return (len(self.means) + 1,)

    def arrange(self, stored: Tensor, *, channels_last: bool = False) -> Tensor:
        """Return rows as networks see them, once for all: they are few numbers."""
        numbers, category = stored[:, :-1], stored[:, -1:]
        scaled = (numbers - torch.tensor(self.means)) / torch.tensor(self.deviations)
        return torch.cat([scaled, (category == torch.arange(len(self.categories))).float()], dim=1)

    def to_network(
        self, arranged: Tensor, indices: Tensor | None = None, mirrored: Tensor | None = None, *, channels_last: bool = False
    ) -> Tensor:
        """Return ``[n, A + K]`` float32."""
        return arranged if indices is None else arranged.index_select(0, indices)

    def quantise(self, samples: Tensor) -> Tensor:
        """Return numbers in their own units and the likeliest category."""
        count = len(self.means)
        numbers = samples[:, :count] * samples.new_tensor(self.deviations) + samples.new_tensor(self.means)
        return torch.cat([numbers, samples[:, count:].argmax(1, keepdim=True).to(numbers.dtype)], dim=1)

    def picture_count(self, grid_size: int) -> int:
        """Return enough for histograms."""
        return 400

    def picture(self, samples: Tensor, *, columns: int, real: Callable[[int], Tensor]) -> bytes:
        """Return the marginals: a histogram of each column, real in grey and generated in orange; what lies outside stands at the edge."""
        given, names = real(len(samples)), (*self.columns, "category")
        canvas = Image.new("RGB", (len(names) * (BINS * BAR + GAP) + GAP, HEIGHT + 3 * LINE + GAP), "white")
        draw = ImageDraw.Draw(canvas)
        for column, name in enumerate(names):
            left, bottom, bins = GAP + column * (BINS * BAR + GAP), GAP + LINE + HEIGHT, BINS
            low, high = given[:, column].min().item(), given[:, column].max().item()
            under = {left: f"{low:.3g} to {high:.3g}"}
            if column == len(self.means):
                low, high, bins = -0.5, len(self.categories) - 0.5, len(self.categories)
                under = {left + i * BINS * BAR / bins: category for i, category in enumerate(self.categories)}
            heights = torch.stack([torch.histc(rows[:, column].clamp(low, high), bins, low, high) for rows in (given, samples)])
            heights, bar = heights / heights.amax() * HEIGHT, BINS * BAR / bins
            for i in range(bins):
                for which, colour in ((0, REAL), (1, GENERATED)):
                    start = left + (i + which / 2) * bar
                    draw.rectangle((start, bottom - heights[which, i].item(), start + bar / 2 - 1, bottom), fill=colour)
            draw.text((left, 4), name, fill=TEXT)
            for start, text in under.items():
                draw.text((start, bottom + 4), text, fill=TEXT)
        file = io.BytesIO()
        canvas.save(file, format="PNG")
        return file.getvalue()


def draw_people(count: int, seed: int) -> Tensor:
    """Return sizes in cm, ages in years and jobs ``[count, 3]``: each job has its own age, and half the people are tall."""
    random = torch.Generator().manual_seed(seed)
    job = torch.multinomial(torch.tensor([0.6, 0.3, 0.1]), count, replacement=True, generator=random)
    noise = torch.randn(2, count, generator=random)
    size = 165 + 14 * (torch.rand(count, generator=random) < 0.5) + 4 * noise[0]
    age = torch.tensor([15.0, 40.0, 72.0])[job] + 4 * noise[1]
    return torch.stack([size, age, job.float()], dim=1)


def build(options: object, context: DataContext) -> Dataset:
    """Return people, and further ones that are held out."""
    train, test = draw_people(800, seed=0), draw_people(400, seed=1)
    space = RowSpace.fit(train, ("size", "age"), ("pupil", "worker", "pensioner"))
    return Dataset(name="people", train=ArraySource(train, space=space), test=ArraySource(test, space=space))
