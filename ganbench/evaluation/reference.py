"""What the metrics of one extractor, or of none, are measured against, and each metric's floor.

The reference is the whole train split, or the held-out samples for a metric that asks for them. A floor is the metric between real samples
on both sides: two disjoint random parts of the train split, at the metric's own count where there are enough samples; or, where held-out
samples have a part in the metric, these and the train split.

All that is missing of a split is filled in one pass; a pass for parts alone reads only the samples of the parts.

Shapes: N real samples, M networks of an extractor, Q quantities of a metric.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ganbench.data.source import Dataset, Source
from ganbench.errors import ConfigError, PluginError, UnsuitableError, during
from ganbench.evaluation.collect import Wanted, collect
from ganbench.evaluation.evaluation_key import HELD_OUT_SPLIT, REFERENCE_SPLIT, extractor_fields, reference_fields
from ganbench.evaluation.naming import PlannedMetric
from ganbench.evaluation.protocol import Extractor, Metric, Needs, SampleSet
from ganbench.evaluation.reference_cache import ReferenceCache, sample_set_from_tensors, sample_set_to_tensors
from ganbench.record.record import Key

logger = logging.getLogger(__name__)

_FLOOR_SEED = 0
"""The seed of the permutation that parts the real samples."""
Sets = tuple[SampleSet, ...]
"""One set for each network of an extractor, or one without features."""
_Part = tuple[int, int]
"""(which, samples in it): 0 or 1 for the first or second so many samples of the permutation, or :data:`_WHOLE`."""
_WHOLE: _Part = (-1, -1)


class _RealSamples:
    """One split under one extractor.

    Args:
        source: the split.
        split: its name.
        extractor: the networks; None for the samples as they are.
        batch_size: samples at a time.
        device: where the float64 sums are kept.
        cache: where to look first for the whole split and to keep what was made; None for neither.
    """

    def __init__(
        self, source: Source, split: str, extractor: Extractor | None, *, batch_size: int, device: str, cache: ReferenceCache | None
    ) -> None:
        self.source, self._split, self._extractor, self._cache = source, split, extractor, cache
        self._batch_size, self._device = batch_size, device

    def fill(self, wanted: Mapping[_Part, Needs]) -> dict[_Part, Sets]:
        """Return the sets that are wanted.

        Args:
            wanted: what each is to keep.
        """
        cached = self._load(wanted[_WHOLE]) if _WHOLE in wanted else ()
        missing = {part: needs for part, needs in wanted.items() if part != _WHOLE or not cached}
        filled = {_WHOLE: cached} if cached else {}
        if missing:
            filled.update(self._extract(missing))
        if _WHOLE in missing:
            self._store(wanted[_WHOLE], filled[_WHOLE])
        return filled

    def _extract(self, wanted: Mapping[_Part, Needs]) -> dict[_Part, Sets]:
        """Fill sets in one pass over the samples that belong to at least one."""
        members = {part: self._members(part) for part in wanted}
        indices = torch.stack(list(members.values())).any(dim=0).nonzero().squeeze(1)
        labels = None if self.source.labels is None else self.source.labels[indices]

        def samples_at(start: int, count: int) -> Tensor:
            return self.source.read(indices[start : start + count])

        compact = {part: Wanted(members=members[part][indices], needs=needs) for part, needs in wanted.items()}
        if self._extractor:
            logger.info("extracting %s features of %d real samples", self._extractor.extractor_id, len(indices))
        with torch.inference_mode():
            return collect(samples_at, compact, self._extractor, batch_size=self._batch_size, device=self._device, labels=labels)

    def _members(self, part: _Part) -> Tensor:
        """Return which samples belong to a part, ``[N]`` bool."""
        total = self.source.num_samples
        if part == _WHOLE:
            return torch.ones(total, dtype=torch.bool)
        which, count = part
        order = torch.randperm(total, generator=torch.Generator().manual_seed(_FLOOR_SEED))
        members = torch.zeros(total, dtype=torch.bool)
        members[order[which * count : (which + 1) * count]] = True
        return members

    def _load(self, needs: Needs) -> Sets:
        """Return the whole split from the cache, or nothing unless every network's set is there."""
        if self._cache is None or self._extractor is None or not _is_kept(needs):
            return ()
        found = []
        for member in range(self._extractor.num_members):
            entry = self._cache.load(self._key(needs, member))
            if entry is None:
                return ()
            found.append(sample_set_from_tensors(entry, device=self._device))
        labels = self.source.labels if needs.labels else None
        return tuple(replace(one, labels=labels) for one in found)

    def _store(self, needs: Needs, sets: Sets) -> None:
        if self._cache is not None and self._extractor is not None and _is_kept(needs):
            for member, one in enumerate(sets):
                self._cache.store(self._key(needs, member), sample_set_to_tensors(one))

    def _key(self, needs: Needs, member: int) -> Key:
        kept = f"{'statistics' * needs.statistics}{'+features' * needs.features}{'+logits' * needs.logits}"
        fields = {**extractor_fields(self._extractor), **reference_fields(self.source, self._split)}
        return Key.of(**fields, member=member, kept=kept)


