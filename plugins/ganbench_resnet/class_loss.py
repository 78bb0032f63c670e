"""AC-GAN's class loss (Odena et al. 2017, https://arxiv.org/abs/1610.09585, equation 3), as igul222/improved_wgan_training weighs it.

The discriminator learns to classify real images only; the generator makes images that it classifies as asked.
Shapes: N images, K classes.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from ganbench import Seen


class ClassLoss:
    """Weighted cross-entropy of the discriminator's class logits.

    Args:
        discriminator_weight: of real images, in the discriminator's loss.
        generator_weight: of generated images, in the generator's loss.
    """

    name = "class-loss"
    needs_real = False

    def __init__(self, discriminator_weight: float, generator_weight: float) -> None:
        self._discriminator_weight, self._generator_weight = discriminator_weight, generator_weight

    def of_discriminator(self, seen: Seen) -> Tensor | None:
        """Return the weighted cross-entropy of the real batch."""
        assert seen.real is not None
        return _cross_entropy(seen.real.class_logits, seen.real_labels, self._discriminator_weight)

    def of_generator(self, seen: Seen) -> Tensor | None:
        """Return the weighted cross-entropy of the generated batch."""
        return _cross_entropy(seen.fake.class_logits, seen.fake_labels, self._generator_weight)


def _cross_entropy(class_logits: Tensor | None, labels: Tensor | None, weight: float) -> Tensor | None:
    """Return the mean over ``[N, K]`` in float32; nothing for weight 0."""
    if weight == 0:
        return None
    assert class_logits is not None
    assert labels is not None
    return weight * F.cross_entropy(class_logits.float(), labels)
