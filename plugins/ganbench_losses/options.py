"""The options of the losses: each has its own, and all share the penalties and terms that go with any loss.

The weight of a penalty is a number, or a schedule over the images seen: ``-o loss.r1_gamma=cosine:10:1:0:500``.
"""

from __future__ import annotations

from dataclasses import dataclass

from ganbench import Settings, setting
from ganbench_schedules import Schedule, read_schedule

WEIGHTS = ("r1_gamma", "r2_gamma", "gp_weight", "dragan_weight", "drift")
"""The options that may be schedules."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RegularisedOptions(Settings):
    """What can be added to every loss; all of it is off by default."""

    r1_gamma: float | str = 0.0
    """Weight on real images (Mescheder et al. 2018); the loss adds r1_gamma / 2 times the squared gradient norm. With an augmentation the
    gradient of this and of the other penalties is that at the augmented image; StyleGAN2-ADA and R3GAN take it at the image before. Like
    every penalty's weight it is 0 or more, or a schedule: linear, cosine or exponential, as in cosine:10:1:0:500, 10 to 1 in 500 kimg."""
    r2_gamma: float | str = 0.0
    """The same on generated images."""
    gp_weight: float | str = 0.0
    """lambda of the gradient penalty between real and generated images (Gulrajani et al. 2017 use 10)."""
    gp_one_sided: bool = False
    """Penalise only gradient norms above 1."""
    dragan_weight: float | str = 0.0
    """lambda of the gradient penalty around real images (Kodali et al. 2017 use 10)."""
    drift: float | str = 0.0
    """Weight of the squared real logits (Karras et al. 2018 use 0.001)."""
    feature_matching: float = setting(0.0, least=0)
    """Weight of the squared distance between mean features of real and generated images in the generator's loss (Salimans et al. 2016)."""
    feature_matching_alone: bool = False
    """Leave the adversarial part out of the generator's loss, as Salimans et al. do; needs feature_matching."""
    historical_averaging: float = setting(0.0, least=0)
    """Weight of the squared distance of each network's parameters from their mean over the run (Salimans et al. 2016)."""

    @property
    def penalises_gradients(self) -> bool:
        """Whether a penalty bounds the discriminator's gradient."""
        return any(self.weight(name) is not None for name in ("r1_gamma", "r2_gamma", "gp_weight", "dragan_weight"))

    def weight(self, name: str) -> Schedule | None:
        """Return the weight of a penalty; None for one that is 0 for ever."""
        schedule = read_schedule(name, getattr(self, name), least=0)
        return schedule if schedule.first or schedule.last else None

    def __post_init__(self) -> None:
        Settings.__post_init__(self)
        for name in WEIGHTS:
            self.weight(name)
        if self.gp_one_sided and not self.gp_weight:
            raise ValueError("gp_one_sided must be false without gp_weight (got true)")
        if self.feature_matching_alone and not self.feature_matching:
            raise ValueError("feature_matching_alone must be false without feature_matching (got true)")


@dataclass(frozen=True, kw_only=True, slots=True)
class LogisticOptions(RegularisedOptions):
    """Options of the non-saturating logistic loss."""

    label_smoothing: float = setting(0.0, least=0, below=1)
    """One-sided (Salimans et al. 2016): real images have the target 1 - label_smoothing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MinimaxOptions(LogisticOptions):
    """Options of the saturating minimax loss."""


@dataclass(frozen=True, kw_only=True, slots=True)
class HingeOptions(RegularisedOptions):
    """Options of the hinge loss."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LeastSquaresOptions(RegularisedOptions):
    """Options of the least-squares loss; the defaults are equation 9 of the paper (0-1 coding)."""

    real_target: float = 1.0
    """b: what the discriminator should say of real images."""
    fake_target: float = 0.0
    """a: what the discriminator should say of generated images."""
    generator_target: float = 1.0
    """c: what the generator wants the discriminator to say."""

    def __post_init__(self) -> None:
        RegularisedOptions.__post_init__(self)
        if self.real_target == self.fake_target:
            raise ValueError(f"real_target must differ from fake_target (got {self.real_target} for both)")


@dataclass(frozen=True, kw_only=True, slots=True)
class WassersteinOptions(RegularisedOptions):
    """Options of the Wasserstein loss; without a gradient penalty the weights are clipped, as in the first paper."""

    weight_clip: float | None = setting(None, least=0)
    """Bound on every discriminator weight (Arjovsky et al. 2017); unset: 0.01, or none with a gradient penalty (gp, DRAGAN, R1, R2)."""

    def __post_init__(self) -> None:
        RegularisedOptions.__post_init__(self)
        if self.weight_clip and self.penalises_gradients:
            raise ValueError("weight_clip must be 0 with a gradient penalty: they are two answers to one question")


@dataclass(frozen=True, kw_only=True, slots=True)
class RelativisticOptions(RegularisedOptions):
    """Options of the relativistic losses, pairing and average."""
