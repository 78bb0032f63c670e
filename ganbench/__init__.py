"""ganbench: benchmark GANs with plugins, and compare what comes out.

The names here are the public interface. They are imported on first use, so that ``import ganbench`` costs nothing and needs no torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ganbench.cache import cache_directory as cache_directory
    from ganbench.cache import keep_in_cache as keep_in_cache
    from ganbench.cache import tensors_from_bytes as tensors_from_bytes
    from ganbench.cache import tensors_to_bytes as tensors_to_bytes
    from ganbench.config.setting import Settings as Settings
    from ganbench.config.setting import setting as setting
    from ganbench.data.source import ArraySource as ArraySource
    from ganbench.data.source import DataContext as DataContext
    from ganbench.data.source import Dataset as Dataset
    from ganbench.data.source import Source as Source
    from ganbench.data.source import Targets as Targets
    from ganbench.errors import ConfigError as ConfigError
    from ganbench.errors import DataError as DataError
    from ganbench.errors import GanbenchError as GanbenchError
    from ganbench.errors import PluginError as PluginError
    from ganbench.errors import RunFailed as RunFailed
    from ganbench.errors import UnsuitableError as UnsuitableError
    from ganbench.errors import UsageError as UsageError
    from ganbench.errors import WeightsError as WeightsError
    from ganbench.evaluation.frozen import FrozenSamples as FrozenSamples
    from ganbench.evaluation.frozen import FrozenScore as FrozenScore
    from ganbench.evaluation.protocol import Extractor as Extractor
    from ganbench.evaluation.protocol import ExtractorContext as ExtractorContext
    from ganbench.evaluation.protocol import Features as Features
    from ganbench.evaluation.protocol import Metric as Metric
    from ganbench.evaluation.protocol import Needs as Needs
    from ganbench.evaluation.protocol import SampleSet as SampleSet
    from ganbench.evaluation.protocol import labels_of as labels_of
    from ganbench.evaluation.protocol import logits_of as logits_of
    from ganbench.evaluation.statistics import FeatureSpread as FeatureSpread
    from ganbench.evaluation.statistics import FeatureStatistics as FeatureStatistics
    from ganbench.evaluation.statistics import ModeScores as ModeScores
    from ganbench.evaluation.statistics import score_modes as score_modes
    from ganbench.plugin.hookspecs import hookimpl as hookimpl
    from ganbench.record.record import Evaluation as Evaluation
    from ganbench.record.record import MetricValue as MetricValue
    from ganbench.record.record import RunRecord as RunRecord
    from ganbench.spec import API_VERSION as API_VERSION
    from ganbench.spec import ArchitectureSpec as ArchitectureSpec
    from ganbench.spec import AugmentationSpec as AugmentationSpec
    from ganbench.spec import CommandSpec as CommandSpec
    from ganbench.spec import DatasetSpec as DatasetSpec
    from ganbench.spec import ExecutorSpec as ExecutorSpec
    from ganbench.spec import ExtractorSpec as ExtractorSpec
    from ganbench.spec import FrozenSamplesSpec as FrozenSamplesSpec
    from ganbench.spec import ImageShape as ImageShape
    from ganbench.spec import LossSpec as LossSpec
    from ganbench.spec import MetricSpec as MetricSpec
    from ganbench.spec import ModelSpec as ModelSpec
    from ganbench.spec import NoOptions as NoOptions
    from ganbench.spec import PluginSpec as PluginSpec
    from ganbench.spec import Quantity as Quantity
    from ganbench.spec import RecipeSpec as RecipeSpec
    from ganbench.spec import ReporterSpec as ReporterSpec
    from ganbench.spec import SpaceSpec as SpaceSpec
    from ganbench.training.algorithm import Algorithm as Algorithm
    from ganbench.training.algorithm import AlgorithmContext as AlgorithmContext
    from ganbench.training.networks import Networks as Networks
    from ganbench.training.networks import Translation as Translation
    from ganbench.training.objective import Augmentation as Augmentation
    from ganbench.training.objective import Discriminate as Discriminate
    from ganbench.training.objective import Judgement as Judgement
    from ganbench.training.objective import Objective as Objective
    from ganbench.training.objective import Penalty as Penalty
    from ganbench.training.objective import Seen as Seen
    from ganbench.training.objective import Term as Term
    from ganbench.training.objective import WeightTerm as WeightTerm

_HOME_OF = {
    "API_VERSION": "ganbench.spec",
    "Algorithm": "ganbench.training.algorithm",
    "AlgorithmContext": "ganbench.training.algorithm",
    "ArchitectureSpec": "ganbench.spec",
    "ArraySource": "ganbench.data.source",
    "Augmentation": "ganbench.training.objective",
    "AugmentationSpec": "ganbench.spec",
    "CommandSpec": "ganbench.spec",
    "ConfigError": "ganbench.errors",
    "DataContext": "ganbench.data.source",
    "DataError": "ganbench.errors",
    "Dataset": "ganbench.data.source",
    "DatasetSpec": "ganbench.spec",
    "Discriminate": "ganbench.training.objective",
    "Evaluation": "ganbench.record.record",
    "ExecutorSpec": "ganbench.spec",
    "Extractor": "ganbench.evaluation.protocol",
    "ExtractorContext": "ganbench.evaluation.protocol",
    "ExtractorSpec": "ganbench.spec",
    "FeatureSpread": "ganbench.evaluation.statistics",
    "FeatureStatistics": "ganbench.evaluation.statistics",
    "Features": "ganbench.evaluation.protocol",
    "FrozenSamples": "ganbench.evaluation.frozen",
    "FrozenSamplesSpec": "ganbench.spec",
    "FrozenScore": "ganbench.evaluation.frozen",
    "GanbenchError": "ganbench.errors",
    "ImageShape": "ganbench.spec",
    "Judgement": "ganbench.training.objective",
    "LossSpec": "ganbench.spec",
    "Metric": "ganbench.evaluation.protocol",
    "MetricSpec": "ganbench.spec",
    "MetricValue": "ganbench.record.record",
    "ModeScores": "ganbench.evaluation.statistics",
    "ModelSpec": "ganbench.spec",
    "Needs": "ganbench.evaluation.protocol",
    "Networks": "ganbench.training.networks",
    "NoOptions": "ganbench.spec",
    "Objective": "ganbench.training.objective",
    "Penalty": "ganbench.training.objective",
    "PluginError": "ganbench.errors",
    "PluginSpec": "ganbench.spec",
    "Quantity": "ganbench.spec",
    "RecipeSpec": "ganbench.spec",
    "ReporterSpec": "ganbench.spec",
    "RunFailed": "ganbench.errors",
    "RunRecord": "ganbench.record.record",
    "SampleSet": "ganbench.evaluation.protocol",
    "Seen": "ganbench.training.objective",
    "Settings": "ganbench.config.setting",
    "Source": "ganbench.data.source",
    "SpaceSpec": "ganbench.spec",
    "Targets": "ganbench.data.source",
    "Term": "ganbench.training.objective",
    "Translation": "ganbench.training.networks",
    "UnsuitableError": "ganbench.errors",
    "UsageError": "ganbench.errors",
    "WeightTerm": "ganbench.training.objective",
    "WeightsError": "ganbench.errors",
    "cache_directory": "ganbench.cache",
    "hookimpl": "ganbench.plugin.hookspecs",
    "keep_in_cache": "ganbench.cache",
    "labels_of": "ganbench.evaluation.protocol",
    "logits_of": "ganbench.evaluation.protocol",
    "score_modes": "ganbench.evaluation.statistics",
    "setting": "ganbench.config.setting",
    "tensors_from_bytes": "ganbench.cache",
    "tensors_to_bytes": "ganbench.cache",
}
"""The module of each public name, sorted by name."""

__all__ = [*_HOME_OF]


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
