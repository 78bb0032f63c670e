"""Many seeds as one batched run against one after another: single steps at several widths, and a whole matrix with its records and verdict.

``python benchmarks/batch_seeds.py [--seeds 64] [--kimg 100] [--out FILE.json]``. Steps are timed in blocks of A B B A, one seed's in a
process of its own and those of all together, after the losses of both were compared; a ratio is the median over the blocks. Half of the
matrix is run one cell after another before all of it is run by ``--executor seeds``, and half after it; ``ganbench compare`` compares both.
CPU seconds are those of the processes, which other work on the machine disturbs less than the clock.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from ganbench import Place, PluginManager, current_commit, hardware_key, plan, software_key
from ganbench_seeds.member import Member, SeedRun
from ganbench_seeds.stack import Stack
from ganbench_seeds.trial import try_together

NETWORKS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "mlp, defaults": ("mlp", "ring8", {}),
    "mlp 128,128": ("mlp", "ring8", {"generator_widths": "128,128", "discriminator_widths": "128,128", "latent_dim": 16}),
    "mlp 64,64": ("mlp", "ring8", {"generator_widths": "64,64", "discriminator_widths": "64,64", "latent_dim": 16}),
    "mlp 32,32": ("mlp", "ring8", {"generator_widths": "32,32", "discriminator_widths": "32,32", "latent_dim": 16}),
    "mlp 16,16": ("mlp", "ring8", {"generator_widths": "16,16", "discriminator_widths": "16,16", "latent_dim": 2}),
    "mlp 32,32, gradient penalty": (
        "mlp",
        "ring8",
        {"generator_widths": "32,32", "discriminator_widths": "32,32", "latent_dim": 16, "gp_weight": 10},
    ),
    "dcgan, a quarter of the widths": ("dcgan", "digits", {"generator_width": 16, "discriminator_width": 16}),
}
"""Architecture, dataset and options, by the name in the table; points have batches of 100, digits of 64."""
OF_THE_MATRIX = "mlp 32,32"
SHOWN = ("label", "state", "change", "low", "high", "p_value", "threshold", "num_base", "num_head", "base_values", "head_values")
"""Of a finding."""
SECONDS = 0.3
"""Of one quarter of a block."""


def main() -> None:
    """Measure and print."""
    options = parse()
    figures: dict[str, Any] = {
        "measured": time.strftime("%Y-%m-%d"),
        "commit": current_commit(),
        "hardware": dict(hardware_key("cpu").fields),
        "software": {},
        "cpus": len(os.sched_getaffinity(0)),
        "seeds": options.seeds,
        "steps": {},
    }
    for name in NETWORKS:
        if not options.only or name in options.only:
            figures["steps"][name] = row = steps(name, options.seeds, options.blocks, figures)
            own, ours = row["alone_cpu_ms"], row["together_cpu_ms"]
            print(
                f"{name}: {own:.3g} ms of CPU for a step of a seed alone, {ours:.3g} ms together: {row['cpu_ratio']:.2f} times", flush=True
            )
    if options.kimg:
        figures["matrix"] = matrix(options.seeds, options.kimg)
        print(json.dumps(figures["matrix"], indent=1))
    figures["load"] = [round(one, 1) for one in os.getloadavg()]
    if options.out:
        options.out.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


def steps(name: str, seeds: int, blocks: int, figures: dict[str, Any]) -> dict[str, Any]:
    """Return the milliseconds of one seed's step alone and of its share of a step of all."""
    members = built(name, seeds)
    trial = try_together(members)
    assert trial.repeats, f"{name}: {trial.difference}"
    stack = Stack(members)
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(target=alone, args=(theirs, name), daemon=True)
    process.start()
    ours.recv()
    found: dict[str, list[tuple[float, float]]] = {"alone": [], "together": []}
    for _ in range(blocks):
        for way in ("alone", "together", "together", "alone"):
            ours.send(True) if way == "alone" else None
            cpu, wall = ours.recv() if way == "alone" else timed(stack.advance)
            share = 1 if way == "alone" else seeds
            found[way].append((1000 * cpu / share, 1000 * wall / share))
    process.terminate()
    figures["software"] = dict(software_key(_place()).fields)
    row: dict[str, Any] = {"parameters": sum(p.numel() for m in members[0].networks.modules.values() for p in m.parameters())}
    for index, clock in enumerate(("cpu", "wall")):
        together, own = ([one[index] for one in found[way]] for way in ("together", "alone"))
        ratios = [sum(own[i : i + 2]) / sum(together[i : i + 2]) for i in range(0, 2 * blocks, 2)]
        row |= {f"alone_{clock}_ms": statistics.median(own), f"together_{clock}_ms": statistics.median(together)}
        row |= {f"{clock}_ratio": statistics.median(ratios), f"{clock}_ratios": [round(ratio, 2) for ratio in ratios]}
    return row | {"largest_difference_of_a_loss": trial.difference}


