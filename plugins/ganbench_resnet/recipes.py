"""Published ways to train the residual networks on CIFAR-10. Nothing here imports torch."""

from __future__ import annotations

from ganbench import RecipeSpec, Setting, both_optimizers

MIYATO = "Miyato et al. 2018, https://arxiv.org/abs/1802.05957"
MIYATO_AND_KOYAMA = "Miyato and Koyama 2018, https://arxiv.org/abs/1802.05637"
GULRAJANI = "Gulrajani et al. 2017, https://arxiv.org/abs/1704.00028"
ODENA = "Odena et al. 2017, https://arxiv.org/abs/1610.09585"

_D_FIRST = "the discriminator's steps come before the generator's: the source begins an iteration with the generator"
_INFERENCE = "generated images are evaluated with running statistics of batch norm, which the source does not keep"


def adam(*, beta1: float, beta2: float, learning_rate: float = 2e-4, schedule: str = "constant") -> tuple[Setting, ...]:
    """Return the settings of both optimizers."""
    return both_optimizers(kind="adam", learning_rate=learning_rate, beta1=beta1, beta2=beta2, eps=1e-8, schedule=schedule)


def _resnet_32(*, total_kimg: float, width: int, **options: str | bool) -> tuple[Setting, ...]:
    """Return what the sources share: ResNet-32, batches of 64 and 128, five discriminator steps, Adam, linear decay, no average."""
    return (
        ("architecture.options.shape", "flat"),
        ("architecture.options.generator_width", width),
        ("architecture.options.discriminator_width", 128),
        *((f"architecture.options.{name}", value) for name, value in options.items()),
        ("training.total_kimg", total_kimg),
        ("training.batch_size", 64),
        ("training.generator_batch_factor", 2),
        ("training.d_steps", 5),
        ("training.ema_halflife_kimg", 0.0),
        *adam(beta1=0.0, beta2=0.9, schedule="linear"),
    )


def sngan() -> RecipeSpec:
    """SNGAN without labels; 50,000 iterations of 5 x 64 real images."""
    return RecipeSpec(
        name="sngan",
        summary="SNGAN ResNet-32 as pfnet-research/sngan_projection trains it on CIFAR-10 (FID 14.3-23.6 in print)",
        paper=f"{MIYATO}; pfnet-research/sngan_projection configs/sn_cifar10_unconditional.yml",
        architecture="resnet",
        resolution=32,
        settings=(
            ("loss.name", "hinge"),
            *_resnet_32(total_kimg=16_000.0, width=256, conditional=False, spectral_norm=True, pooling="sum", head_bias=False),
        ),
        deviations=(_D_FIRST, "batch norm has eps 1e-5; the source's is 2e-5"),
    )


def sngan_projection() -> RecipeSpec:
    """SNGAN with conditional batch norm and the projection discriminator."""
    return RecipeSpec(
        name="sngan-projection",
        summary="projection cGAN ResNet-32 as pfnet-research/sngan_projection trains it on CIFAR-10 (FID 8.1-13.3 in print)",
        paper=f"{MIYATO_AND_KOYAMA}; pfnet-research/sngan_projection configs/sn_cifar10.yml",
        architecture="resnet",
        resolution=32,
        settings=(
            ("loss.name", "hinge"),
            *_resnet_32(total_kimg=16_000.0, width=256, conditional=True, spectral_norm=True, pooling="sum", head_bias=False),
            ("architecture.options.label_head", "projection"),
        ),
        deviations=(
            _D_FIRST,
            "batch norm has eps 1e-5; the source's is 2e-5",
            "generated labels follow the train split's; the source draws them uniformly, which is the same on CIFAR-10",
        ),
    )


def wgan_gp() -> RecipeSpec:
    """WGAN-GP without labels; 100,000 iterations of 5 x 64 real images."""
    return RecipeSpec(
        name="wgan-gp",
        summary="WGAN-GP ResNet-32 as igul222/improved_wgan_training trains it on CIFAR-10 (FID 17.0-54.0 in print)",
        paper=f"{GULRAJANI}; igul222/improved_wgan_training gan_cifar_resnet.py with CONDITIONAL = False",
        architecture="resnet",
        resolution=32,
        settings=(*_WASSERSTEIN, *_resnet_32(total_kimg=32_000.0, width=128, conditional=False, spectral_norm=False, pooling="mean")),
        deviations=(_D_FIRST, _INFERENCE),
    )


def acgan() -> RecipeSpec:
    """AC-GAN on WGAN-GP's networks, as the same script trains it unchanged."""
    return RecipeSpec(
        name="acgan",
        summary="AC-GAN on WGAN-GP's ResNet-32 as igul222/improved_wgan_training trains it on CIFAR-10",
        paper=f"{ODENA}; {GULRAJANI}; igul222/improved_wgan_training gan_cifar_resnet.py",
        architecture="resnet",
        resolution=32,
        settings=(
            *_WASSERSTEIN,
            *_resnet_32(total_kimg=32_000.0, width=128, conditional=True, spectral_norm=False, pooling="mean"),
            ("architecture.options.label_head", "classifier"),
            ("architecture.options.class_weight", 1.0),
            ("architecture.options.generator_class_weight", 0.1),
        ),
        deviations=(
            _D_FIRST,
            _INFERENCE,
            "a discriminator step draws its own labels for generated images; the source gives them the real images' labels",
        ),
    )


_WASSERSTEIN: tuple[Setting, ...] = (
    ("loss.name", "wasserstein"),
    ("loss.options.gp_weight", 10.0),
    ("training.dequantise", True),
)
