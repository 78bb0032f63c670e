"""The table that detectors are published in, one class at a time, on data that ship: which is another data set, so figures stand in notes.

Each row is a method and a class; its scores are those of the state at the end of the budget, over the whole held-out split.
"""

from __future__ import annotations

from ganbench_detection.options import ProtocolOptions
from ganbench_reproduce.experiment import ExperimentCell, ExperimentColumn, ExperimentRun, ExperimentSetup
from ganbench_reproduce.trained import TrainedRuns

_PLUGINS = {
    "pca": "pca",
    "nearest-neighbours": "nearest-neighbours",
    "vae": "vae-small",
    "ganomaly": "ganomaly-small",
    "f-anogan": "f-anogan-small",
    "anogan": "anogan-small",
}
_LABELS = {
    "pca": "PCA",
    "nearest-neighbours": "nearest neighbours",
    "vae": "VAE",
    "ganomaly": "GANomaly",
    "f-anogan": "f-AnoGAN",
    "anogan": "AnoGAN",
}
_PUBLISHED = {
    "normal": (
        "published of MNIST at 28x28, digits 0 to 9 normal, AUROC x 100: Deep SVDD 98.0 99.7 91.7 91.9 94.9 88.5 98.3 94.6 93.9 96.5; "
        "AnoGAN 96.6 99.2 85.0 88.7 89.4 88.3 94.7 93.5 84.9 92.4 (both from the article of Deep SVDD, not checked here)",
    ),
    "without": (
        "published of MNIST at 28x28, digits 0 to 9 the anomaly, AUROC x 100: a VAE with latents of 2, 96 73 97 94 73 92 95 77 92 66 "
        "(from an excerpt of an article, not checked here)",
    ),
}


class DetectionProtocol:
    """An :class:`~ganbench_reproduce.experiment.Experiment`.

    Args:
        options: which rows, of which data, and their budget.
    """

    columns = (
        ExperimentColumn(name="auroc", label="AUROC", digits=3),
        ExperimentColumn(name="auprc", label="AUPRC", digits=3),
        ExperimentColumn(name="chance", label="AUPRC of chance", digits=3),
    )
    intervals = 1
    interval_name = "budgets"
    num_seeds = 3
    error_name = "nothing: no figure of these data is published"

    def __init__(self, options: ProtocolOptions) -> None:
        self._options = options
        self.notes = (
            *_PUBLISHED[options.protocol],
            f"here the images are those of {options.of}: another data set, so that no difference is taken from published figures",
            "PCA and nearest neighbours have no randomness of their own: their seeds differ by the order of the samples alone",
            f"the state after {options.kimg} kimg is scored, and not the best one; an area below 0.5 is shown as it is",
        )
        self.cells = tuple(
            ExperimentCell(
                name=f"{method}-{options.protocol}-{number}", label=f"{_LABELS[method]}, {options.protocol}-{number}", published={}
            )
            for number in options.classes
            for method in options.methods
        )

    def start(self, setup: ExperimentSetup) -> ExperimentRun:
        """Return a cell before its first step."""
        method, _, number = setup.cell.rpartition(f"-{self._options.protocol}-")
        settings = {
            "dataset.name": "anomalies",
            "dataset.options.of": self._options.of,
            "dataset.options.protocol": f"{self._options.protocol}-{number}",
            "evaluation.metrics": ("auroc", "auprc"),
            "training.total_kimg": float(self._options.kimg),
        }
        columns = {"auroc": "auroc", "auprc": "auprc", "chance": "chance_auprc"}
        return TrainedRuns(setup, _PLUGINS[method], settings, columns, interval_kimg=self._options.kimg)


def build(options: ProtocolOptions) -> DetectionProtocol:
    """Build the experiment from its options."""
    return DetectionProtocol(options)
