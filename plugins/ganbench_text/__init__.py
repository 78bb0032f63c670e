"""Texts: an oracle, words and any file to train on, maximum likelihood, GANs of tokens, and what measures them.

Registration only, without torch.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ganbench import ArchitectureSpec, DatasetSpec, MetricSpec, PluginSpec, Quantity, SpaceSpec, hookimpl
from ganbench_reproduce import ReproductionSpec
from ganbench_text import options
from ganbench_text.recipes import GULRAJANI, RECIPES, RELGAN_PAPER, SEQGAN_PAPER

_TOKENS = ("tokens",)
_TEXYGEN = "Zhu et al. 2018, https://arxiv.org/abs/1802.01886"
_ALWAYS = (("training.ema_halflife_kimg", 0.0), ("training.batch_size", 64))
_ADAM = (("generator_optimizer.beta1", 0.9), ("discriminator_optimizer.beta1", 0.9), ("discriminator_optimizer.learning_rate", 1e-4))
_ON_ORACLE = (*_ALWAYS, *_ADAM, ("dataset.name", "oracle"))


@hookimpl
def ganbench_register() -> Iterable[PluginSpec]:
    """Return the family."""
    return [_space(), *_architectures(), *RECIPES, *_datasets(), *_metrics(), _table()]


def _space() -> SpaceSpec:
    return SpaceSpec(
        name="tokens",
        summary="texts of a vocabulary: stored as integers, one-hot as networks see them, lines for people",
        factory="ganbench_text.space:TokenSpace",
        unit="texts",
    )


def _architectures() -> Iterator[ArchitectureSpec]:
    yield ArchitectureSpec(
        name="language-model",
        summary="maximum likelihood (MLE): SeqGAN's LSTM without a discriminator; its temperature is an option",
        factory="ganbench_text.lstm:build_language_model",
        options=options.LanguageModelOptions,
        paper=SEQGAN_PAPER,
        spaces=_TOKENS,
        losses=("none",),
        algorithm="ganbench_text.likelihood:MaximumLikelihood",
        defaults=(*_ON_ORACLE, ("loss.name", "none"), ("generator_optimizer.learning_rate", 1e-2)),
    )
    yield ArchitectureSpec(
        name="seqgan",
        summary="SeqGAN: an LSTM whose tokens are rewarded by a discriminator of rolled-out texts",
        factory="ganbench_text.seqgan:build",
        options=options.SeqGANOptions,
        paper=SEQGAN_PAPER,
        spaces=_TOKENS,
        losses=("none",),
        algorithm="ganbench_text.seqgan:SeqGAN",
        defaults=(*_ON_ORACLE, ("loss.name", "none"), ("generator_optimizer.learning_rate", 1e-2)),
    )
    yield ArchitectureSpec(
        name="gumbel-softmax",
        summary="an LSTM with gradients through Gumbel-softmax tokens, against RelGAN's discriminator",
        factory="ganbench_text.gumbel:build",
        options=options.GumbelOptions,
        paper=RELGAN_PAPER,
        spaces=_TOKENS,
        losses=("relativistic", "logistic", "hinge"),
        algorithm="ganbench_text.gumbel:GumbelGAN",
        defaults=(*_ON_ORACLE, ("loss.name", "relativistic"), ("generator_optimizer.learning_rate", 1e-4), ("training.d_steps", 5)),
    )
    yield ArchitectureSpec(
        name="character-gan",
        summary="WGAN-GP's residual networks over characters: all tokens of a text at once, as softmaxes",
        factory="ganbench_text.characters:build",
        options=options.CharacterOptions,
        paper=GULRAJANI,
        spaces=_TOKENS,
        defaults=(*_ALWAYS, ("dataset.name", "words"), ("loss.name", "wasserstein"), ("loss.options.gp_weight", 10.0)),
    )


def _datasets() -> Iterator[DatasetSpec]:
    budget = (("training.total_kimg", 200.0),)
    yield DatasetSpec(
        name="oracle",
        summary="texts of an LSTM with random weights, under which any text has an exact likelihood; always offline",
        factory="ganbench_text.oracle:build",
        space="tokens",
        options=options.OracleOptions,
        metrics=("nll_oracle2k", "nll_gen"),
        defaults=budget,
    )
    yield DatasetSpec(
        name="words",
        summary="words letter by letter: Debian's list, or a file with one on each line (-o path=FILE)",
        factory="ganbench_text.datasets:build_words",
        space="tokens",
        options=options.WordsOptions,
        metrics=("ngram_js5k", "valid_words5k", "novelty5k"),
        defaults=budget,
    )
    yield DatasetSpec(
        name="text",
        summary="any text file (-o path=FILE): its lines or pieces, by characters or by words",
        factory="ganbench_text.datasets:build_text",
        space="tokens",
        options=options.TextOptions,
        metrics=("ngram_js5k", "novelty5k"),
        defaults=budget,
    )


def _metrics() -> Iterator[MetricSpec]:
    yield MetricSpec(
        name="nll_oracle",
        summary="quality: how unlikely generated texts are under the oracle, nats a token; 1 beside it says collapsed",
        factory="ganbench_text.nll:build_oracle",
        paper=SEQGAN_PAPER,
        quantities=(
            Quantity(name="nll_oracle", label="NLL-oracle", higher_is_better=False),
            Quantity(name="below_entropy", label="below entropy", higher_is_better=False),
        ),
        default_count=2000,
        looks_at="samples",
        spaces=_TOKENS,
    )
    yield MetricSpec(
        name="nll_gen",
        summary="how unlikely held-out texts are under the generator, nats a token",
        factory="ganbench_text.nll:build_generator",
        paper=_TEXYGEN,
        quantities=(Quantity(name="nll_gen", label="NLL-gen", higher_is_better=False),),
        looks_at="scores",
        spaces=_TOKENS,
    )
    yield MetricSpec(
        name="ngram_js",
        summary="Jensen-Shannon divergence of n-grams of generated and held-out texts in bits, n from 1 to 4",
        factory="ganbench_text.ngrams:build",
        paper=GULRAJANI,
        quantities=tuple(
            Quantity(name=f"ngram_js{suffix}", label=f"JS-{n}", higher_is_better=False)
            for n, suffix in ((4, ""), (1, "_one"), (2, "_two"), (3, "_three"))
        ),
        default_count=5000,
        looks_at="samples",
        spaces=_TOKENS,
    )
    yield MetricSpec(
        name="valid_words",
        summary="share of generated texts that are words of the list, and of those that the train split does not have",
        factory="ganbench_text.novelty:build_valid",
        quantities=(
            Quantity(name="valid_words", label="valid words", higher_is_better=True),
            Quantity(name="new_words", label="valid and new", higher_is_better=True),
        ),
        default_count=5000,
        looks_at="samples",
        spaces=_TOKENS,
    )
    yield MetricSpec(
        name="novelty",
        summary="share of generated texts that the train split does not have, and of different ones",
        factory="ganbench_text.novelty:build_novelty",
        quantities=(
            Quantity(name="novelty", label="novelty", higher_is_better=True),
            Quantity(name="distinct", label="distinct", higher_is_better=True),
        ),
        default_count=5000,
        looks_at="samples",
        spaces=_TOKENS,
    )
    for name, label, higher, factory, words in (
        ("bleu", "BLEU", True, "build", "BLEU of generated texts against held-out ones, orders 4, 2, 3 and 5: quality"),
        ("self_bleu", "self-BLEU", False, "build_self", "BLEU of generated texts against each other, orders 4, 2, 3 and 5: how alike"),
    ):
        yield MetricSpec(
            name=name,
            summary=words,
            factory=f"ganbench_text.bleu:{factory}",
            paper=_TEXYGEN,
            quantities=tuple(
                Quantity(name=f"{name}{suffix}", label=f"{label}-{n}", higher_is_better=higher)
                for n, suffix in ((4, ""), (2, "_two"), (3, "_three"), (5, "_five"))
            ),
            default_count=500,
            looks_at="samples",
            spaces=_TOKENS,
        )


def _table() -> ReproductionSpec:
    return ReproductionSpec(
        name="seqgan-oracle",
        summary="MLE at three temperatures, SeqGAN and a Gumbel-softmax GAN, small, on an oracle; published figures of another as notes",
        factory="ganbench_text.table:build",
        options=options.OracleTableOptions,
        paper=SEQGAN_PAPER,
    )
