"""The share of generated images that are too near to a train image.

Alaa et al. (2022), https://arxiv.org/abs/2102.08921: a generated image x with nearest train image r is not authentic where
``d(x, r) < d(r, nearest other train image of r)``. This is the share of such images, one minus their authenticity, with a factor before
the right side (1 is theirs) and with Euclidean distances between the extractor's features, where they train an embedding of their own.
Distances that are equal do not count, so nothing is nearer than a train image that is there twice.

A new image of the same distribution is that near by chance, often for a third of all images or more; only what exceeds the control is
memorised. The control is printed as real against real: the share of the held-out images, or, where the dataset has none, of one half of
the train images against the other half. An untrained generator, whose images are near nothing, has a share of 0: read it beside a distance.

Shapes: N train images, M generated images, D feature dimensions.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from torch import Tensor

from ganbench import Needs, SampleSet
from ganbench_metrics import MemorisedOptions
from ganbench_metrics.neighbours import nearest, pairwise_features, squared_radii

_PREPARED = "memorised: squared distance to the nearest other"


def memorised(train: Tensor, fake: Tensor, factor: float, radii: Tensor | None = None) -> Tensor:
    """Return which generated images are too near to a train image.

    Args:
        train: ``[N, D]`` float32, N of 2 or more.
        fake: ``[M, D]`` float32, on the same device.
        factor: of the train image's own distance to its nearest other one; above 0.
        radii: the square of that distance of each train image, ``[N]`` float64 on the same device; None to compute it.

    Returns:
        ``[M]`` bool on the same device.
    """
    radii = squared_radii(train, 1) if radii is None else radii
    distances, which = nearest(fake, train)
    return distances < radii[which] * factor**2


@dataclass(frozen=True, slots=True)
class MemorisedMetric:
    """The share of memorised images as a metric; real against real is the share of real images that the generator cannot know."""

    options: MemorisedOptions = field(default_factory=MemorisedOptions)
    implementation: str = "memorised-1"
    needs: ClassVar[Needs] = Needs(statistics=False, features=True, held_out="control", repeats=True)
    least_samples: int = 2

    def parameters(self) -> dict[str, str | int | float]:
        """Return what changes the value."""
        return {"factor": self.options.factor}

    def prepare(self, real: SampleSet) -> dict[str, Tensor]:
        """Return the squared distance from each train image to its nearest other one, ``[N]`` float64."""
        return {_PREPARED: squared_radii(pairwise_features(real), 1).cpu()}

    def compute(self, real: SampleSet, fake: SampleSet) -> tuple[float, ...]:
        """Return (share,), from 0 to 1; see :func:`memorised`."""
        train, radii = pairwise_features(real), real.prepared.get(_PREPARED)
        radii = None if radii is None else radii.to(train.device)
        return (memorised(train, pairwise_features(fake), self.options.factor, radii).double().mean().item(),)


def build_memorised(options: MemorisedOptions) -> MemorisedMetric:
    """Build the metric from its options."""
    return MemorisedMetric(options)
