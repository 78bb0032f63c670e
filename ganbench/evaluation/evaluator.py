"""All metrics of a run: the reference and the floors once, then one pass of generated samples through each extractor per evaluation.

The reference is the whole train split in its own order, or the held-out samples for a metric that asks for them. A metric that looks at
fewer generated samples than another sees the first of the same sequence. An extractor with several networks gives a value for each; the
mean is reported with the spread. What a metric is shown follows from what it looks at, see :attr:`ganbench.MetricSpec.looks_at`.

Shapes: N samples.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ganbench.data.source import Dataset, Source, Targets
from ganbench.data.space import require_finite
from ganbench.errors import ConfigError
from ganbench.evaluation.collect import DataModes, Wanted, collect
from ganbench.evaluation.evaluation_key import HELD_OUT_SPLIT, evaluation_key, extractor_fields, generated_fields, reference_fields
from ganbench.evaluation.naming import PlannedMetric
from ganbench.evaluation.protocol import Extractor, Metric, Needs, SampleSet
from ganbench.evaluation.reference import Floor, Reference, Sets, compute, reference_of
from ganbench.evaluation.reference_cache import ReferenceCache
from ganbench.evaluation.statistics import diversity, num_compared
from ganbench.ranks import Ranks
from ganbench.record.record import Key, MetricValue, Scalar, deviation
from ganbench.spec import check_space

_Generate = Callable[[int, int], Tensor]
"""``generate(start, count)`` returns the samples from index ``start`` on as the space stores them, a pure function of the index."""
Scorer = Callable[[Tensor], Tensor]
"""Stored samples ``[n, *stored_size]`` on the CPU to one number each, ``[n]``."""
_NOT_AGAINST_A_REFERENCE = ("targets", "scores")


@dataclass(frozen=True, slots=True)
class _Group:
    """The metrics that share an extractor, or share that they look at no features."""

    extractor: Extractor | None
    planned: tuple[PlannedMetric, ...]


class Evaluator:
    """Measures generated samples against a dataset and against their targets, and what the networks say of held-out samples.

    Args:
        planned: the metrics; their order is that of the values, but those that look at targets or scores come last.
        metrics: the arithmetic of each, by planned name.
        extractors: the networks, by extractor name.
        dataset: its train split is the reference, its test split the held-out samples.
        device: where the float64 sums are kept.
        batch_size: samples generated and shown to an extractor at a time.
        cache: where references are kept between runs; None to keep nothing.
        conditional: whether generated samples are asked for by label.
        source: where a generator's inputs and the samples that are scored come from, where that is not ``dataset``.
        targets: what the generated samples should be, for as many as any metric looks at; given where a metric looks at targets.
        truncation: of the latents of what is generated; 0 for none.
        floors: whether real samples are measured against real ones too.

    Raises:
        ConfigError: a metric that does not suit the dataset or the networks, or the number of samples.
    """

    def __init__(
        self,
        planned: Sequence[PlannedMetric],
        metrics: Mapping[str, Metric],
        extractors: Mapping[str, Extractor],
        dataset: Dataset,
        *,
        device: str,
        batch_size: int = 250,
        cache: ReferenceCache | None = None,
        conditional: bool = False,
        source: Dataset | None = None,
        targets: Targets | None = None,
        truncation: float = 0.0,
        floors: bool = True,
    ) -> None:
        self._truncation, self._with_floors = truncation, floors
        self._planned = tuple(sorted(planned, key=lambda p: p.spec.looks_at in _NOT_AGAINST_A_REFERENCE))
        self._metrics = dict(metrics)
        self._dataset, self._source, self._targets = dataset, source or dataset, targets
        self._device = device if device.startswith("cuda") else "cpu"  # not every other device has float64
        self._batch_size = batch_size
        self._cache = cache
        for one in self._planned:
            self._check_kind(one, conditional)
        generating = [p for p in self._planned if p.spec.looks_at != "scores"]
        fitting = {n: self._fitting(n, extractors[n]) if n else None for n in dict.fromkeys(p.extractor_name for p in generating)}
        self._groups = [_Group(one, tuple(p for p in generating if p.extractor_name == n)) for n, one in fitting.items()]
        self._check_counts()
        self._keys = {p.name: self._key(p, fitting.get(p.extractor_name)) for p in self._planned}
        self._references: dict[str, Sets] = {}
        self._floors: dict[str, Floor] = {}

    def _fitting(self, name: str, extractor: Extractor) -> Extractor:
        """Return an extractor that tells this dataset's modes apart."""
        check_space(f"the extractor {name!r} takes", extractor.spaces, self._dataset.name, self._dataset.space.name)
        find = self._dataset.mode_of
        return extractor if find is None else DataModes(extractor, find, self._dataset.num_modes)

    def _check_kind(self, planned: PlannedMetric, conditional: bool) -> None:
        """Refuse a metric that needs what this run has not."""
        spec, needs, space = planned.spec, self._metrics[planned.name].needs, self._dataset.space
        scores = spec.looks_at == "scores"
        data = self._source if scores else self._dataset
        if scores and data.test is None:
            raise ConfigError(f"metric {planned.name!r} scores held-out samples, and {data.name} has none", hint="choose another metric")
        real = data.test if scores else data.train
        if needs.labels and (real is None or real.labels is None):
            raise ConfigError(f"metric {planned.name!r} needs labels, and {data.name} has none", hint="choose a dataset with classes")
        if needs.held_out == "beside" and (data.test is None or (needs.labels and data.test.labels is None)):
            what = f"metric {planned.name!r} needs held-out {space.unit}{' with labels' * needs.labels}, and {data.name} has none"
            raise ConfigError(what, hint="choose another metric or a dataset with a test split")
        if needs.labels and not scores and not conditional:
            raise ConfigError(
                f"metric {planned.name!r} needs {space.unit} that are asked for by label, and these networks take no labels",
                hint="choose a conditional architecture",
            )
        check_space(f"metric {planned.name!r} looks at", spec.spaces, data.name, space.name)

    def _check_counts(self) -> None:
        """Refuse a metric that could not be computed, before anything is trained."""
        for planned in self._planned:
            metric, unit = self._metrics[planned.name], self._dataset.space.unit
            sides = {"generated": planned.num_generated, "real": self._compared_with(planned)[1].num_samples}
            if planned.spec.looks_at == "scores":
                del sides["generated"]
            for what, count in sides.items():
                if count < metric.least_samples:
                    parameters = ", ".join(f"{name} {value}" for name, value in metric.parameters().items())
                    raise ConfigError(
                        f"metric {planned.name!r} needs at least {metric.least_samples} {what} {unit} (got {count}; {parameters})",
                        hint="name a larger count, or set the metric's options with -o"
                        if what == "generated"
                        else "choose another metric or a larger dataset",
                    )

    def _compared_with(self, planned: PlannedMetric) -> tuple[str, Source]:
        """Return the real samples that a metric looks at, and the name of their split; no name for those whose targets are looked at."""
        test = self._source.test
        if planned.spec.looks_at == "targets":
            return "", self._source.train if test is None else test
        if planned.spec.looks_at == "scores":
            assert test is not None
            return HELD_OUT_SPLIT, test
        return reference_of(self._dataset, self._metrics[planned.name].needs)

    def _key(self, planned: PlannedMetric, extractor: Extractor | None) -> Key:
        split, real = self._compared_with(planned)
        parts: dict[str, Scalar] = reference_fields(real, split)
        if planned.spec.looks_at != "scores":
            parts |= generated_fields(self._dataset.space, self._truncation)
        if planned.spec.looks_at not in _NOT_AGAINST_A_REFERENCE:
            parts |= extractor_fields(extractor)
        if self._metrics[planned.name].needs.held_out == "beside" and (test := self._dataset.test) is not None:
            parts |= {"held_out_hash": test.content_hash, "num_held_out": test.num_samples}
        return evaluation_key(planned, self._metrics[planned.name], parts)

    def keys(self) -> tuple[Key, ...]:
        """Return the evaluation key of each metric, in their order."""
        return tuple(self._keys[p.name] for p in self._planned)

    def prepare(self) -> None:
        """Make or load the reference features and the floors; :meth:`evaluate` does it where it was not done.

        Raises:
            ConfigError: too few real samples for a metric's parameters.
        """
        for group in self._groups:
            reference = Reference(self._dataset, group.extractor, batch_size=self._batch_size, device=self._device, cache=self._cache)
            compared = [p for p in group.planned if p.spec.looks_at != "targets"]
            reference.prepare([(p, self._metrics[p.name]) for p in compared], floors=self._with_floors)
            for planned in compared:
                self._references[planned.name] = reference.sets(planned.name)
                self._floors[planned.name] = reference.floor(planned.name)
        for planned in self._planned:
            if planned.spec.looks_at == "targets":
                assert self._targets is not None, "a run without targets was let through"
                metric, space, count = self._metrics[planned.name], self._dataset.space, planned.num_generated
                self._references[planned.name] = (SampleSet(targets=self._targets[:count]),)
                tried = self._targets[: count if self._with_floors else metric.least_samples]  # one that they do not suit says so now
                values = compute(planned, metric, SampleSet(targets=tried, space=space), SampleSet(samples=space.to_stored(tried.samples)))
                if self._with_floors:
                    of = f"targets in the place of generated {space.unit}"
                    self._floors[planned.name] = Floor(count=count, of=of, splits=tuple((value,) for value in values))

    def evaluate(
        self,
        generate: _Generate | None,
        labels: Tensor | None = None,
        scorers: Mapping[str, Scorer] | None = None,
        ranks: Ranks | None = None,
    ) -> tuple[MetricValue, ...]:
        """Measure a generator, and the networks beside it.

        Args:
            generate: makes the samples; None where every metric looks at scores.
            labels: int64 on the CPU, one for each of the samples: what they were asked for; None where they are not asked for by label.
            scorers: what the networks say of samples; given where a metric looks at scores.
            ranks: the processes of the run, of which the others :meth:`assist`; None for one.

        Returns:
            One value for each quantity of each metric.

        Raises:
            ConfigError: too few samples for a metric's parameters.
            Diverged: the features or the scores hold NaN or Inf.
        """
        if not self._references:
            self.prepare()
        fakes: dict[str, Sets] = {}
        for group in self._groups:
            assert generate is not None, "metrics look at generated samples"
            sets = self._collect(group, generate, labels, ranks or Ranks())
            ask, inputs = getattr(generate, "ask", None), getattr(generate, "inputs", None)
            if ask is not None and inputs is not None:
                sets = {n: tuple(replace(one, ask=ask, inputs=inputs[:n]) for one in many) for n, many in sets.items()}
            fakes.update({p.name: sets[p.num_generated] for p in group.planned})
        scored = [p.name for p in self._planned if p.spec.looks_at == "scores"]
        if scored:
            held_out = self._score(scorers or {})
            self._references.update(dict.fromkeys(scored, held_out))
            fakes.update(dict.fromkeys(scored, (SampleSet(),)))
        return tuple(value for p in self._planned for value in self._measure(p, fakes[p.name]))

    def diversity(self, generate: _Generate) -> float | None:
        """Return how varied the first generated samples are beside real ones; see :func:`ganbench.evaluation.statistics.diversity`."""
        real = self._dataset.train
        asked = max((p.num_generated for p in self._planned if p.spec.looks_at != "scores"), default=0)
        count = min(num_compared(math.prod(self._dataset.space.stored_size)), asked, real.num_samples)
        spread_out = torch.arange(count) * real.num_samples // max(count, 1)
        with torch.inference_mode():
            return diversity(generate(0, count), real.read(spread_out)) if count else None

    def assist(self, generate: _Generate | None, labels: Tensor | None, ranks: Ranks) -> None:
        """Do this process's share of what the first one asks in :meth:`evaluate`."""
        for group in self._groups:
            assert generate is not None, "metrics look at generated samples"
            self._collect(group, generate, labels, ranks)

    def _collect(self, group: _Group, generate: _Generate, labels: Tensor | None, ranks: Ranks) -> dict[int, Sets]:
        """Return the sets of the first n samples, for each n that a metric of the group wants."""
        total = max(p.num_generated for p in group.planned)
        wanted = {}
        for count in {p.num_generated for p in group.planned}:
            sharing = [self._metrics[p.name] for p in group.planned if p.num_generated == count]
            wanted[count] = Wanted(members=torch.arange(total) < count, needs=Needs.of_all(m.needs for m in sharing))
        with torch.inference_mode():
            return collect(generate, wanted, group.extractor, batch_size=self._batch_size, device=self._device, labels=labels, ranks=ranks)

    def _score(self, scorers: Mapping[str, Scorer]) -> Sets:
        """Return the held-out samples' labels, and what each scorer says of them."""
        test = self._source.test
        assert test is not None
        batches = torch.split(torch.arange(test.num_samples), self._batch_size)
        with torch.inference_mode():
            found = {name: [score(test.read(batch)).double().cpu() for batch in batches] for name, score in scorers.items()}
        scores = {name: require_finite(torch.cat(parts), f"scores {name!r}") for name, parts in found.items()}
        return (SampleSet(scores=scores, labels=test.labels),)

    def _measure(self, planned: PlannedMetric, fakes: Sets) -> list[MetricValue]:
        metric, reals = self._metrics[planned.name], self._references[planned.name]
        space = self._dataset.space
        by_member = [compute(planned, metric, replace(real, space=space), fake) for real, fake in zip(reals, fakes, strict=True)]
        floor = self._floors.get(planned.name, Floor())
        values = []
        for index, (quantity, members) in enumerate(zip(planned.quantities, zip(*by_member, strict=True), strict=True)):
            values.append(
                MetricValue(
                    name=quantity.name,
                    label=quantity.label,
                    value=statistics.fmean(members),
                    spread=deviation(members),
                    num_generated=planned.num_generated,
                    num_reference=self._compared_with(planned)[1].num_samples,
                    higher_is_better=quantity.higher_is_better,
                    evaluation_key=self._keys[planned.name].digest,
                    floor=statistics.fmean(floor.splits[index]) if floor.splits else None,
                    floor_splits=floor.splits[index] if floor.splits else (),
                    floor_count=floor.count,
                    floor_of=floor.of,
                )
            )
        return values
