"""What is measured is finite, or the run has diverged."""

from __future__ import annotations

import torch
from torch import Tensor

from ganbench.errors import Diverged


def require_finite(values: Tensor, what: str) -> Tensor:
    """Return values that can be measured.

    Args:
        values: any shape, floating point.
        what: for the message: ``features``.

    Raises:
        Diverged: one is NaN or Inf.
    """
    if not bool(torch.isfinite(values).all()):
        raise Diverged(f"the {what} hold NaN or Inf")
    return values
