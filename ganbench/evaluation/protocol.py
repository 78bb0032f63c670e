"""What metric and extractor plugins return, and what passes between them.

Shapes: N images, D feature dimensions, K classes, M networks in an extractor's ensemble.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from torch import Tensor

if TYPE_CHECKING:
    from ganbench.evaluation.statistics import FeatureSpread, FeatureStatistics


@dataclass(frozen=True, kw_only=True, slots=True)
class ExtractorContext:
    """What the harness gives an extractor's factory."""

    device: str = "cpu"
    weights: Path | None = None
    """``--extractor-weights``; None to look in the cache."""
    download: bool = True
    """Whether the network may be asked."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Features:
    """What one network says of a batch of images."""

    features: Tensor
    """``[N, D]`` float32."""
    logits: Tensor | None = None
    """``[N, K]`` float32, as the Inception Score needs them; None where the network has no classes."""
    modes: Tensor | None = None
    """``[N]`` int64: the mode of the data that each image belongs to, -1 for none; None takes the class with the largest logit."""
    num_modes: int = 0
    """How many modes there are; 0 without ``modes``."""


class Extractor(Protocol):
    """One feature network, or an ensemble of equals over whose members a metric is averaged.

    One that is for points and not for images says so with an attribute ``takes_points = True``; it is given ``[N, 2, 1, 1]`` float32.
    """

    extractor_id: str
    """Name and version: ``digits-1``, ``inception-2015-12-05``."""
    preprocessing_id: str
    """How uint8 images become the network's input: ``tf1-bilinear-299``."""
    weights_hash: str
    """sha256 over all members' weights."""
    dims: int
    """D."""
    num_members: int
    """M."""

    def extract(self, images: Tensor) -> tuple[Features, ...]:
        """Return one :class:`Features` for each member.

        Args:
            images: ``[N, C, H, W]`` uint8 in [0, 255], any H and W, C of 1 or 3, on any device.
        """
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class SampleSet:
    """All that is known of one set of images under one network: what a metric needs of it, see :class:`Needs`."""

    statistics: FeatureStatistics
    """Streaming count, mean and scatter in float64; of no images where no metric needs them."""
    features: Tensor | None = None
    """``[N, D]`` float32 on the CPU."""
    logits: Tensor | None = None
    """``[N, K]`` float32 on the CPU."""
    mode_counts: Tensor | None = None
    """``[1 + modes]`` int64 on the CPU: images at no mode, then those at each; None where the network tells none apart."""
    spread: FeatureSpread | None = None
    """Streaming mean and variance in float64, by class where labels are needed too."""
    samples: Tensor | None = None
    """``[N, C, H, W]`` uint8 in [0, 255] on the CPU."""
    labels: Tensor | None = None
    """``[N]`` int64 on the CPU: the classes of real images, and those that generated ones were asked for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Needs:
    """What a metric looks at; nothing else is computed and kept."""

    statistics: bool = True
    """:attr:`SampleSet.statistics`: a matrix of D x D, which features of many dimensions cannot afford."""
    features: bool = False
    logits: bool = False
    spread: bool = False
    """:attr:`SampleSet.spread`: D numbers for each class."""
    samples: bool = False
    labels: bool = False
    """A run whose networks or data have none is refused before it begins."""
    reference: bool = True
    """Whether it looks at the real images at all, but for its floor."""
    held_out: Literal["unused", "reference", "control"] = "unused"
    """What the dataset's held-out images are for, where it has them: they are the reference in the place of the train images, or the
    generated images' control, that is, what the floor compares with the train images."""

    @staticmethod
    def of_all(many: Iterable[Needs]) -> Needs:
        """Return what a set must keep that several metrics look at."""
        needs = tuple(many)
        return Needs(
            statistics=any(n.statistics for n in needs),
            features=any(n.features for n in needs),
            logits=any(n.logits for n in needs),
            spread=any(n.spread for n in needs),
            samples=any(n.samples for n in needs),
            labels=any(n.labels for n in needs),
        )


class Metric(Protocol):
    """A pure function of two feature sets."""

    @property
    def implementation(self) -> str:
        """Name and version of the arithmetic; part of the evaluation key: ``frechet-1``."""
        ...

    @property
    def needs(self) -> Needs:
        """What :meth:`compute` looks at."""
        ...

    @property
    def least_samples(self) -> int:
        """The fewest images on a side for which :meth:`compute` works; a run that plans fewer is refused before it begins."""
        ...

    def parameters(self) -> dict[str, str | int | float]:
        """Return everything that changes the value (k, subsets, seed, ddof), for the evaluation key."""
        ...

    def compute(self, real: SampleSet, fake: SampleSet) -> tuple[float, ...]:
        """Return one number for each of the spec's quantities.

        Raises:
            ganbench.errors.ConfigError: too few images for the metric's parameters, naming the option.
        """
        ...
