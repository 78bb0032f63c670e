"""The naive augmentation score (NAS): what generated images add to a few real ones for a classifier.

Ravuri and Vinyals (2019), https://arxiv.org/abs/1905.10887: train a classifier on real and generated images together and take its top-1
accuracy on real held-out ones. Differs: n real images of each class in the place of ImageNet, and the classifier and the budget of the
classification accuracy score (:mod:`ganbench_metrics.classification_accuracy`), so values agree with no published ones. Real images are
drawn from the train split, which the generator was trained on, and the held-out ones are seen by neither. Beside the score stand the same
classifier with the same steps after the same real images alone, and after these and their mirror images: generated images that help less
than flips are worth little. Each is the mean over seeds, and a seed has its own weights and its own real images, the same for all three.

"Together" is meant naively: one set, each image as often as any other, so that a thousand generated images outweigh fifty real ones. Real
against real takes train images that are not among those drawn from in the place of the generated ones.

Shapes: N images, C channels, H = W pixels, K classes, n images of a class.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from statistics import fmean
from typing import ClassVar

import torch
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

from ganbench import ConfigError, Needs, SampleSet, labels_of
from ganbench_metrics import NaiveAugmentationOptions
from ganbench_metrics.classification_accuracy import classification_accuracy

Labelled = tuple[Tensor, Tensor]
"""Images ``[N, C, H, W]`` uint8 in [0, 255] and their labels ``[N]`` int64."""
_CONTROLS = WeakTensorKeyDictionary()
"""By the train images: what real images alone and with flips came to, which no generator changes."""


def draw_per_class(labels: Tensor, count: int, seed: int) -> Tensor:
    """Return the indices of n images of each class that there is, ``[K n]`` int64.

    Args:
        labels: ``[N]`` int64.
        count: n.
        seed: of the draw, without replacement.

    Raises:
        ConfigError: a class has fewer.
    """
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    drawn = [order[labels[order] == name][:count] for name in labels.unique()]
    fewest = min(drawn, key=len)
    if len(fewest) < count:
        name = int(labels[fewest[0]])
        raise ConfigError(
            f"nas_{count}_per_class takes {count} real images of each class, and class {name} has {len(fewest)}",
            hint="choose another metric or a larger dataset",
        )
    return torch.cat(drawn)


def accuracy_with(
    real: Labelled, held_out: Labelled, added: Labelled | None, count: int, options: NaiveAugmentationOptions, *, flips: bool = False
) -> float:
    """Return the mean accuracy on held-out images after n real images of each class and what is added to them.

    Args:
        real: what real images are drawn from.
        held_out: what the classifiers are tested on.
        added: further images; None for none.
        count: n.
        options: the classifier and its budget.
        flips: whether the mirror images of the real ones are added.
    """
    found = []
    for seed in range(options.seed, options.seed + options.num_seeds):
        chosen = draw_per_class(real[1], count, seed)
        parts = [(real[0][chosen], real[1][chosen])]
        if flips:
            parts.append((parts[0][0].flip(-1), parts[0][1]))
        if added is not None:
            parts.append(added)
        images, labels = (torch.cat(side) for side in zip(*parts, strict=True))
        found.append(classification_accuracy(images, labels, *held_out, replace(options, seed=seed)))
    return fmean(found)


@dataclass(frozen=True, slots=True)
class NaiveAugmentation:
    """The naive augmentation score as a metric (ranked), beside real images alone and real images with flips."""

    per_class: int
    options: NaiveAugmentationOptions = field(default_factory=NaiveAugmentationOptions)
    implementation: str = "naive-augmentation-1"
    needs: ClassVar[Needs] = Needs(statistics=False, samples=True, labels=True, held_out="beside", repeats=True)
    least_samples: int = 2

    def parameters(self) -> dict[str, str | int | float]:
        """Return what changes the value: n and all options."""
        return {"per_class": self.per_class, **asdict(self.options)}

    def compute(self, real: SampleSet, fake: SampleSet) -> tuple[float, ...]:
        """Return (with generated images, real alone, real and flips), each from 0 to 1; see :func:`accuracy_with`.

        Raises:
            ConfigError: a class has too few real images.
        """
        if real.held_out is None:
            raise ValueError("this metric needs held-out samples, and the sample set lacks them")
        train, held_out = _labelled(real), _labelled(real.held_out)
        with_generated = accuracy_with(train, held_out, _labelled(fake), self.per_class, self.options)
        return with_generated, *self._controls(train, held_out)

    def _controls(self, train: Labelled, held_out: Labelled) -> tuple[float, float]:
        known, others = _CONTROLS.setdefault(train[0], {}), (train[1], *held_out)
        asked = (self.per_class, self.options, *map(id, others))
        if asked not in known:
            real, flips = (accuracy_with(train, held_out, None, self.per_class, self.options, flips=flips) for flips in (False, True))
            known[asked] = (real, flips, others)  # which are kept, so that no other tensor has the place of one
        return known[asked][:2]  # type: ignore[no-any-return]


def _labelled(side: SampleSet) -> Labelled:
    if side.samples is None:
        raise ValueError("this metric needs images, and the sample set lacks them")
    return side.samples, labels_of(side)


def build_5(options: NaiveAugmentationOptions) -> NaiveAugmentation:
    """Build the metric of 5 real images a class."""
    return NaiveAugmentation(5, options)


def build_10(options: NaiveAugmentationOptions) -> NaiveAugmentation:
    """Build the metric of 10 real images a class."""
    return NaiveAugmentation(10, options)


def build_50(options: NaiveAugmentationOptions) -> NaiveAugmentation:
    """Build the metric of 50 real images a class."""
    return NaiveAugmentation(50, options)
