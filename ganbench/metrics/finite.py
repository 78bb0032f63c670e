"""Features are finite, or the run has diverged."""

from __future__ import annotations

import torch
from torch import Tensor

from ganbench.errors import Diverged


def require_finite_features(features: Tensor) -> None:
    """Make sure that features can be measured.

    Args:
        features: any shape, floating point.

    Raises:
        Diverged: one is NaN or Inf.
    """
    if not bool(torch.isfinite(features).all()):
        raise Diverged("the features hold NaN or Inf")
