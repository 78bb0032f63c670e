"""Hinge loss: Lim and Ye 2017, equations 7 and 8; Miyato et al. 2018, equations 16 and 17.

Discriminator: relu(1 - r) + relu(1 + f), means. Generator: -f, mean.
"""

from __future__ import annotations

from ganbench import Objective
from ganbench_losses.fused import losses
from ganbench_losses.options import HingeOptions
from ganbench_losses.regularised import regularised


def build(options: HingeOptions) -> Objective:
    """Build the objective."""
    return regularised(options, *losses("hinge"))
