"""Wasserstein loss: Arjovsky et al. 2017, algorithm 1, and Gulrajani et al. 2017, algorithm 1.

Discriminator: f - r, means. Generator: -f, mean.
"""

from __future__ import annotations

from ganbench import Objective, Penalty
from ganbench_losses import WassersteinOptions
from ganbench_losses.fused import losses
from ganbench_losses.penalties import DriftPenalty, GradientPenalty


def build(options: WassersteinOptions) -> Objective:
    """Build the objective."""
    penalties: list[Penalty] = []
    if options.gp_weight > 0:
        penalties.append(GradientPenalty(options.gp_weight, options.gp_one_sided))
    if options.drift > 0:
        penalties.append(DriftPenalty(options.drift))
    clip = options.weight_clip
    if clip is None:
        clip = 0.0 if options.gp_weight > 0 else 0.01
    discriminator_loss, generator_loss = losses("wasserstein")
    return Objective(discriminator_loss=discriminator_loss, generator_loss=generator_loss, penalties=tuple(penalties), weight_clip=clip)
