"""The sampler of a split that does not fit: workers decode ahead of the training step.

Memory is bounded by batch size, workers and read-ahead, whatever the length of the dataset, apart from its index.

:func:`read_ahead` reads in worker processes, in order: torch's DataLoader with the corners rounded off. An error of ours crosses the
process border as it was, one line, instead of the DataLoader's chained traceback; the global random generator is not touched; Ctrl-C
reaches the main process alone.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, get_worker_info

from ganbench.data.index_stream import IndexStream
from ganbench.data.sampler import Batch, SamplerState, position_in, sampler_state
from ganbench.data.source import Source
from ganbench.errors import GanbenchError, PluginFailed, RunFailed
from ganbench.plugin.blame import sentence

_Piece = tuple[Tensor, "Tensor | None"]  # stored samples [n, ...], labels [n] int64


@dataclass(frozen=True, slots=True)
class _ReadPiece:
    """What a worker does with a chunk of indices."""

    source: Source
    labels: Tensor | None  # [N] int64, asked of the source once
    channels_last: bool

    def __call__(self, indices: Tensor) -> _Piece:
        samples = self.source.space.arrange(self.source.read(indices), channels_last=self.channels_last)
        return samples, None if self.labels is None else self.labels[indices]


@dataclass(frozen=True, slots=True)
class _Staged:
    """A batch on the device, still as it is stored; these tensors are written again for each batch, so that a captured phase finds it."""

    samples: Tensor  # as the space arranges them
    labels: Tensor | None  # [n] int64
    flips: Tensor | None  # [n] bool

    @classmethod
    def like(cls, piece: _Piece, count: int, *, flips: bool, device: torch.device) -> _Staged:
        samples, labels = piece
        return cls(
            samples.new_empty((count, *samples.shape[1:]), device=device),
            None if labels is None else labels.new_empty(count, device=device),
            torch.empty(count, dtype=torch.bool, device=device) if flips else None,
        )

    def fill(self, pieces: list[_Piece], flips: Tensor | None) -> None:
        start = 0
        for samples, labels in pieces:
            stop = start + len(samples)
            self.samples[start:stop].copy_(samples, non_blocking=True)
            if self.labels is not None and labels is not None:
                self.labels[start:stop].copy_(labels, non_blocking=True)
            start = stop
        if self.flips is not None and flips is not None:
            self.flips.copy_(flips.pin_memory() if self.flips.is_cuda else flips, non_blocking=True)


class StreamingSampler:
    """Draws through worker processes, pinned memory and prefetch.

    A captured phase must keep its count: another one makes the staged tensors anew.

    Args:
        source: the split.
        stream: the order, with its indices on the CPU.
        batch_size: samples that are prepared together.
        device: where the batches are wanted.
        channels_last: memory format of the batches.
        workers: decoding processes; 0 decodes in this one.
        position: samples drawn before.
    """

    def __init__(
        self,
        source: Source,
        stream: IndexStream,
        *,
        batch_size: int,
        device: torch.device | str = "cpu",
        channels_last: bool = False,
        workers: int = 0,
        position: int = 0,
    ) -> None:
        self.source = source
        self.stream = stream
        self.batch_size = batch_size
        self.workers = workers
        self.channels_last = channels_last
        self._device = torch.device(device)
        self._position = position
        self._pieces: Iterator[_Piece] | None = None
        self._rest: _Piece | None = None
        self._staged: _Staged | None = None
        self._staged_count: int | None = None

    @property
    def position(self) -> int:
        """Samples drawn so far; what the workers hold ready does not count."""
        return self._position

    def next(self, count: int) -> Batch:
        """Return the next ``count`` samples."""
        self.stage(count)
        return self.take(count)

    def stage(self, count: int) -> None:
        """Copy the next samples to the device, as they come from the workers, behind the work that is queued there."""
        count = self.stream.ranks.part(count)
        pieces = list(self._draw(count))
        flips = self.stream.draw(self._position, count)[1] if self.stream.horizontal_flip else None
        if self._staged is None or len(self._staged.samples) != count:
            self._staged = _Staged.like(pieces[0], count, flips=flips is not None, device=self._device)
        self._staged.fill(pieces, flips)
        self._position += count
        self._staged_count = count

    def take(self, count: int) -> Batch:
        """Return the staged samples."""
        count = self.stream.ranks.part(count)
        assert self._staged is not None, f"take({count}) needs a stage({count}) before it (none yet)"
        assert self._staged_count == count, f"take({count}) needs a stage({count}) before it (staged: {self._staged_count})"
        self._staged_count = None
        samples = self.source.space.to_network(self._staged.samples, None, self._staged.flips, channels_last=self.channels_last)
        return Batch(samples, None if self._staged.labels is None else self._staged.labels.clone())

    def _draw(self, count: int) -> Iterator[_Piece]:
        """Yield pieces with ``count`` samples together."""
        while count:
            samples, labels = self._rest or self._read()
            here = min(count, len(samples))
            self._rest = None if here == len(samples) else (samples[here:], None if labels is None else labels[here:])
            yield samples[:here], None if labels is None else labels[:here]
            count -= here

    def _read(self) -> _Piece:
        if self._pieces is None:
            read = _ReadPiece(self.source, self.source.labels, self.channels_last)
            pinned = self._device.type == "cuda"
            self._pieces = read_ahead(read, self._chunks(self._position), workers=self.workers, pin_memory=pinned)
        return next(self._pieces)

    def _chunks(self, position: int) -> Iterator[Chunk]:
        # Its own stream: the workers read ahead of the flips, and each stream holds one epoch.
        stream = self.stream.without_flips()
        while True:
            yield stream.draw(position, self.batch_size)[0].numpy()
            position += self.batch_size

    def state_dict(self) -> SamplerState:
        """Return position, seed and number of samples."""
        return sampler_state(self._position, seed=self.stream.seed, num_samples=self.stream.num_samples)

    def load_state_dict(self, state: SamplerState) -> None:
        """Go to a saved position; what the workers hold ready is dropped."""
        self._position = position_in(state, seed=self.stream.seed, num_samples=self.stream.num_samples)
        self._staged_count = None
        self.close()

    def close(self) -> None:
        """End the workers."""
        self._pieces = None
        self._rest = None


_T = TypeVar("_T")
Chunk = NDArray[np.int64]
_SHORT = "memory, file descriptors or /dev/shm may be short: --set training.workers=0 decodes in one process"
_BATCHES_AHEAD = 2
"""Chunks that each worker prepares ahead of the one in use; with the number of workers this bounds the memory."""


@dataclass(frozen=True, slots=True)
class _Failure:
    """An error on its way from a worker to the main process."""

    error: type[GanbenchError]
    what: str
    hint: str


class _Reader(Dataset[Any]):
    """A map-style dataset whose index is a whole chunk of indices."""

    def __init__(self, read: Callable[[Tensor], Any]) -> None:
        self._read = read

    def __getitem__(self, chunk: Chunk) -> Any:
        try:
            result = self._read(torch.from_numpy(chunk))
        except GanbenchError as error:
            return _Failure(type(error), error.what, error.hint)
        except MemoryError:
            return _Failure(RunFailed, "there is no memory left to read samples", _SHORT)
        except Exception as error:
            if get_worker_info() is None:
                raise
            said = sentence(error) or f"a sample could not be read: {type(error).__name__}: {error}"
            return _Failure(PluginFailed, said, "--set training.workers=0 shows where")
        if get_worker_info() is None:
            return result
        try:  # here, not in the queue's own thread, which would drop it without a word while the main process waits
            _share(result)
        except (RuntimeError, OSError) as error:
            return _Failure(RunFailed, f"a data worker process cannot hand over what it read: {str(error)[:200]}", _SHORT)
        return result


def _share(result: Any) -> None:
    """Move the tensors of a result to shared memory, through which they reach the main process."""
    if isinstance(result, Tensor):
        result.share_memory_()  # type: ignore[no-untyped-call]
    elif isinstance(result, tuple):
        for part in result:
            _share(part)
    elif is_dataclass(result):
        for field in fields(result):
            _share(getattr(result, field.name))


def default_workers() -> int:
    """Return one less than the CPUs that this process may use, at most 4; 0 on a single CPU."""
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(4, cpus - 1)


def read_ahead(read: Callable[[Tensor], _T], chunks: Iterable[Chunk], *, workers: int, pin_memory: bool = False) -> Iterator[_T]:
    """Yield ``read(chunk)`` for each chunk, in order, prepared by worker processes.

    Args:
        read: takes indices ``[n]`` int64; a pure function, run in a forked process that must not touch the accelerator.
        chunks: index arrays; may be endless, it is drawn from only as far as the workers read ahead.
        workers: number of processes; 0 reads in this one.
        pin_memory: whether tensors are moved to page-locked memory on the way.

    Raises:
        ganbench.errors.GanbenchError: what ``read`` raised, unchanged.
        ganbench.errors.RunFailed: worker processes cannot be started, or one was killed.
    """
    with warnings.catch_warnings(), _child_signal_kept(), _shortage_told():
        # Forking is safe here: a worker runs one thread and never enters the accelerator's runtime.
        warnings.filterwarnings("ignore", message=r".*fork\(\).*", category=DeprecationWarning)
        warnings.filterwarnings("ignore", message="This DataLoader will create", category=UserWarning)
        _try_workers(workers)
        results = iter(_loader(read, chunks, workers=workers, pin_memory=pin_memory))
    while True:
        try:
            with _shortage_told():
                result = next(results)
        except StopIteration:
            return
        if isinstance(result, _Failure):
            raise result.error(result.what, hint=result.hint)
        yield result


@contextlib.contextmanager
def _child_signal_kept() -> Iterator[None]:
    """Undo that torch takes the signal of a worker's death: its handler raises wherever the main thread is at that moment.

    Without it, the death is told where the worker's answer is waited for, after some seconds.
    """
    before = signal.getsignal(signal.SIGCHLD) if threading.current_thread() is threading.main_thread() else None
    try:
        yield
    finally:
        if before is not None:
            signal.signal(signal.SIGCHLD, before)


def _try_workers(workers: int) -> None:
    """Make as many queues as a loader makes, and some more: one that fails in the middle leaves a traceback of its own.

    Raises:
        OSError: short of descriptors, or of shared memory for semaphores.
    """
    context = multiprocessing.get_context("fork")
    queues = [context.Queue() for _ in range(2 * workers + 3)] if workers else []
    for queue in queues:
        queue.close()


@contextlib.contextmanager
def _shortage_told() -> Iterator[None]:
    """Say what a machine is short of where workers fail."""
    try:
        yield
    except (ConnectionError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and "worker" not in str(error):
            raise
        raise RunFailed("a data worker process was killed", hint=_SHORT) from error
    except OSError as error:
        raise RunFailed(f"data worker processes cannot be used: {error.strerror or error}", hint=_SHORT) from error


def _loader(read: Callable[[Tensor], Any], chunks: Iterable[Chunk], *, workers: int, pin_memory: bool) -> DataLoader[Any]:
    return DataLoader(
        _Reader(read),
        sampler=chunks,
        batch_size=None,
        num_workers=workers,
        prefetch_factor=_BATCHES_AHEAD if workers else None,
        pin_memory=pin_memory,
        collate_fn=lambda result: result,
        worker_init_fn=_begin_worker,
        multiprocessing_context="fork" if workers else None,
        generator=torch.Generator(),  # or the loader would draw its base seed from the global one
    )


def _begin_worker(_: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
