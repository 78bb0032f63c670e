"""Two classes of one dataset as the two domains of a translation: their images, their order, and what a translation is evaluated on."""

from __future__ import annotations

import dataclasses

from ganbench import ConfigError, Dataset, Source
from ganbench_translation.subsets import part_of


def images_of_class(source: Source, label: int) -> Source | None:
    """Return the images of one class as a split of their own, or None where there are none."""
    if source.labels is None:
        return None
    ids = (source.labels == label).nonzero().squeeze(1)
    return part_of(source, ids=ids) if len(ids) else None


def domain(dataset: Dataset, label: int) -> Source:
    """Return the train images of one class.

    Raises:
        ConfigError: there are none.
    """
    found = images_of_class(dataset.train, label)
    if found is None:
        raise ConfigError(f"class {label} of {dataset.name} has no train images", hint="choose another source_class or target_class")
    return found


def held_out(dataset: Dataset, label: int) -> Source:
    """Return the test images of one class, or the train images where there are none."""
    found = None if dataset.test is None else images_of_class(dataset.test, label)
    return domain(dataset, label) if found is None else found


def dataset_of_class(dataset: Dataset, label: int) -> Dataset:
    """Return the dataset that consists of one class, under a name that says so."""
    name = dataset.class_names[label] if label < len(dataset.class_names) else str(label)
    test = None if dataset.test is None else images_of_class(dataset.test, label)
    return dataclasses.replace(dataset, name=f"{dataset.name}/{name}", train=domain(dataset, label), test=test)
