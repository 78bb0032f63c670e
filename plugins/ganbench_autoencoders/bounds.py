"""Lower bounds of the log-likelihood of held-out samples, in nats for each sample: the mean of what a model's scorer says.

The importance-weighted bound is that of Burda et al. 2016, https://arxiv.org/abs/1509.00519, equation 8. Both are tested against the
closed form of a model whose posterior is known; no public implementation was compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from ganbench import ConfigError, Needs, NoOptions, SampleSet


@dataclass(frozen=True, kw_only=True, slots=True)
class BoundMetric:
    """The mean of one scorer over all held-out samples."""

    scorer: str
    least_samples: int = 1
    implementation: str = "bound-1"

    needs: ClassVar[Needs] = Needs(statistics=False)

    def parameters(self) -> dict[str, str | int | float]:
        """Return whose scores are looked at."""
        return {"scorer": self.scorer}

    def compute(self, real: SampleSet, fake: SampleSet) -> tuple[float, ...]:
        """Return (bound,).

        Raises:
            ConfigError: a model without this bound.
        """
        assert real.scores is not None
        if self.scorer not in real.scores:
            known = ", ".join(sorted(real.scores))
            raise ConfigError(f"metric {self.scorer!r} is of a score that this model does not give (it gives {known})")
        return (real.scores[self.scorer].double().mean().item(),)


def _build(scorer: str, options: NoOptions) -> BoundMetric:
    return BoundMetric(scorer=scorer)


elbo_grey = partial(_build, "elbo_grey")
elbo_static = partial(_build, "elbo_static")
iwae_50_grey = partial(_build, "iwae_50_grey")
iwae_50_static = partial(_build, "iwae_50_static")
