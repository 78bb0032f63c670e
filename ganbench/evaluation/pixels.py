"""What stands in an extractor's place for metrics that look at the images themselves."""

from __future__ import annotations

import torch
from torch import Tensor

from ganbench.evaluation.protocol import Features


class NoFeatures:
    """Gives one zero for each image: there is nothing to compute, and the images are passed on as they are."""

    extractor_id = "none"
    preprocessing_id = "none"
    weights_hash = ""
    dims = 1
    num_members = 1

    def extract(self, images: Tensor) -> tuple[Features, ...]:
        """Return zeros ``[N, 1]``."""
        return (Features(features=torch.zeros(len(images), self.dims)),)
