"""ganbench: benchmark GANs with plugins, and compare what comes out.

The names here are the public interface. They are imported on first use, so that ``import ganbench`` costs nothing and needs no torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ganbench.data.source import ArraySource, DataContext, Dataset, ImageSource
    from ganbench.errors import (
        ConfigError,
        DataError,
        GanbenchError,
        PluginError,
        RunFailed,
        UsageError,
        WeightsError,
    )
    from ganbench.evaluation.frozen import FrozenSamples, FrozenScore
    from ganbench.evaluation.protocol import Extractor, ExtractorContext, Features, FeatureSet, Metric, Needs
    from ganbench.plugin.hookspecs import hookimpl
    from ganbench.record.record import Evaluation, MetricValue, RunRecord
    from ganbench.reproduce.experiment import (
        Experiment,
        ExperimentCell,
        ExperimentColumn,
        ExperimentFacts,
        ExperimentRun,
        ExperimentSetup,
        PublishedFigure,
    )
    from ganbench.spec import (
        API_VERSION,
        ArchitectureSpec,
        AugmentationSpec,
        DatasetSpec,
        ExtractorSpec,
        FrozenSamplesSpec,
        ImageShape,
        LossSpec,
        MetricSpec,
        NoOptions,
        Quantity,
        RecipeSpec,
        ReproductionSpec,
    )
    from ganbench.training.algorithm import Algorithm, AlgorithmContext
    from ganbench.training.networks import Networks, Translation
    from ganbench.training.objective import Augmentation, Discriminate, Judgement, Objective, Penalty, Seen, Term, WeightTerm

_HOMES = {
    "ganbench.data.source": ("ArraySource", "DataContext", "Dataset", "ImageSource"),
    "ganbench.errors": ("ConfigError", "DataError", "GanbenchError", "PluginError", "RunFailed", "UsageError", "WeightsError"),
    "ganbench.evaluation.frozen": ("FrozenSamples", "FrozenScore"),
    "ganbench.evaluation.protocol": ("Extractor", "ExtractorContext", "FeatureSet", "Features", "Metric", "Needs"),
    "ganbench.plugin.hookspecs": ("hookimpl",),
    "ganbench.reproduce.experiment": (
        "Experiment",
        "ExperimentCell",
        "ExperimentColumn",
        "ExperimentFacts",
        "ExperimentRun",
        "ExperimentSetup",
        "PublishedFigure",
    ),
    "ganbench.record.record": ("Evaluation", "MetricValue", "RunRecord"),
    "ganbench.spec": (
        "API_VERSION",
        "ArchitectureSpec",
        "AugmentationSpec",
        "DatasetSpec",
        "ExtractorSpec",
        "FrozenSamplesSpec",
        "ImageShape",
        "LossSpec",
        "MetricSpec",
        "NoOptions",
        "Quantity",
        "RecipeSpec",
        "ReproductionSpec",
    ),
    "ganbench.training.algorithm": ("Algorithm", "AlgorithmContext"),
    "ganbench.training.networks": ("Networks", "Translation"),
    "ganbench.training.objective": (
        "Augmentation",
        "Discriminate",
        "Judgement",
        "Objective",
        "Penalty",
        "Seen",
        "Term",
        "WeightTerm",
    ),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "API_VERSION",
    "Algorithm",
    "AlgorithmContext",
    "ArchitectureSpec",
    "ArraySource",
    "Augmentation",
    "AugmentationSpec",
    "ConfigError",
    "DataContext",
    "DataError",
    "Dataset",
    "DatasetSpec",
    "Discriminate",
    "Evaluation",
    "Experiment",
    "ExperimentCell",
    "ExperimentColumn",
    "ExperimentFacts",
    "ExperimentRun",
    "ExperimentSetup",
    "Extractor",
    "ExtractorContext",
    "ExtractorSpec",
    "FeatureSet",
    "Features",
    "FrozenSamples",
    "FrozenSamplesSpec",
    "FrozenScore",
    "GanbenchError",
    "ImageShape",
    "ImageSource",
    "Judgement",
    "LossSpec",
    "Metric",
    "MetricSpec",
    "MetricValue",
    "Needs",
    "Networks",
    "NoOptions",
    "Objective",
    "Penalty",
    "PluginError",
    "PublishedFigure",
    "Quantity",
    "RecipeSpec",
    "ReproductionSpec",
    "RunFailed",
    "RunRecord",
    "Seen",
    "Term",
    "Translation",
    "UsageError",
    "WeightTerm",
    "WeightsError",
    "hookimpl",
]


def __getattr__(name: str) -> Any:
    """Import a public name on first use."""
    if name == "__version__":
        from ganbench.distribution import own_distribution

        return own_distribution().version
    if name in _HOME_OF:
        return getattr(importlib.import_module(_HOME_OF[name]), name)
    raise AttributeError(f"module 'ganbench' has no attribute {name!r}")


def __dir__() -> list[str]:
    """Return the public names."""
    return [*__all__, "__version__"]
