"""The options of all that is registered here; the text under a field is its help. Nothing here imports torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ganbench import Settings, setting
from ganbench_reproduce.rows import check_once

PROTOCOLS = ("normal", "without")


def check_protocol(protocol: str) -> None:
    """Refuse what names no protocol.

    Raises:
        ValueError: it is neither ``normal-CLASS`` nor ``without-CLASS``.
    """
    kind, _, chosen = protocol.partition("-")
    if kind not in PROTOCOLS or not chosen:
        raise ValueError(f"protocol must be normal-CLASS or without-CLASS (got {protocol!r}): normal-3, without-3")


@dataclass(frozen=True, kw_only=True, slots=True)
class AnomaliesOptions(Settings):
    """Options of ``anomalies``."""

    protocol: str = "normal-3"
    """normal-3 trains on class 3 alone, and every other class is an anomaly; without-3 trains on every class but 3, which is the anomaly. A
    class is its number or its name. The two are different tasks: scores of one say nothing of the other."""
    of: str = "digits"
    """The dataset whose samples these are; any that has labels and a held-out split."""
    of_options: tuple[str, ...] = ()
    """Options of that dataset, each as ``KEY=VALUE``."""
    path: str = setting("", part="place")
    """Its option ``path``."""
    resolution: int | None = setting(None, least=1)
    """Its option ``resolution``; unset: its own default."""

    def __post_init__(self) -> None:
        Settings.__post_init__(self)
        check_protocol(self.protocol)


@dataclass(frozen=True, kw_only=True, slots=True)
class GANomalyOptions(Settings):
    """Options of ``ganomaly``; the defaults are those of samet-akcay/ganomaly."""

    latent_dim: int = setting(100, least=1)
    """Length of a code."""
    width: int = setting(64, least=1)
    """Channels of the first feature maps; doubled with each halving of the resolution."""
    adversarial_weight: float = setting(1.0, least=0)
    """Weight of the squared distance of the discriminator's features."""
    reconstruction_weight: float = setting(50.0, least=0)
    """Weight of the mean absolute error of pixels."""
    code_weight: float = setting(1.0, least=0)
    """Weight of the squared distance of the two codes."""
    reset_below: float = setting(1e-5, least=0)
    """The discriminator begins anew, from its first weights, whenever its loss is below this; 0 never."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AnoGANOptions(Settings):
    """Options of ``anogan``; the defaults are those of houssamzenati/Efficient-GAN-Anomaly-Detection, gan/mnist_utilities.py."""

    latent_dim: int = setting(200, least=1)
    """Length of z, drawn from N(0, 1)."""
    width: int = setting(64, least=1)
    """Channels at half the resolution; twice as many at a quarter of it in the generator."""
    hidden: int = setting(1024, least=1)
    """Units of the fully connected layers, and length of the features that the search compares."""
    search_steps: int = setting(500, least=1)
    """Steps of the search for the latents of each sample that is scored; always all of them."""
    search_rate: float = setting(0.01, above=0)
    """Learning rate of the search; a tenth of it after two fifths of the steps, a twentieth after three fifths."""
    search_seed: int = setting(0, least=0)
    """Seed of the latents that every search begins from."""
    feature_weight: float = setting(0.1, least=0, most=1)
    """Weight of the distance of the discriminator's features; that of the pixels' has the rest of 1."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FAnoGANOptions(Settings):
    """Options of ``f-anogan``; the defaults are those of tSchlegl/f-AnoGAN."""

    latent_dim: int = setting(128, least=1)
    """Length of z, drawn from N(0, 1)."""
    width: int = setting(64, least=1)
    """Channels at the full resolution; doubled with each halving, up to eight times as many."""
    gan_share: float = setting(2 / 3, above=0, below=1)
    """Part of the iterations that train the GAN; the others train the encoder, with generator and discriminator frozen."""
    feature_weight: float = setting(1.0, least=0)
    """Weight of the squared distance of the discriminator's features, in the encoder's loss and in the score (izi_f); 0 looks at pixels
    alone (izi)."""
    encoder_learning_rate: float = setting(5e-5, above=0)
    """Of the encoder's optimizer; everything else is the generator's."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PCAOptions(Settings):
    """Options of ``pca``."""

    explained: float = setting(0.9, above=0, most=1)
    """Share of the variance that the components explain: the fewest that explain at least so much."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NeighboursOptions(Settings):
    """Options of ``nearest-neighbours``."""

    num_neighbours: int = setting(5, least=1)
    """Neighbours whose mean distance is the score."""
    capacity: int = setting(10_000, least=1)
    """Different samples that are remembered, the first that are shown."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RankingOptions(Settings):
    """Options of ``auroc`` and ``auprc``."""

    scorer: str = "anomaly"
    """Which of the networks' scores; it must be higher for anomalies."""


Method = Literal["pca", "nearest-neighbours", "vae", "ganomaly", "f-anogan", "anogan"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ProtocolOptions(Settings):
    """Options of the reproduction ``anogan-mnist-protocol``."""

    methods: tuple[Method, ...] = ("pca", "nearest-neighbours", "ganomaly", "f-anogan")
    """The rows of each class."""
    classes: tuple[int, ...] = tuple(range(10))
    """The classes, one of which is normal, or an anomaly, at a time."""
    protocol: Literal["normal", "without"] = "normal"
    """Whether the class is what is trained on, or the one that is not."""
    of: str = "digits"
    """The dataset: any that ``anomalies`` takes."""
    kimg: int = setting(40, least=1)
    """Thousands of samples that each is trained on."""

    def __post_init__(self) -> None:
        Settings.__post_init__(self)
        check_once("methods", self.methods)
        check_once("classes", self.classes)
        if min(self.classes) < 0:
            raise ValueError(f"classes must be 0 or more (got {min(self.classes)})")
