"""Improved precision and recall, and density and coverage: what balls that reach to a sample's k-th nearest neighbour hold of others.

*Precision and recall.* Kynkaanniemi et al. (2019), https://arxiv.org/abs/1904.06991, equations 1 and 2. A set's support is the union of the
balls around its samples, border included. Precision is the part of the generated samples in the support of the real ones; recall is the
part of the real samples in the support of the generated ones. Agrees with torch-fidelity, in float64.

*Density and coverage.* Naeem et al. (2020), https://arxiv.org/abs/2002.09797, equations 3 and 4, of balls around the real samples, border
left out. Density is the mean number of balls that hold a generated sample, over k; coverage is the part of the balls that hold at least
one. Agrees with the authors' ``prdc``, but for samples that lie on a border itself, as copies of real ones do: here they are outside, so
that the density of the real samples themselves is 1; there rounding puts them to either side.

The radii of the real samples are computed once for a reference. Metrics of both kinds that look at the same samples share one pass over the
distances: :attr:`ganbench.SampleSet.prepared` tells which there are.

Shapes: N real and M generated samples, D feature dimensions.
"""

from __future__ import annotations

import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol

from torch import Tensor
from torch.utils.weak import WeakIdKeyDictionary

from ganbench import ConfigError, Needs, SampleSet
from ganbench_metrics import DensityCoverageOptions, PrecisionRecallOptions
from ganbench_metrics.balls import Held, PairsWithin, Question, answer
from ganbench_metrics.neighbours import pairwise_features, squared_radii


class _Scores(Protocol):
    """Two numbers, from the answers to some questions about generated samples as queries and real ones as points."""

    questions: Sequence[Question]

    def values(self) -> tuple[float, float]:
        """Return the numbers, once the questions are answered."""
        ...


class _PrecisionRecall:
    def __init__(self, real: Tensor, fake: Tensor, num_neighbours: int, radii: Tensor) -> None:
        self._fakes = Held(fake, real, radii)
        self._reals = Held(real, fake, squared_radii(fake, num_neighbours), around_queries=True)
        self.questions = (self._fakes, self._reals)

    def values(self) -> tuple[float, float]:
        return _share(self._fakes.held), _share(self._reals.held)


class _DensityCoverage:
    def __init__(self, real: Tensor, fake: Tensor, num_neighbours: int, radii: Tensor) -> None:
        if len(fake) == 0:
            raise ConfigError("density and coverage need at least 1 generated sample (got 0); evaluate more samples")
        self._over = num_neighbours * len(fake)
        self._pairs = PairsWithin(fake, real, radii)
        self.questions = (self._pairs,)

    def values(self) -> tuple[float, float]:
        return self._pairs.count / self._over, _share(self._pairs.holds_any)


def _share(held: Tensor) -> float:
    return int(held.sum()) / len(held)


_Kind = Literal["precision-recall", "density-coverage"]
_KINDS: Mapping[str, type[_PrecisionRecall | _DensityCoverage]] = {
    "precision-recall": _PrecisionRecall,
    "density-coverage": _DensityCoverage,
}


def precision_recall(real: Tensor, fake: Tensor, num_neighbours: int) -> tuple[float, float]:
    """Return precision and recall, each in [0, 1].

    Args:
        real: ``[N, D]`` float32.
        fake: ``[M, D]`` float32, on the same device.
        num_neighbours: k.

    Raises:
        ConfigError: k is not below the number of samples on each side.
    """
    return _alone(_PrecisionRecall, real, fake, num_neighbours)


def density_coverage(real: Tensor, fake: Tensor, num_neighbours: int) -> tuple[float, float]:
    """Return density (0 or more, 1 expected for equal distributions) and coverage (in [0, 1]).

    Args:
        real: ``[N, D]`` float32.
        fake: ``[M, D]`` float32, on the same device.
        num_neighbours: k.

    Raises:
        ConfigError: k is not below N, or there is no generated sample.
    """
    return _alone(_DensityCoverage, real, fake, num_neighbours)


def _alone(kind: type[_PrecisionRecall | _DensityCoverage], real: Tensor, fake: Tensor, num_neighbours: int) -> tuple[float, float]:
    scores = kind(real, fake, num_neighbours, squared_radii(real, num_neighbours))
    answer(fake, real, scores.questions)
    return scores.values()


_MEASURED = WeakIdKeyDictionary()
"""By the features of generated samples: a weak reference to those of the real ones, and the values of each metric that looks at both."""


@dataclass(frozen=True, slots=True)
class NeighbourMetric:
    """A metric of two numbers, from the distances of features to their nearest neighbours."""

    num_neighbours: int
    kind: _Kind
    needs: ClassVar[Needs] = Needs(statistics=False, features=True)

    @property
    def implementation(self) -> str:
        """Name and version of the arithmetic."""
        return f"{self.kind}-1"

    @property
    def least_samples(self) -> int:
        """A sample and its neighbours."""
        return self.num_neighbours + 1

    def parameters(self) -> dict[str, str | int | float]:
        """Return what changes the value."""
        return {"num_neighbours": self.num_neighbours}

    @property
    def _prepared(self) -> str:
        return f"{self.kind} {self.num_neighbours}"

    def prepare(self, real: SampleSet) -> dict[str, Tensor]:
        """Return the squared radius of the ball around each real sample, ``[N]`` float64."""
        return {self._prepared: squared_radii(pairwise_features(real), self.num_neighbours).cpu()}

    def compute(self, real: SampleSet, fake: SampleSet) -> tuple[float, ...]:
        """Return both numbers, and remember those of the other metrics for which radii were prepared."""
        seen, values = _MEASURED.get(fake.features, (None, {}))
        if seen is None or seen() is not real.features or self._prepared not in values:
            values = self._measure_all(real, fake)
            _MEASURED[fake.features] = weakref.ref(real.features), values
        return values[self._prepared]

    def _measure_all(self, real: SampleSet, fake: SampleSet) -> dict[str, tuple[float, float]]:
        reals, fakes = pairwise_features(real), pairwise_features(fake)
        asked = {self._prepared: self.prepare(real)[self._prepared]} if self._prepared not in real.prepared else real.prepared
        kinds = {name: name.rpartition(" ") for name in asked}
        scores = {
            name: _KINDS[kind](reals, fakes, int(k), asked[name].to(reals.device)) for name, (kind, _, k) in kinds.items() if kind in _KINDS
        }
        answer(fakes, reals, [question for one in scores.values() for question in one.questions])
        return {name: one.values() for name, one in scores.items()}


def build_precision_recall(options: PrecisionRecallOptions) -> NeighbourMetric:
    """Build the metric from its options; see :func:`precision_recall`."""
    return NeighbourMetric(options.num_neighbours, "precision-recall")


def build_density_coverage(options: DensityCoverageOptions) -> NeighbourMetric:
    """Build the metric from its options; see :func:`density_coverage`."""
    return NeighbourMetric(options.num_neighbours, "density-coverage")
