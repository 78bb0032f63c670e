"""Rows of a table: CTGAN, two baselines, tables to train on and what measures them. Registration only, without torch.

CTGAN is written from the facts of its article alone. Nothing here depends on the package of the same name.
"""

from __future__ import annotations

from ganbench import ArchitectureSpec, DatasetSpec, MetricSpec, PluginSpec, Quantity, RecipeSpec, SpaceSpec, both_optimizers, hookimpl
from ganbench_reproduce import ReproductionSpec
from ganbench_rows import options

_CTGAN = "Xu et al. 2019, https://arxiv.org/abs/1907.00503"
_TABLE = ("marginal_error1k", "closest_record1k")
_BUDGET = (("training.total_kimg", 200.0),)
_STEPS = (
    ("training.packing", 10),
    ("training.ema_halflife_kimg", 0.0),
    ("loss.name", "wasserstein"),
    ("loss.options.gp_weight", 10.0),
)


@hookimpl
def ganbench_register() -> list[PluginSpec]:
    """Return the family."""
    return [_space(), *_architectures(), *_recipes(), *_tables(), *_metrics(), _table()]


def _space() -> SpaceSpec:
    return SpaceSpec(
        name="rows",
        summary="rows of a table, stored in its own units and seen mode by mode",
        factory="ganbench_rows.space:RowSpace",
        unit="rows",
    )


def _architectures() -> list[ArchitectureSpec]:
    once = (("training.total_kimg", 20.0), ("training.batch_size", 100), ("loss.name", "none"))
    return [
        ArchitectureSpec(
            name="ctgan",
            summary="CTGAN: rows of a table by a generator that is asked for a category",
            factory="ganbench_rows.ctgan:build",
            options=options.CTGANOptions,
            paper=_CTGAN,
            spaces=("rows",),
            packing=True,
            losses=("wasserstein",),
            algorithm="ganbench_rows.ctgan_step:CTGAN",
            defaults=(*_STEPS, ("training.batch_size", 500)),
        ),
        ArchitectureSpec(
            name="independent-marginals",
            summary="baseline: each column by itself, as the train split has it",
            factory="ganbench_rows.copula:build_independent",
            spaces=("rows",),
            losses=("none",),
            algorithm="ganbench_rows.copula:ShownRows",
            defaults=once,
        ),
        ArchitectureSpec(
            name="gaussian-copula",
            summary="baseline: the columns of the train split, tied by the correlation of their normal scores",
            factory="ganbench_rows.copula:build_copula",
            paper="Patki et al. 2016, https://doi.org/10.1109/DSAA.2016.49",
            spaces=("rows",),
            losses=("none",),
            algorithm="ganbench_rows.copula:ShownRows",
            defaults=once,
        ),
    ]


def _recipes() -> list[RecipeSpec]:
    from_the_article = (
        "the cross-entropy is taken of the logits, before the Gumbel noise",
        "the frequency of a value is 1 + its count in the logarithm",
        "the pack's rows and conditions alternate, where the article puts all rows before all conditions: an order of inputs",
        "beta1, beta2 and the weight decay are those of sdv-dev/CTGAN, as reported: the article gives the rate alone",
        "the budget is the dataset's, in place of 300 epochs, and a batch of 500 repeats the rows of a table of fewer",
    )
    adam = both_optimizers(kind="adam", beta1=0.5, beta2=0.9, weight_decay=1e-6)
    return [
        RecipeSpec(
            name="ctgan-500",
            summary="CTGAN as published: 256-256 against 256-256, packs of 10, batches of 500",
            paper=f"{_CTGAN}, sections 4.3 and 4.4",
            architecture="ctgan",
            settings=(*_STEPS, ("training.batch_size", 500), *adam, *both_optimizers(learning_rate=2e-4)),
            deviations=from_the_article,
        ),
        RecipeSpec(
            name="ctgan-small",
            summary="CTGAN for two cores: 128-128 against 128-128, batches of 100, a rate of 1e-3",
            paper=_CTGAN,
            architecture="ctgan",
            settings=(
                *_STEPS,
                ("training.batch_size", 100),
                ("architecture.options.generator_widths", ("128", "128")),
                ("architecture.options.discriminator_widths", ("128", "128")),
                *adam,
                *both_optimizers(learning_rate=1e-3),
            ),
            deviations=(*from_the_article, "half the width, a fifth of the batch and five times the rate"),
        ),
    ]


