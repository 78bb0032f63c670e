"""The loops that take part, in the order of the table, and how each is built."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from ganbench_bench.kernels.implementations import against_compiling, against_triton
from ganbench_bench.step.feeds import from_tensor
from ganbench_bench.step.harness import Harness
from ganbench_bench.step.published import Published
from ganbench_bench.step.row import Entry

PUBLISHED = Entry(loop="pytorch/examples")
COMPILED = "  + torch.compile"
TUNED = "  + all a user can do"
"""channels_last, fused Adam, and ``torch.compile`` with CUDA graphs where there is a GPU."""


class Loop(Protocol):
    """What can be stepped."""

    def run(self, steps: int) -> None:
        """Take so many steps, and wait for the device."""
        ...

    def issue(self) -> None:
        """Take one step, without waiting for the device where the loop itself does not."""
        ...

    def losses(self, steps: int) -> Tensor:
        """Take the first steps and return ``[steps, 2]``."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """What every loop trains."""

    plugin: str
    settings: Mapping[str, object]
    precision: str
    device: torch.device
    scratch: Path
    """A folder for the harness's run directories."""

    def harness(self, *, runner: str, kernels: str, threads: int = 0) -> Harness:
        """Build a harness."""
        directory = Path(tempfile.mkdtemp(dir=self.scratch)) / "run"
        return Harness(self.plugin, self.settings, directory, runner=runner, kernels=kernels, threads=threads)


def choose_entries(device: torch.device, runners: tuple[str, ...], kernels: tuple[str, ...]) -> list[Entry]:
    """Return the loops: the published one, ``torch.compile`` of it, and the harness with each runner and each choice of kernels."""
    modes = ("default", "reduce-overhead") if device.type == "cuda" else ("default",)
    compiled = [Entry(loop=COMPILED, how=mode) for mode in modes] + [Entry(loop=TUNED, how=modes[-1])]
    ours = [Entry(loop="ganbench", how=runner, kernels=choice) for runner in runners for choice in kernels]
    return [PUBLISHED, *compiled, *ours]


def is_compiled_published(entry: Entry) -> bool:
    """Whether it is the published loop under ``torch.compile``, tuned or not."""
    return entry.loop in (COMPILED, TUNED)


def obstacle(entry: Entry, device: torch.device, *, compiles: str = "") -> str:
    """Return why a loop cannot run on this device, or nothing.

    Args:
        entry: which.
        device: where.
        compiles: why nothing is to be compiled; empty to compile.
    """
    if entry.how == "cuda_graph" and device.type != "cuda":
        return "a CUDA graph needs a GPU"
    if entry.kernels == "triton" and (reason := against_triton(device)):
        return reason
    return (compiles or against_compiling(device)) if has_to_be_compiled(entry) else ""


def has_to_be_compiled(entry: Entry) -> bool:
    """Whether making it ready takes a compiler, and long."""
    return entry.how == "compile" or is_compiled_published(entry)


def builder(entry: Entry, task: Task, base: Harness, images: Tensor) -> Callable[[], Loop]:
    """Return what builds a loop.

    Args:
        entry: which.
        task: what is trained.
        base: a harness that has not taken a step.
        images: the real images ``[num_images, C, H, W]``, for the loops without a harness.
    """
    if entry.loop == "ganbench":
        return lambda: task.harness(runner=entry.how, kernels=entry.kernels, threads=base.threads)
    options: dict[str, Any] = {"precision": task.precision}
    if entry != PUBLISHED:
        options |= {"compiled": entry.how, "tuned": entry.loop == TUNED}
    if entry.loop == TUNED:
        images = images.contiguous(memory_format=torch.channels_last)
    return lambda: Published(base, from_tensor(base, images=images), **options)
