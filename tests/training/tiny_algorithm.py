"""The default algorithm with a tiny DCGAN on random images, built as a run builds it, and what tests ask of it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ganbench import ArchitectureSpec, BuildContext, LossSpec
from ganbench.config.resolve import Layer, resolve
from ganbench.data.choose import make_sampler
from ganbench.data.source import Dataset
from ganbench.plugin.manager import PluginManager
from ganbench.training.adversarial import AdversarialAlgorithm
from ganbench.training.algorithm import AlgorithmContext, execute
from ganbench_spaces.images import ImageSpace, image_source

MANAGER = PluginManager()
CPU = torch.device("cpu")
BATCH = 8
TINY = {"latent_dim": "6", "generator_width": "4", "discriminator_width": "4"}


def make(
    settings: dict[str, Any] | None = None, labels: Tensor | None = None, device: torch.device = CPU, **options: str
) -> AdversarialAlgorithm:
    """Build the algorithm of a tiny DCGAN on 40 random 8x8 images, exactly as a run does."""
    chosen = {"training.batch_size": BATCH, "training.total_kimg": 0.4, **(settings or {})}
    config = resolve(MANAGER, "dcgan", [Layer(origin="test", settings=chosen)], {**TINY, **options}).config
    pixels = torch.randint(0, 256, (40, 1, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(5))
    source = image_source(pixels, labels)
    built_for = BuildContext(space=ImageSpace.square(1, 8), num_classes=0 if labels is None else int(labels.max()) + 1)
    torch.manual_seed(config.training.seed)
    networks = MANAGER.find(ArchitectureSpec, "dcgan").build(config.architecture.options, built_for)
    layout = torch.channels_last if config.training.channels_last else torch.contiguous_format
    for network in networks.modules.values():
        network.to(device=device, memory_format=layout).train()  # type: ignore[call-overload]
    training = config.training
    sampler = make_sampler(source, batch_size=BATCH, seed=training.seed, device=device, channels_last=training.channels_last)
    context = AlgorithmContext(
        config=config,
        networks=networks,
        objective=MANAGER.find(LossSpec, config.loss.name).build(config.loss.options),
        sampler=sampler,
        train_labels=labels,
        device=device,
        dataset=Dataset(name="random", train=source),
    )
    return AdversarialAlgorithm(context)


def train(algorithm: AdversarialAlgorithm, iterations: int, start: int = 0) -> None:
    """Run iterations as the trainer does."""
    seen = sum(algorithm.samples_shown(i) for i in range(start))
    for i in range(start, start + iterations):
        algorithm.set_progress(seen)
        execute(algorithm, i)
        seen += algorithm.samples_shown(i)


def update_discriminator(algorithm: AdversarialAlgorithm, penalised: bool = False) -> None:
    """Run that update alone, on the next batch."""
    algorithm.stage_real()
    algorithm.discriminator_update(penalised)


def weights(algorithm: AdversarialAlgorithm) -> dict[str, Tensor]:
    """Return every parameter and buffer of every network."""
    return {f"{n}.{k}": v.clone() for n, m in algorithm.modules().items() for k, v in m.state_dict().items()}


def assert_same(a: dict[str, Tensor], b: dict[str, Tensor]) -> None:
    assert a.keys() == b.keys()
    assert [name for name in a if not torch.equal(a[name], b[name])] == []
