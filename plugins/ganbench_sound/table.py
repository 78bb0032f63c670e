"""A table of spoken digits: WaveGAN and SpecGAN, small, asked for each digit, by the classifiers that ship with the data.

The published figures are of Speech Commands and another classifier; they stand in the notes.
"""

from __future__ import annotations

from ganbench_reproduce.experiment import ExperimentColumn
from ganbench_reproduce.recipe_table import RecipeRow, RecipeTable
from ganbench_sound.options import SpokenTableOptions

_LABELS = {"wavegan": "WaveGAN", "specgan": "SpecGAN"}
_COLUMNS = {
    ExperimentColumn(name="recognised", label="recognised as asked"): "class_accuracy1k_spoken-digits",
    ExperimentColumn(name="worst", label="of the worst digit"): "worst_class_accuracy1k_spoken-digits",
    ExperimentColumn(name="cs", label="CS spoken-digits"): "cs1k_spoken-digits",
    ExperimentColumn(name="fd", label="FD spoken-digits"): "fd1k_spoken-digits",
}
_NOTES = (
    "published of Speech Commands, inception score by the authors' classifier: real 9.18, held-out 8.01, WaveGAN with phase shuffle 4.67, "
    "SpecGAN 6.03 (Donahue et al. 2019, not checked here): other sounds and another classifier, so that no difference is taken",
    "half a second at 8 kHz by voices of espeak-ng, width 8 and labels, where the source has a second at 16 kHz, width 64 and none",
    "where espeak-ng is not installed the sounds are tones, and the record of the dataset says so",
)


def build(options: SpokenTableOptions) -> RecipeTable:
    """Build the experiment from its options."""
    rows = [RecipeRow(name=name, label=_LABELS[name], plugin=f"{name}-small") for name in options.rows]
    metrics = ("class_accuracy1k_spoken-digits", "cs1k_spoken-digits", "fd1k_spoken-digits")
    return RecipeTable(rows, metrics, _COLUMNS, _NOTES)
