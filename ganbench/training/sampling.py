"""Samples from the evaluated generator, as a pure function of the sample's index: neither batch size nor moment changes the latents.

Shapes: M samples, L the length of z.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ganbench.data.source import Dataset
from ganbench.data.space import Space
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
        space: what the generator makes.
        device: where the generator is.
        dataset: for a translation, which takes its inputs from there.
        truncation: see :func:`~ganbench.training.networks.draw_latents`.
    """

    def __init__(
        self,
        generator: nn.Module,
        networks: Networks,
        *,
        count: int,
        seed: int,
        purpose: str,
        space: Space,
        device: torch.device,
        label_pool: Tensor | None = None,
        labels: Tensor | None = None,
        dataset: Dataset | None = None,
        truncation: float = 0.0,
    ) -> None:
        random = stream(seed, purpose)
        self._generator, self._device = generator, device
        self._space = space
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
        """Return samples ``start`` to ``start + count`` as metrics see them, ``[count, *stored_size]`` on the device."""
        window = slice(start, start + count)
        labels = None if self._labels is None else self._labels[window].to(self._device)
        samples: Tensor = self._generator(self._latents[window].to(self._device), labels)
        return self._space.to_stored(samples.float())


def _draw(pool: Tensor | None, count: int, random: torch.Generator) -> Tensor:
    assert pool is not None
    return pool[torch.randint(len(pool), (count,), generator=random)]


def grid_labels(num_classes: int, columns: int, count: int) -> Tensor | None:
    """Return one class for each column of a grid of ``count`` samples, or None without classes."""
    return torch.arange(count) % columns % num_classes if num_classes else None
