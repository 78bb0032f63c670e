"""Images from the evaluated generator, as a pure function of the sample's index: neither batch size nor moment changes the latents.

Shapes: M samples, L the length of z, C, H, W an image.
"""

from __future__ import annotations

import functools

import torch
from torch import Tensor, nn

from ganbench.data.source import Dataset
from ganbench.evaluation.quantize import to_uint8
from ganbench.evaluation.statistics import require_finite
from ganbench.training.networks import Networks, draw_latents
from ganbench.training.seeding import stream


class SampleStream:
    """A fixed sequence of latents (and labels) and the generator that they are shown to.

    Args:
        generator: the evaluated network, in evaluation mode; read at each call, so it is always its newest state.
        networks: latent_dim and whether labels are wanted.
        count: M.
        seed: the run's seed.
        purpose: which sequence: evaluation and the grid have their own.
        labels: ``[M]`` int64, or None to draw them from ``label_pool``.
        label_pool: all labels of the train split.
        device: where the generator is.
        dataset: for a translation, which takes its inputs from there.
        truncation: see :func:`~ganbench.training.networks.draw_latents`.
        points: whether the samples are points, which stay as they are.
    """

    def __init__(
        self,
        generator: nn.Module,
        networks: Networks,
        *,
        count: int,
        seed: int,
        purpose: str,
        device: torch.device,
        label_pool: Tensor | None = None,
        labels: Tensor | None = None,
        dataset: Dataset | None = None,
        truncation: float = 0.0,
        points: bool = False,
    ) -> None:
        random = stream(seed, purpose)
        self._generator, self._device = generator, device
        self._finish = functools.partial(require_finite, what="generated images") if points else to_uint8
        if networks.translation is None:
            self._latents = draw_latents(networks, count, random, truncation=truncation)
        else:
            assert dataset is not None
            self._latents = networks.translation.inputs(dataset, count, random)
        self._labels: Tensor | None = None
        if networks.conditional:
            assert labels is not None or label_pool is not None
            self._labels = labels if labels is not None else _draw(label_pool, count, random)

    @property
    def count(self) -> int:
        """M."""
        return len(self._latents)

    @property
    def labels(self) -> Tensor | None:
        """``[M]`` int64: what each sample is asked for; None where the networks take no labels."""
        return self._labels

    @torch.inference_mode()
    def __call__(self, start: int, count: int) -> Tensor:
        """Return samples ``start`` to ``start + count`` on the device: uint8 ``[count, C, H, W]``, or points in float32."""
        window = slice(start, start + count)
        labels = None if self._labels is None else self._labels[window].to(self._device)
        images: Tensor = self._generator(self._latents[window].to(self._device), labels)
        return self._finish(images.float())


def _draw(pool: Tensor | None, count: int, random: torch.Generator) -> Tensor:
    assert pool is not None
    return pool[torch.randint(len(pool), (count,), generator=random)]


def grid_labels(num_classes: int, grid_size: int) -> Tensor | None:
    """Return one class for each column of a square grid, or None without classes."""
    if num_classes == 0:
        return None
    return (torch.arange(grid_size) % num_classes).repeat(grid_size)
