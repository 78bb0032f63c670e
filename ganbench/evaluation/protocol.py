"""What metric and extractor plugins return, and what passes between them.

Shapes: N samples, D feature dimensions, K classes, M networks in an extractor's ensemble.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

from torch import Tensor

from ganbench.errors import UnsuitableError
from ganbench.evaluation.statistics import FeatureSpread, FeatureStatistics

if TYPE_CHECKING:
    from ganbench.data.source import Targets
    from ganbench.data.space import Space


@dataclass(frozen=True, kw_only=True, slots=True)
class Features:
    """What one network says of a batch of samples."""

    features: Tensor
    """``[N, D]`` float32."""
    logits: Tensor | None = None
    """``[N, K]`` float32, as the Inception Score needs them; None where the network has no classes."""
    modes: Tensor | None = None
    """``[N]`` int64: the mode of the data that each sample belongs to, -1 for none; None takes the class with the largest logit."""
    num_modes: int = 0
    """How many modes there are; 0 without ``modes``."""


class Extractor(Protocol):
    """One feature network, or an ensemble of equals over whose members a metric is averaged."""

    extractor_id: str
    """Name and version: ``digits-1``, ``inception-2015-12-05``."""
    preprocessing_id: str
    """How stored samples become the network's input: ``tf1-bilinear-299``."""
    weights_hash: str
    """sha256 over all members' weights."""
    dims: int
    """D."""
    num_members: int
    """M."""
    spaces: tuple[str, ...]
    """Names of the spaces whose samples it takes: ``("images",)``; empty for any."""

    def extract(self, samples: Tensor, /) -> tuple[Features, ...]:
        """Return one :class:`Features` for each member.

        Args:
            samples: ``[N, *stored_size]`` as the space stores them, on any device. Images are ``[N, C, H, W]`` uint8 in [0, 255], any H
                and W, C of 1 or 3; points are float32.
        """
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class SampleSet:
    """All that is known of one set of samples, under one network where the metric looks at features; see :class:`Needs`."""

    statistics: FeatureStatistics = field(default_factory=lambda: FeatureStatistics(1))
    """Streaming count, mean and scatter in float64; of no samples where no metric needs them."""
    features: Tensor | None = None
    """``[N, D]`` float32 on the CPU."""
    logits: Tensor | None = None
    """``[N, K]`` float32 on the CPU."""
    mode_counts: Tensor | None = None
    """``[1 + modes]`` int64 on the CPU: samples at no mode, then those at each; None where the network tells none apart."""
    spread: FeatureSpread | None = None
    """Streaming mean and variance in float64, by class where labels are needed too."""
    samples: Tensor | None = None
    """``[N, *stored_size]`` as the space stores them, on the CPU; images are uint8 in [0, 255]."""
    labels: Tensor | None = None
    """``[N]`` int64 on the CPU: the classes of real samples, and those that generated ones were asked for."""
    targets: Targets | None = None
    """What each generated sample should have been, in the same order; on the real side of a metric that looks at targets."""
    scores: Mapping[str, Tensor] | None = None
    """By a scorer's name what it says of each held-out sample, ``[N]`` float64 on the CPU; on the real side of a metric on scores."""
    space: Space | None = None
    """What one of the samples is; on the real side."""
    held_out: SampleSet | None = None
    """The held-out samples and their labels; on the real side of a metric that needs them beside the train split."""
    prepared: Mapping[str, Tensor] = field(default_factory=dict)
    """What the metrics of an extractor have made of these samples alone, see :class:`Metric`; on the real side."""
    inputs: Tensor | None = None
    """``[N, ...]`` float32 on the CPU: what the generator was asked; None of samples that came without it."""
    ask: Callable[[Tensor, Tensor | None], Tensor] | None = None
    """The generator, where it is there too; see :meth:`ganbench.SampleStream.ask`."""


def logits_of(side: SampleSet, metric: str) -> Tensor:
    """Return a set's logits, ``[N, K]`` float32.

    Args:
        side: real or generated samples.
        metric: what the message calls the metric.

    Raises:
        UnsuitableError: the extractor has no classes.
    """
    if side.logits is None:
        raise UnsuitableError(f"{metric} needs an extractor with classes", hint="choose another extractor or another metric")
    return side.logits


def labels_of(side: SampleSet) -> Tensor:
    """Return a set's labels, ``[N]`` int64.

    Raises:
        ValueError: they were not kept: the caller ignored ``Metric.needs``.
    """
    if side.labels is None:
        raise ValueError("this metric needs labels, and the sample set holds none")
    return side.labels


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
    """:attr:`SampleSet.samples`: those that were generated, and the real ones where it compares the two."""
    labels: bool = False
    """A run whose networks or data have none is refused before it begins."""
    reference: bool = True
    """Whether it looks at the real samples at all, but for its floor."""
    repeats: bool = False
    """Whether one sample may stand among the generated ones several times, as where they are never compared with each other. Real samples
    in their place are then drawn until there are as many as are generated, for real against real."""
    held_out: Literal["unused", "reference", "control", "beside"] = "unused"
    """What the dataset's held-out samples are for, where it has them: they are the reference in the place of the train split, or the
    generated samples' control, that is, what real against real compares with the train split. ``beside``: they are wanted beside the
    train split, as :attr:`SampleSet.held_out`, and a dataset without is refused before the run begins."""
    generator: bool = False
    """:attr:`SampleSet.ask`, for other inputs than those of the evaluation. Such a metric has no real against real."""

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
    """A pure function of two sets of samples.

    What the sets hold follows from :attr:`ganbench.MetricSpec.looks_at` and from :attr:`needs`.

    A metric may have a method ``prepare(real: SampleSet) -> Mapping[str, Tensor]`` besides: what it makes of the real samples alone, as the
    distance of each to its nearest neighbours, under names that say all that it depends on but the samples. It is asked once for the whole
    reference, and kept in the cache for other runs; :meth:`compute` finds it in :attr:`SampleSet.prepared`, with what other metrics of the
    same extractor made, and has to do without where other real samples are compared, for real against real.
    """

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
        """The fewest samples on a side for which :meth:`compute` works; a run that plans fewer is refused before it begins."""
        ...

    def parameters(self) -> dict[str, str | int | float]:
        """Return everything that changes the value (k, subsets, seed, ddof), for the evaluation key."""
        ...

    def compute(self, real: SampleSet, fake: SampleSet) -> tuple[float, ...]:
        """Return one number for each of the spec's quantities.

        Raises:
            ganbench.errors.ConfigError: too few samples for the metric's parameters, naming the option.
        """
        ...
