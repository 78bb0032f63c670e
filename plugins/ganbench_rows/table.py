"""A table of tables: CTGAN beside the two baselines that it must beat, on data that ship, by a classifier trained on generated rows.

The published figures are of tables that are downloads; they stand in the notes.
"""

from __future__ import annotations

from ganbench_reproduce.experiment import ExperimentColumn
from ganbench_reproduce.recipe_table import RecipeRow, RecipeTable
from ganbench_rows.options import RowsTableOptions

_ONCE = {"training.total_kimg": 20.0}
"""A baseline has what it needs when it has seen each row."""
_METHODS: dict[str, tuple[str, str, dict[str, float]]] = {
    "ctgan": ("CTGAN", "ctgan-small", {}),
    "gaussian-copula": ("Gaussian copula", "gaussian-copula", _ONCE),
    "independent-marginals": ("independent marginals", "independent-marginals", _ONCE),
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
        RecipeRow(name=f"{method}-{table}", label=f"{label}, {table}", plugin=plugin, settings={"dataset.name": table, **settings})
        for table in options.tables
        for method in options.rows
        for label, plugin, settings in (_METHODS[method],)
    ]
    return RecipeTable(rows, ("tstr1k", "marginal_error1k", "closest_record1k"), _COLUMNS, _NOTES)
