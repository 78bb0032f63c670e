"""Points in the plane, of known modes or shapes or your own, and the extractor that leaves them as they are. Nothing imports torch."""

from __future__ import annotations

from ganbench import DatasetSpec, ExtractorSpec, hookimpl
from ganbench_toy import options

PACGAN = "Lin et al., 2018, https://arxiv.org/abs/1712.04086"
WGAN_GP = "Gulrajani et al., 2017, https://arxiv.org/abs/1704.00028"
FFJORD = "Grathwohl et al., 2019, https://arxiv.org/abs/1810.01367"
_MODES = ("modes2500_points",)
_BUDGET = (("training.total_kimg", 500.0), ("training.batch_size", 100))


@hookimpl
def ganbench_register() -> list[DatasetSpec | ExtractorSpec]:
    """Return the datasets and their extractor."""
    return [*_mixtures(), *_curves(), _own(), _points()]


def _mixtures() -> list[DatasetSpec]:
    return [
        DatasetSpec(
            name="ring8",
            summary="points: 8 Gaussians on a circle (-o definition=pacgan, wgan-gp or unrolled)",
            factory="ganbench_toy.points:build_ring8",
            space="points",
            options=options.RingOptions,
            paper=PACGAN,
            metrics=_MODES,
            extractor="points",
            defaults=_BUDGET,
        ),
        DatasetSpec(
            name="grid25",
            summary="points: 25 Gaussians on a 5x5 grid (-o definition=pacgan or wgan-gp)",
            factory="ganbench_toy.points:build_grid25",
            space="points",
            options=options.GridOptions,
            paper=PACGAN,
            metrics=_MODES,
            extractor="points",
            defaults=_BUDGET,
        ),
    ]


def _curves() -> list[DatasetSpec]:
    return [
        DatasetSpec(
            name="swissroll",
            summary="points: a noisy roll (-o definition=wgan-gp or ffjord)",
            factory="ganbench_toy.points:build_swissroll",
            space="points",
            options=options.SwissRollOptions,
            paper=WGAN_GP,
            metrics=("fd10k_points",),
            extractor="points",
            defaults=_BUDGET,
        ),
        DatasetSpec(
            name="spiral",
            summary="points: two noisy spirals, or one without noise (-o definition=ffjord or fuel)",
            factory="ganbench_toy.points:build_spiral",
            space="points",
            options=options.SpiralOptions,
            paper=FFJORD,
            metrics=("fd10k_points",),
            extractor="points",
            defaults=_BUDGET,
        ),
    ]


def _own() -> DatasetSpec:
    return DatasetSpec(
        name="points",
        summary="points: your own, from a CSV file of two columns (-o dataset.path=FILE)",
        factory="ganbench_toy.own:build",
        space="points",
        options=options.OwnPointsOptions,
        metrics=("fd10k_points",),
        extractor="points",
        defaults=_BUDGET,
    )


def _points() -> ExtractorSpec:
    return ExtractorSpec(
        name="points",
        summary="points as they are: two features",
        factory="ganbench_toy.extractor:build",
    )
