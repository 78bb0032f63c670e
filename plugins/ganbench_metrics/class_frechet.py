"""The Fréchet distance within each class, and its mean over the classes: intra-FID, as Miyato and Koyama call it.

Miyato and Koyama (2018), https://arxiv.org/abs/1802.05637: the mean over the classes c of the Fréchet distance between the
real samples of c and the samples that the generator made when it was asked for c. A model whose samples are right as a whole and of the
wrong class has a good distance over all and a bad one here. The distance of each class is :mod:`ganbench_metrics.frechet`'s, exact at
any rank; with few samples of a class it is far above 0 for a perfect generator too, as real against real shows.

Shapes: N samples, D feature dimensions.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from statistics import fmean
from typing import ClassVar

from torch import Tensor

from ganbench import ConfigError, FeatureStatistics, Needs, SampleSet, labels_of
from ganbench_metrics import ClassFrechetOptions
from ganbench_metrics.frechet import Gaussian, distance_between


def class_frechet_distances(real: SampleSet, fake: SampleSet, least_per_class: int) -> dict[int, float]:
    """Return the squared Fréchet distance within each class of the real samples.

    Args:
        real: features and labels.
        fake: features and labels.
        least_per_class: samples that a class must have on each side, 2 or more.

    Raises:
        ConfigError: a class has fewer.
    """
    classes = sorted(set(labels_of(real).tolist()))
    for what, side in (("real", real), ("generated", fake)):
        _check_enough(what, labels_of(side), classes, least_per_class)
    return {name: distance_between(_gaussian(real, name), _gaussian(fake, name)) for name in classes}


def _check_enough(what: str, labels: Tensor, classes: Iterable[int], least: int) -> None:
    found = {name: int((labels == name).sum()) for name in classes}
    rarest = min(found, key=found.__getitem__)
    if found[rarest] < least:
        raise ConfigError(
            f"least_per_class is {least}, and there are {found[rarest]} {what} samples of class {rarest}",
            hint="evaluate more samples, or lower fd_class.least_per_class",
        )


def _gaussian(side: SampleSet, name: int) -> Gaussian:
    if side.features is None:
        raise ValueError("this metric needs the features of every sample, and the sample set holds none")
    statistics = FeatureStatistics(side.features.shape[1])
    statistics.update(side.features[labels_of(side) == name])
    return Gaussian.of(statistics)


@dataclass(frozen=True, slots=True)
class ClassFrechetMetric:
    """The Fréchet distance within a class as a metric: the mean over the classes (ranked), and the worst class's."""

    options: ClassFrechetOptions = field(default_factory=ClassFrechetOptions)
    implementation: str = "class-frechet-1"
    needs: ClassVar[Needs] = Needs(statistics=False, features=True, labels=True, repeats=True)

    @property
    def least_samples(self) -> int:
        """Those of one class, at least."""
        return self.options.least_per_class

    def parameters(self) -> dict[str, str | int | float]:
        """Return what changes the value; how few samples are enough does not."""
        return {"ddof": 1}

    def compute(self, real: SampleSet, fake: SampleSet) -> tuple[float, ...]:
        """Return (mean, worst); see :func:`class_frechet_distances`."""
        distances = class_frechet_distances(real, fake, self.options.least_per_class).values()
        return fmean(distances), max(distances)


def build_class_frechet(options: ClassFrechetOptions) -> ClassFrechetMetric:
    """Build the metric from its options."""
    return ClassFrechetMetric(options)
