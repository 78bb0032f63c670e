"""LPIPS-style diversity: the mean perceptual distance between two generated images, over every pair of them.

Zhang et al. (2018), https://arxiv.org/abs/1801.03924, equation 1, with all channel weights w_l = 1 (their unlearned baseline):
``d(x, y) = sum_l 1 / (H_l W_l) sum_hw |u_l(x) - u_l(y)|^2``, u_l the activations of layer l, of unit length over the channels at each
position. An extractor of layers gives features f with ``d(x, y) = |f(x) - f(y)|^2``. The mean of that over all pairs is twice the trace of
the covariance of f (ddof 1), so every pair counts and none is computed. Without learned weights the values are no LPIPS of the authors'
package; they rank models under one extractor.

Shapes: none; see :class:`ganbench.FeatureSpread`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import fmean

from ganbench import FeatureSpread, Needs, SampleSet
from ganbench_metrics import LpipsOptions


def mean_pair_distance(spread: FeatureSpread) -> float:
    """Return the mean squared distance between two different images of a set; 0 or more.

    Raises:
        ConfigError: fewer than two images.
    """
    return 2 * spread.variance()


def mean_pair_distance_in_class(spread: FeatureSpread) -> float:
    """Return the mean over the classes of the mean squared distance between two different images of the class.

    Raises:
        ConfigError: a class has fewer than two images.
    """
    return 2 * fmean(spread.class_variances().values())


@dataclass(frozen=True, slots=True)
class LpipsMetric:
    """The diversity of the generated images as a metric; the real ones are asked for real against real alone."""

    options: LpipsOptions = field(default_factory=LpipsOptions)
    implementation: str = "lpips-unweighted-1"
    least_samples: int = 2

    @property
    def needs(self) -> Needs:
        """The spread of the generated images, by class where that is asked for."""
        return Needs(statistics=False, spread=True, labels=self.options.per_class, reference=False)

    def parameters(self) -> dict[str, str | int | float]:
        """Return what changes the value."""
        return {"per_class": self.options.per_class}

    def compute(self, real: SampleSet, fake: SampleSet) -> tuple[float, ...]:
        """Return (distance,); see :func:`mean_pair_distance`.

        Raises:
            ConfigError: too few images.
        """
        if fake.spread is None:
            raise ValueError("this metric needs the spread of the features, and the sample set holds none")
        return ((mean_pair_distance_in_class if self.options.per_class else mean_pair_distance)(fake.spread),)


def build_lpips(options: LpipsOptions) -> LpipsMetric:
    """Build the metric from its options."""
    return LpipsMetric(options)
