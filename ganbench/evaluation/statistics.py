"""What is summed up of a stream of features, in float64 and with the same bits whatever the batch size.

:class:`FeatureStatistics` keeps count, mean and scatter, and the features themselves while they are few. The parts are joined by the
pairwise update of Chan, Golub and LeVeque (1979), never by the sum of squares minus the square of the sum, in blocks of a fixed size. A set
of no more samples than dimensions has a singular covariance: it is kept as rows, which is smaller and loses nothing.

:class:`FeatureSpread` keeps count, mean and total variance of features of any width, for each class apart. The total variance is the trace
of the covariance, and twice that is the mean squared distance between two samples of the set, over every pair. It is joined in blocks too.

:func:`diversity` says how varied samples are themselves: whatever the metrics, a generator that makes the same again and again is seen.

Shapes: N samples, D feature dimensions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ganbench.data.space import require_finite
from ganbench.errors import ConfigError

_NO_CLASS = -1


_SPREAD_ELEMENTS = 2**20
"""Features of one class that wait until they are folded together."""


@dataclass(slots=True)
class _Running:
    """One class: what is folded, and the rows that are not yet, fewer than a block."""

    count: int
    mean: Tensor  # [D] float64
    squares: Tensor  # [] float64, the sum of squared distances from the mean
    rows: list[Tensor] = field(default_factory=list)  # [D] each

    def add(self, row: Tensor, block: int) -> None:
        self.rows.append(row)
        if len(self.rows) == block:
            self.fold()

    def fold(self) -> None:
        """Join the waiting rows (Chan et al., equation 2.1). Equal rows have exactly no spread, because they are less the first one."""
        if not self.rows:
            return
        first = self.rows[0].to(torch.float64)
        less = torch.stack(self.rows).to(torch.float64) - first
        mean = less.mean(dim=0)
        count, total = len(self.rows), self.count + len(self.rows)
        delta = first + mean - self.mean if self.count else torch.zeros_like(mean)
        self.squares += (less - mean).square().sum() + torch.dot(delta, delta) * (self.count * count / total)
        self.mean = self.mean + delta * (count / total) if self.count else first + mean
        self.count, self.rows = total, []

    def complete(self) -> _Running:
        """Return it with every row folded, without changing the stream's blocks."""
        copy = _Running(self.count, self.mean, self.squares.clone(), list(self.rows))
        copy.fold()
        return copy


