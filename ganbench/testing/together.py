"""The processes of one run as threads of this process: one runs at a time, until all have something to say to each other."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ganbench.ranks import Ranks

_SECONDS = 300.0
"""So long one waits for the others, which may be slow but never stop."""


class Together:
    """What so many processes share: whose turn it is, and what each has left for the others.

    Args:
        world: how many there are.
    """

    def __init__(self, world: int) -> None:
        self.ranks = [ThreadRanks(rank, self, world) for rank in range(world)]
        self.turn = threading.Lock()
        self.meeting = threading.Barrier(world, timeout=_SECONDS)
        self.left = [torch.empty(0)] * world

    def run(self, works: Sequence[Callable[[], None]]) -> None:
        """Do the work of each process, by its number; of what is raised the first error is raised here."""
        errors: list[BaseException] = []

        def one(work: Callable[[], None]) -> None:
            try:
                with self.turn:
                    work()
            except BaseException as error:  # the others must not wait for it
                errors.append(error)
                self.meeting.abort()

        threads = [threading.Thread(target=one, args=(work,)) for work in works]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if errors:
            raise errors[0]


class ThreadRanks(Ranks):
    """One of these processes, with torch's random numbers of its own, as a process has them."""

    def __init__(self, rank: int, together: Together, world: int) -> None:
        super().__init__(rank, world)
        self._together = together

    def _sum(self, flat: Tensor) -> Tensor:
        return torch.stack(self._every(flat)).sum(0)

    def _every(self, rows: Tensor) -> list[Tensor]:
        """Leave a tensor for the others, and return what all have left."""
        shared, random = self._together, torch.get_rng_state()
        shared.left[self.rank] = rows.clone()  # the others may read it when its owner has gone on
        shared.turn.release()
        try:
            shared.meeting.wait()
            said = list(shared.left)
            shared.meeting.wait()  # nobody leaves the next thing before all have read this one
        finally:
            shared.turn.acquire()
            torch.set_rng_state(random)
        return said
