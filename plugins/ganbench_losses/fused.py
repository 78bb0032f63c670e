"""A loss of :func:`ganbench_kernels.gan_loss` as the two functions of an objective."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from ganbench_kernels import GanLoss, gan_loss
from ganbench_kernels.gan_loss import Kind


def losses(
    kind: Kind, *, label_smoothing: float = 0.0, targets: tuple[float, float, float] = (1.0, 0.0, 1.0)
) -> tuple[Callable[[Tensor, Tensor], GanLoss], Callable[[Tensor], Tensor]]:
    """Return the discriminator's loss with the statistics of the logits, and the generator's loss."""

    def discriminator_loss(real_logits: Tensor, fake_logits: Tensor) -> GanLoss:
        return gan_loss(real_logits, fake_logits, kind=kind, role="discriminator", label_smoothing=label_smoothing, targets=targets)

    def generator_loss(fake_logits: Tensor) -> Tensor:
        return gan_loss(None, fake_logits, kind=kind, role="generator", targets=targets).loss

    return discriminator_loss, generator_loss
