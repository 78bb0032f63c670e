"""Train the networks that ship with ganbench: ``python -m ganbench_clips.train --out DIR``.

Each epoch makes new clips of the train split's handwriting, so that nothing is learned by heart; the test split is asked once, at the end.
One thread and deterministic algorithms: the same machine and torch version give the same bytes.
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ganbench import RunFailed
from ganbench_clips.moving import Flights, fly, split_images
from ganbench_clips.network import ClipReader, to_input
from ganbench_extractors.shipped import save_manifest, save_member
from ganbench_extractors.train import rate_at

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class ReaderRecipe:
    """How the networks are trained."""

    name: str = "moving-digits"
    seeds: tuple[int, ...] = (0, 1)
    """One network for each."""
    epochs: int = 16
    clips: int = 1280
    """New ones in each epoch."""
    batch_size: int = 32
    learning_rate: float = 5e-3
    """Peak of AdamW's rate: linear warm-up over the first tenth, then a cosine to 0."""
    weight_decay: float = 0.02
    motion_weight: float = 2.0
    """Weight of the squared errors of speed and direction beside the digit's cross-entropy."""
    frame_weight: float = 0.3
    """Weight of the cross-entropy of each frame's digit."""
    least_accuracy: float = 0.8
    """A network that reads fewer of the test split's digits is not shipped."""


RECIPE = ReaderRecipe()


def targets_of(flights: Flights) -> Tensor:
    """Return speed, sine and cosine of the direction, ``[N, 3]`` float32."""
    return torch.from_numpy(np.stack([flights.speed, np.sin(flights.direction), np.cos(flights.direction)], axis=1)).float()


def train(recipe: ReaderRecipe, seed: int) -> ClipReader:
    """Return one trained network, without batch norm."""
    images, _ = split_images()
    order = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = ClipReader(normalised=True).to(memory_format=torch.channels_last)
    steps = recipe.epochs * (recipe.clips // recipe.batch_size)
    optimizer = torch.optim.AdamW(network.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate_at(step / steps))
    for epoch in range(recipe.epochs):
        flights = fly(images, recipe.clips, 1000 * (seed + 1) + epoch)
        clips, motion = to_input(flights.clips), targets_of(flights)
        total = 0.0
        for batch in torch.split(torch.randperm(recipe.clips, generator=order), recipe.batch_size):
            if len(batch) < recipe.batch_size:
                continue
            loss = loss_of(recipe, network, clips[batch], flights.labels[batch], motion[batch])
            optimizer.zero_grad(set_to_none=True)
            torch.autograd.backward(loss)
            optimizer.step()
            schedule.step()
            total += float(loss.detach()) * len(batch) / recipe.clips
        logger.info("seed %d: epoch %d of %d, loss %.3f", seed, epoch + 1, recipe.epochs, total)
    return network.folded()


def loss_of(recipe: ReaderRecipe, network: ClipReader, clips: Tensor, labels: Tensor, motion: Tensor) -> Tensor:
    """Return the sum of the three errors, weighted."""
    digit, moves, each = network(clips)
    of_frames = F.cross_entropy(each.flatten(0, 1), labels.repeat_interleave(each.shape[1]))
    return F.cross_entropy(digit, labels) + recipe.motion_weight * F.mse_loss(moves, motion) + recipe.frame_weight * of_frames


@torch.inference_mode()
def measure(network: ClipReader, flights: Flights) -> dict[str, float]:
    """Return how well a network reads clips: shares of digits, mean errors in pixels a frame and in degrees."""
    parts = [network(part) for part in torch.split(to_input(flights.clips), 250)]
    digit, moves, each = (torch.cat(kind) for kind in zip(*parts, strict=True))
    speed, sine, cosine = moves.double().T
    turn = (torch.atan2(sine, cosine) - torch.from_numpy(flights.direction)).remainder(2 * math.pi)
    return {
        "test_accuracy": round(float((digit.argmax(1) == flights.labels).double().mean()), 4),
        "frame_accuracy": round(float((each.argmax(2) == flights.labels[:, None]).double().mean()), 4),
        "speed_error": round(float((speed - torch.from_numpy(flights.speed)).abs().mean()), 4),
        "direction_error_degrees": round(math.degrees(float(torch.minimum(turn, 2 * math.pi - turn).mean())), 2),
    }


def train_all(recipe: ReaderRecipe, out: Path, test: Flights) -> Path:
    """Train one network for each seed and write them with their manifest, whose path is returned.

    Raises:
        RunFailed: a network is not accurate enough.
    """
    out.mkdir(parents=True, exist_ok=True)
    members: list[dict[str, Any]] = []
    for seed in recipe.seeds:
        network = train(recipe, seed)
        measured = measure(network, test)
        logger.info("seed %d: %s", seed, measured)
        if measured["test_accuracy"] < recipe.least_accuracy:
            got = measured["test_accuracy"]
            raise RunFailed(f"{recipe.name} seed {seed}: test accuracy must be {recipe.least_accuracy} or more (got {got})")
        members.append(save_member(recipe.name, network, seed, measured, out))
    return save_manifest(recipe, members, out)


@click.command()
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Where the weights and the manifest go.")
def main(out: Path) -> None:
    """Train the networks of the extractor moving-digits."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    click.echo(train_all(RECIPE, out, fly(split_images()[1], 1000, 1)))


if __name__ == "__main__":
    main()
