"""What each metric takes of memory: ``python benchmarks/memory.py``, one process for each, and a table.

A process makes two sets of 60,000 samples at random, and 10,000 held-out ones where a metric looks at such: 128 features (the extractor of
fashion has 64; ``--dims 2048`` is Inception's), 10 logits, 32x32 grey images, labels; for a metric that asks the generator itself there is
a linear one. The metric measures them under the allocator of an evaluation in a run that keeps freed memory. What is printed is the peak
of the resident set meanwhile, above the resident set before; the sets themselves are told apart, as ``samples``. Nothing is trained and no
extractor runs. Exit code 1: a metric passed its bound.

``--seconds`` ends a metric early: those of neighbours take minutes, for their time grows with the square of the samples. Their blocks are
alike, so that what they hold is seen at once; a stopped metric is marked. ``--out`` keeps the table as JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType
from typing import Any

SAMPLES, CLASSES, SIZE = 60_000, 10, 32
HELD_OUT, INVERTED = 10_000, 100
BOUND_MIB = 1024
"""Above training; what a run may take is 2 GiB, of which the other half is for its extractor and its samples."""
WITHOUT = ("targets", "scores", "layers")
"""What is looked at by metrics that are left out: their samples are few, or their features depend on the size of the images. So are
metrics of other spaces than images, whose samples are numbers of another meaning."""


class _Stopped(Exception):
    """The time is over."""


def _stop(number: int, frame: FrameType | None) -> None:
    raise _Stopped


def resident_mib(which: str) -> float:
    """Return ``VmRSS``, or the peak since it was last forgotten, ``VmHWM``."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{which}:"))


def metrics() -> dict[str, Any]:
    """Return the metrics that are measured, built with their defaults."""
    from ganbench import MetricSpec
    from ganbench.plugin.manager import PluginManager

    specs = [one.spec for one in PluginManager().specs(MetricSpec)]
    of_images = [one for one in specs if not one.spaces or "images" in one.spaces]
    return {one.name: one for one in of_images if one.looks_at not in WITHOUT and one.name != "target_accuracy"}  # it is for two domains


def measure(name: str, seconds: int, dims: int) -> dict[str, Any]:
    """Return what one metric takes, measured in this process."""
    import torch

    from ganbench import FeatureStatistics, SampleSet
    from ganbench.plugin.factory import load_attribute
    from ganbench.run.machine import keep_freed_memory, memory_given_back

    torch.set_num_threads(1)
    kept = keep_freed_memory()
    spec = metrics()[name]
    metric = load_attribute(spec.factory, owner=name)(spec.options())
    random = torch.Generator().manual_seed(0)
    start = resident_mib("VmRSS")

    def images(count: int) -> Any:
        return torch.randint(0, 256, (count, 1, SIZE, SIZE), generator=random).byte()

    def held_out() -> Any:
        return SampleSet(samples=images(HELD_OUT), labels=torch.arange(HELD_OUT) % CLASSES)

    def generator() -> dict[str, Any]:
        weights = torch.randn(dims, SIZE * SIZE, generator=random)
        ask = lambda inputs, labels: (inputs @ weights).tanh().unflatten(1, (1, SIZE, SIZE))  # noqa: E731
        return {"inputs": torch.randn(INVERTED, dims, generator=random), "ask": ask}

    def samples() -> Any:
        needs, statistics = metric.needs, FeatureStatistics(dims)
        features = torch.randn(SAMPLES, dims, generator=random)
        labels = torch.arange(SAMPLES) % CLASSES
        logits = torch.randn(SAMPLES, CLASSES, generator=random) + 10 * torch.nn.functional.one_hot(labels, CLASSES)  # right ones
        if needs.statistics:
            for batch in features.split(250):
                statistics.update(batch)
        return SampleSet(
            statistics=statistics,
            features=features if needs.features else None,
            logits=logits if needs.logits else None,
            mode_counts=torch.cat([torch.zeros(1, dtype=torch.int64), labels.bincount()]),
            samples=images(SAMPLES) if needs.samples else None,
            labels=labels if needs.labels else None,
            held_out=held_out() if needs.held_out == "beside" else None,
            **(generator() if needs.generator else {}),
        )

    stopped = False
    with memory_given_back(kept):
        real, fake = samples(), samples()
        keep_freed_memory(False)
        before = resident_mib("VmRSS")
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # forget the peak so far
        signal.signal(signal.SIGPROF, _stop)
        signal.setitimer(signal.ITIMER_PROF, seconds)
        try:
            metric.compute(real, fake)
        except _Stopped:
            stopped = True
        signal.setitimer(signal.ITIMER_PROF, 0)
    return {"metric": name, "samples_mib": before - start, "peak_mib": resident_mib("VmHWM") - before, "whole": not stopped}


def main() -> int:
    """Measure each metric in a process of its own and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=0, help="of the processor for each metric; 0 lets it end (default)")
    parser.add_argument("--dims", type=int, default=128, help="of the features (default 128)")
    parser.add_argument("--only", default="", help="names, with commas")
    parser.add_argument("--out", type=Path, help="a JSON file")
    parser.add_argument("--here", metavar="NAME", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.here:
        print(json.dumps(measure(chosen.here, chosen.seconds, chosen.dims)))
        return 0
    rows = []
    print(f"{'metric':<16} {'samples':>9} {'peak':>9}  (MiB; bound of the peak {BOUND_MIB})")
    for name in chosen.only.split(",") if chosen.only else metrics():
        command = [sys.executable, __file__, "--here", name, "--seconds", str(chosen.seconds), "--dims", str(chosen.dims)]
        done = subprocess.run(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, stdout=subprocess.PIPE, text=True, check=True)
        row = json.loads(done.stdout)
        rows.append(row)
        note = "" if row["whole"] else f"  stopped after {chosen.seconds} s"
        print(f"{name:<16} {row['samples_mib']:>9.0f} {row['peak_mib']:>9.0f}{note}", flush=True)
    if chosen.out:
        commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=Path(__file__).parent, capture_output=True, text=True, check=False)
        machine = f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, {platform.platform()}"
        found = {
            "machine": machine,
            "commit": commit.stdout.strip(),
            "num_samples": SAMPLES,
            "dims": chosen.dims,
            "bound_mib": BOUND_MIB,
            "rows": rows,
        }
        chosen.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    over = [row["metric"] for row in rows if row["peak_mib"] > BOUND_MIB]
    if over:
        print(f"above the bound: {', '.join(over)}", file=sys.stderr)
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main())
