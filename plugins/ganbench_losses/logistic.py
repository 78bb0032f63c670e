"""Non-saturating logistic loss: Goodfellow et al. 2014, section 3; sp(x) = log(1 + exp(x)).

Discriminator: sp(-r) + sp(f), means; with the target t = 1 - label_smoothing the first term is t sp(-r) + (1 - t) sp(r).
Generator: sp(-f), mean.
"""

from __future__ import annotations

from ganbench import Objective
from ganbench_losses.fused import losses
from ganbench_losses.options import LogisticOptions
from ganbench_losses.regularised import regularised


def build(options: LogisticOptions) -> Objective:
    """Build the objective."""
    return regularised(options, *losses("logistic", label_smoothing=options.label_smoothing))
