"""What the benchmarks share: loops measured against each other, ops timed, and the machine that it was done on."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from ganbench.record.machine import Place, hardware_key, software_key
from ganbench_bench.interleave import Interleaved, Run, Side, measure
from ganbench_bench.kernels.bench import surroundings
from ganbench_bench.kernels.case import Case, Implementation, Pass
from ganbench_bench.kernels.correctness import compare
from ganbench_bench.kernels.implementations import implementations
from ganbench_bench.kernels.timers import first_line, make_timer, rounds_for
from ganbench_bench.kernels.work import prepare

sys.path.insert(0, str(Path(__file__).parent))  # modules beside the benchmarks

ROUND_SECONDS = 1e-3
SETS = 4
"""Sets of inputs that an op's calls go through."""


@pytest.fixture(scope="session")
def interleave() -> Callable[..., Interleaved]:
    """Return ``interleave(run_a, run_b, threads=(1, 1), blocks=..., steps=...)``."""

    def call(first: Run, second: Run, *, threads: tuple[int | None, int | None], blocks: int, steps: int) -> Interleaved:
        sides = Side(run=first, threads=threads[0]), Side(run=second, threads=threads[1])
        return measure(*sides, blocks=blocks, steps=steps)

    return call


@pytest.fixture
def machine() -> Callable[[int], dict[str, Any]]:
    """Return a function from the thread count to the fields of the hardware and software keys."""

    def describe(threads: int) -> dict[str, Any]:
        software = software_key(
            Place(
                device="cpu",
                precision="fp32",
                tf32=False,
                deterministic=False,
                threads=threads,
                runner="eager",
                kernels="ref",
                channels_last=True,
                keep_memory=True,
            )
        )
        return {"hardware": dict(hardware_key("cpu").fields), "software": dict(software.fields)}

    return describe


@pytest.fixture
def device() -> Iterator[torch.device]:
    """Return the GPU, where there is one, else the CPU; the current stream can be captured."""
    found = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    with surroundings(found), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what a compiler warns of is not what is measured
        yield found


@pytest.fixture
def time_op(benchmark: BenchmarkFixture, device: torch.device) -> Callable[[Case, Pass, Implementation], None]:
    """Return what times one implementation of one pass, after it gave the reference's values on the same inputs."""

    def call(case: Case, wanted: Pass, implementation: Implementation) -> None:
        torch._dynamo.reset()
        function = implementations(case, device)[implementation]
        if isinstance(function, str):
            pytest.skip(function)
        try:
            problem = compare(case, wanted, function, device).problem
        except RuntimeError as error:
            if implementation == "compile":
                pytest.skip(first_line(error))
            raise
        assert problem == ""
        works = [prepare(case, wanted, function, device, seed=seed) for seed in range(SETS)]
        timer, note = make_timer([work.call for work in works], device)
        rounds = rounds_for(timer, ROUND_SECONDS)
        place = Place.of_process(device, precision=case.dtype_name, kernels=implementation, channels_last=case.layout == "channels_last")
        benchmark.group = f"{case}, {wanted}"
        benchmark.extra_info.update(
            case=str(case),
            wanted=wanted,
            implementation=implementation,
            num_bytes=case.num_bytes[wanted],
            calls=timer.calls,
            microseconds=1e6 * timer.seconds(rounds) / (rounds * timer.calls),
            timing=timer.kind,
            note=note,
            hardware=dict(hardware_key(str(device)).fields),
            software=dict(software_key(place).fields),
        )
        benchmark(timer.seconds, 1)  # one round for everyone: the calls on each set of inputs, and waiting for them

    return call
