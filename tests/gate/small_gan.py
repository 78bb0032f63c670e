"""A GAN of a few numbers in many versions, each with one thing that a change may break; the version is an option."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ganbench import AdversarialAlgorithm, AlgorithmContext, ArchitectureSpec, BuildContext, Latents, Networks, both_optimizers

VERSIONS = {
    "": "as it is",
    "refactored": "other code, the same mathematics",
    "late": "the schedule stands still after half the budget",
    "train_mode": "samples for the evaluation are generated in training mode",
    "untruncated": "latents of the evaluation are not truncated",
    "sigmoid": "sigmoid for tanh",
    "list": "each step keeps its loss",
    "graph": "a running mean of the losses keeps every step's graph",
    "pool": "keeps the last 20 batches",
    "array": "each step keeps memory that is no object of torch",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """Of both networks."""

    version: str = ""

    def __post_init__(self) -> None:
        if self.version not in VERSIONS:
            raise ValueError(f"version must be one of {', '.join(VERSIONS)} (got {self.version!r})")


class Generator(nn.Module):
    """Latents ``[N, 8]`` to points ``[N, 2]``, with a batch norm and a dropout, which behave in another way in evaluation mode."""

    def __init__(self, version: str) -> None:
        super().__init__()
        last: nn.Module = nn.Sigmoid() if version == "sigmoid" else nn.Tanh()
        self.layers = nn.Sequential(nn.Linear(8, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Dropout(0.1), nn.Linear(32, 2), last)

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return points."""
        points: Tensor = self.layers(latents)
        return points


class Discriminator(nn.Sequential):
    """Points ``[N, 2]`` to logits ``[N]``."""

    def __init__(self) -> None:
        super().__init__(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, points: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return logits."""
        logits: Tensor = super().forward(points)
        return logits[:, 0]


class Untruncated(Latents):
    """Latents whose bound is lost."""

    def draw(self, count: int, random: torch.Generator, *, dataset: Any = None, truncation: float = 0.0) -> Tensor:
        """Return latents."""
        return Latents.draw(self, count, random)


def build(options: Options, context: BuildContext) -> Networks:
    """Return the networks."""
    inputs = (Untruncated if options.version == "untruncated" else Latents)(8)
    return Networks(modules={"generator": Generator(options.version), "discriminator": Discriminator()}, inputs=inputs)


class SmallAlgorithm(AdversarialAlgorithm):
    """The usual iteration, with what a version breaks."""

    runners = ("eager",)

    def __init__(self, context: AlgorithmContext) -> None:
        super().__init__(context)
        self.version = context.config.architecture.options.version
        self.kept: list[Any] = []
        self.mean: Any = 0.0

    def set_progress(self, samples_seen: int) -> None:
        """Follow the schedules."""
        most = self.training.total_kimg * 500
        super().set_progress(min(samples_seen, int(most)) if self.version == "late" else samples_seen)

    def generator_loss(self, fake: Tensor, labels: Tensor | None, real: Tensor | None = None, real_labels: Tensor | None = None) -> Tensor:
        """Return the loss, which some versions keep."""
        loss = super().generator_loss(fake, labels, real, real_labels)
        if self.version == "list":
            self.kept.append(loss.detach())
        elif self.version == "pool":
            self.kept = [*self.kept, fake.detach()][-20:]
        elif self.version == "array":
            self.kept.append(bytes(256 << 10))
        elif self.version == "graph":
            self.mean = 0.9 * self.mean + 0.1 * loss
        return loss

    def sample(self, inputs: Tensor, labels: Tensor | None) -> Tensor:
        """Return what is evaluated."""
        if self.version == "train_mode":
            return self.networks.generate({name: module.train() for name, module in self.evaluated_modules().items()}, inputs, labels)
        if self.version == "refactored":
            modules = {name: module.eval() for name, module in self.evaluated_modules().items()}
            samples = self.networks.generate(modules, inputs, labels)
            self.discriminator.train()
            return samples
        return super().sample(inputs, labels)


SPEC = ArchitectureSpec(
    name="small-gan",
    summary="a GAN of a few numbers",
    factory="small_gan:build",
    options=Options,
    algorithm="small_gan:SmallAlgorithm",
    defaults=(
        ("training.total_kimg", 20.0),
        ("training.batch_size", 16),
        ("training.ema_halflife_kimg", 1.0),
        ("evaluation.truncation", 1.5),
        *both_optimizers(learning_rate=1e-3, schedule="linear"),
    ),
)
