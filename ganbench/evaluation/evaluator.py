"""All metrics of a run: the reference and the floors once, then one pass of generated images through each extractor per evaluation.

The reference is the whole train split in its own order, or the held-out images for a metric that asks for them. A metric that looks at
fewer generated images than another sees the first of the same sequence. An extractor with several networks gives a value for each; the
mean is reported with the spread.

Shapes: N images, C channels, H x W pixels.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ganbench.data.source import Dataset
from ganbench.errors import ConfigError
from ganbench.evaluation.collect import Wanted, collect
from ganbench.evaluation.evaluation_key import evaluation_key
from ganbench.evaluation.modes import DataModes
from ganbench.evaluation.naming import PlannedMetric
from ganbench.evaluation.pixels import NoFeatures
from ganbench.evaluation.protocol import Extractor, Metric, Needs
from ganbench.evaluation.reference import Floor, Reference, Sets, reference_of
from ganbench.evaluation.reference_cache import ReferenceCache
from ganbench.record.record import Key, MetricValue


@dataclass(frozen=True, slots=True)
class _Group:
    """The metrics that share an extractor."""

    extractor: Extractor
    planned: tuple[PlannedMetric, ...]


class Evaluator:
    """Measures generated images against a dataset.

    Args:
        planned: the metrics; their order is that of the values.
        metrics: the arithmetic of each, by planned name.
        extractors: the networks, by extractor name.
        dataset: its train split is the reference, its test split the held-out images.
        device: where the float64 sums are kept.
        batch_size: images generated and shown to an extractor at a time.
        cache: where references are kept between runs; None to keep nothing.
        conditional: whether generated images are asked for by label.

    Raises:
        ConfigError: a metric that does not suit the dataset or the networks, or the number of images.
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
    ) -> None:
        self._planned = tuple(planned)
        self._metrics = dict(metrics)
        self._dataset = dataset
        self._device = device if device.startswith("cuda") else "cpu"  # not every other device has float64
        self._batch_size = batch_size
        self._cache = cache
        names = dict.fromkeys(p.extractor_name for p in planned)
        self._check_kinds(conditional)
        fitting = {n: self._fitting(n, extractors[n]) if n else NoFeatures() for n in names}
        self._groups = [_Group(fitting[n], tuple(p for p in planned if p.extractor_name == n)) for n in names]
        self._extractor_of = {p.name: group.extractor for group in self._groups for p in group.planned}
        self._check_counts()
        self._keys = {p.name: self._key(p) for p in self._planned}
        self._references: dict[str, Sets] = {}
        self._floors: dict[str, Floor] = {}

    def _fitting(self, name: str, extractor: Extractor) -> Extractor:
        """Return an extractor that tells this dataset's modes apart.

        Raises:
            ConfigError: it is for images and the data are points, or the other way round.
        """
        points = self._dataset.shape.points
        if bool(getattr(extractor, "takes_points", False)) != points:
            are, takes = ("points", "images") if points else ("images", "points")
            raise ConfigError(
                f"the extractor {name!r} takes {takes}, and {self._dataset.name} holds {are}",
                hint="name another extractor: FAMILY_EXTRACTOR",
            )
        find = self._dataset.mode_of
        return extractor if find is None else DataModes(extractor, find, self._dataset.num_modes)

    def _check_kinds(self, conditional: bool) -> None:
        """Refuse a metric that needs what this run has not.

        Raises:
            ConfigError: no labels on a side, or points in the place of images.
        """
        name = self._dataset.name
        for planned in self._planned:
            needs = self._metrics[planned.name].needs
            if needs.labels and self._dataset.train.labels is None:
                raise ConfigError(f"metric {planned.name!r} needs labels, and {name} has none", hint="choose a dataset with classes")
            if needs.labels and not conditional:
                raise ConfigError(
                    f"metric {planned.name!r} needs images that are asked for by label, and these networks take no labels",
                    hint="choose a conditional architecture",
                )
            if needs.samples and self._dataset.shape.points:
                raise ConfigError(f"metric {planned.name!r} looks at images, and {name} holds points", hint="choose another metric")

    def _check_counts(self) -> None:
        """Refuse a metric that could not be computed, before anything is trained.

        Raises:
            ConfigError: too few generated or real images for a metric's parameters.
        """
        for planned in self._planned:
            metric = self._metrics[planned.name]
            real = reference_of(self._dataset, metric.needs)[1].num_samples
            for what, count in (("generated", planned.num_generated), ("real", real)):
                if count < metric.least_samples:
                    parameters = ", ".join(f"{name} {value}" for name, value in metric.parameters().items())
                    raise ConfigError(
                        f"metric {planned.name!r} needs at least {metric.least_samples} {what} images (got {count}; {parameters})",
                        hint="name a larger count, or set the metric's options with -o"
                        if what == "generated"
                        else "choose another metric or a larger dataset",
                    )

    def _key(self, planned: PlannedMetric) -> Key:
        metric, extractor, dataset = self._metrics[planned.name], self._extractor_of[planned.name], self._dataset
        split, source = reference_of(dataset, metric.needs)
        return evaluation_key(planned, metric, extractor, source, split=split, points=dataset.shape.points)

    def keys(self) -> tuple[Key, ...]:
        """Return the evaluation key of each metric, in their order."""
        return tuple(self._keys[p.name] for p in self._planned)

    def prepare(self) -> None:
        """Make or load the reference features and the floors; :meth:`evaluate` does it where it was not done.

        Raises:
            ConfigError: too few real images for a metric's parameters.
        """
        for group in self._groups:
            reference = Reference(self._dataset, group.extractor, batch_size=self._batch_size, device=self._device, cache=self._cache)
            reference.prepare([(p, self._metrics[p.name]) for p in group.planned])
            for planned in group.planned:
                self._references[planned.name] = reference.sets(planned.name)
                self._floors[planned.name] = reference.floor(planned.name)

    def evaluate(self, generate: Callable[[int, int], Tensor], labels: Tensor | None = None) -> tuple[MetricValue, ...]:
        """Measure a generator.

        Args:
            generate: ``generate(start, count)`` returns the samples from index ``start`` on, ``[count, C, H, W]`` uint8 in [0, 255], or
                points ``[count, 2, 1, 1]`` float32; a pure function of the index.
            labels: int64 on the CPU, one for each of the samples: what they were asked for; None where they are not asked for by label.

        Returns:
            One value for each quantity of each metric.

        Raises:
            ConfigError: too few images for a metric's parameters.
            Diverged: the features hold NaN or Inf.
        """
        if not self._references:
            self.prepare()
        fakes = {}
        for group in self._groups:
            sets = self._extract(group, generate, labels)
            fakes.update({p.name: sets[p.num_generated] for p in group.planned})
        return tuple(value for p in self._planned for value in self._measure(p, fakes[p.name]))

    def _extract(self, group: _Group, generate: Callable[[int, int], Tensor], labels: Tensor | None) -> dict[int, Sets]:
        """Return the feature sets of the first n samples, for each n that a metric of the group wants."""
        total = max(p.num_generated for p in group.planned)
        wanted = {}
        for count in {p.num_generated for p in group.planned}:
            sharing = [self._metrics[p.name] for p in group.planned if p.num_generated == count]
            wanted[count] = Wanted(members=torch.arange(total) < count, needs=Needs.of_all(m.needs for m in sharing))
        with torch.inference_mode():
            return collect(generate, wanted, group.extractor, batch_size=self._batch_size, device=self._device, labels=labels)

    def _measure(self, planned: PlannedMetric, fakes: Sets) -> list[MetricValue]:
        metric, reals = self._metrics[planned.name], self._references[planned.name]
        by_member = [metric.compute(real, fake) for real, fake in zip(reals, fakes, strict=True)]
        floor = self._floors[planned.name]
        values = []
        for index, (quantity, members) in enumerate(zip(planned.quantities, zip(*by_member, strict=True), strict=True)):
            values.append(
                MetricValue(
                    name=quantity.name,
                    label=quantity.label,
                    value=statistics.fmean(members),
                    spread=statistics.stdev(members) if len(members) > 1 else 0.0,
                    num_generated=planned.num_generated,
                    num_reference=reference_of(self._dataset, metric.needs)[1].num_samples,
                    higher_is_better=quantity.higher_is_better,
                    evaluation_key=self._keys[planned.name].digest,
                    floor=floor.values[index] if floor.values else None,
                    floor_count=floor.count if floor.values else 0,
                    floor_of=floor.of if floor.values else "",
                )
            )
        return values
