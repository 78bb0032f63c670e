"""Saturating minimax loss: Goodfellow et al. 2014, equation 1; sp(x) = log(1 + exp(x)).

Discriminator: as in the logistic loss. Generator: it minimises log(1 - D(G(z))) = -sp(f), mean.
"""

from __future__ import annotations

from ganbench import Objective
from ganbench_losses.fused import losses
from ganbench_losses.options import MinimaxOptions
from ganbench_losses.regularised import regularised


def build(options: MinimaxOptions) -> Objective:
    """Build the objective."""
    return regularised(options, *losses("minimax", label_smoothing=options.label_smoothing))
