"""The area under the receiver operating characteristic."""

from __future__ import annotations

from typing import ClassVar

from ganbench import Needs, NoOptions, SampleSet, labels_of


class AUROC:
    """The share of pairs of an anomaly and a normal sample in which the anomaly scores higher; equal scores count half."""

    implementation = "rocarea-1"
    needs: ClassVar[Needs] = Needs(statistics=False, labels=True)
    least_samples = 2

    def __init__(self, options: NoOptions) -> None:
        pass

    def parameters(self) -> dict[str, str | int | float]:
        """Return whose scores are looked at."""
        return {"scorer": "anomaly"}

    def compute(self, real: SampleSet, fake: SampleSet) -> tuple[float, ...]:
        """Return (area,), from 0 to 1."""
        assert real.scores is not None
        scores, labels = real.scores["anomaly"], labels_of(real)
        gaps = scores[labels == 1][:, None] - scores[labels == 0]
        return (((gaps > 0).double() + 0.5 * (gaps == 0).double()).mean().item(),)
