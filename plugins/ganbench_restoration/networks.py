"""From a space of pairs to networks, and to what a generator is asked.

Shapes: N images, C channels, h, w what is given, H, W its answer.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ganbench import BuildContext, Dataset, FromData, Networks, Space, Targets
from ganbench_restoration.answers import answers_of
from ganbench_restoration.degrade import from_levels, make_smaller, to_levels
from ganbench_restoration.discriminator import HALVINGS, Discriminator
from ganbench_restoration.options import ESRGANOptions, RestorationOptions, RRDBOptions, SRGANOptions, SRResNetOptions
from ganbench_restoration.rrdb import RRDBNet
from ganbench_restoration.srresnet import SRResNet
from ganbench_spaces.images import draw_images
from ganbench_spaces.pairs import PairedImages


def pairs_of(space: Space) -> PairedImages:
    """Return a space that must be one of pairs.

    Raises:
        ValueError: it is another.
    """
    if not isinstance(space, PairedImages):
        raise ValueError(f"this needs pairs of an image and its answer (got {space.unit} alone); use --dataset restore -o dataset.of=NAME")
    return space


def question(pairs: PairedImages, given: Tensor, answers: Tensor) -> Tensor:
    """Return what a generator is shown, ``[N, C, h, w]``: what is given, or where that was enlarged, the answer made small.

    Args:
        pairs: the space.
        given: ``[N, C, H, W]`` in [-1, 1].
        answers: the same.
    """
    return given if pairs.scale == 1 else from_levels(make_smaller(to_levels(answers), pairs.scale))


def build_srresnet(options: SRResNetOptions, context: BuildContext) -> Networks:
    """Build SRResNet alone."""
    return _networks(options, context, _srresnet(options, pairs_of(context.space)))


def build_rrdb(options: RRDBOptions, context: BuildContext) -> Networks:
    """Build ESRGAN's generator alone."""
    return _networks(options, context, _rrdb(options, pairs_of(context.space)))


def build_srgan(options: SRGANOptions, context: BuildContext) -> Networks:
    """Build SRResNet and a discriminator."""
    return _networks(options, context, _srresnet(options, pairs_of(context.space)), _discriminator(options, context))


def build_esrgan(options: ESRGANOptions, context: BuildContext) -> Networks:
    """Build ESRGAN's generator and a discriminator."""
    return _networks(options, context, _rrdb(options, pairs_of(context.space)), _discriminator(options, context))


def trained_size(options: RestorationOptions, pairs: PairedImages) -> tuple[int, int]:
    """Return the height and width of what is trained on.

    Raises:
        ValueError: a crop that is larger than the images, or no multiple of what they are enlarged by.
    """
    crop, shorter = options.crop, min(pairs.height, pairs.width)
    if crop is None:
        return pairs.height, pairs.width
    if crop > shorter:
        raise ValueError(f"crop must be at most the images' {shorter} pixels (got {crop})")
    if crop % pairs.scale:
        raise ValueError(f"crop must be a multiple of {pairs.scale}, by which images are enlarged (got {crop})")
    return crop, crop


def _networks(options: RestorationOptions, context: BuildContext, generator: nn.Module, discriminator: nn.Module | None = None) -> Networks:
    pairs = pairs_of(context.space)
    trained_size(options, pairs)

    def halves(dataset: Dataset, count: int, random: torch.Generator) -> tuple[Tensor, Tensor]:
        return pairs.split(draw_images(dataset.train if dataset.test is None else dataset.test, count, random))

    def inputs(dataset: Dataset, count: int, random: torch.Generator) -> Tensor:
        return question(pairs, *halves(dataset, count, random))

    def targets(dataset: Dataset, count: int, random: torch.Generator) -> Targets:
        given, answers = halves(dataset, count, random)
        asked = pairs.asked_for()
        return Targets(samples=answers, guesses=given, weights=None if asked is None else asked.expand(count, -1, -1, -1))

    modules = {"generator": generator} if discriminator is None else {"generator": generator, "discriminator": discriminator}
    asking = FromData(inputs=inputs, targets=targets, reference=lambda dataset: answers_of(dataset, pairs))
    return Networks(modules=modules, inputs=asking)


def _srresnet(options: SRResNetOptions, pairs: PairedImages) -> SRResNet:
    return SRResNet(
        pairs.answers.channels,
        scale=pairs.scale,
        width=options.width,
        num_blocks=options.num_blocks,
        outer_kernel=options.outer_kernel,
        trunk_bias=options.trunk_bias,
        add_to_given=options.add_to_given,
    )


def _rrdb(options: RRDBOptions, pairs: PairedImages) -> RRDBNet:
    return RRDBNet(
        pairs.answers.channels,
        scale=pairs.scale,
        width=options.width,
        num_blocks=options.num_blocks,
        growth=options.growth,
        add_to_given=options.add_to_given,
    )


def _discriminator(options: SRGANOptions | ESRGANOptions, context: BuildContext) -> Discriminator:
    pairs = pairs_of(context.space)
    height, width = trained_size(options, pairs)
    if height % 2**HALVINGS or width % 2**HALVINGS:
        raise ValueError(f"the discriminator needs images of a multiple of {2**HALVINGS} pixels (got {height}x{width}); set crop")
    channels = pairs.answers.channels
    return Discriminator(channels, height, width, width=options.discriminator_width, hidden=options.discriminator_hidden)
