"""Multilayer perceptrons for samples of any space: images of any size, points in the plane.

Shapes: N samples of a space's size (``[C, H, W]`` for images, ``[2]`` for points), L the length of z, m samples in a pack, K classes,
D features.
"""

from __future__ import annotations

import math
from itertools import pairwise

from torch import Tensor, nn

from ganbench import BuildContext, Judgement, Latents, Networks
from ganbench_kernels import NormAct
from ganbench_mlp.layers import LEAKY_SLOPE, Maxout, UnitSigmoid, activation, initialise, with_labels
from ganbench_mlp.options import MLPOptions
from ganbench_spaces.images import ImageSpace


def used_classes(options: MLPOptions, context: BuildContext) -> int:
    """Return K where the networks use labels, else 0: a pack has samples of several classes and no label."""
    unwanted = options.conditional is False or (options.conditional is None and context.packing > 1)
    return 0 if unwanted else context.num_classes


def output_of(options: MLPOptions, context: BuildContext) -> str:
    """Return what ``output`` means for these data."""
    if options.output == "auto":
        return "tanh" if isinstance(context.space, ImageSpace) else "linear"
    return options.output


class Generator(nn.Module):
    """``[N, L]`` latents to samples ``[N, *size]``."""

    def __init__(self, options: MLPOptions, context: BuildContext) -> None:
        super().__init__()
        self.num_classes = used_classes(options, context)
        self.size = context.space.size
        widths = (options.latent_dim + self.num_classes, *options.generator_widths)
        layers: list[nn.Module] = []
        for level, (before, after) in enumerate(pairwise(widths)):
            normalised = options.generator_norm == "batch" or (options.generator_norm == "batch-after-first" and level > 0)
            layers += [nn.Linear(before, after, bias=options.generator_bias), *_activated(options, after, normalised)]
        layers.append(nn.Linear(widths[-1], math.prod(self.size)))
        outputs: dict[str, list[nn.Module]] = {"tanh": [nn.Tanh()], "sigmoid": [UnitSigmoid()], "linear": []}
        self.layers = nn.Sequential(*layers, *outputs[output_of(options, context)])

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return samples."""
        samples: Tensor = self.layers(with_labels(latents, labels, self.num_classes))
        return samples.view(-1, *self.size)


def _activated(options: MLPOptions, width: int, normalised: bool) -> list[nn.Module]:
    """Return what stands behind a hidden layer of the generator."""
    name = options.generator_activation
    if not normalised:
        return [activation(name, width)]
    eps, momentum = options.norm_eps, options.norm_momentum
    if name == "tanh":
        return [nn.BatchNorm1d(width, eps, momentum), nn.Tanh()]
    return [NormAct(width, eps, momentum, negative_slope=LEAKY_SLOPE if name == "leaky_relu" else 0.0)]


class Discriminator(nn.Module):
    """Packs (``[N, m * C, H, W]`` of images) to a judgement: logits ``[N]``, and the features ``[N, D]`` that the last layer sees."""

    def __init__(self, options: MLPOptions, context: BuildContext) -> None:
        super().__init__()
        self.num_classes = used_classes(options, context)
        self.in_unit_range = output_of(options, context) == "sigmoid"
        size = context.packing * math.prod(context.space.size)
        widths = (size + self.num_classes, *options.discriminator_widths)
        layers: list[nn.Module] = [nn.Dropout(options.discriminator_input_dropout)]
        for before, after in pairwise(widths):
            layers += _hidden(options, before, after)
            layers.append(nn.Dropout(options.discriminator_dropout))
        layers.append(nn.Linear(widths[-1], 1))
        self.layers = nn.Sequential(*(layer for layer in layers if not (isinstance(layer, nn.Dropout) and layer.p == 0)))

    def forward(self, samples: Tensor, labels: Tensor | None = None) -> Judgement:
        """Return the judgement."""
        flat = samples.flatten(1)
        if self.in_unit_range:
            flat = (flat + 1) / 2
        *hidden, head = self.layers
        features = with_labels(flat, labels, self.num_classes)
        for layer in hidden:
            features = layer(features)
        return Judgement(head(features).flatten(), features=features)


def _hidden(options: MLPOptions, before: int, after: int) -> list[nn.Module]:
    if options.discriminator_activation == "maxout":
        return [Maxout(before, after, options.maxout_pieces)]
    return [nn.Linear(before, after), activation(options.discriminator_activation, after)]


def build(options: MLPOptions, context: BuildContext) -> Networks:
    """Build both networks.

    Raises:
        ValueError: ``conditional`` without labels in the dataset, or a bounded output for samples without bounds.
    """
    if options.conditional and context.num_classes == 0:
        raise ValueError("conditional needs labels, and this dataset has none; use -o conditional=false")
    if not isinstance(context.space, ImageSpace) and options.output in ("tanh", "sigmoid"):
        raise ValueError(f"output must be auto or linear for {context.space.unit}, which have no bounds (got {options.output})")
    generator, discriminator = Generator(options, context), Discriminator(options, context)
    initialise(generator, options.initialisation, options.generator_scale)
    initialise(discriminator, options.initialisation, options.discriminator_scale)
    return Networks(
        modules={"generator": generator, "discriminator": discriminator},
        inputs=Latents(options.latent_dim, options.latents, labels=used_classes(options, context) > 0),
    )
