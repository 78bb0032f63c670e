"""Class accuracy: how many generated images the extractor's classifier takes for the class that they were asked to be.

Shmelkov et al. (2018), https://arxiv.org/abs/1807.09499, call it GAN-test: the accuracy, on generated images, of a classifier that was
trained on real ones. It says whether a conditional generator heeds its labels, and nothing of variety: one good image of each class has
100 %. Real against real is the classifier's own accuracy on real images.

Shapes: N images, K classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean
from typing import ClassVar

from ganbench import Needs, SampleSet, UnsuitableError, labels_of, logits_of

_LEAST_REAL_ACCURACY = 0.5


def accuracy_by_class(side: SampleSet) -> dict[int, float]:
    """Return the share of each class's images whose largest logit is their class's.

    Args:
        side: logits ``[N, K]`` and labels ``[N]``.

    Raises:
        UnsuitableError: the extractor has no classes.
    """
    labels = labels_of(side)
    hits = (logits_of(side, "class_accuracy").argmax(dim=1) == labels).double()
    return {name: hits[labels == name].mean().item() for name in sorted(set(labels.tolist()))}


@dataclass(frozen=True, slots=True)
class ClassAccuracy:
    """Class accuracy as a metric: the mean over the classes (ranked), so that rare ones count as much, and the worst class's."""

    implementation: str = "class-accuracy-1"
    needs: ClassVar[Needs] = Needs(statistics=False, logits=True, labels=True, repeats=True)

    @property
    def least_samples(self) -> int:
        """One."""
        return 1

    def parameters(self) -> dict[str, str | int | float]:
        """Return nothing: there is nothing to choose."""
        return {}

    def compute(self, real: SampleSet, fake: SampleSet) -> tuple[float, ...]:
        """Return (mean, worst), each from 0 to 1.

        Raises:
            UnsuitableError: the extractor has no classes, or others than the dataset: it is wrong about most of the real images.
        """
        of_real, of_fake = accuracy_by_class(real), accuracy_by_class(fake)
        on_real = fmean(of_real.values())
        if on_real < _LEAST_REAL_ACCURACY:
            raise UnsuitableError(
                f"class_accuracy needs an extractor whose classes are the dataset's (this one is right about {on_real:.0%} of real images)",
                hint="choose another extractor or another metric",
            )
        return fmean(of_fake.values()), min(of_fake.values())


def build_class_accuracy(options: object) -> ClassAccuracy:
    """Build the metric."""
    return ClassAccuracy()
