"""How far the columns of generated rows are from those of real ones.

Of numbers it is the Wasserstein distance in deviations of the real ones, of the category the total variation; the mean over the columns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ganbench import Needs, SampleSet

QUANTILES = 100


def marginals(real: Tensor, fake: Tensor) -> Tensor:
    """Return the distance of each column, ``[A + 1]`` float64, of rows ``[N, A + 1]``."""
    places = (torch.arange(QUANTILES, dtype=torch.float64) + 0.5) / QUANTILES
    of_real, of_fake = (rows[:, :-1].double().quantile(places, dim=0) for rows in (real, fake))
    numbers = (of_real - of_fake).abs().mean(0) / real[:, :-1].double().std(0)
    kinds = int(torch.cat([real[:, -1], fake[:, -1]]).max()) + 1
    shares = [torch.bincount(rows[:, -1].long(), minlength=kinds).double() / len(rows) for rows in (real, fake)]
    return torch.cat([numbers, (shares[0] - shares[1]).abs().sum()[None] / 2])


@dataclass(frozen=True, slots=True)
class MarginalsMetric:
    """The mean distance."""

    implementation: str = "marginals-1"
    needs: ClassVar[Needs] = Needs(statistics=False, samples=True)
    least_samples: int = 2

    def parameters(self) -> dict[str, str | int | float]:
        """Return how many quantiles are compared."""
        return {"quantiles": QUANTILES}

    def compute(self, real: SampleSet, fake: SampleSet) -> tuple[float, ...]:
        """Return (distance,)."""
        assert real.samples is not None
        assert fake.samples is not None
        return (marginals(real.samples, fake.samples).mean().item(),)


def build(options: object) -> MarginalsMetric:
    """Build the metric."""
    return MarginalsMetric()
