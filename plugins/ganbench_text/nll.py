"""Both likelihoods of the oracle's benchmark, because one alone can be cheated: how likely generated texts are, and held-out ones.

``nll_oracle`` is of generated texts under the oracle (Yu et al. 2017, https://arxiv.org/abs/1609.05473): it knows quality alone, and a
generator that repeats one likely text beats the oracle itself, whose texts have its entropy. So what lies below the entropy by more than
chance is flagged. ``nll_gen`` is of held-out texts under the generator (Zhu et al. 2018, https://arxiv.org/abs/1802.01886), which misses
what they miss. Both are means over all tokens of a text, in nats, and over texts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ganbench import ConfigError, Needs, SampleSet, UnsuitableError
from ganbench_text.oracle import nll_per_text
from ganbench_text.space import tokens_of

CHANCE = 3.0
"""Standard errors by which a mean must lie below the entropy to be flagged."""


@dataclass(frozen=True, slots=True)
class OracleNLLMetric:
    """Of generated texts under the oracle (ranked), and 1 where it lies below the oracle's entropy: the generator has collapsed."""

    implementation: str = "nll-oracle-1"
    needs: ClassVar[Needs] = Needs(statistics=False, samples=True, held_out="reference", repeats=True)
    least_samples: int = 2

    def parameters(self) -> dict[str, str | int | float]:
        """Return when it is flagged."""
        return {"standard_errors": CHANCE}

    def compute(self, real: SampleSet, fake: SampleSet) -> tuple[float, ...]:
        """Return (mean in nats a token, 0 or 1).

        Raises:
            UnsuitableError: the source of the texts is not known.
        """
        oracle = tokens_of(real.space).oracle
        assert fake.samples is not None
        if oracle is None:
            raise UnsuitableError("nll_oracle needs texts of a known oracle", hint="use --dataset oracle, or another metric")
        found = nll_per_text(oracle, fake.samples)
        mean, error = float(found.mean()), float(found.std()) / len(found) ** 0.5
        return mean, float(mean < oracle.entropy - CHANCE * (error**2 + oracle.entropy_error**2) ** 0.5)


@dataclass(frozen=True, slots=True)
class GeneratorNLLMetric:
    """Of held-out texts under the generator."""

    implementation: str = "nll-gen-1"
    needs: ClassVar[Needs] = Needs(statistics=False)
    least_samples: int = 1

    def parameters(self) -> dict[str, str | int | float]:
        """Return nothing: there is nothing to choose."""
        return {}

    def compute(self, real: SampleSet, fake: SampleSet) -> tuple[float, ...]:
        """Return (mean in nats a token,).

        Raises:
            ConfigError: the networks give texts no likelihood.
        """
        assert real.scores is not None
        if "nll_gen" not in real.scores:
            raise ConfigError("metric 'nll_gen' needs a generator that gives texts a likelihood", hint="choose another metric")
        return (float(real.scores["nll_gen"].double().mean()),)


def build_oracle(options: object) -> OracleNLLMetric:
    """Build the metric of generated texts."""
    return OracleNLLMetric()


def build_generator(options: object) -> GeneratorNLLMetric:
    """Build the metric of held-out texts."""
    return GeneratorNLLMetric()
