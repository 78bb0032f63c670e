"""The share of generated texts that are balanced, and that of distinct ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ganbench import Needs, SampleSet
from proof_texts.brackets import is_balanced


@dataclass(frozen=True, slots=True)
class BalancedMetric:
    """Both shares."""

    implementation: str = "balanced-1"
    needs: ClassVar[Needs] = Needs(statistics=False, samples=True, reference=False)
    least_samples: int = 1

    def parameters(self) -> dict[str, str | int | float]:
        """Return nothing: there is nothing to choose."""
        return {}

    def compute(self, real: SampleSet, fake: SampleSet) -> tuple[float, ...]:
        """Return (balanced, distinct)."""
        assert fake.samples is not None
        return is_balanced(fake.samples).double().mean().item(), len(fake.samples.unique(dim=0)) / len(fake.samples)


def build(options: object) -> BalancedMetric:
    """Build the metric."""
    return BalancedMetric()
