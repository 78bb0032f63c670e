"""The MMD with a Gaussian kernel equals its definition, CMMD's formula in float64, and a closed form."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch.nn.functional import normalize

from ganbench.evaluation.protocol import SampleSet
from ganbench_metrics import GaussianMmdOptions, gaussian_mmd
from ganbench_metrics.gaussian_mmd import build_gaussian_mmd


def features_of(count: int, dims: int, seed: int, shift: float = 0.0) -> torch.Tensor:
    return torch.randn(count, dims, generator=torch.Generator().manual_seed(seed)) + shift


def measured(fake: torch.Tensor, real: torch.Tensor, prepared: Any = None, **options: float) -> float:
    metric = build_gaussian_mmd(GaussianMmdOptions(**options))
    (value,) = metric.compute(SampleSet(features=real, prepared=prepared or {}), SampleSet(features=fake))
    return value


def by_definition(x: torch.Tensor, y: torch.Tensor, sigma: float) -> float:
    """Return the estimate one pair at a time in Python floats, with each sample beside itself."""

    def mean(a: list[list[float]], b: list[list[float]]) -> float:
        distances = [math.fsum((p - q) ** 2 for p, q in zip(one, other, strict=True)) for one in a for other in b]
        return math.fsum(math.exp(-distance / (2 * sigma**2)) for distance in distances) / len(distances)

    first, second = x.tolist(), y.tolist()
    return 1000 * (mean(first, first) + mean(second, second) - 2 * mean(first, second))


@pytest.mark.parametrize(("n", "m", "dims", "sigma"), [(2, 2, 1, 1.0), (7, 12, 5, 10.0), (23, 9, 3, 0.7)])
def test_it_equals_the_definition(n: int, m: int, dims: int, sigma: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also in tiles, and with what was prepared of the real samples."""
    x, y = features_of(n, dims, 1), features_of(m, dims, 2, shift=0.5)
    expected = by_definition(x, y, sigma)
    monkeypatch.setattr(gaussian_mmd, "_ROWS", 4)
    monkeypatch.setattr(gaussian_mmd, "_COLUMNS", 5)
    prepared = build_gaussian_mmd(GaussianMmdOptions(sigma=sigma)).prepare(SampleSet(features=y))
    assert measured(x, y, sigma=sigma) == pytest.approx(expected, rel=1e-9, abs=1e-9)
    assert measured(x, y, prepared, sigma=sigma) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_what_was_prepared_is_of_its_sigma_alone() -> None:
    """Two metrics that differ in sigma share the samples and not their sums."""
    x, y = features_of(20, 4, 3), features_of(30, 4, 4)
    prepared = build_gaussian_mmd(GaussianMmdOptions(sigma=2)).prepare(SampleSet(features=y))
    assert measured(x, y, prepared, sigma=3) == measured(x, y, sigma=3)
    assert measured(x, y, {name: tensor + 1 for name, tensor in prepared.items()}, sigma=2) != measured(x, y, sigma=2)


def test_unit_vectors_lose_nothing_to_cancellation() -> None:
    """CMMD's formula in float64, and the same set against itself at 0 to rounding, where float32 leaves a thousandth."""
    x, y = (normalize(features_of(300, 64, seed, shift=0.02 * seed), dim=1) for seed in (1, 2))

    def cmmd(dtype: torch.dtype, a: torch.Tensor, b: torch.Tensor) -> float:
        def mean(p: torch.Tensor, q: torch.Tensor) -> torch.Tensor:
            return torch.exp(-1 / 200 * (-2 * p @ q.T + p.square().sum(1)[:, None] + q.square().sum(1)[None])).mean()

        a, b = a.to(dtype), b.to(dtype)
        return float(1000 * (mean(a, a) + mean(b, b) - 2 * mean(a, b)))

    assert measured(x, y) == pytest.approx(cmmd(torch.float64, x, y), rel=1e-6)
    assert measured(x, y) > 0
    assert measured(x, x) == pytest.approx(0, abs=1e-12)


def test_two_normals_have_the_closed_form() -> None:
    """Of two normals of variance 1 at a distance d in one dimension: E k = s / sqrt(s^2 + 2) exp(-d^2 / (2 (s^2 + 2)))."""
    x, y, s = features_of(1000, 1, 5), features_of(1000, 1, 6, shift=1.5), 1.0
    wide = s * s + 2
    expected = 1000 * 2 * s / math.sqrt(wide) * (1 - math.exp(-(1.5**2) / (2 * wide)))
    assert measured(x, y, sigma=s) == pytest.approx(expected, rel=0.1)


def test_the_real_samples_are_summed_once_by_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """``prepare`` holds what takes longest: with it only the generated samples are compared with themselves."""
    x, y, calls = features_of(5, 3, 7), features_of(9, 3, 8), []
    plain = gaussian_mmd.mean_kernel
    monkeypatch.setattr(gaussian_mmd, "mean_kernel", lambda a, b, sigma: calls.append((len(a), len(b))) or plain(a, b, sigma))  # type: ignore[func-returns-value]
    metric = build_gaussian_mmd(GaussianMmdOptions())
    prepared = metric.prepare(SampleSet(features=y))
    metric.compute(SampleSet(features=y, prepared=prepared), SampleSet(features=x))
    assert sorted(calls) == [(5, 5), (5, 9), (9, 9)]


@pytest.mark.parametrize("sigma", [0.0, -1.0, math.inf, math.nan])
def test_a_width_that_is_none_is_refused(sigma: float) -> None:
    """Before anything is measured."""
    with pytest.raises(ValueError, match="sigma must be"):
        GaussianMmdOptions(sigma=sigma)
