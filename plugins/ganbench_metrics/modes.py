"""Mode coverage of generated samples, as the extractor or the data tell the modes; see :mod:`ganbench_spaces.modes`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from ganbench import Needs, SampleSet, UnsuitableError
from ganbench_metrics import ModesOptions
from ganbench_spaces.modes import score_modes


@dataclass(frozen=True, slots=True)
class ModesMetric:
    """Mode coverage as a metric: modes captured (ranked), share of samples at a mode, reverse KL."""

    options: ModesOptions = field(default_factory=ModesOptions)
    implementation: str = "modes-1"
    needs: ClassVar[Needs] = Needs(statistics=False, repeats=True)
    least_samples: int = 1

    def parameters(self) -> dict[str, str | int | float]:
        """Return what changes the value."""
        return {"expected": self.options.expected}

    def compute(self, real: SampleSet, fake: SampleSet) -> tuple[float, ...]:
        """Return (modes, high quality, reverse KL) of the generated samples.

        Raises:
            UnsuitableError: the extractor tells no modes apart.
        """
        if fake.mode_counts is None or real.mode_counts is None:
            raise UnsuitableError("mode coverage needs an extractor with classes or modes", hint="choose another extractor or metric")
        shares = real.mode_counts[1:].double() / real.mode_counts[1:].sum() if self.options.expected == "real" else None
        scores = score_modes(fake.mode_counts[1:], int(fake.mode_counts.sum()), shares)
        return float(scores.modes_captured), float(scores.high_quality), float(scores.reverse_kl)


def build_modes(options: ModesOptions) -> ModesMetric:
    """Build the metric from its options."""
    return ModesMetric(options)
