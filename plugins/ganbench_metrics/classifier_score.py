"""The classifier score: the Inception Score (IS) under the Inception network, CS under any other.

Salimans et al. (2016), https://arxiv.org/abs/1606.03498: ``exp(E_x KL(p(y|x) || p(y)))``, mean and standard deviation over splits.
Agrees with torch-fidelity, its order (shuffled with ``numpy.random.RandomState(2020)``), its splits and its ddof of 0 included. Differs:
the marginal is taken in log space, so a class whose probability underflows gives its limit and not NaN.

Shapes: N samples, K classes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import pairwise
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from ganbench import ConfigError, Needs, SampleSet, logits_of
from ganbench_metrics import ClassifierScoreOptions


def classifier_score(logits: Tensor, options: ClassifierScoreOptions) -> tuple[float, float]:
    """Return mean and standard deviation (ddof 0) of the score over the splits; a score is from 1 to K.

    Args:
        logits: ``[N, K]`` float32, of the generated samples.
        options: splits and order.

    Raises:
        ConfigError: fewer samples than splits.
    """
    count = len(logits)
    if count < options.num_splits:
        raise ConfigError(
            f"num_splits must be at most {count}, the generated samples (got {options.num_splits})",
            hint="lower num_splits or evaluate more samples",
        )
    if options.shuffle:
        logits = logits[torch.from_numpy(np.random.RandomState(options.seed).permutation(count))]
    log_p = logits.to(torch.float64).log_softmax(dim=1)
    bounds = [i * count // options.num_splits for i in range(options.num_splits + 1)]
    scores = [_score(log_p[start:stop]) for start, stop in pairwise(bounds)]
    return float(np.mean(scores)), float(np.std(scores))


def _score(log_p: Tensor) -> float:
    log_marginal = log_p.logsumexp(dim=0) - math.log(len(log_p))  # [K]
    divergence = (log_p.exp() * (log_p - log_marginal)).sum(dim=1)  # [N]
    return math.exp(divergence.mean().item())


@dataclass(frozen=True, slots=True)
class ClassifierScoreMetric:
    """The classifier score as a metric: mean (ranked) and standard deviation over the splits."""

    options: ClassifierScoreOptions = field(default_factory=ClassifierScoreOptions)
    implementation: str = "classifier-score-1"
    needs: ClassVar[Needs] = Needs(statistics=False, logits=True, repeats=True)

    @property
    def least_samples(self) -> int:
        """One sample for each split."""
        return self.options.num_splits

    def parameters(self) -> dict[str, str | int | float]:
        """Return what changes the value."""
        order = f"shuffled-{self.options.seed}" if self.options.shuffle else "as-generated"
        return {"num_splits": self.options.num_splits, "order": order, "ddof": 0}

    def compute(self, real: SampleSet, fake: SampleSet) -> tuple[float, ...]:
        """Return (mean, std) for the generated samples; the real ones are not asked.

        Raises:
            UnsuitableError: the extractor has no classes.
            ConfigError: fewer samples than splits.
        """
        return classifier_score(logits_of(fake, "the classifier score"), self.options)


def build_classifier_score(options: ClassifierScoreOptions) -> ClassifierScoreMetric:
    """Build the metric from its options."""
    return ClassifierScoreMetric(options)
