"""First-party adversarial losses. Registration only: the arithmetic is imported when a run needs it."""

from __future__ import annotations

from dataclasses import dataclass

from ganbench.plugin import hookimpl
from ganbench.spec import LossSpec


def _at_least_zero(**values: float) -> None:
    for name, value in values.items():
        if not value >= 0:
            raise ValueError(f"{name} must be 0 or more (got {value})")


@dataclass(frozen=True, kw_only=True, slots=True)
class LogisticOptions:
    """Options of the non-saturating logistic loss."""

    label_smoothing: float = 0.0
    """One-sided (Salimans et al. 2016): real images have the target 1 - label_smoothing."""
    r1_gamma: float = 0.0
    """Weight on real images (Mescheder et al. 2018); the loss adds r1_gamma / 2 times the squared gradient norm."""

    def __post_init__(self) -> None:
        _at_least_zero(r1_gamma=self.r1_gamma)
        if not 0 <= self.label_smoothing < 1:
            raise ValueError(f"label_smoothing must be at least 0 and below 1 (got {self.label_smoothing})")


@dataclass(frozen=True, kw_only=True, slots=True)
class MinimaxOptions(LogisticOptions):
    """Options of the saturating minimax loss."""


@dataclass(frozen=True, kw_only=True, slots=True)
class HingeOptions:
    """Options of the hinge loss."""

    r1_gamma: float = 0.0
    """Weight on real images; the loss adds r1_gamma / 2 times the squared gradient norm."""

    def __post_init__(self) -> None:
        _at_least_zero(r1_gamma=self.r1_gamma)


@dataclass(frozen=True, kw_only=True, slots=True)
class LeastSquaresOptions:
    """Options of the least-squares loss; the defaults are equation 9 of the paper (0-1 coding)."""

    real_target: float = 1.0
    """b: what the discriminator should say of real images."""
    fake_target: float = 0.0
    """a: what the discriminator should say of generated images."""
    generator_target: float = 1.0
    """c: what the generator wants the discriminator to say."""
    r1_gamma: float = 0.0
    """Weight on real images; the loss adds r1_gamma / 2 times the squared gradient norm."""

    def __post_init__(self) -> None:
        _at_least_zero(r1_gamma=self.r1_gamma)
        if self.real_target == self.fake_target:
            raise ValueError(f"real_target must differ from fake_target (got {self.real_target} for both)")


@dataclass(frozen=True, kw_only=True, slots=True)
class WassersteinOptions:
    """Options of the Wasserstein loss; without a gradient penalty the weights are clipped, as in the first paper."""

    weight_clip: float | None = None
    """Bound on every discriminator weight (Arjovsky et al. 2017); unset: 0.01, or no clipping with a gradient penalty."""
    gp_weight: float = 0.0
    """lambda of the gradient penalty (Gulrajani et al. 2017 use 10)."""
    gp_one_sided: bool = False
    """Penalise only gradient norms above 1."""
    drift: float = 0.0
    """Weight of the squared real logits (Karras et al. 2018 use 0.001)."""

    def __post_init__(self) -> None:
        _at_least_zero(gp_weight=self.gp_weight, drift=self.drift, weight_clip=self.weight_clip or 0.0)
        if self.weight_clip and self.gp_weight:
            raise ValueError("weight_clip must be 0 with a gradient penalty: they are two answers to one question")


@hookimpl
def ganbench_register() -> list[LossSpec]:
    """Return the five losses."""
    return [
        LossSpec(
            name="logistic",
            summary="non-saturating logistic loss; label smoothing, R1",
            factory="ganbench_losses.logistic:build",
            options=LogisticOptions,
            paper="Goodfellow et al. 2014, https://arxiv.org/abs/1406.2661",
        ),
        LossSpec(
            name="minimax",
            summary="saturating minimax loss; label smoothing, R1",
            factory="ganbench_losses.minimax:build",
            options=MinimaxOptions,
            paper="Goodfellow et al. 2014, https://arxiv.org/abs/1406.2661",
        ),
        LossSpec(
            name="hinge",
            summary="hinge loss; R1",
            factory="ganbench_losses.hinge:build",
            options=HingeOptions,
            paper="Lim and Ye 2017, https://arxiv.org/abs/1705.02894; Miyato et al. 2018, https://arxiv.org/abs/1802.05957",
        ),
        LossSpec(
            name="least-squares",
            summary="least-squares loss with any targets; R1",
            factory="ganbench_losses.least_squares:build",
            options=LeastSquaresOptions,
            paper="Mao et al. 2017, https://arxiv.org/abs/1611.04076",
        ),
        LossSpec(
            name="wasserstein",
            summary="Wasserstein loss; weight clipping or gradient penalty",
            factory="ganbench_losses.wasserstein:build",
            options=WassersteinOptions,
            paper="Arjovsky et al. 2017, https://arxiv.org/abs/1701.07875; Gulrajani et al. 2017, https://arxiv.org/abs/1704.00028",
        ),
    ]
