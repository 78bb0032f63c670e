"""Metrics that compare each generated image with a target of its own: for a translation from pairs, which has one right answer.

The targets are those of the inputs that the run's sample stream shows to the generator, in the same order.

Shapes: M samples, n of them at a time, C channels, H x W pixels, Q quantities.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from ganbench.data.source import Source
from ganbench.evaluation.evaluation_key import SEED_POLICY
from ganbench.evaluation.naming import PlannedMetric
from ganbench.evaluation.quantize import QUANTISER_ID
from ganbench.record.record import Key, MetricValue

Generate = Callable[[int, int], Tensor]
"""``generate(start, count)`` to images ``[count, C, H, W]`` uint8 in [0, 255]."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Targets:
    """What is asked for."""

    images: Tensor
    """``[M, C, H, W]`` float32 in [-1, 1]."""
    weights: Tensor
    """``[M, 1, H, W]`` float32: 1 where a pixel is asked for, 0 where it is given; at least one pixel of each image is asked for."""
    guesses: Tensor
    """``[M, C, H, W]`` float32 in [-1, 1]: a trivial answer, for comparison."""

    def __getitem__(self, window: slice) -> Targets:
        """Return some of them."""
        return Targets(images=self.images[window], weights=self.weights[window], guesses=self.guesses[window])


class PairedMetric(Protocol):
    """What the factory of a paired metric returns."""

    implementation: str
    """Name and version of the arithmetic; part of the evaluation key."""

    def parameters(self) -> dict[str, str | int | float]:
        """Return everything that changes the value, for the evaluation key."""
        ...

    def score(self, images: Tensor, targets: Targets) -> Tensor:
        """Return ``[n, Q]`` float64, whose means over all images are the quantities.

        Args:
            images: ``[n, C, H, W]`` uint8 in [0, 255] on the CPU.
            targets: theirs.
        """
        ...


class PairedEvaluator:
    """Measures a translation from pairs.

    Args:
        planned: the paired metrics of a run.
        metrics: the arithmetic of each, by planned name.
        targets: for as many samples as any metric of the run looks at.
        source: the split that inputs and targets come from.
        batch_size: images generated at a time.
    """

    def __init__(
        self, planned: Sequence[PlannedMetric], metrics: Mapping[str, PairedMetric], targets: Targets, source: Source, batch_size: int
    ) -> None:
        self._planned, self._metrics, self._targets = tuple(planned), dict(metrics), targets
        self._source, self._batch_size = source, batch_size
        self._keys = {p.name: self._key(p) for p in self._planned}

    def _key(self, planned: PlannedMetric) -> Key:
        metric = self._metrics[planned.name]
        parameters = {f"parameter.{name}": value for name, value in metric.parameters().items()}
        return Key.of(
            **parameters,
            metric=planned.name,
            implementation=metric.implementation,
            quantiser=QUANTISER_ID,
            num_generated=planned.num_generated,
            seed_policy=SEED_POLICY,
            reference_hash=self._source.content_hash,
            num_reference=self._source.num_samples,
        )

    def keys(self) -> tuple[Key, ...]:
        """Return the evaluation key of each metric, in their order."""
        return tuple(self._keys[p.name] for p in self._planned)

    def evaluate(self, generate: Generate, labels: Tensor | None = None) -> tuple[MetricValue, ...]:
        """Return one value for each quantity of each metric.

        Args:
            generate: makes images of the inputs, by index.
            labels: not looked at.
        """
        return tuple(value for p in self._planned for value in self._measure(p, generate))

    def _measure(self, planned: PlannedMetric, generate: Generate) -> list[MetricValue]:
        metric, total = self._metrics[planned.name], planned.num_generated
        scores = []
        for start in range(0, total, self._batch_size):
            count = min(self._batch_size, total - start)
            scores.append(metric.score(generate(start, count).cpu(), self._targets[start : start + count]))
        means = torch.cat(scores).mean(dim=0).tolist()
        return [
            MetricValue(
                name=quantity.name,
                label=quantity.label,
                value=mean,
                spread=0.0,
                num_generated=total,
                num_reference=self._source.num_samples,
                higher_is_better=quantity.higher_is_better,
                evaluation_key=self._keys[planned.name].digest,
            )
            for quantity, mean in zip(planned.quantities, means, strict=True)
        ]


class EvaluatorLike(Protocol):
    """What a run evaluates with."""

    def keys(self) -> tuple[Key, ...]:
        """Return the evaluation key of each metric."""
        ...

    def evaluate(self, generate: Generate, labels: Tensor | None = None) -> tuple[MetricValue, ...]:
        """Return one value for each quantity of each metric."""
        ...


class Evaluators:
    """Several evaluators one after the other.

    Args:
        parts: in the order of their values.
    """

    def __init__(self, parts: Sequence[EvaluatorLike]) -> None:
        self._parts = tuple(parts)

    def keys(self) -> tuple[Key, ...]:
        """Return all evaluation keys."""
        return sum((part.keys() for part in self._parts), ())

    def evaluate(self, generate: Generate, labels: Tensor | None = None) -> tuple[MetricValue, ...]:
        """Return all values."""
        return tuple(value for part in self._parts for value in part.evaluate(generate, labels))
