"""What a dataset and a space promise."""

from __future__ import annotations

from typing import Any

import torch

from ganbench import Dataset, Source, Space
from ganbench.config.values import build_options
from ganbench.errors import ConfigError, Diverged
from ganbench.testing.promise import Broken, NotClaimed, Subject, promise
from ganbench.testing.trial import Trial

_COUNT = 8


def dataset_of(subject: Subject) -> Dataset:
    """Return the dataset as a run gets it."""
    return Trial(subject).materials.dataset


def _splits(dataset: Dataset) -> list[tuple[str, Source]]:
    return [("train", dataset.train), *([] if dataset.test is None else [("test", dataset.test)])]


@promise("dataset")
def its_samples_are_of_its_space(subject: Subject) -> None:
    """Each split reads samples of the type and size that the space says, the same ones each time."""
    dataset, declared = dataset_of(subject), getattr(subject.registered.spec, "space", "")
    if declared not in ("", dataset.space.name):
        raise Broken(f"its spec says space={declared!r}, and its space is {dataset.space.name!r}", remedy="say its space's name, or none")
    for name, split in _splits(dataset):
        indices = torch.arange(min(_COUNT, split.num_samples)).flip(0)
        stored = split.read(indices)
        try:
            dataset.space.check(stored)
        except ValueError as error:
            raise Broken(f"the {name} split: {error}", remedy="store samples as the space says, or build another space") from None
        if len(stored) != len(indices):
            raise Broken(
                f"the {name} split returns {len(stored)} samples for {len(indices)} indices", remedy="read(indices) returns one for each"
            )
        if not torch.equal(stored, split.read(indices)) or not torch.equal(stored[:1], split.read(indices[:1])):
            raise Broken(f"the {name} split reads other samples each time", remedy="make read(indices) a pure function of the index")


@promise("dataset")
def its_labels_are_its_classes(subject: Subject) -> None:
    """Labels are int64 from 0 to num_classes - 1, one for each sample, and classes that have names have one each."""
    dataset = dataset_of(subject)
    for name, split in _splits(dataset):
        labels = split.labels
        if labels is None:
            if dataset.num_classes:
                raise Broken(
                    f"num_classes is {dataset.num_classes}, and the {name} split has no labels", remedy="give the labels, or num_classes=0"
                )
            continue
        if labels.dtype != torch.int64 or labels.shape != (split.num_samples,):
            raise Broken(
                f"the labels of the {name} split are {labels.dtype} {list(labels.shape)}", remedy=f"they are int64 [{split.num_samples}]"
            )
        low, high = int(labels.min()), int(labels.max())
        if low < 0 or high >= dataset.num_classes:
            raise Broken(
                f"labels of the {name} split reach from {low} to {high}, and num_classes is {dataset.num_classes}",
                remedy="count classes from 0",
            )
    if dataset.class_names and len(dataset.class_names) != dataset.num_classes:
        raise Broken(
            f"{len(dataset.class_names)} class names for {dataset.num_classes} classes", remedy="one name for each class, in their order"
        )


@promise("dataset")
def its_hash_is_its_content(subject: Subject) -> None:
    """Built twice it has the same content hash, which decides what may be compared."""
    first, second = _dataset_after(subject, 1), _dataset_after(subject, 2)
    for (name, a), (_, b) in zip(_splits(first), _splits(second), strict=True):
        if not a.content_hash or a.content_hash != b.content_hash:
            raise Broken(
                f"the {name} split has another content hash each time it is built",
                remedy="make its content a function of the options alone",
            )


def _dataset_after(subject: Subject, seed: int) -> Dataset:
    """Build the dataset when torch's own generator is in some state, which must not matter."""
    torch.manual_seed(seed)
    return dataset_of(subject)


@promise("dataset")
def people_can_look_at_it(subject: Subject) -> None:
    """Its space draws a picture of its samples."""
    dataset = dataset_of(subject)
    stored = dataset.train.read(torch.arange(min(_COUNT, dataset.train.num_samples)))
    _draw(dataset.space, stored)


def _draw(space: Space, stored: torch.Tensor) -> None:
    if not space.picture(stored, columns=4, real=lambda count: stored[:count]):
        raise Broken("the picture of samples is empty", remedy="return the bytes of a file from picture()")


def space_of(subject: Subject) -> Space:
    """Return a space of the default sizes, or of those that the author gives as options."""
    factory: Any = subject.registered.load()
    try:
        space = build_options(factory, dict(subject.options), "options")
    except ConfigError as error:
        raise NotClaimed(f"a trial needs to know its size ({error.what}): give it with -o") from None
    except TypeError:  # no dataclass: a space of one size
        space = factory()
    if not isinstance(space, Space):
        raise Broken(f"the factory makes a {type(space).__name__}", remedy="name a subclass of ganbench.Space")
    return space


@promise("space")
def stored_samples_come_back(subject: Subject) -> None:
    """What is stored, shown to a network and stored again is the same, of the sizes that it says."""
    space = space_of(subject)
    random = torch.Generator().manual_seed(0)
    made = 0.5 * torch.randn((_COUNT, *space.size), generator=random)
    stored = space.to_stored(made)
    try:
        space.check(stored)
    except ValueError as error:
        raise Broken(f"to_stored returns what check refuses: {error}", remedy="return stored_dtype and stored_size") from None
    seen = space.to_network(space.arrange(stored))
    if tuple(seen.shape[1:]) != tuple(space.size) or seen.dtype != torch.float32:
        raise Broken(
            f"to_network returns {list(seen.shape)} {seen.dtype}, and size is {list(space.size)}", remedy="return float32 [n, *size]"
        )
    if not torch.equal(space.to_stored(seen), stored):
        raise Broken("a stored sample is another one after to_network and to_stored", remedy="make each the inverse of the other")
    few = space.to_network(space.arrange(stored), torch.tensor([2, 0]))
    if not torch.equal(few, seen[torch.tensor([2, 0])]):
        raise Broken("to_network with indices returns other samples", remedy="select the samples at the indices, in their order")


@promise("space")
def it_refuses_what_is_not_finite(subject: Subject) -> None:
    """Generated samples that hold NaN are a run that diverged, not a measurement."""
    space = space_of(subject)
    try:
        space.to_stored(torch.full((1, *space.size), float("nan")))
    except Diverged:
        return
    raise Broken("NaN is stored as if it were a sample", remedy="override quantise() and leave to_stored() as it is")


@promise("space")
def it_can_be_looked_at(subject: Subject) -> None:
    """It draws a picture of generated samples."""
    space = space_of(subject)
    stored = space.to_stored(0.5 * torch.randn((_COUNT, *space.size), generator=torch.Generator().manual_seed(0)))
    _draw(space, stored)
