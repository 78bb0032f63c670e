"""ProGAN (Karras et al. 2018, https://arxiv.org/abs/1710.10196): networks that grow while they train, and three recipes."""

from __future__ import annotations

from dataclasses import dataclass

from ganbench import ArchitectureSpec, RecipeSpec, Setting, Settings, hookimpl, setting

PAPER = "Karras et al. 2018, https://arxiv.org/abs/1710.10196"
SOURCE = "tkarras/progressive_growing_of_gans"


@dataclass(frozen=True, kw_only=True, slots=True)
class ProgressiveOptions(Settings):
    """Options of both networks and of their growing; the defaults are the source's."""

    max_channels: int | None = setting(None, least=1)
    """Most channels of a layer; unset: 4 for each pixel of an image's side, at most 512, as the source has it at 32 (128) and at 1024."""
    channel_base: int = 8192
    """A layer at resolution R has 2 * channel_base / R channels, if that is not above max_channels."""
    latent_dim: int | None = setting(None, least=1)
    """Length of z, which is put on a sphere; unset: max_channels."""
    conditional: bool | None = None
    """Use labels: one-hot beside z, and classified by the discriminator (AC-GAN); unset: where there are any."""
    class_weight: float = 1.0
    """Weight of the class loss in both losses."""
    stddev_group: int = setting(4, least=0)
    """Samples whose standard deviation the discriminator sees; 0 leaves that out."""
    start_resolution: int = 4
    """Resolution of the first stage; that of the images for no growing."""
    stage_kimg: float | None = None
    """Thousands of real images at a resolution before it grows; unset: the budget over 2n + 2 for n resolutions (600 of 12,000 at 1024)."""
    fade_kimg: float | None = None
    """Thousands of real images while a new resolution fades in; unset: as stage_kimg."""
    shrink_batch: bool = True
    """Halve the batch with each doubling of the resolution above 16, down to 4 (from 128: 64 at 32, 4 at 512)."""
    reset_optimizers: bool = True
    """Forget Adam's moments where a fade begins and where it ends."""
    fine_rate: float = 1.5
    """Factor of the learning rates at 1024x1024."""

    def __post_init__(self) -> None:
        Settings.__post_init__(self)
        for name in ("class_weight", "stage_kimg", "fade_kimg"):
            value = getattr(self, name)
            if value is not None and not value >= 0:
                raise ValueError(f"{name} must be 0 or more (got {value:g})")
        if not self.fine_rate > 0:
            raise ValueError(f"fine_rate must be above 0 (got {self.fine_rate:g})")
        if self.channel_base < 512:
            raise ValueError(f"channel_base must be 512 or more (got {self.channel_base}), so that every layer has a channel")
        if self.start_resolution not in RESOLUTIONS:
            raise ValueError(f"start_resolution must be a power of two from 4 to 1024 (got {self.start_resolution})")


RESOLUTIONS = tuple(2**k for k in range(2, 11))


@hookimpl
def ganbench_register() -> list[ArchitectureSpec | RecipeSpec]:
    """Return the architecture and its recipes."""
    return [_architecture(), _progan(), _progan_1024(), _progan_32()]


def _adam() -> tuple[Setting, ...]:
    """Return the settings of both optimizers (section A.1 of the paper)."""
    values: tuple[tuple[str, str | float], ...] = (
        ("kind", "adam"),
        ("learning_rate", 1e-3),
        ("beta1", 0.0),
        ("beta2", 0.99),
        ("eps", 1e-8),
    )
    return tuple((f"{network}_optimizer.{name}", value) for network in ("generator", "discriminator") for name, value in values)


def _wgan_gp() -> tuple[Setting, ...]:
    """Return the settings of the loss: WGAN-GP with a drift term."""
    return (("loss.name", "wasserstein"), ("loss.options.gp_weight", 10.0), ("loss.options.drift", 1e-3))


ALWAYS = (
    "the schedule moves with every iteration, the source's with every fourth",
    "generated images have labels drawn anew, not those of the real batch",
    "real images are drawn at full size and averaged on the device, the source's are stored in 8 bits at each resolution",
)
"""Deviations of every recipe."""


def _architecture() -> ArchitectureSpec:
    return ArchitectureSpec(
        name="progressive",
        summary="ProGAN's growing networks with any loss, conditional or not",
        factory="ganbench_progan.networks:build",
        options=ProgressiveOptions,
        paper=PAPER,
        spaces=("images",),
        resolutions=RESOLUTIONS,
        conditional=True,
        algorithm="ganbench_progan.algorithm:ProgressiveAlgorithm",
        defaults=(("training.shared_fakes", False), *_adam()),
    )


def _progan() -> RecipeSpec:
    return RecipeSpec(
        name="progan",
        summary="ProGAN for any resolution and budget",
        paper=f"{PAPER}; {SOURCE} config.py",
        architecture="progressive",
        settings=(
            *_wgan_gp(),
            ("architecture.options.shrink_batch", False),
            ("training.batch_size", 16),
            ("training.d_steps", 1),
            ("training.shared_fakes", False),
            *_adam(),
        ),
        deviations=(
            "the stages share the run's budget in the source's proportions, instead of 600 + 600 kimg each",
            "networks are narrower below 128x128, and the average follows ganbench's half-life",
            "batches are of 16 at every resolution, the source's first version has 14, 6 and 3 at 256, 512 and 1024",
            *ALWAYS,
        ),
    )


def _progan_1024() -> RecipeSpec:
    return RecipeSpec(
        name="progan-1024",
        summary="ProGAN at 1024x1024 as the source trains it on CelebA-HQ with one GPU (FID 7.30 there)",
        paper=f"{PAPER}; {SOURCE} config.py, preset v2 for one GPU",
        architecture="progressive",
        resolution=1024,
        settings=(
            *_wgan_gp(),
            ("architecture.options.conditional", False),
            ("architecture.options.max_channels", 512),
            ("architecture.options.stage_kimg", 600.0),
            ("architecture.options.fade_kimg", 600.0),
            ("training.total_kimg", 12_000.0),
            ("training.batch_size", 128),
            ("training.d_steps", 1),
            ("training.shared_fakes", False),
            ("training.horizontal_flip", True),
            ("training.ema_halflife_kimg", 88.68),
            *_adam(),
        ),
        deviations=ALWAYS,
    )


def _progan_32() -> RecipeSpec:
    return RecipeSpec(
        name="progan-32",
        summary="ProGAN at 32x32 as the source's first version trains it on CIFAR-10 (inception score 8.80 there)",
        paper=f"{PAPER}; {SOURCE} config.py of the Theano version, section 6.5",
        architecture="progressive",
        resolution=32,
        settings=(
            *_wgan_gp(),
            ("architecture.options.conditional", False),
            ("architecture.options.channel_base", 4096),
            ("architecture.options.max_channels", 128),
            ("architecture.options.stddev_group", 16),
            ("architecture.options.stage_kimg", 400.0),
            ("architecture.options.fade_kimg", 400.0),
            ("architecture.options.shrink_batch", False),
            ("training.total_kimg", 20_000.0),
            ("training.batch_size", 16),
            ("training.d_steps", 1),
            ("training.shared_fakes", True),
            ("training.ema_halflife_kimg", 11.085),
            *_adam(),
        ),
        deviations=(
            "gradient norms are drawn to 1, the source's to 750 in this experiment",
            "the two networks are updated in turn with one batch of generated images, the source's at the same moment",
            "layers are those of the source's TensorFlow version",
            *ALWAYS,
        ),
    )
