"""The classification accuracy score (CAS): what a classifier that has seen only generated images knows of real ones.

Ravuri and Vinyals (2019), https://arxiv.org/abs/1905.10887: train a classifier on generated images with the classes they were asked for,
and take its top-1 accuracy on real held-out images. Differs: a small convolutional network and a budget of seconds in the place of a
ResNet-50 on ImageNet, so values agree with no published ones; they rank models on one dataset under one budget, and the floor is what the
same classifier with the same budget reaches after real train images. Where the dataset has no held-out images with labels, the accuracy is
that on the train images, which the evaluation key says.

Shapes: N images, K classes.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import ClassVar

from torch import Tensor

from ganbench.metrics.options import ClassificationAccuracyOptions
from ganbench.metrics.protocol import FeatureSet, Needs
from ganbench.metrics.scratch_classifier import accuracy, train_classifier


def classification_accuracy(
    images: Tensor, labels: Tensor, real_images: Tensor, real_labels: Tensor, options: ClassificationAccuracyOptions
) -> float:
    """Return the accuracy on real images after training on others.

    Args:
        images: ``[N, C, H, H]`` uint8 in [0, 255], trained on.
        labels: ``[N]`` int64.
        real_images: tested on, alike.
        real_labels: theirs.
        options: the classifier and its budget.
    """
    num_classes = 1 + max(int(labels.max()), int(real_labels.max()))
    return accuracy(train_classifier(images, labels, num_classes, options), real_images, real_labels)


@dataclass(frozen=True, slots=True)
class ClassificationAccuracyMetric:
    """The classification accuracy score as a metric; its floor is the score of real train images."""

    options: ClassificationAccuracyOptions = field(default_factory=ClassificationAccuracyOptions)
    implementation: str = "classification-accuracy-1"
    needs: ClassVar[Needs] = Needs(statistics=False, images=True, labels=True, held_out="reference")
    least_images: int = 2

    def parameters(self) -> dict[str, str | int | float]:
        """Return what changes the value: all options."""
        return asdict(self.options)

    def compute(self, real: FeatureSet, fake: FeatureSet) -> tuple[float, ...]:
        """Return (accuracy,), from 0 to 1; see :func:`classification_accuracy`."""
        return (classification_accuracy(*_images_and_labels(fake), *_images_and_labels(real), self.options),)


def _images_and_labels(side: FeatureSet) -> tuple[Tensor, Tensor]:
    if side.images is None or side.labels is None:
        raise ValueError("this metric needs images and labels, and the feature set lacks them")
    return side.images, side.labels


def build_classification_accuracy(options: ClassificationAccuracyOptions) -> ClassificationAccuracyMetric:
    """Build the metric from its options."""
    return ClassificationAccuracyMetric(options)
