"""The options of the metrics that come with ganbench. Apart from their arithmetic, so that registering them imports no torch."""

from __future__ import annotations

import math
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


@dataclass(frozen=True, kw_only=True, slots=True)
class LpipsOptions:
    """Between which images the perceptual distance is taken."""

    per_class: bool = False
    """Whether only images of one class are compared; the mean over the classes is returned. Needs a conditional run."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MsSsimOptions:
    """Between which images MS-SSIM is taken."""

    num_pairs: int = 1000
    """Random pairs of different images over which the mean is taken."""
    per_class: bool = False
    """Whether only images of one class are compared, as Odena et al. (2017) do; each class has as many pairs. Needs a conditional run."""
    seed: int = 2020
    """Seed of the pairs' own stream."""

    def __post_init__(self) -> None:
        _at_least("num_pairs", self.num_pairs, 1)
        _seed(self.seed)


@dataclass(frozen=True, kw_only=True, slots=True)
class ClassificationAccuracyOptions:
    """The classifier that is trained on generated images, and its budget."""

    steps: int = 300
    """Optimizer steps, for generated and for real images alike."""
    batch_size: int = 128
    """Images in a step."""
    width: int = 32
    """Channels of the first convolution; the second has twice as many, all others four times."""
    learning_rate: float = 2e-3
    """AdamW's rate at the start; it falls to 0 along a cosine."""
    weight_decay: float = 0.02
    """AdamW's, on all weights."""
    seed: int = 0
    """Of the classifier's initialisation and of the order of the images."""

    def __post_init__(self) -> None:
        for name in ("steps", "width"):
            _at_least(name, getattr(self, name), 1)
        _at_least("batch_size", self.batch_size, 2)
        if not 0 < self.learning_rate < math.inf:
            raise ValueError(f"learning_rate must be above 0 and finite (got {self.learning_rate})")
        if not 0 <= self.weight_decay < math.inf:
            raise ValueError(f"weight_decay must be 0 or more and finite (got {self.weight_decay})")
        _seed(self.seed)


@dataclass(frozen=True, kw_only=True, slots=True)
class ClassFrechetOptions:
    """How few images of a class are enough."""

    least_per_class: int = 50
    """Images that each class must have on each side. Few images make every class's distance large; the floor shows by how much."""

    def __post_init__(self) -> None:
        _at_least("least_per_class", self.least_per_class, 2)


@dataclass(frozen=True, kw_only=True, slots=True)
class MemorisedOptions:
    """How near is too near. The default is that of Alaa et al. (2022)."""

    factor: float = 1.0
    """Of the distance from a train image to its nearest other train image: a generated image that is nearer than this is memorised."""

    def __post_init__(self) -> None:
        if not 0 < self.factor < math.inf:
            raise ValueError(f"factor must be above 0 and finite (got {self.factor})")
