"""The recipes of multilayer perceptrons: what each source fixes, and where this differs from it."""

from __future__ import annotations

import math

from ganbench import RecipeSpec, Setting, both_optimizers

GOODFELLOW = "Goodfellow et al. 2014, https://arxiv.org/abs/1406.2661"
MNIST_EPOCH_KIMG = 50.0
"""The 2014 recipes leave out the last 10,000 of MNIST's training images."""


def _architecture(**options: bool | int | float | str | tuple[int, ...]) -> tuple[Setting, ...]:
    values = {name: tuple(map(str, value)) if isinstance(value, tuple) else value for name, value in options.items()}
    return tuple((f"architecture.options.{name}", value) for name, value in values.items())


def _adam(learning_rate: float, beta1: float, beta2: float) -> tuple[Setting, ...]:
    return both_optimizers(kind="adam", learning_rate=learning_rate, beta1=beta1, beta2=beta2, eps=1e-8)


def _plain(batch_size: int) -> tuple[Setting, ...]:
    """Return what most sources share: one discriminator step, the raw generator, the logistic loss."""
    return (
        ("loss.name", "logistic"),
        ("training.batch_size", batch_size),
        ("training.d_steps", 1),
        ("training.ema_halflife_kimg", 0.0),
    )


_ARTICLE_DEVIATIONS = (
    "the articles give no budget that suits other data: it is ganbench's default",
    "images are in [-1, 1] and the generator ends in tanh, as the PyTorch article has it",
)


def articles() -> list[RecipeSpec]:
    """Return the networks of three introductory articles on GANs, two in TensorFlow's style and one in PyTorch's."""
    adam = _adam(2e-4, 0.5, 0.999)
    tensorflow = (*_plain(64), *_architecture(conditional=False, initialisation="glorot"), *adam)
    borrowed = (*_ARTICLE_DEVIATIONS, "the optimizer is the PyTorch article's")
    return [
        RecipeSpec(
            name="mlp-tensorflow",
            summary="100-128-128-784 against 784-128-128-1, leaky ReLU",
            paper=GOODFELLOW,
            architecture="mlp",
            settings=(*tensorflow, *_architecture(generator_widths=(128, 128), discriminator_widths=(128, 128))),
            deviations=borrowed,
        ),
        RecipeSpec(
            name="mlp-tensorflow-small",
            summary="100-128-784 against 784-128-1, leaky ReLU",
            paper=GOODFELLOW,
            architecture="mlp",
            settings=(*tensorflow, *_architecture(generator_widths=(128,), discriminator_widths=(128,))),
            deviations=borrowed,
        ),
        RecipeSpec(
            name="mlp-pytorch",
            summary="100-256-512-1024-784 against 784-512-256-1, leaky ReLU, Adam 2e-4",
            paper=GOODFELLOW,
            architecture="mlp",
            settings=(
                *_plain(64),
                *_architecture(conditional=False, generator_widths=(256, 512, 1024), discriminator_widths=(512, 256)),
                *adam,
            ),
            deviations=_ARTICLE_DEVIATIONS[:1],
        ),
    ]


def mlp_teaching() -> RecipeSpec:
    """Return the network that PyTorch-GAN teaches with."""
    return RecipeSpec(
        name="mlp-teaching",
        summary="100-128-256-512-1024-784 with batch norm against 784-512-256-1, as PyTorch-GAN has it",
        paper=f"{GOODFELLOW}; eriklindernoren/PyTorch-GAN implementations/gan/gan.py",
        architecture="mlp",
        resolution=28,
        settings=(
            *_plain(64),
            *_architecture(
                conditional=False,
                generator_widths=(128, 256, 512, 1024),
                discriminator_widths=(512, 256),
                generator_norm="batch-after-first",
                norm_eps=0.8,
            ),
            *_adam(2e-4, 0.5, 0.999),
        ),
        deviations=(
            "the source updates the generator first, and halves the discriminator's loss, which Adam does not notice",
            "norm_eps is 0.8 because the source passes its momentum in eps' place",
            "the budget is ganbench's default: the source trains 200 epochs of MNIST",
        ),
    )


def _sgd_2014(halving_updates: float) -> tuple[Setting, ...]:
    """Return the optimizers of the 2014 recipes: batches of 100, a rate that halves, a momentum that rises over 250 epochs.

    The sources halve the discriminator's loss; the loss here is whole, and its learning rate is halved instead, which is the same.
    """
    shared = both_optimizers(
        kind="sgd",
        schedule="exponential",
        halflife_kimg=halving_updates * 100 / 1000,
        momentum=0.5,
        final_momentum=0.7,
        momentum_ramp_kimg=250 * MNIST_EPOCH_KIMG,
    )
    rates = (("generator", 0.1, 1e-6), ("discriminator", 0.05, 5e-7))
    own = [
        setting
        for network, rate, least in rates
        for setting in ((f"{network}_optimizer.learning_rate", rate), (f"{network}_optimizer.min_learning_rate", least))
    ]
    return (*shared, *own)