class FeatureSpread:
    """Streaming spread of one set of features.

    Args:
        dims: D.
        device: where the sums are kept.
    """

    def __init__(self, dims: int, *, device: str | torch.device = "cpu") -> None:
        self.dims = dims
        self._device, self._block = torch.device(device), max(1, _SPREAD_ELEMENTS // dims)
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
        for name, row in zip(names, batch.detach().to(self._device, copy=True), strict=True):
            self._class(name).add(row, self._block)

    def _class(self, name: int) -> _Running:
        if name not in self._classes:
            zeros = torch.zeros(self.dims, dtype=torch.float64, device=self._device)
            self._classes[name] = _Running(0, zeros, torch.zeros((), dtype=torch.float64, device=self._device))
        return self._classes[name]

    @property
    def counts(self) -> dict[int, int]:
        """Samples of each class, by class."""
        return {name: one.count + len(one.rows) for name, one in sorted(self._classes.items())}

    def variance(self) -> float:
        """Return the total variance (ddof 1) of all samples, the classes joined.

        Raises:
            ConfigError: fewer than two samples.
        """
        total = sum(self.counts.values())
        if total < 2:
            raise ConfigError(f"the spread of a set of samples needs at least 2 samples (got {total}); evaluate more samples")
        parts = [one.complete() for _, one in sorted(self._classes.items())]
        mean = sum((one.mean * (one.count / total) for one in parts), torch.zeros((), dtype=torch.float64, device=self._device))
        return float(torch.stack([one.squares + one.count * (one.mean - mean).square().sum() for one in parts]).sum()) / (total - 1)

    def class_variances(self) -> dict[int, float]:
        """Return the total variance (ddof 1) within each class.

        Raises:
            ConfigError: a class has one sample.
        """
        for name, count in self.counts.items():
            if count < 2:
                raise ConfigError(
                    f"the spread within a class needs at least 2 samples (class {name} has {count})", hint="evaluate more samples"
                )
        parts = {name: one.complete() for name, one in sorted(self._classes.items())}
        return {name: float(one.squares) / (one.count - 1) for name, one in parts.items()}


BLOCK_ROWS = 512
"""Rows that are folded at a time: enough that the matrix product outweighs the pass over the D x D scatter."""


@dataclass(slots=True)
class _Moments:
    count: int
    mean: Tensor  # [D] float64
    scatter: Tensor  # [D, D] float64, the sum of outer products of the centred rows

    def absorb(self, other: _Moments) -> None:
        """Join another part into this one, in place (Chan et al., equation 2.1)."""
        total = self.count + other.count
        delta = other.mean - self.mean
        self.scatter += other.scatter
        self.scatter.addr_(delta, delta, alpha=self.count * other.count / total)
        self.mean += delta * (other.count / total)
        self.count = total

    def copy(self) -> _Moments:
        return _Moments(self.count, self.mean.clone(), self.scatter.clone())


def _moments_of(rows: Tensor) -> _Moments:
    wide = rows.to(torch.float64)
    mean = wide.mean(dim=0)
    centred = wide - mean
    return _Moments(len(rows), mean, centred.T @ centred)


class FeatureStatistics:
    """Streaming statistics of one set of features.

    Args:
        dims: D.
        device: where the sums are kept; results are returned on the CPU.

    Raises:
        ValueError: ``dims`` below 1.
    """

    def __init__(self, dims: int, *, device: str | torch.device = "cpu") -> None:
        if dims < 1:
            raise ValueError(f"dims must be 1 or more (got {dims})")
        self.dims = dims
        self._device = torch.device(device)
        self._moments: _Moments | None = None
        self._rows: list[Tensor] = []  # float32, not folded yet
        self._num_rows = 0

    @property
    def count(self) -> int:
        """N, the samples seen."""
        return self._num_rows + (self._moments.count if self._moments else 0)

    def update(self, batch: Tensor) -> None:
        """Add a batch.

        Args:
            batch: ``[n, D]`` float32 on any device; it is copied.

        Raises:
            ValueError: wrong dtype or shape.
            Diverged: a feature is NaN or Inf.
        """
        if batch.dtype != torch.float32 or batch.ndim != 2 or batch.shape[1] != self.dims:
            raise ValueError(f"features must be float32 [n, {self.dims}] (got {batch.dtype} {list(batch.shape)})")
        require_finite(batch, "features")
        self._keep(batch.detach().to(self._device, copy=True))
        self._fold()

    def _keep(self, rows: Tensor) -> None:
        if len(rows):
            self._rows.append(rows)
            self._num_rows += len(rows)

    def _absorb(self, part: _Moments) -> None:
        part = _Moments(part.count, part.mean.to(self._device), part.scatter.to(self._device))
        if self._moments is None:
            self._moments = part
        else:
            self._moments.absorb(part)

    def _fold(self) -> None:
        """Fold whole blocks, once there are more samples than dimensions."""
        if self.count <= self.dims or self._num_rows < BLOCK_ROWS:
            return
        rows = torch.cat(self._rows)
        whole = len(rows) - len(rows) % BLOCK_ROWS
        for block in torch.split(rows[:whole], BLOCK_ROWS):
            self._absorb(_moments_of(block))
        self._rows = [rows[whole:].clone()]  # a slice would keep all rows alive
        self._num_rows = len(rows) - whole

    def _complete(self) -> _Moments:
        """Return the moments of everything seen, without changing the stream's blocks."""
        if self.count == 0:
            raise ConfigError("the statistics of a set of samples need at least 1 sample (got 0)")
        if self._moments is not None and not self._num_rows:
            return self._moments
        blocks = [_moments_of(block) for block in torch.split(torch.cat(self._rows), BLOCK_ROWS)]
        total = self._moments.copy() if self._moments else blocks.pop(0)
        for block in blocks:
            total.absorb(block)
        return total

    def mean(self) -> Tensor:
        """Return the mean, ``[D]`` float64 on the CPU.

        Raises:
            ConfigError: no sample was seen.
        """
        if self.is_small:
            return self._all_rows().mean(dim=0)
        return self._complete().mean.to("cpu", copy=True)

    def covariance(self, ddof: int = 1) -> Tensor:
        """Return the covariance, ``[D, D]`` float64 on the CPU; see :meth:`mean_and_covariance`."""
        return self.mean_and_covariance(ddof)[1]

    def mean_and_covariance(self, ddof: int = 1) -> tuple[Tensor, Tensor]:
        """Return the mean, ``[D]``, and the covariance, ``[D, D]``, float64 on the CPU.

        Args:
            ddof: what is subtracted from N in the divisor.

        Raises:
            ConfigError: no more samples than ``ddof``.
        """
        if self.count <= ddof:
            raise ConfigError(f"a covariance needs at least {ddof + 1} samples (got {self.count}); evaluate more samples")
        moments = self._complete()
        return moments.mean.to("cpu", copy=True), (moments.scatter / (self.count - ddof)).cpu()

    @property
    def is_small(self) -> bool:
        """Whether there are at most D samples, all of them kept: then the covariance is singular and :meth:`centred` stands for it."""
        return self._moments is None and 0 < self._num_rows <= self.dims

    def _all_rows(self) -> Tensor:
        return torch.cat(self._rows).to("cpu", torch.float64)

    def centred(self) -> Tensor:
        """Return the features less their mean, ``[N, D]`` float64 on the CPU; their scatter is exact at any rank.

        Raises:
            ValueError: the features were not kept, see :attr:`is_small`.
        """
        if not self.is_small:
            raise ValueError(f"the features are kept only for 1 to {self.dims} samples (got {self.count})")
        rows = self._all_rows()
        return rows - rows.mean(dim=0)

    def to_tensors(self) -> dict[str, Tensor]:
        """Return everything as CPU tensors for a cache: ``rows`` while N <= D, else ``count``, ``mean`` and ``scatter``.

        Raises:
            ConfigError: no sample was seen.
        """
        if self.is_small:
            return {"rows": torch.cat(self._rows).cpu()}
        moments = self._complete()
        count = torch.tensor([moments.count], dtype=torch.int64)
        return {"count": count, "mean": moments.mean.cpu().clone(), "scatter": moments.scatter.cpu().clone()}

    @classmethod
    def from_tensors(cls, tensors: dict[str, Tensor], *, device: str | torch.device = "cpu") -> FeatureStatistics:
        """Rebuild what :meth:`to_tensors` gave.

        Args:
            tensors: ``rows`` ``[N, D]`` float32, or ``count`` ``[1]`` int64 with ``mean`` ``[D]`` and ``scatter`` ``[D, D]`` float64.
            device: where the sums are kept.

        Raises:
            ValueError: an entry is missing or has the wrong dtype or shape.
        """
        if set(tensors) == {"rows"} and tensors["rows"].ndim == 2:
            statistics = cls(tensors["rows"].shape[1], device=device)
            statistics.update(tensors["rows"])
            return statistics
        statistics = cls(_checked_dims(tensors), device=device)
        statistics._absorb(_Moments(int(tensors["count"]), tensors["mean"].clone(), tensors["scatter"].clone()))
        return statistics


def _checked_dims(tensors: dict[str, Tensor]) -> int:
    found = {name: f"{value.dtype} {list(value.shape)}" for name, value in sorted(tensors.items())}
    if set(found) == {"count", "mean", "scatter"}:
        dims = tensors["mean"].numel()
        expected = {"count": "torch.int64 [1]", "mean": f"torch.float64 [{dims}]", "scatter": f"torch.float64 [{dims}, {dims}]"}
        if found == expected and int(tensors["count"]) > 0:
            return dims
    raise ValueError(f"these are not the tensors of feature statistics (got {found}); delete the cached file")


_MOST_COMPARED, _FEWEST_COMPARED = 256, 32
_MOST_NUMBERS = 2**22


def num_compared(size: int) -> int:
    """Return how many samples of a size are compared, each with each."""
    return min(_MOST_COMPARED, max(_FEWEST_COMPARED, _MOST_NUMBERS // size))


def diversity(generated: Tensor, real: Tensor) -> float | None:
    """Return how far generated samples lie from each other, as a share of what real ones do.

    By two measures, of which the less counts: the median distance to the nearest other sample, which copies and near copies bring down
    however far their few originals lie apart, and the root of the total variance.

    Args:
        generated: ``[N, *stored_size]``.
        real: as many.

    Returns:
        0 for a constant generator, about 1 for real samples; None where the real ones are alike too, or are fewer than two.
    """
    if len(real) < 2:
        return None
    return min([made / there for made, there in zip(_measures(generated), _measures(real), strict=True) if there > 0], default=None)


def _measures(samples: Tensor) -> Iterator[float]:
    flat = samples.flatten(1).float().cpu()
    apart = torch.cdist(flat, flat, compute_mode="donot_use_mm_for_euclid_dist")
    apart.fill_diagonal_(torch.inf)
    yield float(apart.min(dim=1).values.median())
    yield float((flat - flat[0]).double().var(dim=0).sum().sqrt())
