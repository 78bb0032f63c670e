"""Reading in worker processes, in order: torch's DataLoader with the corners rounded off.

An error of ours crosses the process border as it was, one line, instead of the DataLoader's chained traceback; the global random
generator is not touched; Ctrl-C reaches the main process alone.
"""

from __future__ import annotations

import os
import signal
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from ganbench.errors import GanbenchError, RunFailed

_T = TypeVar("_T")
Chunk = NDArray[np.int64]
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
            return self._read(torch.from_numpy(chunk))
        except GanbenchError as error:
            return _Failure(type(error), error.what, error.hint)


def default_workers() -> int:
    """Return one less than the CPUs that this process may use, at most 4; 0 on a single CPU."""
    return min(4, len(os.sched_getaffinity(0)) - 1)


def read_ahead(read: Callable[[Tensor], _T], chunks: Iterable[Chunk], *, workers: int, pin_memory: bool = False) -> Iterator[_T]:
    """Yield ``read(chunk)`` for each chunk, in order, prepared by worker processes.

    Args:
        read: takes indices ``[n]`` int64; a pure function, run in a forked process that must not touch the accelerator.
        chunks: index arrays; may be endless, it is drawn from only as far as the workers read ahead.
        workers: number of processes; 0 reads in this one.
        pin_memory: whether tensors are moved to page-locked memory on the way.

    Raises:
        ganbench.errors.GanbenchError: what ``read`` raised, unchanged.
        ganbench.errors.RunFailed: a worker process was killed.
    """
    with warnings.catch_warnings():
        # Forking is safe here: a worker runs one thread and never enters the accelerator's runtime.
        warnings.filterwarnings("ignore", message=r".*fork\(\).*", category=DeprecationWarning)
        warnings.filterwarnings("ignore", message="This DataLoader will create", category=UserWarning)
        results = iter(_loader(read, chunks, workers=workers, pin_memory=pin_memory))
    while True:
        try:
            result = next(results)
        except StopIteration:
            return
        except RuntimeError as error:
            if "worker" not in str(error):
                raise
            raise RunFailed(
                "a data worker process was killed", hint="memory may be short: --set training.workers=0 decodes in one process"
            ) from error
        if isinstance(result, _Failure):
            raise result.error(result.what, hint=result.hint)
        yield result


def _loader(read: Callable[[Tensor], Any], chunks: Iterable[Chunk], *, workers: int, pin_memory: bool) -> DataLoader[Any]:
    return DataLoader(
        _Reader(read),
        sampler=chunks,
        batch_size=None,
        num_workers=workers,
        prefetch_factor=_BATCHES_AHEAD if workers else None,
        pin_memory=pin_memory,
        collate_fn=_as_it_is,
        worker_init_fn=_begin_worker,
        multiprocessing_context="fork" if workers else None,
        generator=torch.Generator(),  # or the loader would draw its base seed from the global one
    )


def _as_it_is(result: Any) -> Any:
    return result


def _begin_worker(_: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
