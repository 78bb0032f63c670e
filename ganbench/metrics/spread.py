"""Count, mean and total variance of a stream of features of any width in float64, for each class apart.

The total variance is the trace of the covariance, and twice that is the mean squared distance between two images of the set, over every
pair. Rows are taken one by one (Welford, 1962), so the result has the same bits whatever the batch size.

Shapes: N images, D feature dimensions.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ganbench.errors import ConfigError
from ganbench.metrics.finite import require_finite

_NO_CLASS = -1


@dataclass(slots=True)
class _Running:
    count: int
    mean: Tensor  # [D] float64
    squares: Tensor  # [] float64, the sum of squared distances from the mean

    def add(self, row: Tensor) -> None:
        self.count += 1
        delta = row - self.mean
        self.mean += delta / self.count
        self.squares += torch.dot(delta, row - self.mean)


class FeatureSpread:
    """Streaming spread of one set of features.

    Args:
        dims: D.
        device: where the sums are kept.
    """

    def __init__(self, dims: int, *, device: str | torch.device = "cpu") -> None:
        self.dims = dims
        self._device = torch.device(device)
        self._classes: dict[int, _Running] = {}

    def update(self, batch: Tensor, labels: Tensor | None = None) -> None:
        """Add a batch.

        Args:
            batch: ``[n, D]`` float32 on any device.
            labels: ``[n]`` int64; None where there are no classes.

        Raises:
            Diverged: a feature is NaN or Inf.
        """
        require_finite(batch, "features")
        names = [_NO_CLASS] * len(batch) if labels is None else labels.tolist()
        for name, row in zip(names, batch, strict=True):
            self._class(name).add(row.to(self._device, torch.float64))

    def _class(self, name: int) -> _Running:
        if name not in self._classes:
            zeros = torch.zeros(self.dims, dtype=torch.float64, device=self._device)
            self._classes[name] = _Running(0, zeros, torch.zeros((), dtype=torch.float64, device=self._device))
        return self._classes[name]

    @property
    def counts(self) -> dict[int, int]:
        """Images of each class, by class."""
        return {name: one.count for name, one in sorted(self._classes.items())}

    def variance(self) -> float:
        """Return the total variance (ddof 1) of all images, the classes joined.

        Raises:
            ConfigError: fewer than two images.
        """
        total = sum(self.counts.values())
        if total < 2:
            raise ConfigError(f"the spread of a set of images needs at least 2 images (got {total}); evaluate more images")
        parts = [one for _, one in sorted(self._classes.items())]
        mean = sum((one.mean * (one.count / total) for one in parts), torch.zeros((), dtype=torch.float64, device=self._device))
        squares = [one.squares + one.count * (one.mean - mean).square().sum() for one in parts]
        return float(torch.stack(squares).sum()) / (total - 1)

    def class_variances(self) -> dict[int, float]:
        """Return the total variance (ddof 1) within each class.

        Raises:
            ConfigError: a class has one image.
        """
        for name, count in self.counts.items():
            if count < 2:
                raise ConfigError(
                    f"the spread within a class needs at least 2 images (class {name} has {count})", hint="evaluate more images"
                )
        return {name: float(one.squares) / (one.count - 1) for name, one in sorted(self._classes.items())}
