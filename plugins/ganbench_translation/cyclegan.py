"""CycleGAN's four networks: from the source to the target and back, and a discriminator for each domain."""

from __future__ import annotations

from ganbench import BuildContext, FromData, Networks
from ganbench_spaces.images import draw_images, square_images
from ganbench_translation.cyclegan_options import CycleGANOptions
from ganbench_translation.domains import dataset_of_class, held_out
from ganbench_translation.layers import initialise
from ganbench_translation.patch import PatchDiscriminator, least_resolution
from ganbench_translation.resnet import ResNetGenerator
from ganbench_translation.sizes import patch_layers


def build(options: CycleGANOptions, context: BuildContext) -> Networks:
    """Build the networks; the evaluated generator is the one to the target.

    Raises:
        ValueError: the dataset has not these two classes, or its images are too small for the layers that are asked for.
    """
    _check_classes(options, context)
    generators = [_generator(options, context) for _ in range(2)]
    discriminators = [_discriminator(options, context) for _ in range(2)]
    for network in (*generators, *discriminators):
        network.apply(initialise)
    return Networks(
        modules={
            "generator": generators[0],
            "discriminator": discriminators[0],
            "backward_generator": generators[1],
            "backward_discriminator": discriminators[1],
        },
        inputs=FromData(
            inputs=lambda dataset, count, random: draw_images(held_out(dataset, options.source_class), count, random),
            reference=lambda dataset: dataset_of_class(dataset, options.target_class),
        ),
    )


def _check_classes(options: CycleGANOptions, context: BuildContext) -> None:
    if context.num_classes < 2:
        raise ValueError("cyclegan needs a dataset with two classes or more, its domains; for a folder of two folders say -o labels=true")
    for name in ("source_class", "target_class"):
        if getattr(options, name) >= context.num_classes:
            raise ValueError(f"{name} must be below {context.num_classes}, the number of classes (got {getattr(options, name)})")


def _generator(options: CycleGANOptions, context: BuildContext) -> ResNetGenerator:
    images = square_images(context.space)
    downsamplings = options.num_downsamplings or (2 if images.resolution >= 64 else 1)
    if images.resolution % 2**downsamplings or images.resolution < 4 * 2**downsamplings:
        allowed = f"such that {images.resolution} pixels are a multiple of 2^n and 4 or more times that"
        raise ValueError(f"num_downsamplings must be {allowed} (got {downsamplings})")
    return ResNetGenerator(
        images.channels,
        width=options.width,
        num_downsamplings=downsamplings,
        num_blocks=options.num_blocks or (9 if images.resolution >= 256 else 6),
    )


def _discriminator(options: CycleGANOptions, context: BuildContext) -> PatchDiscriminator:
    images = square_images(context.space)
    layers = options.patch_layers or patch_layers(images.resolution)
    if images.resolution < least_resolution(layers):
        raise ValueError(f"patch_layers must be smaller for {images.resolution} pixels (got {layers})")
    return PatchDiscriminator(images.channels, width=options.discriminator_width, num_layers=layers, norm="instance")
