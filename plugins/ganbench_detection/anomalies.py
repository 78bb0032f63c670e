"""The dataset ``anomalies``: any dataset with labels, some of whose classes are normal and trained on, the others anomalies.

Two opposite protocols go by the name of "AUROC on MNIST": one class is normal (Ruff et al. 2018, Deep SVDD), or one class is the anomaly
(Akcay et al. 2018; Zenati et al. 2018). They differ by 20 to 30 points, so that the dataset's name has the protocol in it. Splits are those
of the dataset: what is trained on are the normal samples of its train split; what is scored is its whole held-out split.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ganbench import (
    ArraySource,
    ConfigError,
    DataContext,
    Dataset,
    Source,
    hash_content,
)
from ganbench_datasets.underlying import underlying_dataset
from ganbench_detection.options import AnomaliesOptions

CLASSES = ("normal", "anomaly")
"""What the labels 0 and 1 stand for."""


class ChosenSamples:
    """Some samples of a source that streams, with labels of their own.

    Args:
        source: the samples.
        indices: ``[n]`` int64, which of them.
        labels: ``[n]`` int64.
    """

    is_resident = False

    def __init__(self, source: Source, indices: Tensor, labels: Tensor) -> None:
        self._source, self._indices, self.labels = source, indices, labels
        self.space, self.num_samples = source.space, len(indices)
        self._content_hash = ""

    @property
    def content_hash(self) -> str:
        """sha256 over size, samples and labels; reads all of them, once."""
        if not self._content_hash:
            self._content_hash = hash_content(self)
        return self._content_hash

    def read(self, indices: Tensor) -> Tensor:
        """Return samples as the source stores them."""
        return self._source.read(self._indices[indices])


def build(options: AnomaliesOptions, context: DataContext) -> Dataset:
    """Return normal samples to train on, and held-out samples labelled 0 (normal) and 1 (anomaly).

    Raises:
        ConfigError: a dataset that is unknown, has no labels or no held-out split, or no samples that the protocol needs.
    """
    whole = underlying_dataset(options, context)
    test = whole.test
    if not whole.num_classes or whole.train.labels is None:
        raise ConfigError(
            f"anomalies are told by labels, and {whole.name} has none", hint="name a dataset with classes: -o dataset.of=NAME"
        )
    if test is None or test.labels is None:
        raise ConfigError(
            f"anomalies are looked for in held-out samples, and {whole.name} has none", hint="name a dataset with a test split"
        )
    kind, _, chosen = options.protocol.partition("-")
    number = _number(chosen, whole)
    anomalous, held_out = ((labels == number) == (kind == "without") for labels in (whole.train.labels, test.labels))
    for what, count in (
        ("normal samples to train on", int((~anomalous).sum())),
        ("normal samples held out", int((~held_out).sum())),
        ("anomalies held out", int(held_out.sum())),
    ):
        if not count:
            raise ConfigError(f"protocol={options.protocol} leaves no {what} of {whole.name}", hint="choose another class or dataset")
    trained_on = (~anomalous).nonzero()[:, 0]
    return Dataset(
        name=f"{whole.name}-{options.protocol}",
        train=_choose(whole.train, trained_on, torch.zeros_like(trained_on)),
        test=_choose(test, torch.arange(test.num_samples), held_out.long()),
        num_classes=len(CLASSES),
        class_names=CLASSES,
        notes=whole.notes,
    )


def _number(chosen: str, whole: Dataset) -> int:
    """Return the number of a class, given that or its name.

    Raises:
        ConfigError: there is none.
    """
    names = [name.lower() for name in whole.class_names]
    if chosen.lower() in names:
        return names.index(chosen.lower())
    if chosen.isdecimal() and int(chosen) < whole.num_classes:
        return int(chosen)
    known = ", ".join(whole.class_names) if 0 < len(names) <= 20 else f"0 to {whole.num_classes - 1}"
    raise ConfigError(f"{whole.name} has no class {chosen!r} (it has {known})", hint="protocol is normal-CLASS or without-CLASS")


def _choose(source: Source, indices: Tensor, labels: Tensor) -> Source:
    """Return some samples of a source, in memory where it is."""
    if source.is_resident:
        return ArraySource(source.read(indices), labels, space=source.space)
    return ChosenSamples(source, indices, labels)
