"""The options of the family; the text under a field is its help. Nothing here imports torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ganbench import Settings, setting
from ganbench_reproduce.rows import check_once


@dataclass(frozen=True, kw_only=True, slots=True)
class OracleOptions(Settings):
    """Options of ``oracle``; the defaults are SeqGAN's sizes."""

    vocabulary: int = setting(5000, least=2, most=50_000)
    """Tokens that there are."""
    length: int = setting(20, least=2, most=1000)
    """Tokens of a text."""
    num_texts: int = setting(10_000, least=10)
    """Texts to train on, drawn once; a quarter as many are held out."""
    hidden: int = setting(32, least=1)
    """Units of the oracle, and numbers of each of its embeddings."""
    seed: int = setting(0, least=0, most=2**32 - 1)
    """Seed of the oracle and of its texts: another one is another benchmark."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WordsOptions(Settings):
    """Options of ``words``."""

    path: str = setting("", part="place")
    """A text file with one word on each line; unset: /usr/share/dict/words, which Debian's wamerican brings."""
    length: int = setting(12, least=2, most=100)
    """Letters of the longest word that is kept; shorter ones are filled up with the end symbol."""
    test_fraction: float = setting(0.1, above=0, below=1)
    """Part of the words that is held out, chosen by a fixed seed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TextOptions(Settings):
    """Options of ``text``."""

    path: str = setting(part="place")
    """A text file in UTF-8."""
    tokens: Literal["characters", "words"] = "characters"
    """What a token is: one character, or what stands between white space."""
    cut: Literal["lines", "windows"] = "lines"
    """lines: each line is a text, cut at length or filled up with the end symbol; windows: the file is cut into pieces of length."""
    length: int = setting(32, least=2, most=1000)
    """Tokens of a text."""
    max_vocabulary: int = setting(2048, least=2, most=50_000)
    """Tokens that are told apart; rarer ones are one symbol for all that is unknown."""
    test_fraction: float = setting(0.1, above=0, below=1)
    """Part of the texts that is held out: of lines chosen by a fixed seed, of windows the last ones."""

    def __post_init__(self) -> None:
        Settings.__post_init__(self)
        if not self.path:
            raise ValueError("path must name a text file (got ''); give it with -o path=FILE")


@dataclass(frozen=True, kw_only=True, slots=True)
class GeneratorOptions(Settings):
    """What every LSTM generator may be told; the defaults are SeqGAN's."""

    embedding: int = setting(32, least=1)
    """Numbers of each token's embedding."""
    hidden: int = setting(32, least=1)
    """Units of the LSTM."""
    clip_norm: float = setting(5.0, above=0)
    """Gradients of the generator are scaled down to this norm, over all its parameters."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LanguageModelOptions(GeneratorOptions):
    """Options of ``language-model``."""

    temperature: float = setting(1.0, above=0)
    """Logits are divided by it where texts are drawn and scored: below 1 likelier texts and fewer different ones. Training is at 1."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PretrainedOptions(GeneratorOptions):
    """What generators that are pre-trained by maximum likelihood may be told besides."""

    likelihood_kimg: float = setting(1198.08, least=0)
    """Thousands of texts of maximum likelihood before the adversarial part; they count as a part of the budget."""
    likelihood_rate: float = setting(1e-2, above=0)
    """Learning rate of that part."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SeqGANOptions(PretrainedOptions):
    """Options of ``seqgan``; the defaults are those of LantaoYu/SeqGAN."""

    discriminator_kimg: float = setting(1497.6, least=0)
    """Thousands of texts that the discriminator sees behind the likelihood and before the first roll-out."""
    rollouts: int = setting(16, least=1)
    """Roll-outs from each beginning of a text, over which its reward is the mean."""
    rollout_rate: float = setting(0.8, least=0, below=1)
    """How much of its old weights the network that rolls out keeps at each update of the generator; embeddings are copied."""
    discriminator_embedding: int = setting(64, least=1)
    """Numbers of each token's embedding in the discriminator."""
    filter_sizes: tuple[int, ...] = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 15, 20)
    """Tokens that each kind of filter sees; those that see more than a text has are left out."""
    filters: tuple[int, ...] = (100, 200, 200, 200, 200, 100, 100, 100, 100, 100, 160, 160)
    """Filters of each kind, in the order of filter_sizes."""
    dropout: float = setting(0.25, least=0, below=1)
    """Part of the discriminator's features that is dropped in its training."""
    l2_weight: float = setting(0.2, least=0)
    """Weight of half the squared weights of its last layer."""

    def __post_init__(self) -> None:
        PretrainedOptions.__post_init__(self)
        for name in ("filter_sizes", "filters"):
            values = getattr(self, name)
            if not values or min(values) < 1:
                raise ValueError(f"{name} must be one number or more, each 1 or more (got {','.join(map(str, values)) or 'none'})")
        if len(self.filters) != len(self.filter_sizes):
            raise ValueError(f"filters must be as many numbers as filter_sizes (got {len(self.filters)} and {len(self.filter_sizes)})")


@dataclass(frozen=True, kw_only=True, slots=True)
class GumbelOptions(PretrainedOptions):
    """Options of ``gumbel-softmax``; the defaults are those of RelGAN with its LSTM."""

    relaxation: Literal["soft", "straight-through"] = "soft"
    """What the discriminator sees of a token: the softmax as it is, or the token that was drawn with the gradients of the softmax. Texts
    that are measured or shown are hard either way."""
    most_inverse_temperature: float = setting(2.0, least=1)
    """What the factor in the softmax rises to from 1, exponentially."""
    temperature_iterations: int = setting(5000, least=1)
    """Iterations after which it is there; it rises on beyond them."""
    discriminator_embedding: int = setting(64, least=1)
    """Numbers of each token's embedding in the discriminator, all representations together."""
    num_representations: int = setting(64, least=1)
    """Parts of the embedding that are judged each by itself; a divisor of discriminator_embedding."""
    filters: int = setting(300, least=1)
    """Filters of each of the sizes 2, 3, 4 and 5."""
    dropout: float = setting(0.25, least=0, below=1)
    """Part of the discriminator's features that is dropped in training."""

    def __post_init__(self) -> None:
        PretrainedOptions.__post_init__(self)
        if self.discriminator_embedding % self.num_representations:
            what = f"{self.discriminator_embedding} and {self.num_representations}"
            raise ValueError(f"num_representations must divide discriminator_embedding (got {what})")


@dataclass(frozen=True, kw_only=True, slots=True)
class CharacterOptions(Settings):
    """Options of ``character-gan``; the defaults are those of WGAN-GP's gan_language.py."""

    latent_dim: int = setting(128, least=1)
    """Length of z, drawn from N(0, 1)."""
    width: int = setting(512, least=1)
    """Channels of both networks."""
    num_blocks: int = setting(5, least=1)
    """Residual blocks of each network."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OracleTableOptions(Settings):
    """Options of the reproduction ``seqgan-oracle``."""

    rows: tuple[Literal["mle", "mle-0-9", "mle-0-8", "seqgan", "gumbel"], ...] = ("mle", "mle-0-9", "mle-0-8", "seqgan", "gumbel")
    """What is trained; mle-0-9 and mle-0-8 are MLE at these temperatures."""

    def __post_init__(self) -> None:
        Settings.__post_init__(self)
        check_once("rows", self.rows)
