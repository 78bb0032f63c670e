"""R3GAN's ablation of its loss on stacked digits: GAN or relativistic GAN, with R1, or with R1 and R2, on one small network.

The article's network for it is not published (brownvc/R3GAN issue 23), so the network is ours, and figures stand in the notes.
"""

from __future__ import annotations

from ganbench_r3gan import LossTableOptions
from ganbench_reproduce.experiment import ExperimentColumn
from ganbench_reproduce.recipe_table import RecipeRow, RecipeTable

_NETWORK = {"architecture.options.width": 32, "architecture.options.blocks": 1}
_ROWS = {
    "rpgan-r1-r2": ("RpGAN, R1, R2", "relativistic", True),
    "gan-r1-r2": ("GAN, R1, R2", "logistic", True),
    "rpgan-r1": ("RpGAN, R1", "relativistic", False),
    "gan-r1": ("GAN, R1", "logistic", False),
}


def build(options: LossTableOptions) -> RecipeTable:
    """Build the experiment from its options."""
    extractor = {2: "stacked-pairs", 3: "stacked-digits"}[options.digits]
    rows = [
        RecipeRow(
            name=name,
            label=label,
            plugin="r3gan-small",
            settings={
                **_NETWORK,
                "dataset.name": "stacked-digits",
                "dataset.options.digits": options.digits,
                "dataset.options.num_images": options.num_images,
                "loss.name": loss,
                "loss.options.r1_gamma": options.gamma,
                "loss.options.r2_gamma": options.gamma if both else 0.0,
                "training.total_kimg": options.kimg,
            },
        )
        for name in options.rows
        for label, loss, both in (_ROWS[name],)
    ]
    columns = {
        ExperimentColumn(name="modes", label=f"modes of {10**options.digits:,}", digits=1): f"modes26k_{extractor}",
        ExperimentColumn(name="reverse_kl", label="KL (nats)", digits=3): f"reverse_kl26k_{extractor}",
        ExperimentColumn(name="fd", label=f"FD {extractor}", digits=1): f"fd5k_{extractor}",
    }
    return RecipeTable(rows, (f"modes26k_{extractor}", f"fd5k_{extractor}"), columns, _notes(options))


def _notes(options: LossTableOptions) -> tuple[str, ...]:
    return (
        "published of stacked MNIST, 1,000 modes: RpGAN with R1 and R2 1,000 modes and KL 0.0781, GAN with both 693 and 0.9270, either "
        "with R1 alone diverges (Huang et al. 2024, not checked here): another network and other digits, so that the order alone counts",
        "the network is ours (r3gan-small with 32 channels and one block at each of 4x4, 8x8 and 16x16 pixels), and so are its gamma, "
        "rates and schedules over the budget",
        f"{options.digits} of scikit-learn's digits in an image make {10**options.digits:,} modes, told by the shipped classifiers of "
        "26,000 samples; these err, and one sample is enough for a mode: KL says more than the count",
    )
