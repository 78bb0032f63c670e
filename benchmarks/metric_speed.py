"""How fast metrics are beside torch-fidelity's: ``python benchmarks/metric_speed.py [--samples 10000] [--dims 2048] [--out FILE]``.

The kernel distance, and precision and recall, of the same random features after a ReLU, in turns: ours for the first time, ours of a
reference that was looked at before, and theirs; every second round goes backwards. Seconds of the CPU, peak memory of a process for each,
and how far the values are apart. Nothing here asserts a time.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from ganbench import SampleSet
from ganbench.record.machine import hardware_key
from ganbench_metrics import KernelDistanceOptions
from ganbench_metrics.kernel_distance import KernelDistanceMetric
from ganbench_metrics.neighbour_metrics import NeighbourMetric

METRICS = ("kernel distance", "precision and recall")
WAYS = ("ours", "ours, prepared", "torch-fidelity")


def main() -> None:
    """Measure, and say it."""
    given = parse()
    torch.set_num_threads(given.threads)
    found: dict[str, dict[str, list[tuple[float, float, float]]]] = {metric: {way: [] for way in WAYS} for metric in METRICS}
    for number in range(given.rounds):
        for metric in METRICS:
            for way in reversed(WAYS) if number % 2 else WAYS:
                seconds, mebibytes, value = alone(given, metric, way)
                found[metric][way].append((seconds, mebibytes, value))
                print(f"round {number + 1}, {metric}, {way}: {seconds:.2f} s, {mebibytes:.0f} MiB, {value:.9g}", flush=True)
    rows = {metric: {way: summary(of_ways[way], of_ways) for way in WAYS} for metric, of_ways in found.items()}
    for metric, ways in rows.items():
        for way, row in ways.items():
            print(f"{metric:21} {way:15} {row['seconds']:6.2f} s, torch-fidelity takes {row['theirs_over_this']:.2f} times that")
    if given.out:
        what = {name: getattr(given, name) for name in ("samples", "dims", "threads", "rounds")}
        machine = {"machine": dict(hardware_key("cpu").fields), "torch": torch.__version__}
        given.out.write_text(json.dumps({**what, **machine, "metrics": rows}, indent=1) + "\n", encoding="utf-8")


def summary(own: list[tuple[float, float, float]], of_ways: dict[str, list[tuple[float, float, float]]]) -> dict[str, float]:
    """Return medians, and the median over the rounds of what torch-fidelity takes for each second of this."""
    ratios = [theirs[0] / one[0] for one, theirs in zip(own, of_ways["torch-fidelity"], strict=True)]
    return {
        "seconds": statistics.median(one[0] for one in own),
        "peak_mib_beyond_the_features": statistics.median(one[1] for one in own),
        "value": own[0][2],
        "theirs_over_this": statistics.median(ratios),
        "least_theirs_over_this": min(ratios),
    }


def alone(given: argparse.Namespace, metric: str, way: str) -> tuple[float, float, float]:
    """Return the seconds, the peak memory and the value of one measurement in a process of its own."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=lambda: theirs.send(measure(given, metric, way)))
    process.start()
    result: tuple[float, float, float] = ours.recv()
    process.join()
    return result


def measure(given: argparse.Namespace, metric: str, way: str) -> tuple[float, float, float]:
    """Measure in this process."""
    random = torch.Generator().manual_seed(0)
    real, fake = (torch.randn(given.samples, given.dims, generator=random).add_(shift).relu_() for shift in (0.0, 0.05))
    compute = METHODS[metric](real, fake, way)
    before, began = peak(), time.process_time()
    value = compute()
    return time.process_time() - began, peak() - before, value


def peak() -> float:
    """Return the most memory that this process has had, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def kernel_distance(real: Tensor, fake: Tensor, way: str) -> Callable[[], float]:
    """Return what computes the mean over 100 subsets of 1,000; ours gives the value of all pairs too."""
    if way == "torch-fidelity":
        from torch_fidelity.metric_kid import KEY_METRIC_KID_MEAN, kid_features_to_metric

        settings = {"kid_subsets": 100, "kid_subset_size": min(1000, len(real)), "rng_seed": 2020, "verbose": False}
        return lambda: float(kid_features_to_metric(fake, real, **settings)[KEY_METRIC_KID_MEAN])
    return of_metric(KernelDistanceMetric(KernelDistanceOptions(subset_size=min(1000, len(real)))), real, fake, way)


def precision_recall(real: Tensor, fake: Tensor, way: str) -> Callable[[], float]:
    """Return what computes precision and recall with three neighbours; their sum stands for both."""
    if way == "torch-fidelity":
        from torch_fidelity.metric_prc import KEY_METRIC_PRECISION, KEY_METRIC_RECALL, prc_features_to_metric

        def theirs() -> float:
            found = prc_features_to_metric(fake, real, prc_neighborhood=3, prc_batch_size=10_000, verbose=False)
            return float(found[KEY_METRIC_PRECISION] + found[KEY_METRIC_RECALL])

        return theirs
    return of_metric(NeighbourMetric(3, "precision-recall"), real, fake, way)


def of_metric(metric: KernelDistanceMetric | NeighbourMetric, real: Tensor, fake: Tensor, way: str) -> Callable[[], float]:
    """Return what computes one of our metrics, of a reference that was prepared or is now."""
    prepare = getattr(metric, "prepare", lambda real: {})
    reference = SampleSet(features=real)
    prepared = prepare(reference) if way == "ours, prepared" else None
    if prepared == {}:  # it remembers instead, from one evaluation of a run to the next
        metric.compute(reference, SampleSet(features=fake.flip(0)))

    def ours() -> float:
        made = prepare(reference) if prepared is None else prepared
        values = metric.compute(SampleSet(features=real, prepared=made), SampleSet(features=fake))
        return values[0] if isinstance(metric, KernelDistanceMetric) else sum(values)

    return ours


METHODS = {"kernel distance": kernel_distance, "precision and recall": precision_recall}


def parse() -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--dims", type=int, default=2048)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
