"""The options of the metrics that come with ganbench. Apart from their arithmetic, so that registering them imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


def _at_least(name: str, value: int, lowest: int) -> None:
    if value < lowest:
        raise ValueError(f"{name} must be {lowest} or more (got {value})")


def _seed(value: int) -> None:
    if not 0 <= value < 2**32:
        raise ValueError(f"seed must be from 0 to 4294967295 (got {value})")


@dataclass(frozen=True, kw_only=True, slots=True)
class KernelDistanceOptions:
    """How the kernel distance is estimated. The defaults are those of Binkowski et al. (2018)."""

    num_subsets: int = 100
    """Random subsets over which the mean and the standard deviation are taken."""
    subset_size: int = 1000
    """Images in a subset, drawn without replacement from each side."""
    seed: int = 2020
    """Seed of the subsets' own stream; 2020 draws the subsets of torch-fidelity."""

    def __post_init__(self) -> None:
        _at_least("num_subsets", self.num_subsets, 1)
        _at_least("subset_size", self.subset_size, 2)
        _seed(self.seed)


@dataclass(frozen=True, kw_only=True, slots=True)
class ClassifierScoreOptions:
    """How the classifier score is estimated. The defaults are those of torch-fidelity."""

    num_splits: int = 10
    """Parts of the generated images over which the mean and the standard deviation are taken."""
    shuffle: bool = True
    """Whether the images are put in a random order before they are split."""
    seed: int = 2020
    """Seed of that order."""

    def __post_init__(self) -> None:
        _at_least("num_splits", self.num_splits, 1)
        _seed(self.seed)


@dataclass(frozen=True, kw_only=True, slots=True)
class PrecisionRecallOptions:
    """How precision and recall are estimated. The default is that of Kynkaanniemi et al. (2019)."""

    num_neighbours: int = 3
    """k: a ball reaches to the k-th nearest neighbour of its centre in the centre's own set."""

    def __post_init__(self) -> None:
        _at_least("num_neighbours", self.num_neighbours, 1)


@dataclass(frozen=True, kw_only=True, slots=True)
class DensityCoverageOptions:
    """How density and coverage are estimated. The default is that of Naeem et al. (2020)."""

    num_neighbours: int = 5
    """k: a ball reaches to the k-th nearest real neighbour of a real image."""

    def __post_init__(self) -> None:
        _at_least("num_neighbours", self.num_neighbours, 1)


@dataclass(frozen=True, kw_only=True, slots=True)
class ModesOptions:
    """How mode coverage is scored. The default is that of Lin et al. (2018)."""

    expected: Literal["even", "real"] = "even"
    """What the reverse KL is taken against: even shares of all modes, or the shares in the real images."""
