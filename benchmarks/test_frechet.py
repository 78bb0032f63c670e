"""The Fréchet distance at D = 2048 against the matrix square root of scipy, which pytorch-fid uses.

Both start from the same means and covariances (at most D samples: ours from the centred features). The two are timed in one run in the
order A B B A, so that a change of the machine's speed falls on both, and only after their results agreed on the same inputs and the closed
form held to 1e-9. Nothing here asserts a time: the ratio is printed, and stored with the benchmark as ``extra_info``.

Run with ``pytest benchmarks/test_frechet.py -s``.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable

import numpy as np
import pytest
import scipy.linalg
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from ganbench.evaluation.statistics import FeatureStatistics
from ganbench_metrics.frechet import Gaussian, distance_between

DIMS = 2048
ROUNDS = 1
"""Rounds of A B B A: two timings of each side."""


def accumulate(count: int, seed: int) -> FeatureStatistics:
    """Correlated features with a spectrum over two orders of magnitude."""
    generator = torch.Generator().manual_seed(seed)
    scale = torch.logspace(0, -1, DIMS)
    rotation, _ = torch.linalg.qr(torch.randn(DIMS, DIMS, generator=torch.Generator().manual_seed(99)))
    result = FeatureStatistics(DIMS)
    result.update((torch.randn(count, DIMS, generator=generator) * scale) @ rotation + 0.01 * seed)
    return result


def by_square_root(first: tuple[np.ndarray, np.ndarray], second: tuple[np.ndarray, np.ndarray]) -> float:
    """As pytorch-fid computes it, from means and covariances that are ready."""
    shift = first[0] - second[0]
    root = scipy.linalg.sqrtm(first[1] @ second[1])
    return float(shift @ shift + np.trace(first[1]) + np.trace(second[1]) - 2 * np.trace(root).real)


def seconds(call: Callable[[], object]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


@pytest.fixture(scope="module")
def closed_form_error() -> float:
    """Relative error at D = 2048 for S2 = T S1 T of full rank, where tr((S1 S2)^(1/2)) = tr(T S1)."""
    rng = np.random.default_rng(0)
    factor = rng.standard_normal((3 * DIMS, DIMS)) / math.sqrt(3 * DIMS)
    directions, _ = np.linalg.qr(rng.standard_normal((DIMS, 64)))
    T = np.eye(DIMS) + (directions * rng.uniform(-0.5, 2.0, 64)) @ directions.T
    S1 = factor.T @ factor
    S2 = T @ S1 @ T
    expected = np.trace(S1) + np.trace(S2) - 2 * np.vdot(T, S1)
    mean = np.zeros(DIMS)
    got = distance_between(Gaussian(mean=mean, covariance=S1), Gaussian(mean=mean, covariance=(S2 + S2.T) / 2))
    return abs(got / expected - 1)


@pytest.mark.parametrize(("counts", "agreement"), [((10_000, 10_000), 1e-9), ((500, 500), 1e-4), ((10_000, 500), 1e-4)])
def test_frechet_against_the_matrix_square_root(
    benchmark: BenchmarkFixture, closed_form_error: float, counts: tuple[int, int], agreement: float
) -> None:
    """10,000 samples (full rank), 500 (rank-deficient, where the square root itself is good to about 1e-6), and one of each."""
    first, second = (accumulate(count, seed) for seed, count in enumerate(counts))
    ready = [(s.mean().numpy(), s.covariance().numpy()) for s in (first, second)]
    gaussians = Gaussian.of(first), Gaussian.of(second)
    assert distance_between(*gaussians) == pytest.approx(by_square_root(*ready), rel=agreement)
    assert closed_form_error < 1e-9

    times: dict[str, list[float]] = {"ours": [], "sqrtm": []}
    for _ in range(ROUNDS):
        for side in ("ours", "sqrtm", "sqrtm", "ours"):
            times[side].append(seconds(lambda: distance_between(*gaussians)) if side == "ours" else seconds(lambda: by_square_root(*ready)))
    medians = {side: statistics.median(values) for side, values in times.items()}
    ratio = medians["sqrtm"] / medians["ours"]
    benchmark.extra_info.update(threads=torch.get_num_threads(), ratio=ratio, **{f"{k}_seconds": v for k, v in times.items()})
    print(f"\nD = {DIMS}, {counts} samples: ours {medians['ours']:.3f} s, sqrtm {medians['sqrtm']:.2f} s, ratio {ratio:.1f}")
    benchmark.pedantic(distance_between, args=gaussians, rounds=3)