def _tables() -> list[DatasetSpec]:
    bundled = {
        "iris": "150 irises: 4 numbers and their species",
        "wine": "178 wines: 13 numbers and their grower",
        "breast-cancer": "569 tumours: 30 numbers, benign or malignant",
        "diabetes": "442 patients: 9 numbers, their sex, and a score as target",
    }
    classified = ("tstr1k", *_TABLE)
    return [
        *(
            DatasetSpec(
                name=name,
                summary=f"rows: {summary}; from scikit-learn, always offline",
                factory=f"ganbench_rows.datasets:build_{name.replace('-', '_')}",
                space="rows",
                options=options.BundledOptions,
                metrics=_TABLE if name == "diabetes" else classified,
                defaults=_BUDGET,
            )
            for name, summary in bundled.items()
        ),
        DatasetSpec(
            name="mixture-rows",
            summary="rows of a known density: two numbers and a kind, one of four rare",
            factory="ganbench_rows.datasets:build_mixture",
            space="rows",
            options=options.MixtureOptions,
            metrics=("refit_log_likelihood1k", *classified),
            defaults=_BUDGET,
        ),
        DatasetSpec(
            name="table",
            summary="rows of any CSV or Parquet file (-o path=FILE); types are inferred and shown",
            factory="ganbench_rows.datasets:build_table",
            space="rows",
            options=options.TableOptions,
            metrics=_TABLE,
            defaults=_BUDGET,
        ),
    ]


def _metrics() -> list[MetricSpec]:
    return [
        MetricSpec(
            name="tstr",
            summary="a classifier trained on generated rows, tested on real held-out ones: accuracy and mean F1",
            factory="ganbench_rows.tstr:build",
            options=options.TSTROptions,
            paper="Esteban et al. 2017, https://arxiv.org/abs/1706.02633",
            quantities=(
                Quantity(name="tstr", label="TSTR accuracy", higher_is_better=True),
                Quantity(name="tstr_f1", label="TSTR F1", higher_is_better=True),
            ),
            default_count=1000,
            looks_at="samples",
            spaces=("rows",),
        ),
        MetricSpec(
            name="marginal_error",
            summary="distance of columns (Kolmogorov-Smirnov, total variation), and of pairs of columns",
            factory="ganbench_rows.marginal_error:build",
            quantities=(
                Quantity(name="marginal_error", label="marginal error", higher_is_better=False),
                Quantity(name="pair_error", label="pair error", higher_is_better=False),
            ),
            default_count=1000,
            looks_at="samples",
            spaces=("rows",),
        ),
        MetricSpec(
            name="closest_record",
            summary="privacy: distance to the closest train row, beside that of train rows to each other; copies",
            factory="ganbench_rows.closest_record:build",
            quantities=(
                Quantity(name="closest_record", label="closest record off 1", higher_is_better=False),
                Quantity(name="closest_record_ratio", label="closest record ratio", higher_is_better=True),
                Quantity(name="copied", label="copied", higher_is_better=False),
            ),
            default_count=1000,
            looks_at="samples",
            spaces=("rows",),
        ),
        MetricSpec(
            name="refit_log_likelihood",
            summary="log-likelihood of held-out rows under a refitted density, and of generated ones under the known one",
            factory="ganbench_rows.likelihood:build",
            paper=f"{_CTGAN}, section 5.2",
            quantities=(
                Quantity(name="refit_log_likelihood", label="refit log-likelihood", higher_is_better=True),
                Quantity(name="log_likelihood", label="log-likelihood", higher_is_better=True),
            ),
            default_count=1000,
            looks_at="samples",
            spaces=("rows",),
        ),
    ]


def _table() -> ReproductionSpec:
    return ReproductionSpec(
        name="ctgan-tables",
        summary="CTGAN, small, beside a copula and independent marginals on four tables; published figures of other tables as notes",
        factory="ganbench_rows.table:build",
        options=options.RowsTableOptions,
        paper=_CTGAN,
    )
