"""The conditional GAN of Mirza and Osindero (2014), https://arxiv.org/abs/1411.1784, section 4.1, at any image size and number of classes.

z and label have a hidden layer each, whose outputs are laid side by side for a third; so have image and label in the discriminator, with
maxout units. No source was published; what the paper leaves open is as in goodfeli/adversarial ``mnist.yaml``, which it builds on. Both
networks work in [0, 1] inside.

Shapes: N samples, L the length of z, C, H, W an image, K classes, D features.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ganbench import BuildContext, Judgement, Latents, Networks
from ganbench_kernels import BiasAct
from ganbench_mlp.layers import Maxout, UnitSigmoid, initialise, one_hot
from ganbench_mlp.options import CGANOptions
from ganbench_spaces.images import ImageSpace, images_of


def _relu(before: int, after: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(nn.Linear(before, after), BiasAct(after, bias=False, negative_slope=0.0), nn.Dropout(dropout))


class Generator(nn.Module):
    """``[N, L]`` latents and ``[N]`` labels to ``[N, C, H, W]`` images in [-1, 1]."""

    def __init__(self, options: CGANOptions, context: BuildContext) -> None:
        super().__init__()
        self.num_classes = context.num_classes
        self.size = images_of(context.space).size
        self.of_latents = _relu(options.latent_dim, options.latent_width, options.dropout)
        self.of_labels = _relu(self.num_classes, options.label_width, options.dropout)
        self.joint = _relu(options.latent_width + options.label_width, options.joint_width, options.dropout)
        self.output = nn.Sequential(nn.Linear(options.joint_width, math.prod(self.size)), UnitSigmoid())

    def forward(self, latents: Tensor, labels: Tensor) -> Tensor:
        """Return images."""
        label = one_hot(labels, self.num_classes, latents.dtype)
        both = torch.cat([self.of_latents(latents), self.of_labels(label)], dim=1)
        images: Tensor = self.output(self.joint(both))
        return images.view(-1, *self.size)


class Discriminator(nn.Module):
    """``[N, C, H, W]`` images and ``[N]`` labels to a judgement: logits ``[N]``, and the features ``[N, D]`` that the last layer sees."""

    def __init__(self, options: CGANOptions, context: BuildContext) -> None:
        super().__init__()
        self.num_classes = context.num_classes
        size = math.prod(images_of(context.space).size)
        self.of_images = nn.Sequential(Maxout(size, options.image_units, options.image_pieces), nn.Dropout(options.dropout))
        self.of_labels = nn.Sequential(Maxout(self.num_classes, options.label_units, options.label_pieces), nn.Dropout(options.dropout))
        before = options.image_units + options.label_units
        self.joint = nn.Sequential(Maxout(before, options.joint_units, options.joint_pieces), nn.Dropout(options.dropout))
        self.output = nn.Linear(options.joint_units, 1)

    def forward(self, images: Tensor, labels: Tensor) -> Judgement:
        """Return the judgement."""
        label = one_hot(labels, self.num_classes, images.dtype)
        both = torch.cat([self.of_images((images.flatten(1) + 1) / 2), self.of_labels(label)], dim=1)
        features = self.joint(both)
        return Judgement(self.output(features).flatten(), features=features)


def build(options: CGANOptions, context: BuildContext) -> Networks:
    """Build both networks.

    Raises:
        ValueError: the data have no labels, or are no images.
    """
    if context.num_classes == 0 or not isinstance(context.space, ImageSpace):
        raise ValueError("cgan-mlp needs images with labels, and this dataset has none; use mlp")
    generator, discriminator = Generator(options, context), Discriminator(options, context)
    initialise(generator, "uniform", options.scale)
    initialise(discriminator, "uniform", options.scale / 10)
    return Networks(
        modules={"generator": generator, "discriminator": discriminator}, inputs=Latents(options.latent_dim, "uniform", labels=True)
    )
