"""Both networks of StyleGAN2.

Written from the articles (Karras et al. 2020, https://arxiv.org/abs/1912.04958 and https://arxiv.org/abs/2006.06676) and from the sizes of
NVlabs/stylegan2-ada-pytorch @d72cc7d, whose code was not copied; the numbers of parameters are its own, for configuration F 30,370,060 and
29,012,513 at 1024x1024, for ``cifar`` 20,215,315 and 23,089,664 with labels.
"""

from __future__ import annotations

from ganbench import BuildContext, Latents, Networks
from ganbench_stylegan2 import StyleGAN2Options
from ganbench_stylegan2.discriminator import Discriminator
from ganbench_stylegan2.generator import Generator, used_classes


def build(options: StyleGAN2Options, context: BuildContext) -> Networks:
    """Build both networks.

    Raises:
        ValueError: ``conditional`` without labels in the dataset, or a ``channel_base`` below the resolution.
    """
    if options.conditional and context.num_classes == 0:
        raise ValueError("conditional needs labels, and this dataset has none; use -o conditional=false")
    return Networks(
        modules={"generator": Generator(options, context), "discriminator": Discriminator(options, context)},
        inputs=Latents(options.latent_dim, labels=used_classes(options, context) > 0),
    )
