"""A GAN whose generator draws tokens by the Gumbel trick, straight through (Jang et al. 2017, https://arxiv.org/abs/1611.01144).

The noise of the draws is a part of the inputs, so that a sample is a function of its index, and training goes on to the same bits.
Shapes: N texts, L the length of z, T tokens of a text, V tokens in the vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ganbench import BuildContext, Dataset, Latents, Networks
from proof_texts import TextOptions

LATENTS, TEMPERATURE = Latents(16), 1.0


@dataclass(frozen=True, slots=True)
class LatentsAndNoise:
    """z, and uniform noise for each token of the vocabulary at each place."""

    noise: int
    labels: bool = False

    def reference(self, dataset: Dataset) -> Dataset:
        """Return the dataset as it is."""
        return dataset

    def draw(self, count: int, random: torch.Generator, *, dataset: Dataset | None = None, truncation: float = 0.0) -> Tensor:
        """Return ``[count, L + T * V]``."""
        uniform = torch.rand(count, self.noise, device=random.device, generator=random)
        return torch.cat([LATENTS.draw(count, random, truncation=truncation), uniform], dim=1)


class Generator(nn.Module):
    """``[N, L + T * V]`` to one-hot tokens ``[N, T, V]`` with the gradients of a softmax."""

    def __init__(self, width: int, size: tuple[int, ...]) -> None:
        super().__init__()
        length, vocabulary = size
        hidden = [nn.Linear(LATENTS.dim, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU()]
        self.layers, self.unflatten = nn.Sequential(*hidden, nn.Linear(width, length * vocabulary)), nn.Unflatten(1, size)

    def forward(self, inputs: Tensor, labels: Tensor | None) -> Tensor:
        """Return tokens."""
        latents, uniform = inputs[:, : LATENTS.dim], inputs[:, LATENTS.dim :]
        gumbel = -(-uniform.clamp(1e-6, 1 - 1e-6).log()).log()
        soft = (self.unflatten(self.layers(latents) + gumbel) / TEMPERATURE).softmax(-1)
        hard = (soft == soft.amax(-1, keepdim=True)).to(soft.dtype)
        return hard + soft - soft.detach()


class Discriminator(nn.Sequential):
    """``[N, T, V]`` to ``[N]`` logits."""

    def __init__(self, width: int, size: tuple[int, ...]) -> None:
        length, vocabulary = size
        convolution = nn.Conv1d(vocabulary, width, 5, padding=2)
        super().__init__(
            convolution, nn.LeakyReLU(0.2), nn.Flatten(), nn.Linear(width * length, width), nn.LeakyReLU(0.2), nn.Linear(width, 1)
        )

    def forward(self, texts: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return logits."""
        logits: Tensor = super().forward(texts.transpose(1, 2))
        return logits[:, 0]


def build(options: TextOptions, context: BuildContext) -> Networks:
    """Build both networks."""
    size = context.space.size
    modules = {"generator": Generator(options.width, size), "discriminator": Discriminator(options.width, size)}
    return Networks(modules=modules, inputs=LatentsAndNoise(size[0] * size[1]))
