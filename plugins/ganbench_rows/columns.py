"""The columns of a table, as they are fitted to the train split: numbers with their modes, and categories with their shares.

Mode-specific normalisation (Xu et al. 2019, https://arxiv.org/abs/1907.00503, section 4.2): a variational Gaussian mixture is fitted to
each column of numbers, and networks see of a number which mode it belongs to and ``(x - mean) / (4 std)`` within it. The article gives no
number of components and no rule by which one counts as a mode. Here there are at most ``max_modes``, with a Dirichlet process of
concentration 0.001 over their weights, and a component of a weight of 0.005 or less is no mode.

Shapes: N rows, M modes, Q quantiles.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MOST_QUANTILES = 1001
_CONCENTRATION = 1e-3
_LEAST_WEIGHT = 5e-3
_MOST_FITTED = 10_000
_MOST_DECIMALS = 6
Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Mode:
    """One component of a column's mixture."""

    weight: float
    mean: float
    std: float


@dataclass(frozen=True, slots=True)
class Number:
    """A column of numbers."""

    name: str
    modes: tuple[Mode, ...]
    quantiles: tuple[float, ...]
    """Values of the train split at evenly spaced ranks, from the least to the largest, all of them where they are few."""
    decimals: int | None = None
    """What generated values are rounded to, as all of the train split are; None where these have more than six."""

    @property
    def width(self) -> int:
        """Numbers that networks see of a value: where it lies in its mode, and one for each mode."""
        return 1 + len(self.modes)

    def describe(self) -> str:
        """Return what the reader is told of it."""
        modes = "1 mode" if len(self.modes) == 1 else f"{len(self.modes)} modes"
        return f"{self.name}: numbers from {self.quantiles[0]:.4g} to {self.quantiles[-1]:.4g}, {modes}"


@dataclass(frozen=True, slots=True)
class Category:
    """A column of categories, stored as their places in :attr:`values`."""

    name: str
    values: tuple[str, ...]
    shares: tuple[float, ...]
    """Of each value in the train split; 0 for one that only other rows have."""

    @property
    def width(self) -> int:
        """Numbers that networks see of a value."""
        return len(self.values)

    def describe(self) -> str:
        """Return what the reader is told of it."""
        shown = ", ".join(self.values[:5]) + (f" and {len(self.values) - 5} more" if len(self.values) > 5 else "")
        return f"{self.name}: {len(self.values)} categories ({shown})"


Column = Number | Category


def fit_number(name: str, values: Values, max_modes: int) -> Number:
    """Fit a column of numbers.

    Args:
        name: of the column.
        values: of the train split, ``[N]``, finite and not all the same.
        max_modes: 1 or more.
    """
    ranks = np.linspace(0, len(values) - 1, min(len(values), MOST_QUANTILES)).round().astype(np.int64)
    quantiles = tuple(np.sort(values)[ranks].tolist())
    return Number(name, fit_modes(values, max_modes), quantiles, find_decimals(values))


def fit_modes(values: Values, max_modes: int) -> tuple[Mode, ...]:
    """Return the modes of numbers ``[N]`` by ascending mean; their parameters have seven digits, so that rounding elsewhere is not seen.

    Of more than 10,000 numbers a random choice of so many is fitted, always the same one.
    """
    if len(values) > _MOST_FITTED:
        values = np.random.RandomState(0).choice(values, _MOST_FITTED, replace=False)
    centre, scale = float(values.mean()), float(values.std())
    found = _fit_mixture((values - centre) / scale, min(max_modes, len(np.unique(values))))
    kept = [(weight, mean, std) for weight, mean, std in found if weight > _LEAST_WEIGHT]
    total = sum(weight for weight, _, _ in kept)
    modes = (Mode(_round(weight / total), _round(centre + scale * mean), _round(scale * std)) for weight, mean, std in kept)
    return tuple(sorted(modes, key=lambda mode: mode.mean))


def _fit_mixture(values: Values, count: int) -> list[tuple[float, float, float]]:
    """Return weight, mean and standard deviation of each component."""
    if count == 1:
        return [(1.0, 0.0, 1.0)]
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import BayesianGaussianMixture

    mixture = BayesianGaussianMixture(n_components=count, weight_concentration_prior=_CONCENTRATION, max_iter=100, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        mixture.fit(values[:, None])
    parts = (mixture.weights_, mixture.means_[:, 0], np.sqrt(mixture.covariances_[:, 0, 0]))
    return list(zip(*(part.tolist() for part in parts), strict=True))


def _round(value: float) -> float:
    return float(f"{value:.7g}")


def find_decimals(values: Values) -> int | None:
    """Return the decimals that all numbers ``[N]`` get by with, up to six; None where they need more."""
    for decimals in range(_MOST_DECIMALS + 1):
        if np.array_equal(values.round(decimals), values):
            return decimals
    return None


def fit_category(name: str, places: Values, values: tuple[str, ...]) -> Category:
    """Return a column of categories with the shares of the train split.

    Args:
        name: of the column.
        places: of the train split in ``values``, ``[N]``.
        values: all of the table.
    """
    counts = np.bincount(places.astype(np.int64), minlength=len(values))
    return Category(name, values, tuple((counts / len(places)).tolist()))
