"""A loss of :func:`ganbench_kernels.gan_loss` as the two functions of an objective."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from ganbench_kernels import GanLoss, gan_loss
from ganbench_kernels.gan_loss import Kind, generator_loss


def losses(
    kind: Kind, *, label_smoothing: float = 0.0, targets: tuple[float, float, float] = (1.0, 0.0, 1.0)
) -> tuple[Callable[[Tensor, Tensor], GanLoss], Callable[[Tensor], Tensor]]:
    """Return the discriminator's loss with the statistics of the logits, and the generator's loss."""

    def of_discriminator(real_logits: Tensor, fake_logits: Tensor) -> GanLoss:
        return gan_loss(real_logits, fake_logits, kind=kind, role="discriminator", label_smoothing=label_smoothing, targets=targets)

    def of_generator(fake_logits: Tensor) -> Tensor:
        return generator_loss(fake_logits, kind=kind, targets=targets)

    return of_discriminator, of_generator
