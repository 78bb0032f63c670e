"""Features of a clip: brightness, the size of the changes from frame to frame, and where in the frame they are."""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor
from torch.nn import functional as F

from ganbench import ExtractorContext, Features


class Motion:
    """Has no weights."""

    extractor_id = "motion-1"
    preprocessing_id = "none"
    weights_hash = hashlib.sha256(b"").hexdigest()
    dims = 10
    num_members = 1
    spaces = ("clips",)

    def extract(self, samples: Tensor) -> tuple[Features, ...]:
        """Return ``[N, 10]``.

        Args:
            samples: ``[N, C, T, H, W]`` uint8.
        """
        levels = samples.float().mean(1) / 255  # [N, T, H, W]
        changes = (levels[:, 1:] - levels[:, :-1]).abs()
        where = F.adaptive_avg_pool2d(changes.mean(1), (2, 4)).flatten(1)
        return (Features(features=torch.cat([levels.mean((1, 2, 3))[:, None], changes.mean((1, 2, 3))[:, None], where], dim=1)),)


def build(options: object, context: ExtractorContext) -> Motion:
    """Build the extractor."""
    return Motion()
