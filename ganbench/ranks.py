"""The processes of one run: which of them this is, and the little that they say to each other.

A run on N processes trains as one process would at the same batch size. Every process draws the random numbers and the order of the whole
batch and keeps its share of them; gradients are averaged over all in one flat piece after each backward pass. So the networks are the same
everywhere, and the first process alone writes the run down.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganbench.errors import ConfigError, RunFailed, UsageError

if TYPE_CHECKING:
    from torch import Tensor

_PATIENCE = timedelta(minutes=30)
"""How long the others may be silent: the first process evaluates alone. One that has died is noticed at once."""
_GRACE_SECONDS = 10.0
"""What a process has to say why it ends by itself, after another has died."""
_BETWEEN_AGREEMENTS_SECONDS = 0.5
_MOST_STEPS = 1000


class Ranks:
    """The processes of a run, as one of them sees them; made by itself there is one.

    Args:
        rank: which of them this is, from 0.
        world: how many there are.
        local_rank: which of those on this machine.
        local_world: how many are on this machine.
    """

    def __init__(self, rank: int = 0, world: int = 1, local_rank: int = 0, local_world: int = 1) -> None:
        self.rank, self.world, self.local_rank, self.local_world = rank, world, local_rank, local_world
        self.hosts, self.backend = 1, ""
        self._store: Any = None
        self._pids: dict[int, int] = {}  # of the processes on this machine, by rank
        self._lost: list[int] = []  # those that had ended when it was first seen that one had
        self._is_alone = world == 1  # as long as a block asks for it
        self._left = False
        self._steps_until_agreement, self._agreed = 0, time.monotonic()

    @classmethod
    def of_environment(cls) -> Ranks:
        """Join the processes that were started together, as ``torchrun`` and others say it in the environment.

        Raises:
            UsageError: the environment says half of it, or the others do not come.
        """
        told = os.environ
        if not {"RANK", "WORLD_SIZE"} <= told.keys() or told["WORLD_SIZE"] == "1":
            return cls()
        found = {}
        for name, default in (("RANK", None), ("WORLD_SIZE", None), ("LOCAL_RANK", told["RANK"]), ("LOCAL_WORLD_SIZE", told["WORLD_SIZE"])):
            if not (text := told.get(name, default or "")).isdigit():
                raise UsageError(f"{name} in the environment is {text!r}, which is no number", hint="start the processes with torchrun")
            found[name] = int(text)
        if missing := [name for name in ("MASTER_ADDR", "MASTER_PORT") if name not in told]:
            raise UsageError(f"WORLD_SIZE is {found['WORLD_SIZE']}, and {missing[0]} is not set", hint="start the processes with torchrun")
        ranks = cls(*found.values())
        ranks._join()
        return ranks

    def _join(self) -> None:
        import torch
        import torch.distributed as dist
        from torch.distributed.rendezvous import rendezvous

        if self.local_world == self.world and sys.platform == "linux":
            os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")  # a name that the machine cannot resolve would end it here
        self.backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
        try:
            self._store, _, _ = next(rendezvous("env://", timeout=_PATIENCE))
            dist.init_process_group(self.backend, store=self._store, rank=self.rank, world_size=self.world, timeout=_PATIENCE)
            import socket

            here: tuple[str, int] = (socket.gethostname(), os.getpid())
            peers = [here] * self.world
            dist.all_gather_object(peers, here)
        except (RuntimeError, ValueError) as error:
            reason = str(error).partition("\n")[0]
            what = f"process {self.rank} of {self.world} cannot join the others"
            raise UsageError(f"{what} ({reason})", hint="start them all at once") from None
        self.hosts = len({host for host, _ in peers})
        self._pids = {rank: pid for rank, (host, pid) in enumerate(peers) if host == here[0]}
        threading.Thread(target=self._watch, name="ganbench-ranks", daemon=True).start()

    @property
    def is_first(self) -> bool:
        """Whether this process writes the run down."""
        return self.rank == 0

    def describe(self) -> str:
        """Return how many processes there are, on how many machines, for people: ``4 processes on 1 machine``."""
        return f"{self.world} processes on {self.hosts} machine{'s' if self.hosts > 1 else ''}"

    def part(self, count: int) -> int:
        """Return how many of ``count`` samples are this process's.

        Raises:
            ConfigError: they cannot be shared evenly.
        """
        if count % self.world:
            what = f"{count} samples cannot be shared evenly among {self.world} processes"
            raise ConfigError(what, hint=f"take a --batch-size that {self.world} divides")
        return count // self.world

    def share(self, rows: Tensor) -> Tensor:
        """Return this process's rows of what every process has drawn for all, ``[N, ...]``: the rank-th of N / world rows."""
        count = self.part(len(rows))
        return rows if self.world == 1 else rows[self.rank * count : (self.rank + 1) * count]

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Let nothing be said to the others in the block, where a step is tried."""
        before, self._is_alone = self._is_alone, True
        try:
            yield
        finally:
            self._is_alone = before

    def average(self, tensors: Sequence[Tensor]) -> None:
        """Put into tensors of one type, in place, their means over all processes: in one piece, in the order of the device's work."""
        if self._is_alone or not tensors:
            return
        import torch

        with torch.no_grad():
            flat = self._sum(torch.cat([tensor.reshape(-1) for tensor in tensors])).div_(self.world)
            for tensor, mean in zip(tensors, torch.split(flat, [tensor.numel() for tensor in tensors]), strict=True):
                tensor.copy_(mean.view_as(tensor))

    def gather(self, rows: Tensor) -> Tensor:
        """Return the rows ``[n, ...]`` of all processes, ``[n * world, ...]`` in their order, without gradients."""
        if self._is_alone:
            return rows
        import torch

        return torch.cat(self._every(rows.detach().contiguous()))

    def _sum(self, flat: Tensor) -> Tensor:
        """Return the sum of a tensor over all processes, in its place."""
        import torch.distributed as dist

        with self._others():
            dist.all_reduce(flat)
        return flat

    def _every(self, rows: Tensor) -> list[Tensor]:
        """Return a tensor of every process, in their order."""
        import torch
        import torch.distributed as dist

        parts = [torch.empty_like(rows) for _ in range(self.world)]
        with self._others():
            dist.all_gather(parts, rows)
        return parts

    def collect(self, one: Any) -> list[Any]:
        """Return what each process gave, in their order, to the first, and nothing to the others; tensors must be on the CPU."""
        if self._is_alone:
            return [one]
        import torch.distributed as dist

        found: list[Any] = [None] * self.world
        with self._others():
            dist.gather_object(one, found if self.is_first else None)
        return found if self.is_first else []

    def tell(self, one: Any) -> Any:
        """Return what the first process gave; tensors must be on the CPU."""
        if self._is_alone:
            return one
        import torch.distributed as dist

        told = [one]
        with self._others():
            dist.broadcast_object_list(told)
        return told[0]

    def agree(self, wanted: bool) -> bool:
        """Tell whether any process wants it, by what they said in the same step; asked in every step, it is heard every half second."""
        if self._is_alone:
            return wanted
        self._steps_until_agreement -= 1
        if self._steps_until_agreement > 0:
            return False
        import torch
        import torch.distributed as dist

        seconds, self._agreed = time.monotonic() - self._agreed, time.monotonic()
        steps = min(max(int((1 - self._steps_until_agreement) * _BETWEEN_AGREEMENTS_SECONDS / max(seconds, 1e-6)), 1), _MOST_STEPS)
        said = torch.tensor([int(wanted), steps if self.is_first else 0])
        with self._others():
            dist.all_reduce(said, dist.ReduceOp.MAX)
        self._steps_until_agreement = int(said[1])
        return bool(said[0])

    def leave(self) -> None:
        """Part from the others, where all have come to the end."""
        if self.world == 1 or self._left:
            return
        import torch.distributed as dist

        with self._others():
            dist.barrier()
        self._left = True
        dist.destroy_process_group()

    def says(self, error: BaseException) -> bool:
        """Tell whether this process is the one that tells people of an error that ends the run: one of all does."""
        if self.world == 1:
            return True
        self._left = True
        if isinstance(error, OthersEnded):
            return not error.told and self.rank == min(rank for rank in self._pids if rank not in self._lost)
        what = getattr(error, "what", str(error))  # without a hint, which may be of this process alone
        with suppress(Exception):  # the place where all leave word may be gone, and torch says so in several ways
            self._store.set(f"error-{self.rank}", f"={what}")
        end = time.monotonic() + 1.0
        while time.monotonic() < end:
            if any(self._word_of(rank) == what for rank in range(self.rank)):
                return False
            time.sleep(0.05)
        return True

    def _word_of(self, rank: int) -> str | None:
        """Return what a process has left as the reason why it ends, or None."""
        with suppress(Exception):
            if self._store.check([f"error-{rank}"]):
                return str(self._store.get(f"error-{rank}").decode())[1:]
        return None

    @contextmanager
    def _others(self) -> Iterator[None]:
        """Say which process has ended where a word to the others fails in the block.

        Raises:
            OthersEnded: another process has ended.
        """
        try:
            yield
        except RuntimeError as error:
            raise self._why_they_ended(str(error).partition("\n")[0]) from None

    def _why_they_ended(self, reason: str) -> OthersEnded:
        """Find out, for a few seconds, which process has ended and why."""
        end = time.monotonic() + 3.0
        while time.monotonic() < end:
            for rank in range(self.world):
                if rank != self.rank and (text := self._word_of(rank)) is not None:
                    return OthersEnded(f"process {rank} of {self.world}: {text}", told=True)
            if gone := self._note_the_lost():
                which = f"process {gone[0]}" if len(gone) == 1 else f"processes {', '.join(map(str, gone))}"
                return OthersEnded(f"{which} of {self.world} ended unexpectedly, and with it the run", told=False)
            time.sleep(0.1)
        return OthersEnded(f"the other processes cannot be reached ({reason})", told=False)

    def _note_the_lost(self) -> list[int]:
        """Return the processes that had ended when it was first seen: of those that see it later, each would think itself the first."""
        self._lost = self._lost or self.gone()
        return self._lost

    def gone(self) -> list[int]:
        """Return the processes of this machine that have ended."""
        return [rank for rank, pid in self._pids.items() if rank != self.rank and not _lives(pid)]

    def _watch(self) -> None:
        """End this process where another has died and this one waits for it, as some backends do for ever."""
        while not self._left:
            time.sleep(1.0)
            if self._note_the_lost():
                time.sleep(_GRACE_SECONDS)
                if not self._left:
                    error = self._why_they_ended("")
                    if self.says(error):
                        os.write(2, f"ganbench: {error}\n".encode())
                    os._exit(RunFailed.exit_code)


class OthersEnded(RunFailed):
    """Another process of the run has ended.

    Args:
        what: which, and why.
        told: whether that process has told people.
    """

    def __init__(self, what: str, *, told: bool) -> None:
        super().__init__(what)
        self.told = told


def _lives(pid: int) -> bool:
    """Tell whether a process runs: one that has ended and was not waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0] not in (b"Z", b"X")
    except OSError:
        pass
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return not sys.platform.startswith("linux")
