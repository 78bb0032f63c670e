"""Train the classifiers that ship with ganbench: ``python -m ganbench_extractors.train digits --out DIR``.

One thread, one seeded stream, deterministic algorithms: the same machine and torch version give the same bytes. Only the train split is
used for training; the test split is asked once, at the end.

Shapes: N images, H = W = resolution.
"""

from __future__ import annotations

import logging
import math
from pathlib import Path

import click
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganbench import DataContext, Dataset, DatasetSpec, RunFailed, Source
from ganbench_extractors.augmentation import augment
from ganbench_extractors.network import SmallClassifier
from ganbench_extractors.preprocess import to_grey_input
from ganbench_extractors.recipes import RECIPES, SEEDS, ClassifierRecipe
from ganbench_extractors.shipped import save_manifest, save_member

logger = logging.getLogger(__name__)


def build_network(recipe: ClassifierRecipe) -> SmallClassifier:
    """Return the recipe's network for training, initialised from torch's global stream."""
    return SmallClassifier(recipe.resolution, recipe.widths, recipe.dims, recipe.num_classes, normalised=True)


def train(recipe: ClassifierRecipe, source: Source, seed: int) -> SmallClassifier:
    """Train one network.

    Args:
        recipe: network, augmentation and optimizer.
        source: the train split, with labels.
        seed: of the initialisation, the order and the augmentation.

    Returns:
        The network without batch norm, in evaluation mode.

    Raises:
        RunFailed: the split has no labels.
    """
    images, labels = load_split(recipe, source)
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = build_network(recipe).to(memory_format=torch.channels_last)
    steps = recipe.epochs * (len(labels) // recipe.batch_size)
    optimizer = torch.optim.AdamW(network.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate_at(step / steps))
    for epoch in range(recipe.epochs):
        order = torch.randperm(len(labels), generator=generator)
        for batch in torch.split(order, recipe.batch_size)[: len(labels) // recipe.batch_size]:
            train_step(network, optimizer, augment(images[batch], recipe, generator), labels[batch])
            schedule.step()
        logger.info("%s seed %d: epoch %d of %d", recipe.name, seed, epoch + 1, recipe.epochs)
    return network.folded()


def load_split(recipe: ClassifierRecipe, source: Source) -> tuple[Tensor, Tensor]:
    """Return a split as the network sees it: ``[N, 1, H, W]`` float in [-1, 1] and labels ``[N]`` int64.

    Raises:
        RunFailed: the split has no labels.
    """
    if source.labels is None:
        raise RunFailed(f"{recipe.dataset} has no labels to train a classifier on")
    return to_grey_input(source.read(torch.arange(source.num_samples)), recipe.resolution), source.labels


def rate_at(progress: float, warm_up: float = 0.1) -> float:
    """Return the learning rate as a fraction of its peak, at a progress in [0, 1]."""
    if progress < warm_up:
        return progress / warm_up
    return 0.5 * (1 + math.cos(math.pi * (progress - warm_up) / (1 - warm_up)))


def train_step(network: nn.Module, optimizer: torch.optim.Optimizer, images: Tensor, labels: Tensor) -> None:
    """Take one step down the cross-entropy of a batch."""
    optimizer.zero_grad(set_to_none=True)
    loss = F.cross_entropy(network(images.contiguous(memory_format=torch.channels_last)), labels)
    torch.autograd.backward(loss)
    optimizer.step()


@torch.inference_mode()
def accuracy(recipe: ClassifierRecipe, network: nn.Module, source: Source) -> float:
    """Return the fraction of a split that the network names rightly."""
    images, labels = load_split(recipe, source)
    predicted = torch.cat([network(batch).argmax(1) for batch in torch.split(images, 500)])
    return float((predicted == labels).double().mean())


def train_all(recipe: ClassifierRecipe, dataset: Dataset, out: Path, seeds: tuple[int, ...] = SEEDS) -> Path:
    """Train one network for each seed and write them with their manifest.

    Returns:
        The manifest's path.

    Raises:
        RunFailed: a network is not accurate enough, or the dataset has no test split.
    """
    if dataset.test is None:
        raise RunFailed(f"{dataset.name} has no test split to measure the accuracy on")
    out.mkdir(parents=True, exist_ok=True)
    members = []
    for seed in seeds:
        network = train(recipe, dataset.train, seed)
        correct = accuracy(recipe, network, dataset.test)
        logger.info("%s seed %d: test accuracy %.4f", recipe.name, seed, correct)
        if correct < recipe.least_accuracy:
            raise RunFailed(f"{recipe.name} seed {seed}: test accuracy must be {recipe.least_accuracy} or more (got {correct:.4f})")
        members.append(save_member(recipe.name, network, seed, {"test_accuracy": round(correct, 4)}, out))
    return save_manifest(recipe, members, out, train_hash=dataset.train.content_hash)


def load_dataset(recipe: ClassifierRecipe, data_root: Path | None) -> Dataset:
    """Return the recipe's dataset, asked for by name as a run would, with its default options."""
    from ganbench import PluginManager

    found = PluginManager().find(DatasetSpec, recipe.dataset)
    dataset: Dataset = found.build(found.spec.options(), DataContext(data_root=data_root))
    return dataset


@click.command()
@click.argument("name", type=click.Choice(sorted(RECIPES)))
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Where the weights and the manifest go.")
@click.option("--data-root", type=click.Path(path_type=Path), envvar="GANBENCH_DATA", help="Where the dataset lies.")
def main(name: str, out: Path, data_root: Path | None) -> None:
    """Train the five networks of the extractor NAME."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    recipe = RECIPES[name]
    click.echo(train_all(recipe, load_dataset(recipe, data_root), out))


if __name__ == "__main__":
    main()
