"""What metric and extractor plugins return, and what passes between them.

Shapes: N images, D feature dimensions, K classes, M networks in an extractor's ensemble.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from torch import Tensor

if TYPE_CHECKING:
    from ganbench.metrics.statistics import FeatureStatistics


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


class Extractor(Protocol):
    """One feature network, or an ensemble of equals over whose members a metric is averaged."""

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
class FeatureSet:
    """All that is known of one set of images under one network."""

    statistics: FeatureStatistics
    """Streaming count, mean and scatter in float64."""
    features: Tensor | None = None
    """``[N, D]`` float32 on the CPU, kept where a metric needs them or N is not more than D."""
    logits: Tensor | None = None
    """``[N, K]`` float32 on the CPU, kept where a metric needs them."""


class Metric(Protocol):
    """A pure function of two feature sets."""

    implementation: str
    """Name and version of the arithmetic; part of the evaluation key: ``frechet-1``."""
    needs_features: bool
    needs_logits: bool

    @property
    def least_images(self) -> int:
        """The fewest images on a side for which :meth:`compute` works; a run that plans fewer is refused before it begins."""
        ...

    def parameters(self) -> dict[str, str | int | float]:
        """Return everything that changes the value (k, subsets, seed, ddof), for the evaluation key."""
        ...

    def compute(self, real: FeatureSet, fake: FeatureSet) -> tuple[float, ...]:
        """Return one number for each of the spec's quantities.

        Raises:
            ganbench.errors.ConfigError: too few images for the metric's parameters, naming the option.
        """
        ...
