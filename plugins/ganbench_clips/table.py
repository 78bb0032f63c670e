"""A table of moving digits: MoCoGAN and VGAN, small, by what two shipped networks read of clips and of frames, and by motion itself.

The published figures are inception scores of films of sports by a network that is not here; they stand in the notes.
"""

from __future__ import annotations

from ganbench_clips.options import MovingTableOptions
from ganbench_reproduce.experiment import ExperimentColumn
from ganbench_reproduce.recipe_table import RecipeRow, RecipeTable

_LABELS = {"mocogan": "MoCoGAN", "vgan": "VGAN"}
_COLUMNS = {
    ExperimentColumn(name="fd", label="clip-FD"): "fd1k_moving-digits",
    ExperimentColumn(name="fd_frames", label="FD of frames"): "fd1k_moving-digits-frames",
    ExperimentColumn(name="speed", label="speed off (pixels a frame)", digits=3): "motion1k",
    ExperimentColumn(name="jerkiness", label="jerkiness off", digits=3): "jerkiness1k",
    ExperimentColumn(name="digit_kept", label="digit kept", digits=3): "digit_kept200",
}
_NOTES = (
    "published of UCF-101, inception score: VGAN 8.31, TGAN 11.85, MoCoGAN 12.42 (as later articles report them, not checked here): other "
    "clips and another network, so that no difference is taken. clip-FD is no FVD, which needs weights that do not ship",
    "clips of 32x32 and networks of a quarter of the width, where the sources have 64x64",
    "a frozen or shuffled clip has the frames of a right one: its clip-FD is large where its FD of frames is small",
)


def build(options: MovingTableOptions) -> RecipeTable:
    """Build the experiment from its options."""
    rows = [RecipeRow(name=name, label=_LABELS[name], plugin=f"{name}-small") for name in options.rows]
    metrics = ("fd1k_moving-digits", "fd1k_moving-digits-frames", "motion1k", "digit_kept200")
    return RecipeTable(rows, metrics, _COLUMNS, _NOTES)
