"""The recipes: the published networks and numbers, and small ones for two cores. Nothing here imports torch."""

from __future__ import annotations

from ganbench import RecipeSpec, Setting, both_optimizers

ANOGAN_PAPER = "Schlegl et al. 2017, https://arxiv.org/abs/1703.05921"
F_ANOGAN_PAPER = "Schlegl et al. 2019, https://doi.org/10.1016/j.media.2019.01.010"
GANOMALY_PAPER = "Akcay et al. 2018, https://arxiv.org/abs/1805.06725"
_ANOMALIES: tuple[Setting, ...] = (("dataset.name", "anomalies"),)
_DATA = "the images are those of -o dataset.of, and not MNIST's unless that says so"
_BUDGET = "the budget is the dataset's default, and not the source's"
_RESET = "a discriminator that has won goes back to its first weights, and not to new ones"
_ONE_START = "every search begins from the same latents, and not each from its own"
_ABSOLUTE = "the search compares sums of absolute differences, as the article does"
_ADAM = "the encoder's optimizer is Adam, with the generator's betas, and not RMSprop"
_EVALUATED = "the encoder is trained through the running statistics of the generator's batch norms, and scored through the same"
_SIZE = "16x16 pixels and narrower networks, for two cores"
_AT_THE_END: tuple[Setting, ...] = (("training.total_kimg", 40.0), ("evaluation.every_kimg", 40.0), ("evaluation.samples_every_kimg", 10.0))


def _adam(learning_rate: float, beta1: float, beta2: float) -> tuple[Setting, ...]:
    return both_optimizers(kind="adam", learning_rate=learning_rate, beta1=beta1, beta2=beta2, eps=1e-8)


GANOMALY_32 = RecipeSpec(
    name="ganomaly-32",
    summary="GANomaly as published: 32x32, codes of 100, 64 channels",
    paper=f"{GANOMALY_PAPER}; samet-akcay/ganomaly",
    architecture="ganomaly",
    resolution=32,
    settings=(*_ANOMALIES, ("training.batch_size", 64), *_adam(2e-4, 0.5, 0.999)),
    deviations=(_DATA, "the budget is the dataset's default, and not 15 epochs", _RESET),
)

GANOMALY_SMALL = RecipeSpec(
    name="ganomaly-small",
    summary="GANomaly at 16x16, codes of 32, 32 channels, for two cores",
    paper=f"{GANOMALY_PAPER}; samet-akcay/ganomaly",
    architecture="ganomaly",
    resolution=16,
    settings=(
        *_ANOMALIES,
        *_AT_THE_END,
        ("architecture.options.latent_dim", 32),
        ("architecture.options.width", 32),
        ("training.batch_size", 64),
        *_adam(2e-4, 0.5, 0.999),
    ),
    deviations=(_SIZE, _DATA, "the budget is 40 kimg, and not 15 epochs", _RESET),
)

ANOGAN_28 = RecipeSpec(
    name="anogan-28",
    summary="AnoGAN at 28x28 as Zenati et al. have it: latents of 200, a search of 500 steps",
    paper=f"{ANOGAN_PAPER}; houssamzenati/Efficient-GAN-Anomaly-Detection gan/mnist_utilities.py",
    architecture="anogan",
    resolution=28,
    settings=(
        *_ANOMALIES,
        ("training.batch_size", 100),
        ("training.ema_halflife_kimg", 69.28),  # a decay of 0.999 in each of its steps of 100 images
        *_adam(1e-5, 0.5, 0.999),
    ),
    deviations=(_DATA, _BUDGET, _ONE_START, _ABSOLUTE),
)

ANOGAN_SMALL = RecipeSpec(
    name="anogan-small",
    summary="AnoGAN at 16x16, latents of 32, a search of 100 steps, for two cores",
    paper=f"{ANOGAN_PAPER}; houssamzenati/Efficient-GAN-Anomaly-Detection",
    architecture="anogan",
    resolution=16,
    settings=(
        *_ANOMALIES,
        *_AT_THE_END,
        ("architecture.options.latent_dim", 32),
        ("architecture.options.width", 32),
        ("architecture.options.hidden", 128),
        ("architecture.options.search_steps", 100),
        ("architecture.options.search_rate", 0.1),
        ("training.batch_size", 64),
        ("training.ema_halflife_kimg", 1.0),
        *_adam(1e-3, 0.5, 0.999),
    ),
    deviations=(
        _SIZE,
        _DATA,
        "the learning rate is 1e-3 and the average forgets half in 1 kimg, for a budget of 40 kimg: with 2e-4 images were still noise",
        "100 steps of the search at ten times the rate, and not 500",
        _ONE_START,
        _ABSOLUTE,
    ),
)

F_ANOGAN_64 = RecipeSpec(
    name="f-anogan-64",
    summary="f-AnoGAN as published: WGAN-GP's residual networks at 64x64 and an encoder (izi_f)",
    paper=f"{F_ANOGAN_PAPER}; tSchlegl/f-AnoGAN",
    architecture="f-anogan",
    resolution=64,
    settings=(*_ANOMALIES, ("training.batch_size", 64), *_adam(1e-4, 0.0, 0.9)),
    deviations=(
        "the images are those of -o dataset.of, and not retinal scans",
        "the budget is the dataset's default; two thirds of the iterations train the GAN, and the others the encoder",
        "an iteration of the encoder has five updates, as many as the discriminator has in one of the GAN",
        _ADAM,
        _EVALUATED,
    ),
)

F_ANOGAN_SMALL = RecipeSpec(
    name="f-anogan-small",
    summary="f-AnoGAN at 16x16, latents of 32, 16 channels, for two cores",
    paper=f"{F_ANOGAN_PAPER}; tSchlegl/f-AnoGAN",
    architecture="f-anogan",
    resolution=16,
    settings=(
        *_ANOMALIES,
        *_AT_THE_END,
        ("architecture.options.latent_dim", 32),
        ("architecture.options.width", 16),
        ("architecture.options.encoder_learning_rate", 1e-3),
        ("training.batch_size", 32),
        *_adam(1e-3, 0.0, 0.9),
    ),
    deviations=(
        _SIZE,
        "the images are those of -o dataset.of, and not retinal scans",
        "the learning rates are 1e-3, for a budget of 40 kimg",
        "an iteration of the encoder has five updates, as many as the discriminator has in one of the GAN",
        _ADAM,
        _EVALUATED,
    ),
)

RECIPES = (GANOMALY_32, GANOMALY_SMALL, ANOGAN_28, ANOGAN_SMALL, F_ANOGAN_64, F_ANOGAN_SMALL)
