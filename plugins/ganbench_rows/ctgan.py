"""CTGAN's networks (Xu et al. 2019, https://arxiv.org/abs/1907.00503, section 4.4), written from the article.

A residual layer is a linear layer, batch norm and a ReLU whose output is put beside its input. Numbers come out through a tanh, modes and
categories through a Gumbel-softmax. The Gumbel noise is part of the generator's inputs, so that a row is a function of what is asked for.
The discriminator judges packs of rows, each with its condition.

Shapes: n rows, L the length of z, K the length of a condition, S modes and categories of a row together, W numbers of a row, m rows in a
pack.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from ganbench import BuildContext, Dataset, FromData, Networks
from ganbench_rows.columns import Number
from ganbench_rows.conditions import draw_by_frequency, num_values
from ganbench_rows.options import CTGANOptions
from ganbench_rows.space import RowSpace, rows_of

_LEAST = 1e-20
"""A uniform number is no less than this, for its logarithm."""


class Residual(nn.Module):
    """A layer whose output stands beside its input."""

    def __init__(self, before: int, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(before, width), nn.BatchNorm1d(width), nn.ReLU())

    def forward(self, inputs: Tensor) -> Tensor:
        """Return ``[n, before + width]``."""
        return torch.cat([inputs, self.layers(inputs)], dim=1)


class Generator(nn.Module):
    """``[n, L + K + S]`` latents, conditions and Gumbel noise to rows ``[n, W]``."""

    numbers: Tensor
    places: Tensor
    padding: Tensor
    chosen: Tensor
    order: Tensor

    def __init__(self, options: CTGANOptions, space: RowSpace) -> None:
        super().__init__()
        self.temperature = options.temperature
        self.asked = options.latent_dim + (num_values(space) if options.condition else 0)
        widths = [self.asked]
        for width in options.generator_widths:
            widths.append(widths[-1] + width)
        self.hidden = nn.Sequential(*(Residual(before, after - before) for before, after in pairwise(widths)))
        self.head = nn.Linear(widths[-1], space.size[0])
        self._note_places(space)

    def _note_places(self, space: RowSpace) -> None:
        """Note where numbers and where softmaxes lie, so that all softmaxes are one."""
        numbers = [seen.start for _, column, seen in space.parts() if isinstance(column, Number)]
        groups = [range(seen.start + isinstance(column, Number), seen.stop) for _, column, seen in space.parts()]
        longest = max(map(len, groups))
        places = torch.tensor([[*group, *[group[0]] * (longest - len(group))] for group in groups])
        padding = torch.tensor([[False] * len(group) + [True] * (longest - len(group)) for group in groups])
        softmaxes = torch.tensor([place for group in groups for place in group])
        for name, tensor in (
            ("numbers", torch.tensor(numbers, dtype=torch.int64)),
            ("places", places),
            ("padding", padding),
            ("chosen", torch.tensor([row * longest + i for row, group in enumerate(groups) for i in range(len(group))])),
            ("softmaxes", softmaxes),
            ("order", torch.cat([torch.tensor(numbers, dtype=torch.int64), softmaxes]).argsort()),
        ):
            self.register_buffer(name, tensor, persistent=False)

    def logits(self, inputs: Tensor) -> Tensor:
        """Return a row before its activations, ``[n, W]``."""
        logits: Tensor = self.head(self.hidden(inputs[:, : self.asked]))
        return logits

    def activate(self, logits: Tensor, inputs: Tensor) -> Tensor:
        """Return rows: tanh of numbers, Gumbel-softmax (Jang et al. 2017, https://arxiv.org/abs/1611.01144) of the rest."""
        logits = logits.float()
        noisy = torch.zeros_like(logits).index_copy(1, self.get_buffer("softmaxes"), inputs[:, self.asked :].float()) + logits
        groups = (noisy[:, self.places] / self.temperature).masked_fill(self.padding, -torch.inf)  # [n, groups, longest]
        soft = groups.softmax(2).flatten(1)[:, self.chosen]
        return torch.cat([logits[:, self.numbers].tanh(), soft], dim=1)[:, self.order]

    def forward(self, inputs: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return rows."""
        return self.activate(self.logits(inputs), inputs)


class Discriminator(nn.Module):
    """Packs ``[n / m, m (W + K)]`` to logits ``[n / m]``."""

    def __init__(self, options: CTGANOptions, size: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, after in pairwise((size, *options.discriminator_widths)):
            layers += [nn.Linear(before, after), nn.LeakyReLU(0.2), nn.Dropout(options.dropout)]
        self.layers = nn.Sequential(*layers, nn.Linear(options.discriminator_widths[-1], 1))

    def forward(self, packs: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return logits."""
        logits: Tensor = self.layers(packs)
        return logits[:, 0]


def draw_gumbel(count: int, width: int, random: torch.Generator) -> Tensor:
    """Return Gumbel noise ``[count, width]`` float32 on the device of the stream."""
    uniform = torch.rand(count, width, device=random.device, generator=random).clamp_min(_LEAST)
    return -(-uniform.log()).clamp_min(_LEAST).log()


def num_softmaxed(space: RowSpace) -> int:
    """Return S."""
    return space.size[0] - sum(isinstance(column, Number) for column in space.columns)


def build(options: CTGANOptions, context: BuildContext) -> Networks:
    """Build both networks."""
    space = rows_of(context.space)
    conditions = num_values(space) if options.condition else 0

    def draw(dataset: Dataset, count: int, random: torch.Generator) -> Tensor:
        """Return what the generator is asked, with values by their frequency."""
        parts = [torch.randn(count, options.latent_dim, generator=random)]
        if conditions:
            parts.append(draw_by_frequency(space, count, random))
        return torch.cat([*parts, draw_gumbel(count, num_softmaxed(space), random)], dim=1)

    discriminator = Discriminator(options, context.packing * (space.size[0] + conditions))
    return Networks(modules={"generator": Generator(options, space), "discriminator": discriminator}, inputs=FromData(inputs=draw))
