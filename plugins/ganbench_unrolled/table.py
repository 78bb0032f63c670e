"""Two tables of points: unrolled GANs by the steps that they look ahead, and VEEGAN's ring and grid with what we have of its rows."""

from __future__ import annotations

from ganbench_reproduce.experiment import ExperimentColumn, PublishedFigure
from ganbench_reproduce.recipe_table import RecipeRow, RecipeTable
from ganbench_unrolled import UnrolledTableOptions, VEEGANTableOptions

_METRIC = "modes2500_points"
_COLUMNS = {
    ExperimentColumn(name="modes", label="modes", digits=1): _METRIC,
    ExperimentColumn(name="high_quality", label="high quality", digits=3): "high_quality2500_points",
    ExperimentColumn(name="reverse_kl", label="reverse KL (nats)", digits=2): "reverse_kl2500_points",
}
_RULE = "a sample is of high quality within 3 standard deviations of its mode, by distance in the plane: the data themselves score 0.9889"

_RING_NOTES = (
    "published are pictures alone, of 10 steps and of 0: with 10 the samples spread over all modes, with 0 they hop from mode to mode "
    "(Metz et al. 2017, figure 2, not checked here)",
    _RULE,
    "25,000 steps of 512 points are the whole budget, as in the authors' demonstration; its ring has 7 modes, this one 8",
)


def build_ring(options: UnrolledTableOptions) -> RecipeTable:
    """Build the table of the steps ahead."""
    rows = [
        RecipeRow(
            name=f"steps-{steps}",
            label=f"unrolled, {steps} steps" if steps else "GAN, 0 steps",
            plugin="unrolled-ring",
            settings={"architecture.options.unrolled_steps": steps, "training.total_kimg": options.kimg},
        )
        for steps in options.steps
    ]
    return RecipeTable(rows, (_METRIC,), _COLUMNS, _RING_NOTES)


_PUBLISHED = {
    ("ring", "gan"): (1.0, 0.993),
    ("ring", "unrolled"): (7.6, 0.356),
    ("grid", "gan"): (3.3, 0.005),
    ("grid", "unrolled"): (23.6, 0.16),
}
"""By data and row: modes, and the share of high-quality samples."""
_LABELS = {"gan": "GAN", "unrolled": "unrolled, 5", "pacgan": "PacGAN2's nets"}
_DATA = {"ring": "ring8", "grid": "grid25"}
_VEEGAN_NOTES = (
    "published as VEEGAN's table 1 has them (Srivastava et al. 2017; copied from later articles, not checked here), without intervals; its "
    "other rows, ring then grid: ALI 2.8 modes and 0.0013, 15.8 and 0.016; VEEGAN 8 and 0.529, 24.6 and 0.40. "
    "Neither is an architecture of ours",
    "GAN and unrolled have the networks of the unrolled GAN's demonstration (2 tanh layers of 128, z 256), and no row has VEEGAN's; "
    "PacGAN2's networks and packs of two stand beside them without a figure",
    "the mixtures are PacGAN's, a ring of radius 1 and a grid of spacing 2, standard deviations 0.01 and 0.05; VEEGAN's were not checked",
    _RULE,
    "VEEGAN's third mixture, of 1,200 dimensions, is not among the data here",
)


def build_veegan(options: VEEGANTableOptions) -> RecipeTable:
    """Build VEEGAN's table of points."""
    rows = [_veegan_row(data, row, options.kimg) for data in options.data for row in options.rows]
    return RecipeTable(rows, (_METRIC,), _COLUMNS, _VEEGAN_NOTES, error_name="nothing: no interval was copied")


def _veegan_row(data: str, row: str, kimg: float) -> RecipeRow:
    settings = {"dataset.name": _DATA[data], "training.total_kimg": kimg}
    if row != "pacgan":
        settings |= {"architecture.options.unrolled_steps": 0 if row == "gan" else 5}
    modes, quality = _PUBLISHED.get((data, row), (None, None))
    figures = {"modes": modes, "high_quality": quality}
    return RecipeRow(
        name=f"{data}-{row}",
        label=f"{data}, {_LABELS[row]}",
        plugin="pacgan-2d" if row == "pacgan" else "unrolled-ring",
        settings=settings,
        published={name: PublishedFigure(value=value) for name, value in figures.items() if value is not None},
    )
