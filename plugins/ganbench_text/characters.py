"""WGAN-GP's networks over characters (Gulrajani et al. 2017, https://arxiv.org/abs/1704.00028; igul222/improved_wgan_training
gan_language.py): all tokens of a text at once, as softmaxes that the critic sees beside one-hot real texts.

It is trained by the default iteration. What is measured is the likeliest token at each place. A text has no likelihood here.

Shapes: n texts, T tokens of a text, V tokens in the vocabulary, L the length of z, C channels.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ganbench import BuildContext, Latents, Networks
from ganbench_text.options import CharacterOptions
from ganbench_text.space import TokenSpace, tokens_of

_KERNEL = 5
_RESIDUAL = 0.3


class Block(nn.Module):
    """Two convolutions behind ReLUs, whose answer is added with a weight of 0.3, ``[n, C, T]``."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = (nn.Conv1d(width, width, _KERNEL, padding=_KERNEL // 2) for _ in range(2))

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the sum."""
        found: Tensor = inputs + _RESIDUAL * self.second(self.first(inputs.relu()).relu())
        return found


class Generator(nn.Module):
    """Latents ``[n, L]`` to softmaxes ``[n, T, V]``."""

    def __init__(self, options: CharacterOptions, space: TokenSpace) -> None:
        super().__init__()
        self.size = (options.width, space.length)
        self.input = nn.Linear(options.latent_dim, math.prod(self.size))
        self.blocks = nn.Sequential(*(Block(options.width) for _ in range(options.num_blocks)))
        self.output = nn.Conv1d(options.width, len(space.symbols), 1)

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return softmaxes."""
        logits: Tensor = self.output(self.blocks(self.input(latents).unflatten(1, self.size)))
        return logits.transpose(1, 2).float().softmax(-1)


class Critic(nn.Module):
    """Texts ``[n, T, V]`` to logits ``[n]``."""

    def __init__(self, options: CharacterOptions, space: TokenSpace) -> None:
        super().__init__()
        self.input = nn.Conv1d(len(space.symbols), options.width, 1)
        self.blocks = nn.Sequential(*(Block(options.width) for _ in range(options.num_blocks)))
        self.output = nn.Linear(options.width * space.length, 1)

    def forward(self, texts: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return logits."""
        logits: Tensor = self.output(self.blocks(self.input(texts.transpose(1, 2))).flatten(1))
        return logits[:, 0]


def initialise(module: nn.Module) -> None:
    """Weights uniform with Glorot's variance, twice that in convolutions; biases 0 (tflib)."""
    if not isinstance(module, (nn.Linear, nn.Conv1d)):
        return
    taps = math.prod(module.weight.shape[2:])
    variance = (4 if isinstance(module, nn.Conv1d) else 2) / (taps * (module.weight.shape[0] + module.weight.shape[1]))
    bound = math.sqrt(3 * variance)
    nn.init.uniform_(module.weight, -bound, bound)
    if module.bias is not None:
        torch.nn.init.zeros_(module.bias)


def build(options: CharacterOptions, context: BuildContext) -> Networks:
    """Build both networks."""
    space = tokens_of(context.space)
    generator, discriminator = Generator(options, space), Critic(options, space)
    generator.apply(initialise)
    discriminator.apply(initialise)
    return Networks(modules={"generator": generator, "discriminator": discriminator}, inputs=Latents(options.latent_dim))
