"""One iteration of a network that is trained by its pixels alone: SRResNet by squared errors, RRDB by absolute ones.

Shapes: N pairs of a batch, C channels of one image, H, W its height and width, k the height and width of a crop.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from ganbench import Algorithm, AlgorithmContext, Phase, Statistics
from ganbench_restoration.networks import pairs_of, question
from ganbench_restoration.options import RestorationOptions, RRDBOptions


def crop_at_random(pairs: Tensor, size: int, uniform: Tensor) -> Tensor:
    """Return a square part of each pair; every place is equally likely.

    Args:
        pairs: ``[N, 2 C, H, W]``.
        size: k.
        uniform: ``[2, N]`` numbers in [0, 1), of rows and of columns.

    Returns:
        ``[N, 2 C, k, k]``.
    """
    count, _, height, width = pairs.shape
    places = torch.arange(size, device=pairs.device)
    rooms = height - size, width - size
    firsts = [(one * (room + 1)).long().clamp(max=room) for one, room in zip(uniform, rooms, strict=True)]
    rows, columns = (first[:, None] + places for first in firsts)  # [N, k] each
    batch = torch.arange(count, device=pairs.device)[:, None, None]
    return pairs.permute(0, 2, 3, 1)[batch, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


class RestorationAlgorithm(Algorithm):
    """What all of them share: batches of questions and answers, and the loss of pixels.

    Args:
        context: what the harness gives.
        statistics: what the phases tell.
    """

    runners = ("eager", "cuda_graph", "compile")

    def __init__(self, context: AlgorithmContext, statistics: Statistics) -> None:
        options = context.config.architecture.options
        assert isinstance(options, RestorationOptions)
        context.require(d_steps=1, d_steps_boost=0, generator_batch_factor=1, dequantise=False, as_they_are="trains on images")
        super().__init__(context, statistics)
        self._crop, self._absolute = options.crop, isinstance(options, RRDBOptions)
        self._pairs = pairs_of(context.dataset.space)
        self._generator = self.networks["generator"]
        self.optimise("generator", self._generator)

    def draw_questions(self) -> tuple[Tensor, Tensor]:
        """Return what the generator is shown, and the answers ``[N, C, H, W]`` in [-1, 1]."""
        pairs = self.draw_real().samples
        if self._crop is not None:
            pairs = crop_at_random(pairs, self._crop, self.uniform(2 * len(pairs)).view(2, -1))
        given, answers = self._pairs.split(pairs)
        return question(self._pairs, given, answers), answers

    def restore(self, given: Tensor) -> Tensor:
        """Return float32 images ``[N, C, H, W]``."""
        with self.autocast():
            images: Tensor = self._generator(given)
        return images.float()

    def pixel_loss(self, made: Tensor, answers: Tensor) -> Tensor:
        """Return the mean squared or absolute error of images in [0, 1], as the sources have them."""
        return F.l1_loss(made, answers) / 2 if self._absolute else F.mse_loss(made, answers) / 4


class PixelAlgorithm(RestorationAlgorithm):
    """The loss of pixels, descended."""

    functions = ("restore", "pixel_loss")

    def __init__(self, context: AlgorithmContext) -> None:
        super().__init__(context, Statistics(context.device, ("generator_loss",), losses=("generator_loss",)))

    def phases(self) -> Sequence[Phase]:
        """Return the only one."""
        return (Phase("update", self.update, self.stage_real),)

    def update(self) -> None:
        """Take one step of the generator."""
        given, answers = self.draw_questions()
        loss = self.pixel_loss(self.restore(given), answers)
        self.step("generator", loss)
        self.update_averages()
        self.statistics.tell("generator_loss", loss)
