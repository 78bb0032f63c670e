"""First-party adversarial losses. Registration only: the arithmetic is imported when a run needs it."""

from __future__ import annotations

from ganbench import LossSpec, hookimpl
from ganbench_losses.options import (
    HingeOptions,
    LeastSquaresOptions,
    LogisticOptions,
    MinimaxOptions,
    RelativisticOptions,
    WassersteinOptions,
)

_GOODFELLOW = "Goodfellow et al. 2014, https://arxiv.org/abs/1406.2661"
_RELATIVISTIC = "Jolicoeur-Martineau 2018, https://arxiv.org/abs/1807.00734"
_SHARED = ("ganbench_schedules",)  # of the weights of penalties


@hookimpl
def ganbench_register() -> list[LossSpec]:
    """Return the seven losses."""
    return [
        LossSpec(
            name="logistic",
            summary="non-saturating logistic loss; label smoothing",
            factory="ganbench_losses.objectives:build_logistic",
            options=LogisticOptions,
            paper=_GOODFELLOW,
            sources=_SHARED,
        ),
        LossSpec(
            name="minimax",
            summary="saturating minimax loss; label smoothing",
            factory="ganbench_losses.objectives:build_minimax",
            options=MinimaxOptions,
            paper=_GOODFELLOW,
            sources=_SHARED,
        ),
        LossSpec(
            name="hinge",
            summary="hinge loss",
            factory="ganbench_losses.objectives:build_hinge",
            options=HingeOptions,
            paper="Lim and Ye 2017, https://arxiv.org/abs/1705.02894",
            sources=_SHARED,
        ),
        LossSpec(
            name="least-squares",
            summary="least-squares loss with any targets",
            factory="ganbench_losses.objectives:build_least_squares",
            options=LeastSquaresOptions,
            paper="Mao et al. 2017, https://arxiv.org/abs/1611.04076",
            sources=_SHARED,
        ),
        LossSpec(
            name="wasserstein",
            summary="Wasserstein loss with weight clipping or a gradient penalty",
            factory="ganbench_losses.objectives:build_wasserstein",
            options=WassersteinOptions,
            paper="Arjovsky et al. 2017, https://arxiv.org/abs/1701.07875; Gulrajani et al. 2017, https://arxiv.org/abs/1704.00028",
            sources=_SHARED,
        ),
        LossSpec(
            name="relativistic",
            summary="relativistic pairing loss, logistic; R3GAN's with r1_gamma and r2_gamma",
            factory="ganbench_losses.objectives:build_pairing",
            options=RelativisticOptions,
            paper=f"{_RELATIVISTIC}; Huang et al. 2024, https://arxiv.org/abs/2501.05441",
            sources=_SHARED,
        ),
        LossSpec(
            name="relativistic-average",
            summary="relativistic average loss, logistic",
            factory="ganbench_losses.objectives:build_average",
            options=RelativisticOptions,
            paper=_RELATIVISTIC,
            sources=_SHARED,
        ),
    ]
