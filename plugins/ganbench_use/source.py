"""What samples are drawn from: a generator, what it is asked, and the data that it belongs to; of a run, or of somebody's weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ganbench import Dataset, Inputs, Networks, SampleStream

EVALUATION = "evaluation"
"""The purpose of the stream that a run's own metrics draw from."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SampleSource:
    """A generator and its data."""

    name: str
    """What a message calls it."""
    state: str
    """Which of its states it is, in a sentence about its samples: ``RUN at 12 kimg``."""
    networks: Networks
    dataset: Dataset
    device: torch.device
    generate: Callable[[Tensor, Tensor | None], Tensor]
    """(inputs, labels) to samples as networks see them."""
    seed: int = 0
    """Of the inputs, unless another is asked for."""
    truncation: float = 0.0
    """Of normal latents, unless another is asked for; 0 for none."""
    batch_size: int = 250
    most_evaluated: int = 0
    """How many samples its own metrics looked at; 0 where it has none."""

    @property
    def reference(self) -> Dataset:
        """What its samples are compared with; the space is theirs."""
        return self.networks.inputs.reference(self.dataset)

    def stream(
        self,
        count: int,
        *,
        seed: int | None = None,
        purpose: str = EVALUATION,
        truncation: float = 0.0,
        labels: Tensor | None = None,
        inputs: Inputs | None = None,
    ) -> SampleStream:
        """Return a fixed sequence of samples.

        Args:
            count: how many.
            seed: of the inputs; None for its own.
            purpose: which stream of that seed.
            truncation: of normal latents; 0 for none.
            labels: ``[count]`` int64; None to draw them as the train split has them.
            inputs: others than the networks' own.
        """
        return SampleStream(
            self.generate,
            inputs or self.networks.inputs,
            count=count,
            seed=self.seed if seed is None else seed,
            purpose=purpose,
            space=self.reference.space,
            device=self.device,
            label_pool=self.dataset.train.labels,
            labels=labels,
            dataset=self.dataset,
            truncation=truncation,
        )
