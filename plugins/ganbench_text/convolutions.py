"""Discriminators of texts: convolutions over tokens, the largest answer of each filter, and a highway layer.

``TokenDiscriminator`` is SeqGAN's (LantaoYu/SeqGAN discriminator.py), with its two classes as one logit, the difference of their scores.
``RepeatedDiscriminator`` is RelGAN's (Nie et al. 2019, https://openreview.net/forum?id=rJedV3R5tm; weilinie/RelGAN lstm_vanilla.py), which
also takes soft tokens and judges each part of the embedding by itself.

Shapes: n texts, T tokens of a text, V tokens in the vocabulary, E numbers of an embedding, F filters, R parts of the embedding.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ganbench_text.options import GumbelOptions, SeqGANOptions
from ganbench_text.space import TokenSpace

_RELGAN_SIZES = (2, 3, 4, 5)
_RELGAN_HIDDEN = 100


class Highway(nn.Module):
    """Srivastava et al. 2015, https://arxiv.org/abs/1505.00387: a gate mixes a layer's output with its input, ``[n, F]`` to ``[n, F]``."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.change, self.gate = nn.Linear(width, width), nn.Linear(width, width)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the mixture."""
        gate = self.gate(inputs).sigmoid()
        mixed: Tensor = gate * self.change(inputs).relu() + (1 - gate) * inputs
        return mixed


class TokenDiscriminator(nn.Module):
    """Texts ``[n, T, V]`` to logits ``[n]``, above 0 for real."""

    def __init__(self, options: SeqGANOptions, space: TokenSpace) -> None:
        super().__init__()
        kinds = [(size, count) for size, count in zip(options.filter_sizes, options.filters, strict=True) if size <= space.length]
        if not kinds:
            raise ValueError(f"filter_sizes must hold one of {space.length} or less, the tokens of a text")
        width = sum(count for _, count in kinds)
        self.embedding = nn.Embedding(len(space.symbols), options.discriminator_embedding)
        self.filters = nn.ModuleList(nn.Conv1d(options.discriminator_embedding, count, size) for size, count in kinds)
        self.highway, self.dropout, self.output = Highway(width), nn.Dropout(options.dropout), nn.Linear(width, 2)
        nn.init.uniform_(self.embedding.weight, -1, 1)
        for layer in (*self.filters, self.output):
            assert isinstance(layer, (nn.Conv1d, nn.Linear))
            nn.init.trunc_normal_(layer.weight, std=0.1, a=-0.2, b=0.2)
            nn.init.constant_(layer.bias, 0.1)  # type: ignore[arg-type]
        for linear in (self.highway.change, self.highway.gate):  # TensorFlow's default
            nn.init.xavier_uniform_(linear.weight)
            nn.init.uniform_(linear.bias, -math.sqrt(3 / width), math.sqrt(3 / width))

    def judge(self, tokens: Tensor) -> Tensor:
        """Return logits ``[n]`` of texts ``[n, T]``."""
        seen = self.embedding(tokens).transpose(1, 2)
        features = torch.cat([one(seen).relu().amax(2) for one in self.filters], dim=1)
        scores = self.output(self.dropout(self.highway(features)))
        logits: Tensor = scores[:, 1] - scores[:, 0]
        return logits

    def penalty(self) -> Tensor:
        """Return half the squared weights of the last layer."""
        squares: Tensor = self.output.weight.square().sum() + self.output.bias.square().sum()
        return squares / 2

    def forward(self, samples: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return logits."""
        return self.judge(samples.argmax(-1))


class RepeatedDiscriminator(nn.Module):
    """Texts ``[n, T, V]``, hard or soft, to logits ``[n, R]``."""

    def __init__(self, options: GumbelOptions, space: TokenSpace) -> None:
        super().__init__()
        sizes = [size for size in _RELGAN_SIZES if size <= space.length]
        self.parts, width = options.num_representations, options.filters * len(sizes)
        each = options.discriminator_embedding // self.parts
        self.embedding = nn.Linear(len(space.symbols), options.discriminator_embedding, bias=False)
        self.filters = nn.ModuleList(nn.Conv1d(each, options.filters, size) for size in sizes)
        self.highway, self.dropout = Highway(width), nn.Dropout(options.dropout)
        self.hidden, self.output = nn.Linear(width, _RELGAN_HIDDEN), nn.Linear(_RELGAN_HIDDEN, 1)
        for module in self.modules():
            if isinstance(module, (nn.Linear, nn.Conv1d)):
                std = math.sqrt((2 if isinstance(module, nn.Conv1d) else 1) / module.weight[0].numel())
                nn.init.trunc_normal_(module.weight, std=std, a=-2 * std, b=2 * std)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, samples: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return logits."""
        embedded = self.embedding(samples)  # [n, T, E]
        seen = embedded.unflatten(2, (self.parts, -1)).permute(0, 2, 3, 1).flatten(0, 1)  # [n R, E / R, T]
        features = torch.cat([one(seen).relu().amax(2) for one in self.filters], dim=1)
        logits: Tensor = self.output(self.hidden(self.dropout(self.highway(features))))
        return logits.view(-1, self.parts)
