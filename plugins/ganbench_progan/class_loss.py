"""The class loss of ProGAN's discriminator (Odena et al. 2017, https://arxiv.org/abs/1610.09585), in the losses of both networks.

As in loss.py of tkarras/progressive_growing_of_gans the discriminator learns the classes of generated images too.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import cross_entropy

from ganbench import Judgement, Seen


class ClassLoss:
    """Cross-entropy of the class logits.

    Args:
        weight: in both losses.
    """

    name = "class"
    needs_real = False

    def __init__(self, weight: float) -> None:
        self._weight = weight

    def of_discriminator(self, seen: Seen) -> Tensor:
        """Return the loss on real and on generated images."""
        return self._loss(seen.real, seen.real_labels) + self._loss(seen.fake, seen.fake_labels)

    def of_generator(self, seen: Seen) -> Tensor:
        """Return the loss on generated images."""
        return self._loss(seen.fake, seen.fake_labels)

    def _loss(self, judged: Judgement | None, labels: Tensor | None) -> Tensor:
        assert judged is not None
        assert judged.class_logits is not None
        assert labels is not None
        return self._weight * cross_entropy(judged.class_logits, labels)
