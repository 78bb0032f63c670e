"""The Fréchet distance between two Gaussians: FID under the Inception network, FD under any other.

Heusel et al. (2017), https://arxiv.org/abs/1706.08500: ``|m1 - m2|^2 + tr(S1) + tr(S2) - 2 tr((S1 S2)^(1/2))``, covariances with ddof 1.
Agrees with pytorch-fid and torch-fidelity, and differs from them where a covariance is singular: there their matrix square root loses
half of the digits, and this one does not.

Every covariance has a factor F with ``S = F^T F``, and ``tr((S1 S2)^(1/2))`` is the nuclear norm of ``F1 F2^T``. The factor is the centred
features, a Cholesky factor or a truncated eigendecomposition, in this order of preference. Where both covariances are well-conditioned
the singular values are the square roots of the eigenvalues of ``L1^T S2 L1``, which is several times faster and as exact. A covariance of
more samples than dimensions is known to the rounding of its largest eigenvalue: what lies below 1e-16 of that, as float32 noise around
features of low rank does, is worth up to 1e-8 of the trace and is not known better.

Shapes: D feature dimensions, R rows of a factor.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import scipy.linalg
import torch
from scipy.linalg import lapack
from threadpoolctl import ThreadpoolController

from ganbench import ConfigError, FeatureStatistics, Needs, NoOptions, RunFailed, SampleSet

Array = npt.NDArray[np.float64]

EPSILON = float(np.finfo(np.float64).eps)
CLAMP = 1e-9
"""A negative distance within this part of the traces is rounding; a larger one is a fault."""


ROOTS = 1e-11
"""How exact the fast way must be: graded spectra are left to the singular values."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Gaussian:
    """Mean and covariance, the latter as a matrix or, at most D samples, as an exact factor.

    Exactly one of ``covariance`` and ``factor`` is given.
    """

    mean: Array
    """``[D]``."""
    covariance: Array | None = None
    """``[D, D]``, symmetric; the lower triangle is read."""
    factor: Array | None = None
    """``[R, D]`` with covariance = factor^T factor."""

    def __post_init__(self) -> None:
        if (self.covariance is None) == (self.factor is None):
            raise ValueError("a Gaussian needs either a covariance or a factor of it")

    @classmethod
    def of(cls, statistics: FeatureStatistics) -> Gaussian:
        """Return the Gaussian with ddof 1 of a set of features.

        Raises:
            ConfigError: fewer than two samples.
        """
        if statistics.count < 2:
            raise ConfigError(f"the Fréchet distance needs at least 2 samples on each side (got {statistics.count}); evaluate more samples")
        if statistics.is_small:
            return cls(mean=statistics.mean().numpy(), factor=statistics.centred().numpy() / math.sqrt(statistics.count - 1))
        mean, covariance = statistics.mean_and_covariance(ddof=1)
        return cls(mean=mean.numpy(), covariance=covariance.numpy())

    @property
    def trace(self) -> float:
        """The trace of the covariance."""
        if self.factor is not None:
            return float(np.vdot(self.factor, self.factor))
        return float(np.trace(_known(self.covariance)))


def frechet_distance(real: SampleSet, fake: SampleSet) -> float:
    """Return the squared Fréchet distance between the Gaussians of two sample sets; 0 or more, in squared feature units.

    Raises:
        ConfigError: fewer than two samples on a side.
        RunFailed: rounding exceeds 1e-9 of the traces.
    """
    return distance_between(Gaussian.of(real.statistics), Gaussian.of(fake.statistics))


def distance_between(first: Gaussian, second: Gaussian) -> float:
    """Return the squared Fréchet distance between two Gaussians of equal dimensions.

    Raises:
        ValueError: the numbers of dimensions differ.
        RunFailed: rounding exceeds 1e-9 of the traces.
    """
    if first.mean.shape != second.mean.shape:
        raise ValueError(f"cannot compare features of {first.mean.size} and {second.mean.size} dimensions")
    traces = first.trace + second.trace
    with _controller().limit(limits=torch.get_num_threads(), user_api="blas"):
        overlap = trace_of_root(first, second)
    spread = traces - 2.0 * overlap
    if not spread >= -CLAMP * traces:
        raise RunFailed(f"the Fréchet distance lost its precision: {spread!r} is below zero by more than {CLAMP} of the traces {traces!r}")
    shift = first.mean - second.mean
    return float(np.vdot(shift, shift)) + max(spread, 0.0)


