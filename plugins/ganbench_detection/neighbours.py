"""Nearest neighbours as a detector: the mean distance of an image to the nearest of those that were shown (Ramaswamy et al. 2000).

Different images are remembered once, in the order in which the run shows them, up to a capacity. What it "generates" of an image is the
nearest that it remembers.

Shapes: N images, D numbers of an image, M the capacity.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial

import torch
from torch import Tensor, nn

from ganbench import Algorithm, AlgorithmContext, BuildContext, FromData, Networks, Phase, Statistics
from ganbench_detection.ganomaly import held_out_images
from ganbench_detection.ganomaly_step import require_images_as_they_are
from ganbench_detection.options import NeighboursOptions
from ganbench_spaces.images import images_of

_SAME = 1e-3
"""Images nearer than this are one image: one level of one pixel is 0.0078."""


class Memory(nn.Module):
    """Images that were shown."""

    rows: Tensor
    used: Tensor

    def __init__(self, size: tuple[int, ...], capacity: int) -> None:
        super().__init__()
        self.register_buffer("rows", torch.zeros(capacity + 1, math.prod(size)))  # the last row takes what is not remembered
        self.register_buffer("used", torch.zeros(1, dtype=torch.int64))

    def distances(self, images: Tensor) -> Tensor:
        """Return the distance of each image to each that is remembered, ``[N, M]`` float64; infinite where nothing is."""
        asked, kept = images.flatten(1).double(), self.rows[:-1].double()  # in float32 equal images would not be at distance 0
        squares = asked.square().sum(1)[:, None] + kept.square().sum(1) - 2 * asked @ kept.T
        return squares.clamp_min(0).sqrt().masked_fill(torch.arange(len(kept), device=kept.device) >= self.used, math.inf)

    def show(self, images: Tensor, nearest: Tensor) -> None:
        """Remember those of the images whose distance to the nearest ``[N]`` says that they are new, while there is room."""
        capacity = len(self.rows) - 1
        new = nearest > _SAME
        places = torch.where(new, self.used + new.long().cumsum(0) - 1, capacity).clamp_max(capacity)
        self.rows.index_copy_(0, places, images.flatten(1).float())
        self.used.add_(new.sum()).clamp_max_(capacity)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return the nearest image that is remembered; the image itself before the first."""
        nearest = self.rows[self.distances(images).argmin(1)].view_as(images)
        return torch.where(self.used > 0, nearest, images)


def score(options: NeighboursOptions, modules: Mapping[str, nn.Module], images: Tensor) -> Tensor:
    """Return the mean distance to the nearest neighbours, ``[N]``; of fewer where fewer are remembered, 0 where none is."""
    memory = modules["generator"]
    assert isinstance(memory, Memory)
    distances = memory.distances(images)
    nearest = distances.topk(min(options.num_neighbours, distances.shape[1]), largest=False).values
    there = nearest.isfinite()
    return nearest.where(there, 0).sum(1) / there.sum(1).clamp_min(1)


class RememberedImages(Algorithm):
    """Remembers what it is shown; the loss is the mean distance of a batch to what was remembered before it."""

    def __init__(self, context: AlgorithmContext) -> None:
        require_images_as_they_are(context, d_steps=1)
        super().__init__(context, Statistics(context.device, ("loss",), losses=("loss",)))
        memory = self.networks["generator"]
        assert isinstance(memory, Memory)
        self._memory = memory

    def phases(self) -> Sequence[Phase]:
        """Return the one phase."""
        return (Phase("remember", self.remember, self.stage_real),)

    @torch.no_grad()
    def remember(self) -> None:
        """Take in a batch."""
        images = self.draw_real().samples
        nearest = self._memory.distances(images).amin(1)
        self.statistics.tell("loss", torch.where(nearest.isfinite(), nearest, images.flatten(1).norm(dim=1)).mean().float())
        self._memory.show(images, nearest)


def build(options: NeighboursOptions, context: BuildContext) -> Networks:
    """Return an empty memory."""
    memory = Memory(images_of(context.space).size, options.capacity)
    inputs = FromData(inputs=held_out_images)
    return Networks(modules={"generator": memory}, inputs=inputs, averaged=(), scorers={"anomaly": partial(score, options)})
