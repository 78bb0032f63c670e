"""What the metrics of one extractor, or of none, are measured against, and what each of them says of real samples.

The reference is the whole train split, or the held-out samples for a metric that asks for them. *Real against real*, a metric's floor, is
its value for real samples in the place of the generated ones: what a perfect generator would have, whether more is better or less. It is
the mean over :data:`SPLITS` splits of the real samples into two parts with the same shares of each class, or, where held-out samples have a
part in the metric, of these and the train split; of a metric that looks at targets, its value for the targets themselves. In the place of
the generated samples stand as many as are generated, drawn one by one from their part where it holds fewer. A metric that compares
generated samples with each other is shown each real one only once, and no more others than :data:`_MOST_COMPARED` or as many as those: its
time grows with the square. Every other metric is shown all the others.

All that is missing of a split of the dataset is filled in one pass, and the features of that pass serve every split into parts.

Shapes: N real samples, P of them that are split into parts, M networks of an extractor, Q quantities of a metric.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from ganbench.data.source import Dataset, Source
from ganbench.errors import ConfigError, PluginError, UnsuitableError, during
from ganbench.evaluation.collect import NOTHING, Wanted, checked, collect, put_rows
from ganbench.evaluation.evaluation_key import HELD_OUT_SPLIT, REFERENCE_SPLIT, extractor_fields, reference_fields
from ganbench.evaluation.naming import PlannedMetric
from ganbench.evaluation.protocol import Extractor, Features, Metric, Needs, SampleSet
from ganbench.evaluation.reference_cache import ReferenceCache, sample_set_from_tensors, sample_set_to_tensors
from ganbench.record.record import Key, Scalar

logger = logging.getLogger(__name__)

SPLITS = 10
"""Splits of the real samples; the seed of each is its number."""
_FLOOR_VERSION = "real-against-real-1"
"""How the splits are made; a floor in the cache is of one version."""
_MOST_COMPARED = 5000
_MOST_BYTES = 2**30
"""Of the features, or of the samples, that are remembered for the splits."""
_Asked = Sequence[tuple[PlannedMetric, Metric]]
_Prepare = Callable[[SampleSet], Mapping[str, Tensor]]
Sets = tuple[SampleSet, ...]
"""One set for each network of an extractor, or one without features."""


def stratified(labels: Tensor | None, count: int, seed: int) -> Tensor:
    """Return a random order of samples of which every beginning has the shares of the classes, to a sample.

    Args:
        labels: ``[N]``; None where there are no classes.
        count: N.
        seed: of the order.
    """
    random = torch.Generator().manual_seed(seed)
    order = torch.randperm(count, generator=random)
    if labels is None:
        return order
    classes, sizes = torch.unique(labels[order], return_inverse=True, return_counts=True)[1:]
    order = order[classes.argsort(stable=True)]  # class by class, at random within each
    place = torch.arange(count) - (sizes.cumsum(0) - sizes).repeat_interleave(sizes)
    offset = torch.rand(len(sizes), generator=random).repeat_interleave(sizes)
    return order[((place + offset) / sizes.repeat_interleave(sizes)).argsort(stable=True)]


class _StandIn:
    """An extractor in whose place a function answers."""

    def __init__(self, extractor: Extractor, answer: Callable[[Tensor], tuple[Features, ...]]) -> None:
        self.extractor_id, self.preprocessing_id = extractor.extractor_id, extractor.preprocessing_id
        self.weights_hash, self.dims, self.num_members = extractor.weights_hash, extractor.dims, extractor.num_members
        self.spaces, self._answer = extractor.spaces, answer

    def extract(self, samples: Tensor) -> tuple[Features, ...]:
        """Return the answer."""
        return self._answer(samples)


_SAID = ("features", "logits", "modes")


def _rows(found: Features, rows: Tensor) -> Features:
    """Return what is said of some samples, on the CPU."""
    kept = {name: tensor[rows.to(tensor.device)].cpu() for name in _SAID if (tensor := getattr(found, name)) is not None}
    return replace(found, **kept)


class _RealSamples:
    """One split of the dataset under one extractor.

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
        self.whole: Sets = ()
        self._said: tuple[Features, ...] = ()
        self._places = torch.zeros(0, dtype=torch.int64)  # of each sample among those of which something was said

    def fill(self, whole: Needs | None, remembered: Tensor) -> None:
        """Make the set of the whole split, and remember what is said of some samples, in one pass over what is missing.

        Args:
            whole: what the whole split's set is to keep; None where nobody asks for it.
            remembered: which samples :meth:`sets` will be asked for, ``[N]`` bool.
        """
        self.whole = self._load(whole) if whole is not None else ()
        missing = None if self.whole else whole
        order = (remembered if missing is None else torch.ones_like(remembered)).nonzero().squeeze(1)
        if self._extractor is None:
            self.whole = self._collect(order, missing, None) if missing is not None else ()
            return
        if len(order):
            made = self._remember(order, missing or Needs(statistics=False), remembered)
            if missing is not None:
                self.whole = made
                self._store(missing, made)

    def _remember(self, order: Tensor, needs: Needs, remembered: Tensor) -> Sets:
        """Fill a set with some samples, remember what is said of some of these, and return the set; what it keeps is not held twice."""
        extractor, at = self._extractor, 0
        assert extractor is not None, "nothing is said of samples as they are"
        shared = needs.features and bool(remembered.any())  # the set holds the features of all
        own = [name for name in _SAID if not (shared and getattr(needs, name, False))]
        remembered = torch.ones_like(remembered) if shared else remembered
        count, chosen = int(remembered.sum()), iter(torch.split(remembered[order], self._batch_size))
        said: list[dict[str, Any]] = [{} for _ in range(extractor.num_members)]
        logger.info("extracting %s features of %d real samples", extractor.extractor_id, len(order))

        def listen(samples: Tensor) -> tuple[Features, ...]:
            nonlocal at
            found, rows = checked(extractor, extractor.extract(samples), len(samples)), next(chosen)
            for one, kept in zip(found, said, strict=True):
                kept["num_modes"] = one.num_modes
                for name in own:
                    if (tensor := getattr(one, name)) is not None:
                        kept[name] = put_rows(tensor[rows.to(tensor.device)].cpu(), kept.get(name, NOTHING), at, count)
            at += int(rows.sum())
            return found

        made = self._collect(order, needs, _StandIn(extractor, listen))
        others = [{name: getattr(one, name) for name in ("features", "logits") if name not in own} for one in made]
        self._said, self._places = tuple(Features(**a, **b) for a, b in zip(said, others, strict=True)), remembered.cumsum(0) - 1
        return made

    def sets(self, order: Tensor, needs: Needs) -> Sets:
        """Return the set of a sequence of remembered samples, which may hold one several times.

        Args:
            order: their indices.
            needs: what the set is to keep.
        """
        if self._extractor is None:
            return self._collect(order, needs, None)
        repeat = _StandIn(self._extractor, lambda at: tuple(_rows(one, at) for one in self._said))
        sets = self._collect(order, replace(needs, samples=False), repeat)
        return tuple(replace(one, samples=self.source.read(order)) for one in sets) if needs.samples else sets

    def _collect(self, order: Tensor, needs: Needs, extractor: _StandIn | None) -> Sets:
        """Fill one set with a sequence of samples, or of places among those that are remembered."""
        repeats = extractor is not None and len(self._places) > 0

        def samples_at(start: int, count: int) -> Tensor:
            indices = order[start : start + count]
            return self._places[indices] if repeats else self.source.read(indices)

        wanted = {0: Wanted(members=torch.ones(len(order), dtype=torch.bool), needs=needs)}
        labels = None if self.source.labels is None else self.source.labels[order]
        with torch.inference_mode():
            return collect(samples_at, wanted, extractor, batch_size=self._batch_size, device=self._device, labels=labels)[0]

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
        return _key(self._cache, self._extractor, self.source, self._split, member=member, kept=kept)

    def prepare(self, asked: _Asked) -> None:
        """Add to the sets of the whole split what metrics make of it alone, from the cache where it was made before."""
        for planned, metric in asked:
            if (prepare := getattr(metric, "prepare", None)) is not None:
                self.whole = tuple(self._prepared(planned, metric, prepare, *one) for one in enumerate(self.whole))

    def _prepared(self, planned: PlannedMetric, metric: Metric, prepare: _Prepare, member: int, real: SampleSet) -> SampleSet:
        key = _key(self._cache, self._extractor, self.source, self._split, metric, member=member, kept="prepared")
        made = self._cache.load(key) if self._cache else None
        if made is None:
            logger.info("preparing %s of %d real samples", planned.name, self.source.num_samples)
            with during(f"in metric {planned.name!r}"):
                made = dict(prepare(replace(real, space=self.source.space)))
            if self._cache:
                self._cache.store(key, made)
        return replace(real, prepared={**real.prepared, **made})


