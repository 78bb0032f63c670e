"""A table of tables: CTGAN beside the two baselines that it must beat, on data that ship, by a classifier trained on generated rows.

The published figures are of tables that are downloads; they stand in the notes.
"""

from __future__ import annotations

from ganbench_reproduce.experiment import ExperimentColumn
from ganbench_reproduce.recipe_table import RecipeRow, RecipeTable
from ganbench_rows.options import RowsTableOptions

_PLUGINS = {
    "ctgan": ("CTGAN", "ctgan-small", 200.0),
    "gaussian-copula": ("Gaussian copula", "gaussian-copula", 20.0),
    "independent-marginals": ("independent marginals", "independent-marginals", 20.0),
}
_COLUMNS = {
    ExperimentColumn(name="tstr", label="TSTR accuracy", digits=3): "tstr1k",
    ExperimentColumn(name="tstr_f1", label="TSTR F1", digits=3): "tstr_f11k",
    ExperimentColumn(name="marginal", label="marginal error", digits=3): "marginal_error1k",
    ExperimentColumn(name="pair", label="pair error", digits=3): "pair_error1k",
    ExperimentColumn(name="closest", label="closest record ratio", digits=3): "closest_record_ratio1k",
    ExperimentColumn(name="copied", label="copied", digits=3): "copied1k",
}
_NOTES = (
    "published of Adult, AdaBoost trained on rows of CTGAN: accuracy 0.828, F1 0.528 (as a later article reports it, not checked here): "
    "another table and another classifier, so that no difference is taken",
    "independent marginals have the right columns by design, so that only what ties columns tells a model from them",
    "networks of half the width, batches of 100 and five times the rate, where the article has 256, 500 and 2e-4; batches repeat the rows "
    "of a table of a few hundred",
)


def build(options: RowsTableOptions) -> RecipeTable:
    """Build the experiment from its options."""
    rows = [
        RecipeRow(
            name=f"{method}-{table}",
            label=f"{_PLUGINS[method][0]}, {table}",
            plugin=_PLUGINS[method][1],
            kimg=_PLUGINS[method][2],
            settings={"dataset.name": table},
        )
        for table in options.tables
        for method in options.rows
    ]
    return RecipeTable(rows, ("tstr1k", "marginal_error1k", "closest_record1k"), _COLUMNS, _NOTES)
