"""The seam between the mathematics of an iteration and the way it is executed.

An algorithm is a few parameterless phases over tensors that it owns (networks, optimizer state, sampler, random streams), and a plan that
says which phases make up an iteration. A runner may call a phase, capture it as a CUDA graph and replay that, or compile the functions that
it is made of; the phase cannot tell. A captured phase runs as Python once: whatever it took from the host then (a number, a flag, a
tensor's address) stands still until it is captured again.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from ganbench.config.model import RunConfig
from ganbench.data.sampler import Sampler
from ganbench.data.source import Dataset
from ganbench.training.networks import Networks
from ganbench.training.objective import Augmentation, Objective

Phase = Callable[[], None]
Wrap = Callable[[str, Callable[..., Any]], Callable[..., Any]]
"""Takes the name of a function of tensors and the function; returns what is called in its place."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AlgorithmContext:
    """What the harness gives an algorithm."""

    config: RunConfig
    networks: Networks
    objective: Objective
    sampler: Sampler
    train_labels: Tensor | None
    """All labels of the train split ``[N]`` int64: the distribution that generated labels are drawn from."""
    device: torch.device
    dataset: Dataset
    """What the sampler draws from, for an algorithm that needs samplers of its own."""
    augment: Augmentation | None = None
    """What happens to all that the discriminator sees."""


class Algorithm(Protocol):
    """One iteration of training."""

    runners: tuple[str, ...]
    """The runners that it may be given to: every one has ``eager``; ``cuda_graph`` promises that a phase does no work on the host that
    changes from one call to the next, and ``compile`` that :meth:`transform` has something to compile."""
    samples_per_iteration: int
    """Real images that one iteration shows to the discriminator, on average over the plan."""

    def plan(self, iteration: int) -> tuple[str, ...]:
        """Return the names of the phases of this iteration, in order. Runs on the host and reads no tensor."""
        ...

    def phases(self) -> Mapping[str, Phase]:
        """Return the phases that :meth:`plan` names. A phase must not synchronise the device."""
        ...

    def prepare(self, phase: str) -> None:
        """Do the host's part of a phase; called before each of its executions, captured or not."""
        ...

    def capture_key(self) -> Hashable:
        """Return what a captured phase has frozen in it; when it changes, everything is captured again. Reads no tensor."""
        ...

    def random_generators(self) -> Sequence[torch.Generator]:
        """Return the generators that the phases draw from, so that a captured phase draws new numbers at each replay."""
        ...

    def transform(self, wrap: Wrap) -> None:
        """Replace the functions of tensors that the phases are made of by what ``wrap`` makes of them."""
        ...

    def samples_shown(self, iteration: int) -> int:
        """Return how many real images this iteration shows to the discriminator."""
        ...

    def set_progress(self, samples_seen: int) -> None:
        """Move schedules to this point; called on the host before each iteration."""
        ...

    def modules(self) -> Mapping[str, nn.Module]:
        """Return every network by name, the averaged copies too."""
        ...

    def evaluated_generator(self) -> nn.Module:
        """Return the network that evaluation samples from, in evaluation mode."""
        ...

    def read_statistics(self) -> dict[str, float]:
        """Return the means since the last call and start anew; this synchronises.

        Keys: discriminator_loss, generator_loss, real_logits, fake_logits, abs_logits, penalty.
        """
        ...

    def trajectory(self) -> Tensor:
        """Return the losses of the first iterations, ``[n, 2]`` float32 on the CPU; this synchronises."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """Return everything that a resumed run needs for the same bits: tensors, numbers and strings only."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what :meth:`state_dict` returned, in place: no tensor that a phase reads or writes may be replaced by another."""
        ...


def execute(algorithm: Algorithm, iteration: int) -> None:
    """Run one whole iteration as it is written."""
    phases = algorithm.phases()
    for name in algorithm.plan(iteration):
        algorithm.prepare(name)
        phases[name]()
