"""Autoencoders: the VAE of Kingma and Welling (2014) and its bounds, the VAE-GAN of Larsen et al. (2016). Registration only, no torch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ganbench import ArchitectureSpec, MetricSpec, PluginSpec, Quantity, RecipeSpec, both_optimizers, hookimpl
from ganbench_autoencoders.options import BoundTableOptions, VAEGANOptions, VAEOptions
from ganbench_reproduce import ReproductionSpec

_PAPER = "Kingma and Welling, 2014, https://arxiv.org/abs/1312.6114"
_BURDA = "Burda et al., 2016, https://arxiv.org/abs/1509.00519"
_PIXELS = {"grey": "grey pixels from 0 to 1", "static": "pixels that are 1 above half and else 0"}

VAE = ArchitectureSpec(
    name="vae",
    summary="a variational autoencoder with a hidden layer on each side",
    factory="ganbench_autoencoders.networks:build_vae",
    options=VAEOptions,
    paper=_PAPER,
    spaces=("images",),
    losses=("none",),
    algorithm="ganbench_autoencoders.algorithm:VAE",
    defaults=(("loss.name", "none"), ("training.ema_halflife_kimg", 0.0)),
)

_SOURCE = (
    ("training.batch_size", 128),
    *(
        (f"generator_optimizer.{key}", value)
        for key, value in (("kind", "adam"), ("learning_rate", 1e-3), ("beta1", 0.9), ("beta2", 0.999), ("eps", 1e-8))
    ),
)
_DATA = "the images are the dataset's, and not MNIST's unless --dataset mnist says so"

VAE_784 = RecipeSpec(
    name="vae-784",
    summary="the VAE of pytorch/examples: 784-400-20-400-784 on 28x28 grey pixels",
    paper=f"{_PAPER}; pytorch/examples",
    architecture="vae",
    resolution=28,
    settings=_SOURCE,
    deviations=(_DATA, "the budget is the dataset's default, and not 10 epochs"),
)
VAE_SMALL = RecipeSpec(
    name="vae-small",
    summary="the same VAE on 16x16 binary pixels, for two cores",
    paper=f"{_PAPER}; pytorch/examples",
    architecture="vae",
    resolution=16,
    settings=(*_SOURCE, ("architecture.options.pixels", "static")),
    deviations=(_DATA, "256 pixels, binary, in the place of 784 grey ones", "the budget is the dataset's default, and not 10 epochs"),
)

_LARSEN = "Larsen et al., 2016, https://arxiv.org/abs/1512.09300"
_AEGAN = f"{_LARSEN}; andersbll/autoencoding_beyond_pixels"
_RMSPROP = both_optimizers(kind="rmsprop", learning_rate=3e-4, rmsprop_alpha=0.9)
_NO_MARGIN = "both networks are updated in every iteration, as in the article; the source leaves out one that is far ahead"

VAE_GAN = ArchitectureSpec(
    name="vae-gan",
    summary="VAE-GAN: a variational autoencoder whose reconstructions are compared in features of a discriminator",
    factory="ganbench_autoencoders.vae_gan:build_vae_gan",
    options=VAEGANOptions,
    paper=_AEGAN,
    spaces=("images",),
    losses=("none",),
    algorithm="ganbench_autoencoders.vae_gan_step:VAEGAN",
    defaults=(("loss.name", "none"), ("training.ema_halflife_kimg", 0.0)),
)
VAE_GAN_64 = RecipeSpec(
    name="vae-gan-64",
    summary="VAE-GAN as its source trains it on CelebA: 64x64, codes of 128, RMSprop",
    paper=f"{_AEGAN} celeba_aegan.py",
    architecture="vae-gan",
    resolution=64,
    settings=(("training.batch_size", 64), *_RMSPROP, ("training.total_kimg", 2400.0)),
    deviations=(
        "the images are the dataset's, and not CelebA's unless --dataset celeba says so",
        _NO_MARGIN,
        "the learning rate stays; the source lowers it from 3.1e-4 over 150 epochs of 250 batches",
        "no weight decay (1e-5 there), and no epsilon in the logarithm (1e-3 there)",
        "RMSprop is PyTorch's, with a decay of 0.9",
    ),
)
VAE_GAN_SMALL = RecipeSpec(
    name="vae-gan-small",
    summary="VAE-GAN at 16x16 with a quarter of the width and codes of 32, for two cores",
    paper=f"{_AEGAN} celeba_aegan.py",
    architecture="vae-gan",
    resolution=16,
    settings=(
        ("training.batch_size", 64),
        ("architecture.options.width", 16),
        ("architecture.options.latent_dim", 32),
        ("architecture.options.encoder_hidden", 256),
        ("architecture.options.discriminator_hidden", 128),
        ("architecture.options.reconstruction_share", 1e-3),
        *_RMSPROP,
    ),
    deviations=(
        "the images are the dataset's, at 16x16",
        "a quarter of the width, and a share of the reconstruction of 1e-3, for its sum is over a sixty-fourth of the features",
        _NO_MARGIN,
        "the learning rate stays, and there is no weight decay",
    ),
)

VAE_ELBO = ReproductionSpec(
    name="vae-elbo",
    summary="the bounds of a VAE by the size of its latents, on binary pixels; published figures of other images as notes",
    factory="ganbench_autoencoders.table:build",
    options=BoundTableOptions,
    paper=f"{_PAPER}; {_BURDA}",
)


@hookimpl
def ganbench_register() -> Iterable[PluginSpec]:
    """Return all of it."""
    return [VAE, VAE_784, VAE_SMALL, VAE_GAN, VAE_GAN_64, VAE_GAN_SMALL, *_metrics(), VAE_ELBO]


def _metrics() -> Iterator[MetricSpec]:
    for bound, label, words, paper in (
        ("elbo", "ELBO", "evidence lower bound", _PAPER),
        ("iwae_50", "IWAE 50", "importance-weighted bound with 50 draws", _BURDA),
    ):
        for pixels, where in _PIXELS.items():
            name = f"{bound}_{pixels}"
            yield MetricSpec(
                name=name,
                summary=f"{words} of held-out samples in nats, of {where}",
                factory=f"ganbench_autoencoders.bounds:{name}",
                paper=paper,
                quantities=(Quantity(name=name, label=f"{label} {pixels} (nats)", higher_is_better=True),),
                looks_at="scores",
                spaces=("images",),
            )