def _is_kept(needs: Needs) -> bool:
    """Samples lie in the source already, and no metric asks for the whole split's spread."""
    return not needs.samples and not needs.spread


def _key(
    cache: ReferenceCache | None, extractor: Extractor | None, source: Source, split: str, metric: Metric | None = None, **more: Scalar
) -> Key:
    """Return what an entry of the cache depends on: the real samples, the network, and the arithmetic of a metric that has a part in it."""
    fields = {**extractor_fields(extractor), **reference_fields(source, split)}
    if metric is not None:
        fields |= {f"parameter.{name}": value for name, value in metric.parameters().items()}
        fields["implementation"] = metric.implementation
    return Key.of(**fields, **more, code=" ".join(cache.code_of(one) for one in (extractor, metric) if one) if cache else "")


@dataclass(frozen=True, kw_only=True, slots=True)
class Floor:
    """What a metric says of several splits of real samples."""

    count: int = 0
    """Samples in the place of the generated ones."""
    of: str = ""
    """Which these are, and which the others."""
    splits: tuple[tuple[float, ...], ...] = ()
    """For each quantity its value in each split, the mean over the networks; empty where the parts are too small for the metric."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _FloorParts:
    """How the real samples are split for one metric."""

    generated: str
    """The split of the dataset whose samples stand in the place of generated ones."""
    pool: Tensor
    """Indices of the samples of that split that are split into parts, ``[P]``."""
    part: int
    """How many of the pool stand in the place of generated ones."""
    count: int
    """How often that is; above :attr:`part` they are drawn one by one."""
    whole: str
    """The split of the dataset that is the other side; empty for the rest of the pool."""
    of: str
    """What the reader is told."""

    @property
    def num_splits(self) -> int:
        """One where every split would be the same."""
        return 1 if self.part == self.count == len(self.pool) else SPLITS

    def split(self, labels: Tensor | None, number: int) -> tuple[Tensor, Tensor]:
        """Return the indices in the place of the generated samples, and the others."""
        own = None if labels is None else labels[self.pool]
        order = self.pool[stratified(own, len(self.pool), number)]
        part, others = order[: self.part], order[self.part :]
        if self.count > self.part:
            part = part[torch.randint(self.part, (self.count,), generator=torch.Generator().manual_seed(number))]
        return part, others

    def floor(self, values: Tensor) -> Floor:
        """Return the floor of values ``[splits, M, Q]``."""
        return Floor(count=self.count, of=self.of, splits=tuple(map(tuple, values.mean(dim=1).T.tolist())))


def _held_out_samples(dataset: Dataset, needs: Needs) -> Source | None:
    """Return the held-out samples that a metric asks for; None where it asks for none, or the dataset has none of the kind."""
    test = dataset.test
    if needs.held_out in ("unused", "beside") or test is None or (needs.labels and test.labels is None):
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


def _parts_of(dataset: Dataset, extractor: Extractor | None, planned: PlannedMetric, needs: Needs) -> _FloorParts:
    """Return how the real samples are split for a metric."""
    test, unit = _held_out_samples(dataset, needs), dataset.space.unit
    control = test is not None and needs.held_out == "control"
    source = test if control and test is not None else dataset.train
    total = source.num_samples
    if extractor is not None:
        total = min(total, max(2, _MOST_BYTES // (4 * extractor.dims * extractor.num_members)))
    if test is None:
        part = min(planned.num_generated, total // 2)
        total = total if needs.repeats else min(total, part + max(part, _MOST_COMPARED))
        others = f"against {total - part:,} others" if needs.reference else ""
    else:
        part = min(planned.num_generated, total)
        others = f"against the {'train' if control else 'held-out'} {unit if control else 'ones'}"
    count = planned.num_generated if needs.repeats and part else part
    whole = "" if test is None else REFERENCE_SPLIT if control else HELD_OUT_SPLIT
    drawn = f"drawn from {part:,} " if count > part else ""
    pool = torch.arange(source.num_samples)
    return _FloorParts(
        generated=HELD_OUT_SPLIT if control else REFERENCE_SPLIT,
        pool=pool if total == len(pool) else stratified(source.labels, len(pool), 0)[:total],
        part=part,
        count=count,
        whole=whole,
        of=f"{drawn}{'held-out' if control else 'train'} {unit} {others}".rstrip(),
    )


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
        self._nothing: Sets = (SampleSet(),) * (extractor.num_members if extractor else 1)
        self._sets: dict[str, Sets] = {}
        self._floors: dict[str, Floor] = {}

    def sets(self, name: str) -> Sets:
        """Return the reference of a metric by its planned name, under each network; of no samples where it looks at none."""
        return self._sets[name]

    def floor(self, name: str) -> Floor:
        """Return what a metric says of real samples, by its planned name."""
        return self._floors.get(name, Floor())

    def prepare(self, asked: _Asked, *, floors: bool = True) -> None:
        """Load or compute everything that the metrics need.

        Args:
            asked: the metrics, which all use this extractor, or none.
            floors: whether real samples are measured against real ones too.
        """
        floored = [(p, m) for p, m in asked if floors and not m.needs.generator]
        parts = {p.name: _parts_of(self._dataset, self._extractor, p, metric.needs) for p, metric in floored}
        missing = [(p, metric) for p, metric in asked if p.name in parts and not self._load_floor(p, metric, parts[p.name])]
        wholes = {p.name: reference_of(self._dataset, metric.needs)[0] for p, metric in asked if metric.needs.reference}
        for name, samples in self._splits.items():
            needs = [metric.needs for p, metric in asked if wholes.get(p.name) == name]
            remembered = torch.zeros(samples.source.num_samples, dtype=torch.bool)
            for planned, _ in missing:
                if parts[planned.name].generated == name:
                    remembered[parts[planned.name].pool] = True
            samples.fill(Needs.of_all(needs) if needs else None, remembered)
            samples.prepare([(p, metric) for p, metric in asked if wholes.get(p.name) == name])
        for planned, metric in asked:
            self._sets[planned.name] = self._splits[wholes[planned.name]].whole if planned.name in wholes else self._nothing
            if metric.needs.held_out == "beside" and (test := self._dataset.test) is not None:
                held_out = SampleSet(samples=test.read(torch.arange(test.num_samples)), labels=test.labels)
                self._sets[planned.name] = tuple(replace(one, held_out=held_out) for one in self._sets[planned.name])
        for planned, metric in missing:
            self._compute_floor(planned, metric, parts[planned.name])

    def _compute_floor(self, planned: PlannedMetric, metric: Metric, parts: _FloorParts) -> None:
        """Measure real samples against real samples; where there are too few the floor stays empty, with a log line.

        Raises:
            UnsuitableError: no number of samples would do.
        """
        try:
            if parts.count == 0:
                raise ConfigError(f"{self._dataset.train.num_samples} real sample cannot be parted")
            rows = [self._measure_split(planned, metric, parts, number) for number in range(parts.num_splits)]
        except UnsuitableError:
            raise
        except ConfigError as error:
            logger.warning("no floor for %s: %s", planned.name, error)
            return
        values = torch.tensor(rows, dtype=torch.float64)  # [splits, M, Q]
        self._floors[planned.name] = parts.floor(values)
        if self._cache:
            self._cache.store(self._floor_key(metric, parts), {"values": values})

    def _measure_split(self, planned: PlannedMetric, metric: Metric, parts: _FloorParts, number: int) -> list[tuple[float, ...]]:
        """Return what a metric says of one split under each network."""
        samples = self._splits[parts.generated]
        part, others = parts.split(samples.source.labels, number)
        fakes, reals = samples.sets(part, metric.needs), self._sets[planned.name]
        if metric.needs.reference and not parts.whole:
            reals = tuple(replace(one, held_out=reals[0].held_out) for one in samples.sets(others, metric.needs))
        return [compute(planned, metric, replace(real, space=samples.source.space), fake) for real, fake in zip(reals, fakes, strict=True)]

    def _load_floor(self, planned: PlannedMetric, metric: Metric, parts: _FloorParts) -> bool:
        """Take a floor from the cache; return whether it was there."""
        entry = self._cache.load(self._floor_key(metric, parts)) if self._cache else None
        if entry is None or "values" not in entry:
            return False
        self._floors[planned.name] = parts.floor(entry["values"])
        return True

    def _floor_key(self, metric: Metric, parts: _FloorParts) -> Key:
        test = self._dataset.test if metric.needs.held_out == "beside" else _held_out_samples(self._dataset, metric.needs)
        return _key(
            self._cache,
            self._extractor,
            self._dataset.train,
            REFERENCE_SPLIT,
            metric,
            floor=_FLOOR_VERSION,
            floor_splits=parts.num_splits,
            floor_count=parts.count,
            floor_part=parts.part,
            floor_pool=len(parts.pool),
            held_out="" if test is None else f"{metric.needs.held_out} {test.content_hash}",
        )
