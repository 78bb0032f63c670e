"""Compile what a part of benchmarks/gpu.sh will need, in as many processes as there are cores, before anything is timed.

``python benchmarks/gpu_warm.py kernels|step|runs [--smoke]``. Triton's and Inductor's caches on the disk then have it; what fails here or
is not ready in time is compiled where it is measured, so that the exit code is 0.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

_MARGIN_SECONDS = 6
STEPS = (("dcgan-64", "128", "bf16"), ("dcgan-32", "64", "tf32"))
RUNS = (("cuda_graph", "triton"), ("compile", "ref"), ("compile", "triton"))


def jobs(part: str, smoke: bool) -> list[list[Any]]:
    """Return what is compiled, each in a process of its own, the slowest first."""
    from ganbench_bench.names import DTYPES, OPS
    from ganbench_bench.step.entries import choose_entries, has_to_be_compiled

    if part == "kernels":
        return [["op", "to_uint8", "fp32", True]] if smoke else [["op", op, dtype, False] for op in OPS for dtype in DTYPES]
    if part == "runs":
        return [["run", *pair, smoke] for pair in (("eager", "ref"),) if smoke] or [["run", *pair, smoke] for pair in RUNS]
    if smoke:
        return [["step", "dcgan-32", "8", "tf32", 0, True]]
    entries = choose_entries(torch.device("cuda"), ("eager", "cuda_graph", "compile"), ("ref", "triton"))
    slow = [i for i, entry in enumerate(entries) if has_to_be_compiled(entry) or (entry.how, entry.kernels) == ("cuda_graph", "triton")]
    return [["step", *one, index, False] for one in STEPS for index in slow]


def do(kind: str, *arguments: Any) -> None:
    """Do one job, in this process."""
    {"op": compile_op, "step": compile_step, "run": compile_run}[kind](*arguments)


def compile_op(op: str, dtype: str, smoke: bool) -> None:
    """Call every case of an op once, compiled and ours."""
    from ganbench_bench.kernels.bench import surroundings
    from ganbench_bench.kernels.case import DTYPE_NAMES
    from ganbench_bench.kernels.cases import Missing, cases_of
    from ganbench_bench.kernels.implementations import implementations
    from ganbench_bench.kernels.sizes import sizes_for
    from ganbench_bench.kernels.work import prepare
    from ganbench_bench.names import LAYOUTS

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    found = cases_of(op, sizes_for(device, quick=smoke), tuple(d for d, name in DTYPE_NAMES.items() if name == dtype), LAYOUTS)
    with surroundings(device):
        for case in () if isinstance(found, Missing) else found:
            torch._dynamo.reset()
            functions = implementations(case, device, compiles="--smoke" if smoke else "")
            for wanted in case.passes:
                for name, function in functions.items():
                    if name == "eager" or isinstance(function, str):
                        continue
                    try:
                        prepare(case, wanted, function, device, seed=0).call()
                    except Exception as error:  # what cannot be done is told where it is measured
                        print(f"{case} {wanted} {name}: {type(error).__name__}", flush=True)


def compile_step(plugin: str, batch_size: str, precision: str, index: int, smoke: bool) -> None:
    """Build one of the loops of ``ganbench bench step`` and take its first steps."""
    from ganbench_bench.step.check import CHECKED_STEPS
    from ganbench_bench.step.entries import Task, builder, choose_entries
    from ganbench_bench.step.settings import settings_of

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    options = ("generator_width=8", "discriminator_width=8") if smoke else ()
    settings = settings_of(plugin, device, dataset=None, batch_size=batch_size, precision=precision, options=options, quick=smoke)
    entry = choose_entries(device, ("eager", "cuda_graph", "compile"), ("ref", "triton"))[index]
    with tempfile.TemporaryDirectory() as folder:
        task = Task(plugin=plugin, settings=settings, precision=precision, device=device, scratch=Path(folder))
        base = task.harness(runner="eager", kernels="ref")
        builder(entry, task, base, base.real_images())().losses(CHECKED_STEPS)


def compile_run(runner: str, kernels: str, smoke: bool) -> None:
    """Begin a run as ``gpu_runs.py`` has it, and end it at once."""
    from gpu_runs import command, plan

    (further,) = {tuple(one[3]) for one in plan(smoke) if one[0] == "digits"}
    with tempfile.TemporaryDirectory() as folder:
        short = [*further, "--kimg", "0.2"]
        subprocess.run(command("digits", runner, kernels, short, Path(folder) / "run"), check=True, stdout=subprocess.DEVNULL)


def main(part: str, smoke: bool) -> None:
    """Do all jobs of a part beside each other."""
    deadline = time.monotonic() + float(os.environ.get("PART_SECONDS", "600")) - _MARGIN_SECONDS
    waiting, running = jobs(part, smoke), {}
    # One thread each: Inductor would start as many compiling processes as there are cores for every one of them.
    environment = {**os.environ, "TORCHINDUCTOR_COMPILE_THREADS": "1", "OMP_NUM_THREADS": "1"}
    while waiting or running:
        while waiting and len(running) < len(os.sched_getaffinity(0)):
            job = json.dumps(waiting.pop(0))
            running[job] = subprocess.Popen([sys.executable, __file__, "--job", job], env=environment), time.monotonic()
        for job, (process, began) in list(running.items()):
            late = time.monotonic() > deadline
            if late:
                process.kill()
                process.wait()
            if process.poll() is not None:
                del running[job]
                print(f"{job}: {'not ready in time' if late else f'rc {process.returncode}'}, {time.monotonic() - began:.0f} s", flush=True)
        if time.monotonic() > deadline:
            for job in waiting:
                print(f"{json.dumps(job)}: not reached", flush=True)
            break
        time.sleep(0.1)


if __name__ == "__main__":
    if sys.argv[1] == "--job":
        do(*json.loads(sys.argv[2]))
    else:
        main(sys.argv[1], "--smoke" in sys.argv)
