"""The recipes: the published networks and numbers, and small ones for two cores. Nothing here imports torch."""

from __future__ import annotations

from ganbench import RecipeSpec, Setting, both_optimizers

SEQGAN_PAPER = "Yu et al. 2017, https://arxiv.org/abs/1609.05473"
RELGAN_PAPER = "Nie et al. 2019, https://openreview.net/forum?id=rJedV3R5tm"
GULRAJANI = "Gulrajani et al. 2017, https://arxiv.org/abs/1704.00028"

_ORACLE: tuple[Setting, ...] = (
    ("dataset.name", "oracle"),
    ("training.batch_size", 64),
    *both_optimizers(kind="adam", beta1=0.9, beta2=0.999, eps=1e-8),
)
_SMALL: tuple[Setting, ...] = (*_ORACLE, ("dataset.options.vocabulary", 200))
_GENERATOR_RATE, _DISCRIMINATOR_RATE = "generator_optimizer.learning_rate", "discriminator_optimizer.learning_rate"
_OTHER_ORACLE = "the oracle's weights are of a seed, and not the source's file: likelihoods cannot be compared with published ones"
_SMALL_ORACLE = "an oracle of 200 tokens in the place of 5,000, for two cores and ten minutes"
_ACROSS = "batches run across epoch borders, and hold what an epoch of the source leaves out"
_NEW_TEXTS = "every generated text that the discriminator sees is new, where the source shows 10,000 of them three times"

_SEQGAN_RATES: tuple[Setting, ...] = ((_GENERATOR_RATE, 1e-2), (_DISCRIMINATOR_RATE, 1e-4))
_RELGAN_RATES: tuple[Setting, ...] = ((_GENERATOR_RATE, 1e-4), (_DISCRIMINATOR_RATE, 1e-4))
_LIKELIHOOD_SMALL: Setting = ("architecture.options.likelihood_kimg", 200.0)

MLE_ORACLE = RecipeSpec(
    name="mle-oracle",
    summary="SeqGAN's baseline as published: 120 epochs of maximum likelihood on the oracle's 10,000 texts",
    paper=f"{SEQGAN_PAPER}; LantaoYu/SeqGAN sequence_gan.py",
    architecture="language-model",
    settings=(*_ORACLE, (_GENERATOR_RATE, 1e-2), ("training.total_kimg", 1198.08)),
    deviations=(_OTHER_ORACLE, _ACROSS),
)
MLE_SMALL = RecipeSpec(
    name="mle-small",
    summary="maximum likelihood on an oracle of 200 tokens, 20 epochs, for two cores",
    paper=f"{SEQGAN_PAPER}; LantaoYu/SeqGAN sequence_gan.py",
    architecture="language-model",
    settings=(*_SMALL, (_GENERATOR_RATE, 1e-2), ("training.total_kimg", 200.0)),
    deviations=(_OTHER_ORACLE, _SMALL_ORACLE, "20 epochs in the place of 120", _ACROSS),
)

SEQGAN_ORACLE = RecipeSpec(
    name="seqgan-oracle",
    summary="SeqGAN as published: 120 epochs of likelihood, 150 of the discriminator, 200 rounds with 16 roll-outs",
    paper=f"{SEQGAN_PAPER}; LantaoYu/SeqGAN sequence_gan.py",
    architecture="seqgan",
    settings=(
        *_ORACLE,
        *_SEQGAN_RATES,
        ("architecture.options.likelihood_kimg", 1198.08),
        ("architecture.options.discriminator_kimg", 1497.6),
        ("training.d_steps", 4680),
        ("training.total_kimg", 32_647.68),
    ),
    deviations=(_OTHER_ORACLE, _ACROSS, _NEW_TEXTS, "the network that rolls out moves slowly, as the article says and the source does not"),
)
SEQGAN_SMALL = RecipeSpec(
    name="seqgan-small",
    summary="SeqGAN on an oracle of 200 tokens: 20 epochs of likelihood, 150 rounds with 4 roll-outs, for two cores",
    paper=f"{SEQGAN_PAPER}; LantaoYu/SeqGAN sequence_gan.py",
    architecture="seqgan",
    settings=(
        *_SMALL,
        *_SEQGAN_RATES,
        _LIKELIHOOD_SMALL,
        ("architecture.options.discriminator_kimg", 30.0),
        ("architecture.options.rollouts", 4),
        ("architecture.options.discriminator_embedding", 32),
        ("architecture.options.filter_sizes", ("1", "2", "3", "4", "5", "10")),
        ("architecture.options.filters", ("50", "50", "50", "50", "50", "50")),
        ("training.d_steps", 15),
        ("training.total_kimg", 302.0),
    ),
    deviations=(
        _OTHER_ORACLE,
        _SMALL_ORACLE,
        "20 epochs of likelihood, 3 of the discriminator and 150 rounds with 4 roll-outs and 15 updates of the discriminator",
        "a discriminator of 300 filters of six sizes, with embeddings of 32",
        _ACROSS,
        _NEW_TEXTS,
    ),
)

