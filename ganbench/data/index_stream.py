"""Which sample comes at which position: a pure function of (seed, position), the same for every sampler.

Each epoch is one permutation from its own generator, keyed by (seed, epoch), so that any position is reached without drawing what
comes before it. Position p lies in epoch p // N at place p % N; batches cross the border between epochs and keep their size.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import torch
from torch import Tensor

from ganbench.ranks import Ranks


@dataclass(frozen=True, slots=True)
class _Epoch:
    order: Tensor  # [N] int64
    flips: Tensor | None  # [N] bool


class IndexStream:
    """The endless stream of indices.

    Args:
        num_samples: N, 1 or more.
        seed: any integer; equal seeds give equal streams on every device.
        horizontal_flip: whether each draw is mirrored with probability 1/2.
        device: where the indices are wanted; drawn on the CPU, moved once for each epoch.
        ranks: the processes of the run: this stream is of the one that asks, and holds its share of each batch.
        batch_size: of all processes together.
    """

    def __init__(
        self,
        num_samples: int,
        *,
        seed: int,
        horizontal_flip: bool = False,
        device: torch.device | str = "cpu",
        ranks: Ranks | None = None,
        batch_size: int = 1,
    ) -> None:
        if num_samples < 1:
            raise ValueError(f"num_samples must be 1 or more (got {num_samples})")
        self.num_samples = num_samples
        self.seed = seed
        self.horizontal_flip = horizontal_flip
        self._device = torch.device(device)
        self._epochs: dict[int, _Epoch] = {}
        self.ranks, self._batch_size = ranks or Ranks(), batch_size
        self._part = self.ranks.part(batch_size) if self.ranks.world > 1 else batch_size

    def without_flips(self) -> IndexStream:
        """Return the same order as a stream of its own."""
        return IndexStream(self.num_samples, seed=self.seed, device=self._device, ranks=self.ranks, batch_size=self._batch_size)

    def draw(self, position: int, count: int) -> tuple[Tensor, Tensor | None]:
        """Return what is drawn at positions ``position`` to ``position + count - 1``.

        Args:
            position: samples drawn before; 0 or more.
            count: n, 1 or more; may be larger than N.

        Returns:
            Indices ``[n]`` int64, and ``[n]`` bool that says which to mirror (None without flips).
        """
        if self.ranks.world == 1:
            return self._draw(position, count)
        own = torch.arange(position, position + count)
        batch = own.div(self._part, rounding_mode="floor")
        place = batch * self._batch_size + self.ranks.rank * self._part + own % self._part  # among the samples of all processes
        indices, flips = self._draw(first := int(place[0]), int(place[-1]) - first + 1)
        place = (place - first).to(indices.device)
        return indices[place], None if flips is None else flips[place]

    def _draw(self, position: int, count: int) -> tuple[Tensor, Tensor | None]:
        epoch, start = divmod(position, self.num_samples)
        stop = start + count
        if stop <= self.num_samples:
            now = self._epochs.get(epoch) or self._enter(epoch)
            return now.order[start:stop], None if now.flips is None else now.flips[start:stop]
        return self._draw_across(position, count)

    def _draw_across(self, position: int, count: int) -> tuple[Tensor, Tensor | None]:
        pieces = []
        while count:
            here = min(count, self.num_samples - position % self.num_samples)
            pieces.append(self._draw(position, here))
            position, count = position + here, count - here
        flips = [flip for _, flip in pieces if flip is not None]
        return torch.cat([order for order, _ in pieces]), torch.cat(flips) if flips else None

    def _enter(self, epoch: int) -> _Epoch:
        order = torch.randperm(self.num_samples, generator=_generator("order", self.seed, epoch))
        flips = None
        if self.horizontal_flip:
            flips = torch.rand(self.num_samples, generator=_generator("flip", self.seed, epoch)) < 0.5
        made = _Epoch(self._move(order), None if flips is None else self._move(flips))
        self._epochs = {epoch: made}
        return made

    def _move(self, drawn: Tensor) -> Tensor:
        if self._device.type == "cpu":
            return drawn
        if self._device.type == "cuda":
            drawn = drawn.pin_memory()  # or the copy would wait for the kernels that are queued
        return drawn.to(self._device, non_blocking=True)


def _generator(purpose: str, seed: int, epoch: int) -> torch.Generator:
    key = hashlib.sha256(f"ganbench-{purpose}-1:{seed}:{epoch}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(key[:8], "little") >> 1)
