"""The real images as one extractor sees them: the feature sets of the whole split, and each metric's floor.

A floor is the metric between two disjoint random parts of the real images, at the metric's own count where there are enough of them. All
that is missing is filled in one pass over the images; a pass for floors alone reads only the images of the parts.

Shapes: N real images, M networks of an extractor, Q quantities of a metric.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ganbench.data.source import ImageSource
from ganbench.errors import ConfigError
from ganbench.metrics.collect import Wanted, collect
from ganbench.metrics.evaluation_key import extractor_fields, reference_fields
from ganbench.metrics.key import Key
from ganbench.metrics.naming import PlannedMetric
from ganbench.metrics.protocol import Extractor, FeatureSet, Metric
from ganbench.metrics.reference_cache import ReferenceCache, feature_set_from_tensors, feature_set_to_tensors

logger = logging.getLogger(__name__)

FLOOR_SEED = 0
"""Of the permutation that parts the real images."""

Asked = Sequence[tuple[PlannedMetric, Metric]]
_Name = tuple[int, int]
"""(part 0 or 1, images in it); the whole split is (-1, N)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Floor:
    """A metric between two parts of the real images."""

    count: int
    """Images in each part."""
    values: tuple[float, ...] = ()
    """One for each quantity, the mean over the networks; empty where the parts are too small for the metric."""


class Reference:
    """The real images under one extractor.

    Args:
        source: the split.
        extractor: the networks.
        batch_size: images at a time.
        device: where the float64 sums are kept.
        cache: where to look first and to keep what was made; None for neither.
    """

    def __init__(self, source: ImageSource, extractor: Extractor, *, batch_size: int, device: str, cache: ReferenceCache | None) -> None:
        self._source, self._extractor, self._cache = source, extractor, cache
        self._batch_size, self._device = batch_size, device
        self._sets: tuple[FeatureSet, ...] = ()
        self._floors: dict[str, Floor] = {}

    def sets(self) -> tuple[FeatureSet, ...]:
        """Return the feature set of the whole split under each network."""
        return self._sets

    def floor(self, name: str) -> Floor:
        """Return the floor of a metric by its planned name."""
        return self._floors[name]

    def prepare(self, asked: Asked) -> None:
        """Load or compute everything that the metrics need.

        Args:
            asked: the metrics, which all use this extractor.

        Raises:
            ConfigError: an image set too small for its statistics.
        """
        whole = Wanted(
            members=torch.ones(self._source.num_images, dtype=torch.bool),
            keep_features=any(m.needs_features for _, m in asked),
            keep_logits=any(m.needs_logits for _, m in asked),
        )
        self._sets = self._load_sets(whole)
        missing = [(planned, metric) for planned, metric in asked if not self._load_floor(planned, metric)]
        wanted = {} if self._sets else {(-1, self._source.num_images): whole}
        wanted.update(self._wanted_parts(missing))
        if not wanted:
            return
        filled = self._fill(wanted)
        if not self._sets:
            self._sets = filled[-1, self._source.num_images]
            self._store_sets(whole)
        for planned, metric in missing:
            self._compute_floor(planned, metric, filled)

    def _floor_count(self, planned: PlannedMetric) -> int:
        return min(planned.num_generated, self._source.num_images // 2)

    def _wanted_parts(self, missing: Asked) -> dict[_Name, Wanted]:
        """Return the two disjoint parts for each count among the floors that are missing."""
        order = torch.randperm(self._source.num_images, generator=torch.Generator().manual_seed(FLOOR_SEED))
        wanted = {}
        for count in {self._floor_count(planned) for planned, _ in missing} - {0}:
            sharing = [metric for planned, metric in missing if self._floor_count(planned) == count]
            for part in (0, 1):
                members = torch.zeros(self._source.num_images, dtype=torch.bool)
                members[order[part * count : (part + 1) * count]] = True
                wanted[part, count] = Wanted(
                    members=members,
                    keep_features=any(m.needs_features for m in sharing),
                    keep_logits=any(m.needs_logits for m in sharing),
                )
        return wanted

    def _fill(self, wanted: dict[_Name, Wanted]) -> dict[_Name, tuple[FeatureSet, ...]]:
        """Fill the sets in one pass over the images that belong to at least one."""
        indices = torch.stack([one.members for one in wanted.values()]).any(dim=0).nonzero().squeeze(1)

        def images_at(start: int, count: int) -> Tensor:
            return self._source.read(indices[start : start + count])

        compact = {
            name: Wanted(members=one.members[indices], keep_features=one.keep_features, keep_logits=one.keep_logits)
            for name, one in wanted.items()
        }
        logger.info("extracting %s features of %d real images", self._extractor.extractor_id, len(indices))
        with torch.inference_mode():
            return collect(images_at, compact, self._extractor, batch_size=self._batch_size, device=self._device)

    def _compute_floor(self, planned: PlannedMetric, metric: Metric, filled: dict[_Name, tuple[FeatureSet, ...]]) -> None:
        """Measure one part against the other; parts that are too small leave the floor empty, with a log line."""
        count = self._floor_count(planned)
        try:
            if count == 0:
                raise ConfigError(f"{self._source.num_images} real image cannot be parted")
            rows = [metric.compute(one, other) for one, other in zip(filled[0, count], filled[1, count], strict=True)]
        except ConfigError as error:
            logger.warning("no floor for %s: %s", planned.name, error)
            self._floors[planned.name] = Floor(count=count)
            return
        values = torch.tensor(rows, dtype=torch.float64)  # [M, Q]
        self._floors[planned.name] = Floor(count=count, values=_means(values))
        if self._cache:
            self._cache.store(self._floor_key(planned, metric), {"values": values})

    def _load_floor(self, planned: PlannedMetric, metric: Metric) -> bool:
        """Take a floor from the cache; return whether it was there."""
        entry = self._cache.load(self._floor_key(planned, metric)) if self._cache else None
        if entry is None or "values" not in entry:
            return False
        self._floors[planned.name] = Floor(count=self._floor_count(planned), values=_means(entry["values"]))
        return True

    def _floor_key(self, planned: PlannedMetric, metric: Metric) -> Key:
        parameters = {f"parameter.{name}": value for name, value in metric.parameters().items()}
        base = dict(self._base_key().fields)
        base.update(implementation=metric.implementation, floor_count=self._floor_count(planned), floor_seed=FLOOR_SEED)
        return Key.of(**base, **parameters)

    def _base_key(self) -> Key:
        return Key.of(**extractor_fields(self._extractor), **reference_fields(self._source))

    def _set_key(self, whole: Wanted, member: int) -> Key:
        kept = f"statistics{'+features' * whole.keep_features}{'+logits' * whole.keep_logits}"
        return Key.of(**dict(self._base_key().fields), member=member, kept=kept)

    def _load_sets(self, whole: Wanted) -> tuple[FeatureSet, ...]:
        """Return the whole split's sets from the cache, or nothing unless every network's is there."""
        if self._cache is None:
            return ()
        found = []
        for member in range(self._extractor.num_members):
            entry = self._cache.load(self._set_key(whole, member))
            if entry is None:
                return ()
            found.append(feature_set_from_tensors(entry, device=self._device))
        return tuple(found)

    def _store_sets(self, whole: Wanted) -> None:
        if self._cache:
            for member, one in enumerate(self._sets):
                self._cache.store(self._set_key(whole, member), feature_set_to_tensors(one))


def _means(values: Tensor) -> tuple[float, ...]:
    """Return the mean of each quantity over the networks, ``[M, Q]`` to Q numbers."""
    return tuple(values.mean(dim=0).tolist())