GUMBEL_ORACLE = RecipeSpec(
    name="gumbel-oracle",
    summary="RelGAN's training with its LSTM as published: 150 epochs of likelihood, 3,000 relativistic iterations",
    paper=f"{RELGAN_PAPER}; weilinie/RelGAN oracle_relgan.py",
    architecture="gumbel-softmax",
    settings=(
        *_ORACLE,
        *_RELGAN_RATES,
        ("loss.name", "relativistic"),
        ("architecture.options.likelihood_kimg", 1497.6),
        ("training.d_steps", 5),
        ("training.total_kimg", 2457.6),
    ),
    deviations=(
        _OTHER_ORACLE,
        _ACROSS,
        "the LSTM (lstm_vanilla of the source) and not the relational memory, whose figures are published",
        "the generator's weights begin as SeqGAN's, normal with a deviation of 0.1",
        "the temperature's factor rises towards 2, the first that the source tries; it also lists 5, 10 and 100",
    ),
)
GUMBEL_SMALL = RecipeSpec(
    name="gumbel-small",
    summary="a straight-through Gumbel-softmax GAN on an oracle of 200 tokens: 20 epochs of likelihood, 600 iterations, for two cores",
    paper=f"{RELGAN_PAPER}; weilinie/RelGAN oracle_relgan.py",
    architecture="gumbel-softmax",
    settings=(
        *_SMALL,
        *_RELGAN_RATES,
        ("loss.name", "relativistic"),
        _LIKELIHOOD_SMALL,
        ("architecture.options.relaxation", "straight-through"),
        ("architecture.options.discriminator_embedding", 32),
        ("architecture.options.num_representations", 8),
        ("architecture.options.filters", 64),
        ("training.d_steps", 5),
        ("training.total_kimg", 392.0),
    ),
    deviations=(
        _OTHER_ORACLE,
        _SMALL_ORACLE,
        "20 epochs of likelihood and 600 iterations in the place of 150 and 3,000",
        "a discriminator of 8 representations and 64 filters of each size, in the place of 64 and 300",
        "the discriminator sees hard tokens with the gradients of soft ones (straight through)",
        "the LSTM and not the relational memory, with weights that begin as SeqGAN's",
        _ACROSS,
    ),
)

_WGAN: tuple[Setting, ...] = (
    ("loss.name", "wasserstein"),
    ("loss.options.gp_weight", 10.0),
    ("training.batch_size", 64),
    ("training.ema_halflife_kimg", 0.0),
    ("dataset.name", "words"),
    *both_optimizers(kind="adam", learning_rate=1e-4, beta1=0.5, beta2=0.9, eps=1e-8),
)
_WORDS = "words of a list in the place of lines of the Billion Word corpus; --dataset text -o path=FILE takes lines of 32 characters"
_ORDER = "the critic's steps come before the generator's: the source begins an iteration with the generator"

WGAN_GP_CHARACTERS = RecipeSpec(
    name="wgan-gp-characters",
    summary="WGAN-GP over characters as published: 512 channels, 10 critic steps, 200,000 iterations",
    paper=f"{GULRAJANI}; igul222/improved_wgan_training gan_language.py",
    architecture="character-gan",
    settings=(*_WGAN, ("training.d_steps", 10), ("training.total_kimg", 128_000.0)),
    deviations=(_WORDS, _ORDER),
)
WGAN_GP_CHARACTERS_SMALL = RecipeSpec(
    name="wgan-gp-characters-small",
    summary="WGAN-GP over the letters of words with 64 channels, for two cores",
    paper=f"{GULRAJANI}; igul222/improved_wgan_training gan_language.py",
    architecture="character-gan",
    settings=(*_WGAN, ("architecture.options.width", 64), ("training.d_steps", 5), ("training.total_kimg", 600.0)),
    deviations=(_WORDS, _ORDER, "64 channels in the place of 512, and 5 critic steps, which the source says should do", "1,875 iterations"),
)

RECIPES = (
    MLE_ORACLE,
    MLE_SMALL,
    SEQGAN_ORACLE,
    SEQGAN_SMALL,
    GUMBEL_ORACLE,
    GUMBEL_SMALL,
    WGAN_GP_CHARACTERS,
    WGAN_GP_CHARACTERS_SMALL,
)
