"""The runner that captures each phase as a CUDA graph and replays it: one launch instead of hundreds, and no host work in a step.

``torch.cuda.make_graphed_callables`` has no higher-order gradients and corrupts gradients when a callable is used twice, so whole phases
(forward, backward, optimizer, average, sampling, gathering, statistics) are captured by hand, over one memory pool.

A captured phase repeats what it did once. So that nothing stands still that should move, the first iterations from the graphs are compared
with the same iterations run eagerly, before the run begins.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Protocol

import torch

from ganbench.errors import RunFailed
from ganbench.training.algorithm import Phase, Steps, by_name, execute, play
from ganbench.training.eager_runner import EagerRunner
from ganbench.training.rehearsal import rehearse, require_repetition, undone

_WARM_UP = 3
"""Executions of each phase before it is captured: cuDNN has chosen its algorithms then, and every Triton kernel is compiled."""

_Run = Callable[[], None]
"""The device's part of a phase."""


class _Graphs(Protocol):
    """Makes graphs of phases."""

    def renew(self) -> None:
        """Prepare to capture all phases anew; the graphs captured before are gone."""
        ...

    def warm_up(self, phase: _Run) -> None:
        """Execute a phase where capturing will find everything warm."""
        ...

    def capture(self, phase: _Run) -> _Run:
        """Record a phase and return what executes it again.

        Raises:
            RuntimeError: the phase does something that cannot be captured.
        """
        ...


class CudaGraphs:
    """CUDA graphs over one memory pool.

    Args:
        device: the GPU.
        generators: the phases' random generators; the global one is seen to by torch.
    """

    def __init__(self, device: torch.device, generators: Sequence[torch.Generator]) -> None:
        self._generators, self._device = generators, device
        self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self.renew()

    def renew(self) -> None:
        """Take another pool: one whose graphs are all gone may not be used again."""
        self._pool = torch.cuda.graph_pool_handle()

    def warm_up(self, phase: _Run) -> None:
        """Execute a phase on the capturing stream."""
        self._stream.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(self._stream):
            phase()
        torch.cuda.current_stream(self._device).wait_stream(self._stream)

    def capture(self, phase: _Run) -> _Run:
        """Capture a phase; nothing is executed. After one that cannot be captured the eager steps go on."""
        graph, previous = torch.cuda.CUDAGraph(), torch.cuda.current_stream(self._device)
        for generator in self._generators:
            graph.register_generator_state(generator)
        try:  # of this thread only: the thread that pins a streamed dataset's batches may go on allocating
            with torch.cuda.graph(graph, pool=self._pool, stream=self._stream, capture_error_mode="thread_local"):
                phase()
        except RuntimeError as error:  # up to PyTorch 2.12 generators stay marked as being captured, and the process on that stream
            torch.cuda.set_stream(previous)
            for generator in (*self._generators, torch.cuda.default_generators[previous.device_index]):
                generator.graphsafe_set_state(generator.clone_state())
            raise RuntimeError(str(error.__context__ or error)) from error  # ending the capture fails too, and does not say why
        return graph.replay


class GraphRunner(EagerRunner):
    """Replays each phase.

    Args:
        algorithm: with ``cuda_graph`` among its runners.
        device: where it runs.
        graphs: what captures a phase.
    """

    name = "cuda_graph"

    def __init__(self, algorithm: Steps, device: torch.device, graphs: _Graphs) -> None:
        super().__init__(algorithm, device)
        self._device, self._graphs = device, graphs
        self._replays: dict[str, Phase] = {}
        self._key: Hashable = None

    def start(self) -> None:
        """Capture every phase, and compare the first iterations with eager ones; the algorithm is left as it was found.

        Raises:
            RunFailed: a phase cannot be captured, or its graph does something else than the phase.
        """
        expected = rehearse(self._algorithm, self._device, lambda i: execute(self._algorithm, i))
        self._capture_all()
        require_repetition(rehearse(self._algorithm, self._device, lambda i: play(self._algorithm, i, self._replays)), expected, "captured")

    def run(self, iteration: int) -> None:
        """Replay the phases of this iteration in order."""
        if self._algorithm.capture_key() != self._key:
            self._capture_all()
        play(self._algorithm, iteration, self._replays, self._timer)

    def _capture_all(self) -> None:
        """Capture every phase anew.

        Raises:
            RunFailed: one cannot be captured.
        """
        self._replays.clear()
        self._graphs.renew()
        self._key = self._algorithm.capture_key()
        try:
            with undone(self._algorithm, self._device), _no_garbage_collection():
                phases = by_name(self._algorithm.phases())
                for phase in phases.values():
                    for _ in range(_WARM_UP):
                        phase.prepare()
                        self._graphs.warm_up(phase.run)
                for name, phase in phases.items():
                    phase.prepare()
                    self._replays[name] = replace(phase, run=self._graphs.capture(phase.run))
        except RuntimeError as error:
            first = str(error).strip().partition("\n")[0]
            raise RunFailed(f"the steps cannot be captured as CUDA graphs: {first}", hint="use --runner eager") from error


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """A collection while a graph is captured may free memory that the capture may not touch."""
    gc.collect()
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