@cache
def _controller() -> ThreadpoolController:
    """SciPy's BLAS has threads of its own, which fight with torch's unless they are held to the same number."""
    return ThreadpoolController()


def trace_of_root(first: Gaussian, second: Gaussian) -> float:
    """Return tr((S1 S2)^(1/2))."""
    if first.covariance is not None and second.covariance is not None:
        lower = _cholesky(first.covariance)
        if lower is not None:
            values = _congruence_eigenvalues(lower, second.covariance)
            if _are_exact(values):
                return float(np.sqrt(values).sum())
    return _nuclear_norm(_factor(first) @ _factor(second).T)


def _are_exact(values: Array) -> bool:
    """Tell whether the roots of eigenvalues are right to :data:`ROOTS` of their sum; each eigenvalue is off by rounding of the largest."""
    if values[0] <= 0:
        return False
    roots = np.sqrt(values)
    return bool(EPSILON * values[-1] * (0.5 / roots).sum() < ROOTS * roots.sum())


def _noise(dims: int) -> float:
    """The part of the largest eigenvalue below which one cannot be told from rounding, with a margin."""
    return 10.0 * dims * EPSILON


def _cholesky(covariance: Array | None) -> Array | None:
    """Return the lower factor (its upper triangle is not cleaned), or None where the covariance is not safely positive definite."""
    if covariance is None:
        return None
    lower, info = lapack.dpotrf(covariance.T, lower=1, clean=0)
    if info != 0:
        return None
    one_norm = np.abs(covariance).sum(axis=0).max()
    reciprocal_condition, _ = lapack.dpocon(lower, one_norm, uplo="L")
    return np.asarray(lower) if reciprocal_condition > _noise(len(covariance)) else None


def _congruence_eigenvalues(lower: Array, covariance: Array) -> Array:
    """Return the eigenvalues of L^T S L, ascending: a quarter of the work of two matrix products, by LAPACK's reduction."""
    reduced, _ = lapack.dsygst(covariance.T, lower, itype=2, lower=1)
    return np.asarray(scipy.linalg.eigh(reduced, lower=True, eigvals_only=True, driver="evd", overwrite_a=True, check_finite=False))


def _factor(gaussian: Gaussian) -> Array:
    """Return F, ``[R, D]``. Both sides are truncated alike: noise on one side alone was measured to cost 8e-6 of the result."""
    if gaussian.factor is not None:
        return gaussian.factor
    covariance = _known(gaussian.covariance)
    lower = _cholesky(covariance)
    if lower is not None:
        return np.asarray(np.tril(lower).T)
    values, vectors = scipy.linalg.eigh(covariance, lower=True, driver="evd")
    kept = values > max(float(values[-1]), 0.0) * len(values) * EPSILON
    return np.asarray((vectors[:, kept] * np.sqrt(values[kept])).T)


def _nuclear_norm(matrix: Array) -> float:
    return float(scipy.linalg.svdvals(matrix).sum()) if matrix.size else 0.0


def _known(covariance: Array | None) -> Array:
    assert covariance is not None
    return covariance


@dataclass(frozen=True, slots=True)
class FrechetMetric:
    """The Fréchet distance as a metric: one quantity."""

    implementation: str = "frechet-1"
    needs: ClassVar[Needs] = Needs(repeats=True)
    least_samples: int = 2

    def parameters(self) -> dict[str, str | int | float]:
        """Return what changes the value."""
        return {"ddof": 1}

    def compute(self, real: SampleSet, fake: SampleSet) -> tuple[float, ...]:
        """Return (distance,); see :func:`frechet_distance`."""
        return (frechet_distance(real, fake),)


def build_frechet(options: NoOptions) -> FrechetMetric:
    """Build the metric from its options."""
    return FrechetMetric()