def _is_kept(needs: Needs) -> bool:
    """Samples lie in the source already, and no metric asks for the whole split's spread."""
    return not needs.samples and not needs.spread


_Asked = Sequence[tuple[PlannedMetric, Metric]]
_SIDES = {"reference": "train {unit} against the held-out ones", "control": "held-out {unit} against the train {unit}"}
_Where = tuple[str, _Part]
"""(split, part of it)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Floor:
    """A metric between real samples and real samples."""

    count: int
    """Samples in the place of the generated ones; on both sides where both are parts of one split."""
    of: str = ""
    """What the sides are, where they are no parts of one split."""
    values: tuple[float, ...] = ()
    """One for each quantity, the mean over the networks; empty where the parts are too small for the metric."""


def _held_out_samples(dataset: Dataset, needs: Needs) -> Source | None:
    """Return the held-out samples that a metric asks for; None where it asks for none, or the dataset has none of the kind."""
    test = dataset.test
    if needs.held_out == "unused" or test is None or (needs.labels and test.labels is None):
        return None
    return test


def reference_of(dataset: Dataset, needs: Needs) -> tuple[str, Source]:
    """Return the split that a metric compares with, and its name."""
    test = _held_out_samples(dataset, needs)
    return (HELD_OUT_SPLIT, test) if test is not None and needs.held_out == "reference" else (REFERENCE_SPLIT, dataset.train)


def compute(planned: PlannedMetric, metric: Metric, real: SampleSet, fake: SampleSet) -> tuple[float, ...]:
    """Return what a metric says of two sets.

    Raises:
        PluginError: it is not one number for each of its quantities.
    """
    with during(f"in metric {planned.name!r}"):
        values = metric.compute(real, fake)
        wanted = len(planned.quantities)
        if not isinstance(values, (tuple, list)):
            raise PluginError(f"metric {planned.name!r} must return a tuple of numbers (got {type(values).__name__})")
        if len(values) != wanted:
            raise PluginError(f"metric {planned.name!r} must return {wanted}, one for each of its quantities (got {len(values)})")
        for value in values:
            if isinstance(value, str) or not hasattr(value, "__float__"):
                raise PluginError(f"metric {planned.name!r} must return numbers (got a {type(value).__name__})")
        return tuple(float(value) for value in values)


class Reference:
    """The real samples of a dataset under one extractor, or as they are.

    Args:
        dataset: its splits.
        extractor: the networks; None for the samples as they are.
        batch_size: samples at a time.
        device: where the float64 sums are kept.
        cache: where to look first and to keep what was made; None for neither.
    """

    def __init__(
        self, dataset: Dataset, extractor: Extractor | None, *, batch_size: int, device: str, cache: ReferenceCache | None
    ) -> None:
        self._dataset, self._extractor, self._cache = dataset, extractor, cache
        sources = {REFERENCE_SPLIT: dataset.train, HELD_OUT_SPLIT: dataset.test}
        self._splits = {
            name: _RealSamples(source, name, extractor, batch_size=batch_size, device=device, cache=cache)
            for name, source in sources.items()
            if source is not None
        }
        self._sets: dict[str, Sets] = {}
        self._floors: dict[str, Floor] = {}

    def sets(self, name: str) -> Sets:
        """Return the reference of a metric by its planned name, under each network; of no samples where it looks at none."""
        return self._sets[name]

    def floor(self, name: str) -> Floor:
        """Return the floor of a metric by its planned name."""
        return self._floors[name]

    def prepare(self, asked: _Asked) -> None:
        """Load or compute everything that the metrics need.

        Args:
            asked: the metrics, which all use this extractor, or none.
        """
        missing = [(planned, metric) for planned, metric in asked if not self._load_floor(planned, metric)]
        askers: dict[_Where, list[Needs]] = {}
        for _, metric in asked:
            if metric.needs.reference:
                askers.setdefault((reference_of(self._dataset, metric.needs)[0], _WHOLE), []).append(metric.needs)
        for planned, metric in missing:
            for where in self._floor_sides(planned, metric):
                if where[1] == _WHOLE or where[1][1] > 0:
                    askers.setdefault(where, []).append(metric.needs)
        filled = self._fill({where: Needs.of_all(needs) for where, needs in askers.items()})
        nothing = (SampleSet(),) * (self._extractor.num_members if self._extractor else 1)
        for planned, metric in asked:
            where = (reference_of(self._dataset, metric.needs)[0], _WHOLE)
            self._sets[planned.name] = filled[where] if metric.needs.reference else nothing
        for planned, metric in missing:
            self._compute_floor(planned, metric, filled)

    def _fill(self, wanted: Mapping[_Where, Needs]) -> dict[_Where, Sets]:
        filled: dict[_Where, Sets] = {}
        for name, split in self._splits.items():
            parts = {part: needs for (owner, part), needs in wanted.items() if owner == name}
            filled.update({(name, part): sets for part, sets in split.fill(parts).items()})
        return filled

    def _floor_sides(self, planned: PlannedMetric, metric: Metric) -> tuple[_Where, _Where]:
        """Return what stands for the reference and for the generated samples in a metric's floor."""
        count, train = planned.num_generated, self._dataset.train.num_samples
        test = _held_out_samples(self._dataset, metric.needs)
        if test is None:
            half = min(count, train // 2)
            return (REFERENCE_SPLIT, (0, half)), (REFERENCE_SPLIT, (1, half))
        if metric.needs.held_out == "reference":
            return (HELD_OUT_SPLIT, _WHOLE), (REFERENCE_SPLIT, (0, min(count, train)))
        return (REFERENCE_SPLIT, _WHOLE), (HELD_OUT_SPLIT, (0, min(count, test.num_samples)))

    def _empty_floor(self, planned: PlannedMetric, metric: Metric) -> Floor:
        held_out, unit = _held_out_samples(self._dataset, metric.needs) is not None, self._dataset.space.unit
        return Floor(count=self._floor_count(planned, metric), of=_SIDES[metric.needs.held_out].format(unit=unit) if held_out else "")

    def _floor_count(self, planned: PlannedMetric, metric: Metric) -> int:
        _, (_, (_, count)) = self._floor_sides(planned, metric)
        return count

    def _compute_floor(self, planned: PlannedMetric, metric: Metric, filled: Mapping[_Where, Sets]) -> None:
        """Measure real samples against real samples; where there are too few the floor stays empty, with a log line.

        Raises:
            UnsuitableError: no number of samples would do.
        """
        floor = self._empty_floor(planned, metric)
        one, other = self._floor_sides(planned, metric)
        try:
            if floor.count == 0:
                raise ConfigError(f"{self._dataset.train.num_samples} real sample cannot be parted")
            rows = [compute(planned, metric, real, fake) for real, fake in zip(filled[one], filled[other], strict=True)]
        except UnsuitableError:
            raise
        except ConfigError as error:
            logger.warning("no floor for %s: %s", planned.name, error)
            self._floors[planned.name] = floor
            return
        values = torch.tensor(rows, dtype=torch.float64)  # [M, Q]
        self._floors[planned.name] = replace(floor, values=_means(values))
        if self._cache:
            self._cache.store(self._floor_key(planned, metric), {"values": values})

    def _load_floor(self, planned: PlannedMetric, metric: Metric) -> bool:
        """Take a floor from the cache; return whether it was there."""
        entry = self._cache.load(self._floor_key(planned, metric)) if self._cache else None
        if entry is None or "values" not in entry:
            return False
        self._floors[planned.name] = replace(self._empty_floor(planned, metric), values=_means(entry["values"]))
        return True

    def _floor_key(self, planned: PlannedMetric, metric: Metric) -> Key:
        test = _held_out_samples(self._dataset, metric.needs)
        parameters = {f"parameter.{name}": value for name, value in metric.parameters().items()}
        fields = {**extractor_fields(self._extractor), **reference_fields(self._dataset.train, REFERENCE_SPLIT)}
        return Key.of(
            **fields,
            **parameters,
            implementation=metric.implementation,
            floor_count=self._floor_count(planned, metric),
            floor_seed=_FLOOR_SEED,
            held_out="" if test is None else f"{metric.needs.held_out} {test.content_hash}",
        )


def _means(values: Tensor) -> tuple[float, ...]:
    """Return the mean of each quantity over the networks, ``[M, Q]`` to Q numbers."""
    return tuple(values.mean(dim=0).tolist())
