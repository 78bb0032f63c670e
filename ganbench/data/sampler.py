"""Where a training step gets its real samples: one protocol, two samplers, equal batches.

Shapes: n samples in a batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from ganbench.errors import DataError

SamplerState = dict[str, int]
"""What a checkpoint keeps of a sampler: ``position``, and ``seed`` and ``num_samples`` to recognise the stream by."""


@dataclass(slots=True)
class Batch:
    """Real samples on the device."""

    samples: Tensor
    """``[n, *size]`` float32 as the space has it, images in [-1, 1]; strides as the sampler's ``channels_last`` says."""
    labels: Tensor | None
    """``[n]`` int64 on the same device; None for a dataset without labels."""


class Sampler(Protocol):
    """The endless stream of real samples. Equal seeds give equal batches, wherever the samples lie.

    A batch is drawn in two parts, so that the second can be captured in a CUDA graph: :meth:`stage` is what the host does, :meth:`take`
    what the device does. Each ``stage`` is followed by one execution of ``take``'s work: by the call, or by the replay of a graph that
    holds it. A ``take`` without a ``stage`` of the same count is an AssertionError. Replays are not seen here, so a second ``stage`` is
    allowed; if nothing was executed in between, the batches are those of other positions until the next :meth:`load_state_dict`.
    """

    @property
    def position(self) -> int:
        """Samples drawn so far."""
        ...

    def next(self, count: int) -> Batch:
        """Return the next ``count`` samples: :meth:`stage`, then :meth:`take`."""
        ...

    def stage(self, count: int) -> None:
        """Do the host's work for the next ``count`` samples, and count them as drawn; the host never waits for the device here.

        Raises:
            ganbench.errors.DataError: a file that cannot be read any more, by name.
        """
        ...

    def take(self, count: int) -> Batch:
        """Return the staged samples, by work of the device alone: it depends on no state of the host that changes between batches."""
        ...

    def state_dict(self) -> SamplerState:
        """Return what a checkpoint needs to go on with the next sample."""
        ...

    def load_state_dict(self, state: SamplerState) -> None:
        """Go to the position of a checkpoint.

        Raises:
            ganbench.errors.DataError: the checkpoint is of another stream (seed or number of samples).
        """
        ...

    def close(self) -> None:
        """End the workers; the sampler is not used after this."""
        ...


def sampler_state(position: int, *, seed: int, num_samples: int) -> SamplerState:
    """Return the state of either sampler."""
    return {"position": position, "seed": seed, "num_samples": num_samples}


def position_in(state: SamplerState, *, seed: int, num_samples: int) -> int:
    """Return the position in a saved state.

    Raises:
        ganbench.errors.DataError: the state is of another stream.
    """
    for field, here in (("seed", seed), ("num_samples", num_samples)):
        if state[field] != here:
            raise DataError(
                f"the checkpoint's sampler has {field} {state[field]}, this run has {here}",
                hint="resume with the data and the seed that the run began with",
            )
    return state["position"]
