"""Feature matching: Salimans et al. 2016, section 3.1 (https://arxiv.org/abs/1606.03498).

The generator's loss gets ``|| mean f(x) - mean f(G(z)) ||^2``, where f is what the discriminator's last layer sees and the means are over a
real and a generated batch.
"""

from __future__ import annotations

from torch import Tensor

from ganbench import Seen


class FeatureMatching:
    """weight times the squared distance of mean features.

    Args:
        weight: above 0.
    """

    name = "feature-matching"
    needs_real = True

    def __init__(self, weight: float) -> None:
        self._weight = weight

    def of_discriminator(self, seen: Seen) -> None:
        """Add nothing: the discriminator's loss stays as it is."""

    def of_generator(self, seen: Seen) -> Tensor:
        """Return the weighted distance, a scalar."""
        assert seen.real is not None
        of_real, of_fake = seen.real.features, seen.fake.features
        assert of_real is not None
        assert of_fake is not None
        difference = of_real.detach().mean(dim=0) - of_fake.mean(dim=0)  # [D]
        return self._weight * difference.square().sum()
