"""What a run gives an algorithm, on random images of any size."""

from __future__ import annotations

import torch
from torch import Tensor

from ganbench import AlgorithmContext, ArchitectureSpec, Augmentation, BuildContext, Dataset, LossSpec
from ganbench.config.model import RunConfig
from ganbench.data.choose import make_sampler
from ganbench.plugin.manager import PluginManager
from ganbench_spaces.images import ImageSpace, image_source


def context_on_random_images(
    manager: PluginManager,
    config: RunConfig,
    *,
    resolution: int,
    count: int = 40,
    labels: Tensor | None = None,
    augment: Augmentation | None = None,
) -> AlgorithmContext:
    """Build networks and loss of a configuration for grey images, and give them the context of a run on the CPU."""
    pixels = torch.randint(0, 256, (count, 1, resolution, resolution), dtype=torch.uint8, generator=torch.Generator().manual_seed(5))
    source, training = image_source(pixels, labels), config.training
    built_for = BuildContext(space=ImageSpace.square(1, resolution), num_classes=0 if labels is None else int(labels.max()) + 1)
    torch.manual_seed(training.seed)
    networks = manager.find(ArchitectureSpec, config.architecture.name).build(config.architecture.options, built_for)
    for network in (networks["generator"], networks["discriminator"]):
        network.to(memory_format=torch.channels_last).train()
    return AlgorithmContext(
        config=config,
        networks=networks,
        objective=manager.find(LossSpec, config.loss.name).build(config.loss.options),
        sampler=make_sampler(source, batch_size=training.batch_size, seed=training.seed, channels_last=True),
        train_labels=labels,
        device=torch.device("cpu"),
        dataset=Dataset(name="random", train=source),
        augment=augment,
    )
