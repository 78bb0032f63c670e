"""One pass over images through an extractor, sorted into any number of sets on the way.

A set always has its statistics; it has its features and logits where they are wanted.

Shapes: N images, C channels, H x W pixels, D feature dimensions, K classes, M networks of an extractor.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor

from ganbench.errors import PluginError
from ganbench.metrics.protocol import Extractor, Features, FeatureSet
from ganbench.metrics.statistics import FeatureStatistics

Name = TypeVar("Name")


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """One set that a pass is to fill."""

    members: Tensor
    """``[N]`` bool on the CPU: which images of the pass belong to it."""
    keep_features: bool = False
    keep_logits: bool = False


class _Filling:
    """One set under one network, while the pass goes on."""

    def __init__(self, wanted: Wanted, dims: int, device: str | torch.device) -> None:
        self._wanted = wanted
        self._statistics = FeatureStatistics(dims, device=device)
        self._features: list[Tensor] = []
        self._logits: list[Tensor] = []

    def add(self, start: int, found: Features) -> None:
        """Take what belongs to the set from a batch that begins at image ``start`` of the pass."""
        chosen = self._wanted.members[start : start + len(found.features)]
        if not bool(chosen.any()):
            return
        features = _rows(found.features, chosen)
        self._statistics.update(features)
        if self._wanted.keep_features:
            self._features.append(features.cpu())
        if self._wanted.keep_logits and found.logits is not None:
            self._logits.append(_rows(found.logits, chosen).cpu())

    def finish(self) -> FeatureSet:
        return FeatureSet(
            statistics=self._statistics,
            features=torch.cat(self._features) if self._features else None,
            logits=torch.cat(self._logits) if self._logits else None,
        )


def collect(
    images_at: Callable[[int, int], Tensor],
    wanted: Mapping[Name, Wanted],
    extractor: Extractor,
    *,
    batch_size: int,
    device: str | torch.device = "cpu",
) -> dict[Name, tuple[FeatureSet, ...]]:
    """Show each image to each network once and fill the sets.

    Args:
        images_at: ``images_at(start, count)`` returns images ``[count, C, H, W]`` uint8 in [0, 255] on any device.
        wanted: the sets, at least one; their membership vectors have one length N.
        extractor: the networks.
        batch_size: images at a time; the result does not depend on it beyond float32 rounding in the network.
        device: where the float64 sums are kept.

    Returns:
        For each set one :class:`FeatureSet` for each of the M networks.

    Raises:
        Diverged: a feature is NaN or Inf.
        PluginError: the extractor returned another form than it declares.
    """
    total = len(next(iter(wanted.values())).members)
    fillings = {name: [_Filling(one, extractor.dims, device) for _ in range(extractor.num_members)] for name, one in wanted.items()}
    for start in range(0, total, batch_size):
        count = min(batch_size, total - start)
        found = _checked(extractor, extractor.extract(images_at(start, count)), count)
        for filling in fillings.values():
            for member, features in zip(filling, found, strict=True):
                member.add(start, features)
    return {name: tuple(member.finish() for member in filling) for name, filling in fillings.items()}


def _rows(rows: Tensor, chosen: Tensor) -> Tensor:
    return rows if bool(chosen.all()) else rows[chosen.to(rows.device)]


def _checked(extractor: Extractor, found: tuple[Features, ...], count: int) -> tuple[Features, ...]:
    """Make sure that an extractor keeps its word.

    Raises:
        PluginError: another number of networks, images or dimensions than declared.
    """
    shapes = [list(one.features.shape) for one in found]
    expected = [[count, extractor.dims]] * extractor.num_members
    if shapes != expected:
        raise PluginError(f"extractor {extractor.extractor_id!r} declares features of shapes {expected} and returned {shapes}")
    return found
