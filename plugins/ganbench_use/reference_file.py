"""Reference statistics as other tools write them: a ``.npz`` with ``mu`` and ``sigma`` of features.

Such a file does not say which samples and which network it is of. A Fréchet distance to it is marked as unverified, and has an evaluation
key of its own.

Shapes: D feature dimensions.
"""

from __future__ import annotations

import hashlib
import io
import math
import statistics
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ganbench import ConfigError, DataError, Dataset, Extractor, FeatureStatistics, Key, Metric, MetricValue, SampleSet, read_file
from ganbench_use.measure import Measured, Yardstick
from ganbench_use.sources import MeasuredSamples, why_unread

_SYMMETRIC = 1e-6


def write_reference(dataset: Dataset, extractor: Extractor, batch_size: int) -> bytes:
    """Return the statistics of a dataset's train split as a file's content; ``sigma`` has ddof 1.

    Raises:
        ConfigError: the extractor is an ensemble, which has no one mean.
    """
    found = _statistics(
        extractor, lambda start, count: dataset.train.read(torch.arange(start, start + count)), dataset.train.num_samples, batch_size
    )
    if len(found) != 1:
        raise ConfigError(
            f"{extractor.extractor_id} is {len(found)} networks, and a file of statistics is of one", hint="choose another extractor"
        )
    mean, covariance = found[0].mean_and_covariance()
    buffer = io.BytesIO()
    np.savez(buffer, mu=mean.numpy(), sigma=covariance.numpy())
    return buffer.getvalue()


def read_reference(path: Path, dims: int) -> tuple[FeatureStatistics, str]:
    """Return the statistics of a file and the sha256 of its content.

    Raises:
        DataError: it holds something else, or features of other dimensions.
    """
    try:
        data = read_file(path)
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            mean, covariance = (np.asarray(arrays[name], dtype=np.float64) for name in ("mu", "sigma"))
    except Exception as error:
        raise DataError(f"--reference {path} holds no mu and sigma: {why_unread(error)}") from None
    if mean.shape != (dims,) or covariance.shape != (dims, dims):
        shapes = f"mu {list(mean.shape)} and sigma {list(covariance.shape)}"
        raise DataError(f"--reference {path} holds {shapes}, and the extractor has {dims} dimensions", hint="it is of another network")
    scale = float(np.abs(covariance).max()) or 1.0
    if not np.isfinite(mean).all() or not np.isfinite(covariance).all() or np.abs(covariance - covariance.T).max() > _SYMMETRIC * scale:
        raise DataError(f"--reference {path}: sigma must be finite and symmetric", hint="write it again")
    count = dims + 2  # a file does not say how many samples it is of; more than dimensions, so that sigma is taken as it is
    tensors = {"count": torch.tensor([count]), "mean": torch.from_numpy(mean), "scatter": torch.from_numpy(covariance * (count - 1))}
    return FeatureStatistics.from_tensors(tensors), hashlib.sha256(data).hexdigest()


def measure_against(path: Path, yardstick: Yardstick, samples: MeasuredSamples, batch_size: int) -> Measured:
    """Return the Fréchet distances to the statistics of a file.

    Raises:
        ConfigError: a metric needs more of the real samples than their mean and covariance.
    """
    values, keys = list[MetricValue](), list[Key]()
    for planned in yardstick.planned:
        metric, needs = yardstick.metrics[planned.name], yardstick.metrics[planned.name].needs
        if not needs.statistics or needs.features or needs.logits or needs.samples or needs.labels or planned.spec.looks_at != "features":
            raise ConfigError(f"metric {planned.name!r} needs the real samples, and --reference has their mean and covariance alone")
        extractor = yardstick.extractors[planned.extractor_name]
        reference, digest = read_reference(path, extractor.dims)
        made = _statistics(extractor, samples.generate, planned.num_generated, batch_size)
        by_member = [_compute(metric, reference, one) for one in made]
        key = Key.of(
            metric=planned.name,
            implementation=metric.implementation,
            num_generated=planned.num_generated,
            extractor=extractor.extractor_id,
            weights_hash=extractor.weights_hash,
            preprocessing=extractor.preprocessing_id,
            quantiser=yardstick.dataset.space.quantiser,
            reference_hash=digest,
            reference_split="an imported file, unverified",
            truncation=samples.truncation or None,
            **{f"parameter.{name}": value for name, value in metric.parameters().items()},
        )
        keys.append(key)
        values += _values(planned, by_member, key)
    return Measured(values=tuple(values), keys=tuple(keys), diversity=None, seconds=0.0)


def _values(planned: object, by_member: list[tuple[float, ...]], key: Key) -> Iterator[MetricValue]:
    for quantity, members in zip(planned.quantities, zip(*by_member, strict=True), strict=True):  # type: ignore[attr-defined]
        yield MetricValue(
            name=quantity.name,
            label=f"{quantity.label} (unverified)",
            value=statistics.fmean(members),
            spread=statistics.stdev(members) if len(members) > 1 and all(map(math.isfinite, members)) else 0.0,
            num_generated=planned.num_generated,  # type: ignore[attr-defined]
            num_reference=0,
            higher_is_better=quantity.higher_is_better,
            evaluation_key=key.digest,
        )


def _compute(metric: Metric, real: FeatureStatistics, fake: FeatureStatistics) -> tuple[float, ...]:
    return metric.compute(SampleSet(statistics=real), SampleSet(statistics=fake))


@torch.inference_mode()
def _statistics(extractor: Extractor, read: Callable[[int, int], Tensor], total: int, batch_size: int) -> list[FeatureStatistics]:
    """Return the statistics of each network of an extractor."""
    found = [FeatureStatistics(extractor.dims) for _ in range(extractor.num_members)]
    for start in range(0, total, batch_size):
        said = extractor.extract(read(start, min(batch_size, total - start)))
        for one, features in zip(found, said, strict=True):
            one.update(features.features)
    return found
