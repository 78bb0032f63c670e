"""Wasserstein loss: Arjovsky et al. 2017, algorithm 1, and Gulrajani et al. 2017, algorithm 1.

Discriminator: f - r, means. Generator: -f, mean.
"""

from __future__ import annotations

from ganbench import Objective
from ganbench_losses.fused import losses
from ganbench_losses.options import WassersteinOptions
from ganbench_losses.regularised import regularised


def build(options: WassersteinOptions) -> Objective:
    """Build the objective."""
    clip = options.weight_clip
    if clip is None:
        clip = 0.0 if options.penalises_gradients else 0.01
    return regularised(options, *losses("wasserstein"), weight_clip=clip)
