"""pix2pix's networks: a U-Net, and a discriminator that sees input and output together."""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor

from ganbench import BuildContext, Dataset, FromData, Networks, Targets
from ganbench_spaces.images import draw_images, square_images
from ganbench_translation.layers import initialise
from ganbench_translation.patch import MultiScaleDiscriminator, least_resolution
from ganbench_translation.pix2pix_options import Pix2PixOptions
from ganbench_translation.sizes import patch_layers
from ganbench_translation.subsets import part_of
from ganbench_translation.tasks import Pairs, Task, make_task
from ganbench_translation.unet import Inpainter, UNet


def build(options: Pix2PixOptions, context: BuildContext) -> Networks:
    """Build the networks.

    Raises:
        ValueError: the images cannot be halved for ``task=pairs``, or are too small for the layers that are asked for.
    """
    task = make_task(options, context.space)
    kind = UNet if options.task == "pairs" else Inpainter
    generator = kind(
        task.input_channels,
        task.output_channels,
        resolution=square_images(context.space).resolution,
        width=options.width,
        dropout=options.dropout,
    )
    discriminator = _discriminator(options, context, task)
    generator.apply(initialise)
    discriminator.apply(initialise)
    return Networks(
        modules={"generator": generator, "discriminator": discriminator},
        inputs=FromData(
            inputs=lambda dataset, count, random: draw_pairs(task, dataset, count, random)[0],
            reference=lambda dataset: targets_of(task, dataset),
            targets=lambda dataset, count, random: draw_targets(task, dataset, count, random),
        ),
    )


def _discriminator(options: Pix2PixOptions, context: BuildContext, task: Task) -> MultiScaleDiscriminator:
    images = square_images(context.space)
    layers = options.patch_layers or patch_layers(images.resolution)
    if images.resolution < least_resolution(layers, options.num_scales):
        got = f"{layers} and {options.num_scales}"
        raise ValueError(f"patch_layers and num_scales must be smaller for {images.resolution} pixels (got {got})")
    return MultiScaleDiscriminator(
        task.input_channels + task.output_channels,
        num_scales=options.num_scales,
        width=options.discriminator_width,
        num_layers=layers,
        norm="batch",
    )


def draw_pairs(task: Task, dataset: Dataset, count: int, random: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return inputs and targets of held-out images, of train images where there are no others, float32 on the CPU.

    Args:
        task: what makes them of images.
        dataset: where the images come from.
        count: how many; images come again after all the others.
        random: the stream that says which, and what is hidden of them.
    """
    images = draw_images(dataset.train if dataset.test is None else dataset.test, count, random)
    return task(images, lambda n: torch.rand(n, generator=random))


def draw_targets(task: Task, dataset: Dataset, count: int, random: torch.Generator) -> Targets:
    """Return what is asked for of :func:`draw_pairs`'s inputs for the same arguments."""
    inputs, images = draw_pairs(task, dataset, count, random)
    guesses, weights = task.guess(inputs)
    return Targets(samples=images, weights=weights, guesses=guesses)


def targets_of(task: Task, dataset: Dataset) -> Dataset:
    """Return the dataset of all targets."""
    if not isinstance(task, Pairs):
        return dataset
    first = 0 if task.backward else task.half_channels
    channels = slice(first, first + task.half_channels)
    test = None if dataset.test is None else part_of(dataset.test, channels=channels)
    return dataclasses.replace(
        dataset,
        train=part_of(dataset.train, channels=channels),
        test=test,
    )
