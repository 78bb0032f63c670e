"""Train the classifiers of spoken digits that ship with ganbench: ``python -m ganbench_sound.train --out DIR``.

As :mod:`ganbench_extractors.train` trains those of images, on the pictures that :func:`ganbench_sound.classifier.to_pictures` makes.
espeak-ng must be there: the tones that stand in for it are no speech.
"""

from __future__ import annotations

import logging
from pathlib import Path

import click
import torch

from ganbench import ArraySource, DataContext, Dataset, RunFailed, Source
from ganbench_extractors.train import train_all
from ganbench_sound.classifier import RECIPE, to_pictures
from ganbench_sound.options import SpokenDigitsOptions
from ganbench_sound.spoken import build
from ganbench_spaces.images import image_source


def pictures_of(dataset: Dataset) -> Dataset:
    """Return a dataset of sounds as one of pictures.

    Raises:
        RunFailed: it has no test split.
    """
    if dataset.test is None:
        raise RunFailed(f"{dataset.name} has no test split to measure the accuracy on")
    return Dataset(name=dataset.name, train=_pictured(dataset.train), test=_pictured(dataset.test), num_classes=dataset.num_classes)


def _pictured(source: Source) -> ArraySource:
    return image_source(to_pictures(source.read(torch.arange(source.num_samples))), source.labels)


@click.command()
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Where the weights and the manifest go.")
def main(out: Path) -> None:
    """Train the five networks of the extractor spoken-digits."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    click.echo(train_all(RECIPE, pictures_of(build(SpokenDigitsOptions(source="espeak-ng"), DataContext())), out))


if __name__ == "__main__":
    main()
