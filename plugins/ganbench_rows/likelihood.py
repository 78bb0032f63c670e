"""Likelihood where the density of the rows is known (Xu et al. 2019, section 5.2): both ways, because one alone can be cheated.

``log_likelihood`` is that of generated rows under the density: a generator of one likely row has the best. ``refit_log_likelihood`` is that
of real held-out rows under a density of the same form that was fitted to the generated ones: it misses what they miss. Both are means over
the rows, in nats.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ganbench import Needs, SampleSet, UnsuitableError
from ganbench_rows.density import fit_density
from ganbench_rows.space import rows_of


@dataclass(frozen=True, slots=True)
class LogLikelihoodMetric:
    """Of held-out rows under what is fitted to generated ones (ranked), and of generated rows under the known density."""

    implementation: str = "log-likelihood-1"
    needs: ClassVar[Needs] = Needs(statistics=False, samples=True, held_out="reference", repeats=True)
    least_samples: int = 2

    def parameters(self) -> dict[str, str | int | float]:
        """Return nothing: there is nothing to choose."""
        return {}

    def compute(self, real: SampleSet, fake: SampleSet) -> tuple[float, ...]:
        """Return (refitted, direct), in nats a row.

        Raises:
            UnsuitableError: the density is not known.
        """
        space = rows_of(real.space)
        assert real.samples is not None
        assert fake.samples is not None
        if space.density is None:
            raise UnsuitableError(
                "refit_log_likelihood needs rows whose density is known", hint="use --dataset mixture-rows, or another metric"
            )
        refitted = fit_density(fake.samples, len(space.density.shares))
        return tuple(float(one.log_density(rows).mean()) for one, rows in ((refitted, real.samples), (space.density, fake.samples)))


def build(options: object) -> LogLikelihoodMetric:
    """Build the metric."""
    return LogLikelihoodMetric()
