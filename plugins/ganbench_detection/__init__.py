"""Detection of anomalies: what is not like the samples that were trained on. Registration only, without torch.

AnoGAN (Schlegl et al. 2017), f-AnoGAN (Schlegl et al. 2019), GANomaly (Akcay et al. 2018), two baselines that are no GANs, the dataset that
makes normal samples and anomalies of any labelled one, and the areas under two curves. A network of any other plugin takes part by a scorer
called ``anomaly``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ganbench import ArchitectureSpec, DatasetSpec, MetricSpec, PluginSpec, Quantity, hookimpl
from ganbench_detection import options
from ganbench_detection.recipes import ANOGAN_PAPER, F_ANOGAN_PAPER, GANOMALY_PAPER, RECIPES
from ganbench_reproduce import ReproductionSpec

_SHARED = ("ganbench_datasets",)
"""What builds the dataset that `anomalies` is made of."""
_NO_LOSS = (("loss.name", "none"), ("training.ema_halflife_kimg", 0.0), ("dataset.name", "anomalies"))
_BASELINE = (*_NO_LOSS, ("training.total_kimg", 20.0))


@hookimpl
def ganbench_register() -> Iterable[PluginSpec]:
    """Return all of it."""
    return [*_detectors(), *_baselines(), *RECIPES, _anomalies(), *_metrics(), _protocol()]


def _detectors() -> Iterator[ArchitectureSpec]:
    yield ArchitectureSpec(
        name="ganomaly",
        summary="GANomaly: an autoencoder whose reconstructions are encoded again, against a discriminator",
        factory="ganbench_detection.ganomaly:build",
        sources=_SHARED,
        options=options.GANomalyOptions,
        paper=GANOMALY_PAPER,
        spaces=("images",),
        resolutions=tuple(2**k for k in range(3, 9)),
        losses=("none",),
        algorithm="ganbench_detection.ganomaly_step:GANomaly",
        defaults=_NO_LOSS,
    )
    yield ArchitectureSpec(
        name="anogan",
        summary="AnoGAN: a GAN of normal images; each that is scored has its latents searched for",
        factory="ganbench_detection.anogan:build",
        sources=_SHARED,
        options=options.AnoGANOptions,
        paper=ANOGAN_PAPER,
        spaces=("images",),
        defaults=(("dataset.name", "anomalies"), ("loss.name", "logistic")),
    )
    yield ArchitectureSpec(
        name="f-anogan",
        summary="f-AnoGAN: WGAN-GP's residual networks, then an encoder that finds latents at once",
        factory="ganbench_detection.f_anogan:build",
        sources=_SHARED,
        options=options.FAnoGANOptions,
        paper=F_ANOGAN_PAPER,
        spaces=("images",),
        resolutions=tuple(2**k for k in range(3, 9)),
        algorithm="ganbench_detection.f_anogan_step:FAnoGAN",
        defaults=(
            ("dataset.name", "anomalies"),
            ("loss.name", "wasserstein"),
            ("loss.options.gp_weight", 10.0),
            ("training.d_steps", 5),
            ("training.ema_halflife_kimg", 0.0),
        ),
    )


def _baselines() -> Iterator[ArchitectureSpec]:
    yield ArchitectureSpec(
        name="pca",
        summary="baseline for detection: how far an image is from the plane of the principal components",
        factory="ganbench_detection.pca:build",
        sources=_SHARED,
        options=options.PCAOptions,
        spaces=("images",),
        losses=("none",),
        algorithm="ganbench_detection.pca:ShownImages",
        defaults=_BASELINE,
    )
    yield ArchitectureSpec(
        name="nearest-neighbours",
        summary="baseline for detection: how far an image is from the nearest that were shown",
        factory="ganbench_detection.neighbours:build",
        sources=_SHARED,
        options=options.NeighboursOptions,
        paper="Ramaswamy et al., 2000, https://doi.org/10.1145/342009.335437",
        spaces=("images",),
        losses=("none",),
        algorithm="ganbench_detection.neighbours:RememberedImages",
        defaults=_BASELINE,
    )


def _anomalies() -> DatasetSpec:
    return DatasetSpec(
        name="anomalies",
        summary="any labelled dataset, of which one class is normal (normal-3) or the anomaly (without-3)",
        factory="ganbench_detection.anomalies:build",
        space="images",
        sources=_SHARED,
        options=options.AnomaliesOptions,
        metrics=("auroc", "auprc"),
    )


def _metrics() -> Iterator[MetricSpec]:
    yield MetricSpec(
        name="auroc",
        summary="how often an anomaly has a higher score than a normal sample, of held-out ones; 0.5 is chance",
        factory="ganbench_detection.ranking:build_auroc",
        sources=_SHARED,
        options=options.RankingOptions,
        quantities=(Quantity(name="auroc", label="AUROC", higher_is_better=True),),
        looks_at="scores",
    )
    yield MetricSpec(
        name="auprc",
        summary="average precision of held-out anomalies, beside their share, which is chance",
        factory="ganbench_detection.ranking:build_auprc",
        sources=_SHARED,
        options=options.RankingOptions,
        quantities=(
            Quantity(name="auprc", label="AUPRC", higher_is_better=True),
            Quantity(name="chance_auprc", label="AUPRC of chance", higher_is_better=True),
        ),
        looks_at="scores",
    )


def _protocol() -> ReproductionSpec:
    return ReproductionSpec(
        name="anogan-mnist-protocol",
        summary="one class normal, or one the anomaly, at a time: detectors beside baselines; published figures of MNIST as notes",
        factory="ganbench_detection.protocol:build",
        sources=_SHARED,
        options=options.ProtocolOptions,
        paper=ANOGAN_PAPER,
    )
