"""Target accuracy: how many generated images the extractor's classifier takes for what they were to be.

For a translation into one class: the reference consists of that class alone, so the class meant is the one that the classifier gives most
of the reference images. Real against real is the classifier's own accuracy there.

Shapes: N images, K classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from ganbench import Needs, SampleSet, UnsuitableError, logits_of

_LEAST_SHARE = 0.5


def target_class(logits: Tensor) -> int:
    """Return the class of most of the reference images.

    Args:
        logits: ``[N, K]`` of the reference images.

    Raises:
        UnsuitableError: no class has half of them.
    """
    counts = logits.argmax(dim=1).bincount()
    if counts.max() < _LEAST_SHARE * len(logits):
        raise UnsuitableError(
            f"target_accuracy needs a reference of one class (the largest of this one has {counts.max() / len(logits):.0%} of the images)",
            hint="it is for a translation into one class",
        )
    return int(counts.argmax())


@dataclass(frozen=True, slots=True)
class TargetAccuracy:
    """The share of the generated images in the target class."""

    implementation: str = "target-accuracy-1"
    needs: ClassVar[Needs] = Needs(statistics=False, logits=True, repeats=True)

    @property
    def least_samples(self) -> int:
        """One."""
        return 1

    def parameters(self) -> dict[str, str | int | float]:
        """Return nothing: there is nothing to choose."""
        return {}

    def compute(self, real: SampleSet, fake: SampleSet) -> tuple[float, ...]:
        """Return the share, from 0 to 1.

        Raises:
            UnsuitableError: the extractor has no classes, or the reference has several.
        """
        of_real, of_fake = (logits_of(side, "target_accuracy") for side in (real, fake))
        hits = of_fake.argmax(dim=1) == target_class(of_real)
        return (hits.double().mean().item(),)


def build_target_accuracy(options: object) -> TargetAccuracy:
    """Build the metric."""
    return TargetAccuracy()
