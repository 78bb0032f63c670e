"""Least-squares loss: Mao et al. 2017, equation 2, with its factor of one half.

Discriminator: ((r - b)^2 + (f - a)^2) / 2, means. Generator: (f - c)^2 / 2, mean.
"""

from __future__ import annotations

from ganbench import Objective
from ganbench_losses.fused import losses
from ganbench_losses.options import LeastSquaresOptions
from ganbench_losses.regularised import regularised


def build(options: LeastSquaresOptions) -> Objective:
    """Build the objective."""
    targets = (options.real_target, options.fake_target, options.generator_target)
    return regularised(options, *losses("least-squares", targets=targets))
