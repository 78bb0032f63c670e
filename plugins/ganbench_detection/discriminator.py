"""What the discriminators of the detectors have in common: a score compares what their last layer sees."""

from __future__ import annotations

from torch import Tensor, nn


class FeatureDiscriminator(nn.Module):
    """``[N, C, H, W]`` images to ``[N]`` logits; a subclass makes the two parts.

    Args:
        body: images to features.
        last: features to one logit each.
    """

    def __init__(self, body: nn.Module, last: nn.Module) -> None:
        super().__init__()
        self.body, self.last = body, last

    def features(self, images: Tensor) -> Tensor:
        """Return what the last layer sees, ``[N, ...]``."""
        found: Tensor = self.body(images)
        return found

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return logits."""
        logits: Tensor = self.last(self.features(images)).flatten()
        return logits
