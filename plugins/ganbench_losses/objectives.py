"""A loss of :func:`ganbench_kernels.gan_loss` as the two functions of an objective.

Hinge loss: Lim and Ye 2017, equations 7 and 8; Miyato et al. 2018, equations 16 and 17.

Discriminator: relu(1 - r) + relu(1 + f), means. Generator: -f, mean.

Non-saturating logistic loss: Goodfellow et al. 2014, section 3; sp(x) = log(1 + exp(x)).

Discriminator: sp(-r) + sp(f), means; with the target t = 1 - label_smoothing the first term is t sp(-r) + (1 - t) sp(r).
Generator: sp(-f), mean.

Saturating minimax loss: Goodfellow et al. 2014, equation 1; sp(x) = log(1 + exp(x)).

Discriminator: as in the logistic loss. Generator: it minimises log(1 - D(G(z))) = -sp(f), mean.

Least-squares loss: Mao et al. 2017, equation 2, with its factor of one half.

Discriminator: ((r - b)^2 + (f - a)^2) / 2, means. Generator: (f - c)^2 / 2, mean.

Wasserstein loss: Arjovsky et al. 2017, algorithm 1, and Gulrajani et al. 2017, algorithm 1.

Discriminator: f - r, means. Generator: -f, mean.

Relativistic losses: Jolicoeur-Martineau 2018, https://arxiv.org/abs/1807.00734; sp(x) = log(1 + exp(x)).

Pairing (section 4.1; with R1 and R2, Huang et al. 2024): the discriminator has sp(f - r) over pairs of a real and a generated image, the
generator sp(r - f). Average (section 4.2): sp(mean f - r) + sp(f - mean r), means, and with r and f exchanged for the generator.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor
from torch.nn.functional import softplus

from ganbench import Objective
from ganbench_kernels import GanLoss, gan_loss
from ganbench_kernels.gan_loss import Kind, generator_loss
from ganbench_losses.options import (
    HingeOptions,
    LeastSquaresOptions,
    LogisticOptions,
    MinimaxOptions,
    RelativisticOptions,
    WassersteinOptions,
)
from ganbench_losses.regularised import regularised


def losses(
    kind: Kind, *, label_smoothing: float = 0.0, targets: tuple[float, float, float] = (1.0, 0.0, 1.0)
) -> tuple[Callable[[Tensor, Tensor], GanLoss], Callable[[Tensor], Tensor]]:
    """Return the discriminator's loss with the statistics of the logits, and the generator's loss."""

    def of_discriminator(real_logits: Tensor, fake_logits: Tensor) -> GanLoss:
        return gan_loss(real_logits, fake_logits, kind=kind, role="discriminator", label_smoothing=label_smoothing, targets=targets)

    def of_generator(fake_logits: Tensor) -> Tensor:
        return generator_loss(fake_logits, kind=kind, targets=targets)

    return of_discriminator, of_generator


def build_hinge(options: HingeOptions) -> Objective:
    """Build the objective."""
    return regularised(options, *losses("hinge"))


def build_logistic(options: LogisticOptions) -> Objective:
    """Build the objective."""
    return regularised(options, *losses("logistic", label_smoothing=options.label_smoothing))


def build_minimax(options: MinimaxOptions) -> Objective:
    """Build the objective."""
    return regularised(options, *losses("minimax", label_smoothing=options.label_smoothing))


def build_least_squares(options: LeastSquaresOptions) -> Objective:
    """Build the objective."""
    targets = (options.real_target, options.fake_target, options.generator_target)
    return regularised(options, *losses("least-squares", targets=targets))


def build_wasserstein(options: WassersteinOptions) -> Objective:
    """Build the objective."""
    clip = options.weight_clip
    if clip is None:
        clip = 0.0 if options.penalises_gradients else 0.01
    return regularised(options, *losses("wasserstein"), weight_clip=clip)


def pairing_discriminator(real_logits: Tensor, fake_logits: Tensor) -> GanLoss:
    """Return sp(f - r), mean over pairs, with the statistics of the logits."""
    return gan_loss(real_logits, fake_logits, kind="relativistic", role="discriminator")


def pairing_generator(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """Return sp(r - f), mean over pairs."""
    return gan_loss(real_logits, fake_logits, kind="relativistic", role="generator").loss


def average_discriminator(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """Return sp(mean f - r) + sp(f - mean r), means."""
    return softplus(fake_logits.mean() - real_logits).mean() + softplus(fake_logits - real_logits.mean()).mean()


def average_generator(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """Return sp(mean r - f) + sp(r - mean f), means."""
    return average_discriminator(fake_logits, real_logits)


def build_pairing(options: RelativisticOptions) -> Objective:
    """Build the objective over pairs."""
    return regularised(options, pairing_discriminator, _needs_real, paired_generator_loss=pairing_generator)


def build_average(options: RelativisticOptions) -> Objective:
    """Build the objective over averages."""
    return regularised(options, average_discriminator, _needs_real, paired_generator_loss=average_generator)


def _needs_real(fake_logits: Tensor) -> Tensor:
    raise ValueError("a relativistic loss of the generator needs real logits: an algorithm must call paired_generator_loss")