_DEVIATIONS_2014 = (
    "images are in [-1, 1] outside the networks, which work in [0, 1]",
    "the momentum rises with every image, the source's after every epoch and from the second on",
    "both networks' updates follow one another; the source computes both gradients first",
    "the budget is ganbench's default",
)


def gan_2014() -> RecipeSpec:
    """Return the first GAN on MNIST."""
    return RecipeSpec(
        name="gan-2014",
        summary="the first GAN: rectifiers against maxout with dropout, SGD with momentum",
        paper=f"{GOODFELLOW}; goodfeli/adversarial mnist.yaml",
        architecture="mlp",
        resolution=28,
        settings=(
            *_plain(100),
            *_architecture(
                conditional=False,
                latents="uniform",
                generator_widths=(1200, 1200),
                generator_activation="relu",
                discriminator_widths=(240, 240),
                discriminator_activation="maxout",
                maxout_pieces=5,
                discriminator_input_dropout=0.2,
                discriminator_dropout=0.5,
                output="sigmoid",
                initialisation="uniform",
                generator_scale=0.05,
                discriminator_scale=0.005,
            ),
            *_sgd_2014(math.log(2) / math.log(1.000004)),
        ),
        deviations=(*_DEVIATIONS_2014, "the generator's last biases begin at 0, the source's at the marginals of the data"),
    )


def cgan() -> RecipeSpec:
    """Return the first conditional GAN on MNIST."""
    return RecipeSpec(
        name="cgan",
        summary="the first conditional GAN: labels through layers of their own, SGD with momentum",
        paper="Mirza and Osindero 2014, https://arxiv.org/abs/1411.1784",
        architecture="cgan-mlp",
        resolution=28,
        settings=(*_plain(100), *_sgd_2014(math.log(2) / math.log(1.00004))),
        deviations=(
            *_DEVIATIONS_2014,
            "the paper gives neither initial weights nor the length of the momentum's rise: both are goodfeli/adversarial's",
        ),
    )


def pacgan_2d() -> RecipeSpec:
    """Return PacGAN's networks for points, with a pack of two."""
    return RecipeSpec(
        name="pacgan-2d",
        summary="PacGAN2 on points: 2-400x4-2 with batch norm against 3 maxout layers of 200 units",
        paper="Lin et al. 2018, https://arxiv.org/abs/1712.04086; fjxmlzn/PacGAN synthetic_data_experiments",
        architecture="mlp",
        settings=(
            ("dataset.name", "ring8"),
            *_plain(200),
            ("training.packing", 2),
            ("training.total_kimg", 80_000.0),
            *_architecture(
                conditional=False,
                latent_dim=2,
                generator_widths=(400, 400, 400, 400),
                generator_activation="relu",
                generator_norm="batch",
                norm_momentum=0.05,
                generator_bias=False,
                discriminator_widths=(200, 200, 200),
                discriminator_activation="maxout",
                maxout_pieces=5,
                initialisation="normal",
                generator_scale=0.02,
                discriminator_scale=0.02,
            ),
            *_adam(1e-4, 0.8, 0.999),
        ),
        deviations=(
            "both networks' updates follow one another; the source computes both gradients first",
            "the generator's batch norm sees the 200 points of 100 packs at once; the source's sees the first and the second ones apart",
            "packs are drawn without replacement in an epoch of the points; the source fixes 100,000 packs in the beginning",
        ),
    )


def wgan_gp_toy() -> RecipeSpec:
    """Return WGAN-GP's networks for points."""
    return RecipeSpec(
        name="wgan-gp-toy",
        summary="WGAN-GP on points: 2-512x3-2 against 2-512x3-1, ReLU",
        paper="Gulrajani et al. 2017, https://arxiv.org/abs/1704.00028; igul222/improved_wgan_training gan_toy.py",
        architecture="mlp",
        settings=(
            ("dataset.name", "ring8"),
            ("dataset.options.definition", "wgan-gp"),
            ("loss.name", "wasserstein"),
            ("loss.options.gp_weight", 0.1),
            ("training.batch_size", 256),
            ("training.d_steps", 5),
            ("training.ema_halflife_kimg", 0.0),
            ("training.total_kimg", 128_000.0),
            *_architecture(
                conditional=False,
                latent_dim=2,
                generator_widths=(512, 512, 512),
                generator_activation="relu",
                discriminator_widths=(512, 512, 512),
                discriminator_activation="relu",
                initialisation="he",
            ),
            *_adam(1e-4, 0.5, 0.9),
        ),
        deviations=(
            "the points are drawn once, 100,000 of them; the source draws new ones for every batch",
            "an iteration begins with the discriminator, the source's with the generator",
        ),
    )
