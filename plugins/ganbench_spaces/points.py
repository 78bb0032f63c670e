"""Points in the plane: float32 without bounds, neither normalised nor quantised.

Shapes: N points, n of a batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor

from ganbench import ArraySource, Space

NUM_POINTS = 2500
"""Points of either kind in a picture."""


@dataclass(frozen=True, slots=True)
class PointSpace(Space):
    """Points ``[2]`` as networks see them; stored with two sizes of 1 behind, as the content hashes of records have them."""

    name: ClassVar[str] = "points"
    unit: ClassVar[str] = "points"
    stored_dtype: ClassVar[torch.dtype] = torch.float32

    @property
    def size(self) -> tuple[int]:
        """(2,)."""
        return (2,)

    @property
    def stored_size(self) -> tuple[int, int, int]:
        """(2, 1, 1)."""
        return (2, 1, 1)

    def check(self, stored: Tensor) -> None:
        """Refuse what are no points, or not finite ones."""
        if stored.dtype != torch.float32 or stored.ndim != 4 or stored.shape[1:] != (2, 1, 1):
            kind = "" if stored.dtype == torch.float32 else f"{stored.dtype} "
            raise ValueError(f"float32 data must be points [N, 2, 1, 1] (got {kind}{list(stored.shape)}); images are uint8")
        if len(stored) == 0:
            raise ValueError("points must hold at least one point (got 0)")
        if not bool(stored.isfinite().all()):
            raise ValueError("points must be finite (got NaN or Inf)")

    def arrange(self, stored: Tensor, *, channels_last: bool = False) -> Tensor:
        """Return ``[N, 2]``."""
        return stored.flatten(1).contiguous()

    def to_network(
        self, arranged: Tensor, indices: Tensor | None = None, mirrored: Tensor | None = None, *, channels_last: bool = False
    ) -> Tensor:
        """Return ``[n, 2]``, as they are."""
        return arranged.clone() if indices is None else arranged.index_select(0, indices)

    def quantise(self, samples: Tensor) -> Tensor:
        """Return ``[n, 2, 1, 1]``, as they are."""
        return samples.float()[:, :, None, None]

    def picture_count(self, grid_size: int) -> int:
        """Return how many points a scatter plot shows."""
        return NUM_POINTS

    def picture(self, samples: Tensor, *, columns: int, real: Callable[[int], Tensor]) -> bytes:
        """Return a scatter plot: the data in grey, the samples over them."""
        from ganbench_spaces.scatter import draw_scatter

        return draw_scatter(real(NUM_POINTS), samples)

    def files(self, samples: Tensor) -> Iterator[tuple[str, bytes]]:
        """Yield one CSV with a line for each point; nine digits are a float32 to the last bit."""
        yield "samples.csv", "".join(f"{x:.9g},{y:.9g}\n" for x, y in samples.flatten(1).tolist()).encode()

    def strip(self, pictures: Sequence[tuple[str, Path]]) -> bytes | None:
        """Return the plots one below the other."""
        from ganbench_spaces.grid import draw_strip

        return draw_strip(pictures)

    def film(self, pictures: Sequence[tuple[str, Path]]) -> bytes | None:
        """Return the plots one after the other."""
        from ganbench_spaces.grid import draw_film

        return draw_film(pictures)


def point_source(stored: Tensor, labels: Tensor | None = None) -> ArraySource:
    """Return points that fit in memory.

    Args:
        stored: ``[N, 2, 1, 1]`` float32.
        labels: ``[N]`` int64, or None.

    Raises:
        ValueError: wrong dtype, size or label count, no point, or points that are not finite.
    """
    return ArraySource(stored, labels, space=PointSpace())
