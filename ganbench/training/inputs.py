"""What a generator is asked, by index: latents, or what comes from the data; and its answers as a pure function of the index.

Neither batch size nor moment changes what a sample is asked. Shapes: M samples, L the length of z.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch import Tensor

from ganbench.data.source import Dataset, Targets
from ganbench.data.space import Space
from ganbench.training.seeding import stream

_Generate = Callable[[Tensor, "Tensor | None"], Tensor]
"""(inputs, labels) to samples as the networks see them."""


class Inputs(Protocol):
    """Where the inputs of a generator come from."""

    @property
    def labels(self) -> bool:
        """Whether each input comes with a label."""
        ...

    def reference(self, dataset: Dataset) -> Dataset:
        """Return the dataset whose train split the generator's samples are compared with; its space is that of the samples."""
        ...

    def draw(self, count: int, random: torch.Generator, *, dataset: Dataset | None = None, truncation: float = 0.0) -> Tensor:
        """Return ``[count, ...]`` float32 on the device of ``random``.

        Args:
            count: how many.
            random: the stream.
            dataset: of the run, for inputs that come from there.
            truncation: how far normal latents may lie from 0; 0 for no bound.
        """
        ...


@dataclass(frozen=True, slots=True)
class Latents:
    """Random vectors."""

    dim: int
    """L."""
    distribution: Literal["normal", "uniform"] = "normal"
    """N(0, 1), or U(-1, 1)."""
    labels: bool = False
    """Whether both networks want labels."""

    def reference(self, dataset: Dataset) -> Dataset:
        """Return the dataset as it is."""
        return dataset

    def draw(self, count: int, random: torch.Generator, *, dataset: Dataset | None = None, truncation: float = 0.0) -> Tensor:
        """Return latents ``[count, L]``.

        Args:
            count: how many.
            random: the stream, on the device of the latents.
            dataset: not looked at.
            truncation: above 0, components of normal latents beyond it are drawn again (Brock et al. 2019, section 3.1); only on the CPU.
        """
        size = (count, self.dim)
        if self.distribution == "uniform":
            return torch.rand(size, device=random.device, generator=random) * 2 - 1
        latents = torch.randn(size, device=random.device, generator=random)
        while truncation > 0 and bool((beyond := latents.abs() > truncation).any()):
            latents[beyond] = torch.randn(int(beyond.sum()), generator=random)
        return latents


@dataclass(frozen=True, kw_only=True, slots=True)
class FromData:
    """Inputs made of samples, for a network that turns samples into samples."""

    inputs: Callable[[Dataset, int, torch.Generator], Tensor]
    """(dataset, count, random) to the generator's inputs ``[count, ...]`` float32 on the CPU."""
    reference: Callable[[Dataset], Dataset] = lambda dataset: dataset
    """The dataset whose train split the generator's samples are compared with."""
    targets: Callable[[Dataset, int, torch.Generator], Targets] | None = None
    """The right answers to what :attr:`inputs` returns for the same arguments, where data come in pairs; None where there are none."""
    labels: bool = False
    """Whether the generator wants labels too."""

    def draw(self, count: int, random: torch.Generator, *, dataset: Dataset | None = None, truncation: float = 0.0) -> Tensor:
        """Return the inputs that :attr:`inputs` makes; nothing is truncated."""
        assert dataset is not None
        return self.inputs(dataset, count, random)


class SampleStream:
    """A fixed sequence of inputs (and labels), and the generator that they are shown to; ``inputs`` are ``[M, ...]`` on the CPU.

    Args:
        generate: the evaluated generator, which is always asked in its newest state.
        inputs: what it is asked, and whether labels are wanted.
        count: M.
        seed: the run's seed.
        purpose: which sequence: evaluation and the grid have their own.
        labels: ``[M]`` int64, or None to draw them from ``label_pool``.
        label_pool: all labels of the train split.
        space: what the generator makes.
        device: where the generator is.
        dataset: of the run, for inputs that come from there.
        truncation: see :meth:`Latents.draw`.
    """

    def __init__(
        self,
        generate: _Generate,
        inputs: Inputs,
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
        self._generate, self.space, self._device = generate, space, device
        self.inputs = inputs.draw(count, random, dataset=dataset, truncation=truncation)
        self._labels: Tensor | None = None
        if inputs.labels:
            assert labels is not None or label_pool is not None
            self._labels = labels if labels is not None else _draw(label_pool, count, random)

    @property
    def count(self) -> int:
        """M."""
        return len(self.inputs)

    @property
    def labels(self) -> Tensor | None:
        """``[M]`` int64: what each sample is asked for; None where the networks take no labels."""
        return self._labels

    def ask(self, inputs: Tensor, labels: Tensor | None) -> Tensor:
        """Return the samples ``[n, ...]`` of any inputs, as networks see them and with gradients; labels where the networks take some."""
        labels = None if labels is None or self._labels is None else labels.to(self._device)
        return self._generate(inputs.to(self._device), labels).float()

    @torch.inference_mode()
    def __call__(self, start: int, count: int) -> Tensor:
        """Return samples ``start`` to ``start + count`` as metrics see them, ``[count, *stored_size]`` on the device."""
        window = slice(start, start + count)
        return self.space.to_stored(self.ask(self.inputs[window], None if self._labels is None else self._labels[window]))


def _draw(pool: Tensor | None, count: int, random: torch.Generator) -> Tensor:
    assert pool is not None
    return pool[torch.randint(len(pool), (count,), generator=random)]


def grid_labels(num_classes: int, columns: int, count: int) -> Tensor | None:
    """Return one class for each column of a grid of ``count`` samples, or None without classes."""
    return torch.arange(count) % columns % num_classes if num_classes else None
