"""The peak signal-to-noise ratio."""

from __future__ import annotations

from typing import ClassVar

from ganbench import Needs, NoOptions, SampleSet


class PSNR:
    """Its mean over the images, in decibels, with the range from black to white as the peak."""

    implementation = "psnr-1"
    needs: ClassVar[Needs] = Needs(statistics=False, samples=True)
    least_samples = 1

    def __init__(self, options: NoOptions) -> None:
        pass

    def parameters(self) -> dict[str, str | int | float]:
        """Return nothing: there is nothing to choose."""
        return {}

    def compute(self, real: SampleSet, fake: SampleSet) -> tuple[float, ...]:
        """Return (decibels,)."""
        assert real.targets is not None
        assert fake.samples is not None
        errors = fake.samples.double() / 255 - (real.targets.samples.double() + 1) / 2
        return (-10 * errors.square().flatten(1).mean(1).clamp_min(1e-10).log10().mean().item(),)
