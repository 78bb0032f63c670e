"""How well a score ranks anomalies above normal samples: the areas under two curves, of whatever state is evaluated.

Both look at the order of the scores alone, so that no threshold and no scaling enters. An area below 0.5 stays what it is: the score then
ranks anomalies as the more normal, which published detectors do (anomalib's GANomaly has .421 on MVTec). Values are those of scikit-learn's
``roc_auc_score`` and ``average_precision_score``, which the tests compare.

Shapes: N scores.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import torch
from torch import Tensor

from ganbench import ConfigError, Needs, SampleSet, labels_of
from ganbench_detection.options import RankingOptions

Compute = Callable[[Tensor, Tensor], tuple[float, ...]]


def auroc(scores: Tensor, is_anomaly: Tensor) -> tuple[float, ...]:
    """Return (area,): the share of pairs of an anomaly and a normal sample in which the anomaly is higher; equal scores count half.

    Args:
        scores: ``[N]`` float64.
        is_anomaly: ``[N]`` bool, with both values in it.
    """
    normal = scores[~is_anomaly].sort().values
    below, not_above = (torch.searchsorted(normal, scores[is_anomaly].contiguous(), right=side) for side in (False, True))
    return ((below + not_above).double().mean().item() / (2 * len(normal)),)


def auprc(scores: Tensor, is_anomaly: Tensor) -> tuple[float, ...]:
    """Return (average precision, the share of anomalies, which is what chance has).

    Args:
        scores: ``[N]`` float64.
        is_anomaly: ``[N]`` bool, with both values in it.
    """
    ordered, order = scores.sort(descending=True)
    hits = is_anomaly[order].double().cumsum(0)
    ends = torch.cat([ordered[1:] != ordered[:-1], torch.ones(1, dtype=torch.bool)]).nonzero()[:, 0]  # equal scores pass together
    found, seen = hits[ends], (ends + 1).double()
    gained = torch.diff(found, prepend=found.new_zeros(1))
    total = hits[-1]
    return (gained * found / seen).sum().item() / total.item(), total.item() / len(scores)


@dataclass(frozen=True, slots=True)
class RankingMetric:
    """A function of scores and of which samples are anomalies."""

    scorer: str
    implementation: str
    function: Compute
    least_samples: int = 2

    needs: ClassVar[Needs] = Needs(statistics=False, labels=True)

    def parameters(self) -> dict[str, str | int | float]:
        """Return whose scores are looked at."""
        return {"scorer": self.scorer}

    def compute(self, real: SampleSet, fake: SampleSet) -> tuple[float, ...]:
        """Return the areas.

        Raises:
            ConfigError: a model without this score, or held-out samples that are not normal ones and anomalies.
        """
        assert real.scores is not None
        if self.scorer not in real.scores:
            known = ", ".join(sorted(real.scores)) or "none"
            raise ConfigError(f"the score {self.scorer!r} is not one that this model gives (it gives {known})", hint="set scorer to one")
        labels = labels_of(real)
        if (found := sorted(set(labels.tolist()))) != [0, 1]:
            got = f"{found[0]} to {found[-1]}" if len(found) > 1 else f"{found[0]} alone"
            raise ConfigError(
                f"held-out samples must be labelled 0 (normal) and 1 (anomaly), and theirs are {got}",
                hint="use --dataset anomalies -o dataset.of=NAME",
            )
        return self.function(real.scores[self.scorer].double(), labels == 1)


def _build(implementation: str, function: Compute, options: RankingOptions) -> RankingMetric:
    return RankingMetric(options.scorer, implementation, function)


build_auroc = partial(_build, "auroc-1", auroc)
build_auprc = partial(_build, "auprc-1", auprc)