def built(name: str, seeds: int) -> list[Member]:
    """Return the algorithms of some seeds, with the allocator and the numerics of a run."""
    plugin, dataset, given = NETWORKS[name]
    manager, settings = PluginManager(), {"training.threads": 1, "training.device": "cpu"}
    plans = [
        plan(plugin, dataset=dataset, seed=seed, metrics=[], options=given, settings=settings, manager=manager) for seed in range(seeds)
    ]
    torch.set_num_threads(1)
    return [SeedRun(one, manager, listeners=(), should_stop=lambda: False).algorithm for one in plans]


def alone(connection: Any, name: str) -> None:
    """Time the steps of one seed whenever that is asked: in a process that holds no other, as a run alone has it."""
    (member,) = built(name, 1)
    phases = {phase.name: phase for phase in member.phases()}

    def step() -> None:
        for phase in member.plan(0):
            phases[phase].prepare()
            phases[phase].run()

    connection.send(True)
    while connection.recv():
        connection.send(timed(step))


def _place() -> Any:
    return Place.of_process("cpu", precision="fp32", runner="seeds", kernels="ref", channels_last=True, keep_memory=True)


def timed(step: Callable[[], None]) -> tuple[float, float]:
    """Return the CPU and wall seconds of a step, over as many as fit."""
    step()
    count, cpu, wall = 0, time.process_time(), time.perf_counter()
    while count < 2 or time.process_time() - cpu < SECONDS:
        step()
        count += 1
    return (time.process_time() - cpu) / count, (time.perf_counter() - wall) / count


def matrix(seeds: int, kimg: float) -> dict[str, Any]:
    """Return what a whole matrix takes both ways, start-up, evaluations, checkpoints and pictures included, and the verdict."""
    with tempfile.TemporaryDirectory() as folder:
        one_by_one, together = Path(folder, "alone"), Path(folder, "together")
        run(Path(folder, "warm"), "0..1", 1.0)
        half = seeds // 2
        before = run(one_by_one, f"0..{half - 1}", kimg)
        ours = run(together, f"0..{seeds - 1}", kimg, "--executor", "seeds")
        after = run(one_by_one, f"{half}..{seeds - 1}", kimg)
        compare = [sys.executable, "-m", "ganbench", "compare", str(one_by_one), str(together), "--json"]
        told: dict[str, Any] = json.loads(subprocess.run(compare, check=False, capture_output=True, text=True).stdout)
        runners = [dict(json.loads(p.read_text())["keys"]["software"]["fields"])["runner"] for p in together.glob("*/record.json")]
    own = [sum(pair) for pair in zip(before, after, strict=True)]
    return {
        "networks": OF_THE_MATRIX,
        "kimg": kimg,
        "alone_cpu_seconds": round(own[0], 1),
        "alone_wall_seconds": round(own[1], 1),
        "together_cpu_seconds": round(ours[0], 1),
        "together_wall_seconds": round(ours[1], 1),
        "cpu_ratio": round(own[0] / ours[0], 2),
        "wall_ratio": round(own[1] / ours[1], 2),
        "trained_together": runners.count("seeds"),
        "verdict": told["outcome"],
        "findings": [{name: one[name] for name in SHOWN} for one in told["findings"] if one["tier"] == "quality"],
    }


def run(folder: Path, seeds: str, kimg: float, *more: str) -> tuple[float, float]:
    """Return the CPU and wall seconds of a matrix."""
    plugin, dataset, given = NETWORKS[OF_THE_MATRIX]
    pairs = [word for key, value in given.items() for word in ("-o", f"{key}={value}")]
    axes = ["-a", f"plugin={plugin}", "-a", f"dataset={dataset}", "-a", f"seed={seeds}", "--set", f"kimg={kimg}", "--set", "device=cpu"]
    command = [sys.executable, "-m", "ganbench", "matrix", *axes, *pairs, "--out", str(folder), "--quiet", *more]
    cpu, wall = children(), time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return children() - cpu, time.perf_counter() - wall


def children() -> float:
    """Return the CPU seconds of the processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def parse() -> argparse.Namespace:
    """Return the arguments."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=64)
    parser.add_argument("--kimg", type=float, default=100.0, help="budget of the matrix; 0 for no matrix")
    parser.add_argument("--blocks", type=int, default=5)
    parser.add_argument("--only", nargs="*", help="names of networks")
    parser.add_argument("--out", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
