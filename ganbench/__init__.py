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
    from ganbench.cli.completion import complete_plugins as complete_plugins
    from ganbench.cli.completion import complete_words as complete_words
    from ganbench.cli.main import Invocation as Invocation
    from ganbench.cli.run import StopSignal as StopSignal
    from ganbench.config.model import KERNELS as KERNELS
    from ganbench.config.model import RUNNERS as RUNNERS
    from ganbench.config.model import OptimizerConfig as OptimizerConfig
    from ganbench.config.model import TrainingConfig as TrainingConfig
    from ganbench.config.resolve import Layer as Layer
    from ganbench.config.setting import Settings as Settings
    from ganbench.config.setting import setting as setting
    from ganbench.config.values import build_options as build_options
    from ganbench.config.values import read_pairs as read_pairs
    from ganbench.data.choose import make_sampler as make_sampler
    from ganbench.data.index_stream import IndexStream as IndexStream
    from ganbench.data.sampler import Batch as Batch
    from ganbench.data.sampler import Sampler as Sampler
    from ganbench.data.sampler import SamplerState as SamplerState
    from ganbench.data.source import ArraySource as ArraySource
    from ganbench.data.source import ContentHasher as ContentHasher
    from ganbench.data.source import DataContext as DataContext
    from ganbench.data.source import Dataset as Dataset
    from ganbench.data.source import Source as Source
    from ganbench.data.source import Targets as Targets
    from ganbench.data.space import BuildContext as BuildContext
    from ganbench.data.space import Space as Space
    from ganbench.data.streaming import default_workers as default_workers
    from ganbench.data.streaming import read_ahead as read_ahead
    from ganbench.errors import ConfigError as ConfigError
    from ganbench.errors import DataError as DataError
    from ganbench.errors import GanbenchError as GanbenchError
    from ganbench.errors import Interrupted as Interrupted
    from ganbench.errors import PluginError as PluginError
    from ganbench.errors import RunFailed as RunFailed
    from ganbench.errors import StorageError as StorageError
    from ganbench.errors import UnsuitableError as UnsuitableError
    from ganbench.errors import UsageError as UsageError
    from ganbench.errors import WeightsError as WeightsError
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
    from ganbench.fleet.cell_process import run_cell as run_cell
    from ganbench.fleet.executor import CellOutcome as CellOutcome
    from ganbench.fleet.executor import CellProgress as CellProgress
    from ganbench.fleet.executor import CellRequest as CellRequest
    from ganbench.fleet.executor import CellTask as CellTask
    from ganbench.fleet.executor import Executor as Executor
    from ganbench.fleet.executor import ExecutorContext as ExecutorContext
    from ganbench.fleet.local import LocalExecutor as LocalExecutor
    from ganbench.fleet.matrix.call import StoredMatrix as StoredMatrix
    from ganbench.fleet.matrix.call import matrix as matrix
    from ganbench.fleet.matrix.ledger import CellRow as CellRow
    from ganbench.plugin.factory import Registered as Registered
    from ganbench.plugin.manager import PluginManager as PluginManager
    from ganbench.record.directory import RunDirectory as RunDirectory
    from ganbench.record.directory import RunLock as RunLock
    from ganbench.record.events import Ended as Ended
    from ganbench.record.events import Evaluated as Evaluated
    from ganbench.record.events import Event as Event
    from ganbench.record.events import Listener as Listener
    from ganbench.record.events import Message as Message
    from ganbench.record.events import Progressed as Progressed
    from ganbench.record.events import ReporterContext as ReporterContext
    from ganbench.record.events import Saved as Saved
    from ganbench.record.events import Started as Started
    from ganbench.record.files import remove_leftovers as remove_leftovers
    from ganbench.record.files import write_text as write_text
    from ganbench.record.machine import Place as Place
    from ganbench.record.machine import describe_machine as describe_machine
    from ganbench.record.machine import hardware_key as hardware_key
    from ganbench.record.machine import host_name as host_name
    from ganbench.record.machine import software_key as software_key
    from ganbench.record.record import MIXED_MACHINES as MIXED_MACHINES
    from ganbench.record.record import Evaluation as Evaluation
    from ganbench.record.record import Key as Key
    from ganbench.record.record import MetricValue as MetricValue
    from ganbench.record.record import RunRecord as RunRecord
    from ganbench.record.serialise import decode as decode
    from ganbench.record.serialise import encode as encode
    from ganbench.registration import API_VERSION as API_VERSION
    from ganbench.registration import CommandSpec as CommandSpec
    from ganbench.registration import ModelSpec as ModelSpec
    from ganbench.registration import NoOptions as NoOptions
    from ganbench.registration import PluginSpec as PluginSpec
    from ganbench.registration import hookimpl as hookimpl
    from ganbench.report.document import Cell as Cell
    from ganbench.report.document import Column as Column
    from ganbench.report.document import Document as Document
    from ganbench.report.document import Row as Row
    from ganbench.report.document import Section as Section
    from ganbench.report.formats import render as render
    from ganbench.report.live_run import StatusLine as StatusLine
    from ganbench.report.runs import table as table
    from ganbench.report.stream import print_document as print_document
    from ganbench.report.stream import print_text as print_text
    from ganbench.run import run as run
    from ganbench.run.build import Materials as Materials
    from ganbench.run.build import build as build
    from ganbench.run.call import StoredRun as StoredRun
    from ganbench.run.call import load as load
    from ganbench.run.call import plan as plan
    from ganbench.run.call import resume as resume
    from ganbench.run.checkpoint import load_checkpoint as load_checkpoint
    from ganbench.run.checkpoint import save_checkpoint as save_checkpoint
    from ganbench.run.frozen import FrozenSamples as FrozenSamples
    from ganbench.run.frozen import FrozenScore as FrozenScore
    from ganbench.run.frozen import rescore as rescore
    from ganbench.run.lifecycle import Run as Run
    from ganbench.run.machine import choose_device as choose_device
    from ganbench.run.machine import keep_freed_memory as keep_freed_memory
    from ganbench.run.plan import RunPlan as RunPlan
    from ganbench.run.plan import plan_again as plan_again
    from ganbench.spec import ArchitectureSpec as ArchitectureSpec
    from ganbench.spec import AugmentationSpec as AugmentationSpec
    from ganbench.spec import DatasetSpec as DatasetSpec
    from ganbench.spec import ExecutorSpec as ExecutorSpec
    from ganbench.spec import ExtractorSpec as ExtractorSpec
    from ganbench.spec import FrozenSamplesSpec as FrozenSamplesSpec
    from ganbench.spec import LossSpec as LossSpec
    from ganbench.spec import MetricSpec as MetricSpec
    from ganbench.spec import PluginIdentity as PluginIdentity
    from ganbench.spec import Quantity as Quantity
    from ganbench.spec import RecipeSpec as RecipeSpec
    from ganbench.spec import ReporterSpec as ReporterSpec
    from ganbench.spec import Setting as Setting
    from ganbench.spec import SpaceSpec as SpaceSpec
    from ganbench.spec import both_optimizers as both_optimizers
    from ganbench.text import number as number
    from ganbench.training.adversarial import AdversarialAlgorithm as AdversarialAlgorithm
    from ganbench.training.algorithm import Algorithm as Algorithm
    from ganbench.training.algorithm import AlgorithmContext as AlgorithmContext
    from ganbench.training.algorithm import Phase as Phase
    from ganbench.training.algorithm import Steps as Steps
    from ganbench.training.inputs import FromData as FromData
    from ganbench.training.inputs import Inputs as Inputs
    from ganbench.training.inputs import Latents as Latents
    from ganbench.training.inputs import SampleStream as SampleStream
    from ganbench.training.ledger import Ledger as Ledger
    from ganbench.training.ledger import Statistics as Statistics
    from ganbench.training.ledger import logit_statistics as logit_statistics
    from ganbench.training.networks import Networks as Networks
    from ganbench.training.objective import Augmentation as Augmentation
    from ganbench.training.objective import Discriminate as Discriminate
    from ganbench.training.objective import Judgement as Judgement
    from ganbench.training.objective import Objective as Objective
    from ganbench.training.objective import Penalty as Penalty
    from ganbench.training.objective import Seen as Seen
    from ganbench.training.objective import Term as Term
    from ganbench.training.objective import WeightTerm as WeightTerm
    from ganbench.training.objective import steps_before as steps_before
    from ganbench.training.optimizers import build_optimizer as build_optimizer
    from ganbench.training.runner import choose_runner as choose_runner
    from ganbench.training.runner import start_runner as start_runner
    from ganbench.training.seeding import stream as stream

_HOME_OF = {
    "API_VERSION": "ganbench.registration",
    "AdversarialAlgorithm": "ganbench.training.adversarial",
    "Algorithm": "ganbench.training.algorithm",
    "AlgorithmContext": "ganbench.training.algorithm",
    "ArchitectureSpec": "ganbench.spec",
    "ArraySource": "ganbench.data.source",
    "Augmentation": "ganbench.training.objective",
    "AugmentationSpec": "ganbench.spec",
    "Batch": "ganbench.data.sampler",
    "BuildContext": "ganbench.data.space",
    "Cell": "ganbench.report.document",
    "CellOutcome": "ganbench.fleet.executor",
    "CellProgress": "ganbench.fleet.executor",
    "CellRequest": "ganbench.fleet.executor",
    "CellRow": "ganbench.fleet.matrix.ledger",
    "CellTask": "ganbench.fleet.executor",
    "Column": "ganbench.report.document",
    "CommandSpec": "ganbench.registration",
    "ConfigError": "ganbench.errors",
    "ContentHasher": "ganbench.data.source",
    "DataContext": "ganbench.data.source",
    "DataError": "ganbench.errors",
    "Dataset": "ganbench.data.source",
    "DatasetSpec": "ganbench.spec",
    "Discriminate": "ganbench.training.objective",
    "Document": "ganbench.report.document",
    "Ended": "ganbench.record.events",
    "Evaluated": "ganbench.record.events",
    "Evaluation": "ganbench.record.record",
    "Event": "ganbench.record.events",
    "Executor": "ganbench.fleet.executor",
    "ExecutorContext": "ganbench.fleet.executor",
    "ExecutorSpec": "ganbench.spec",
    "Extractor": "ganbench.evaluation.protocol",
    "ExtractorContext": "ganbench.evaluation.protocol",
    "ExtractorSpec": "ganbench.spec",
    "FeatureSpread": "ganbench.evaluation.statistics",
    "FeatureStatistics": "ganbench.evaluation.statistics",
    "Features": "ganbench.evaluation.protocol",
    "FromData": "ganbench.training.inputs",
    "FrozenSamples": "ganbench.run.frozen",
    "FrozenSamplesSpec": "ganbench.spec",
    "FrozenScore": "ganbench.run.frozen",
    "GanbenchError": "ganbench.errors",
    "IndexStream": "ganbench.data.index_stream",
    "Inputs": "ganbench.training.inputs",
    "Interrupted": "ganbench.errors",
    "Invocation": "ganbench.cli.main",
    "Judgement": "ganbench.training.objective",
    "KERNELS": "ganbench.config.model",
    "Key": "ganbench.record.record",
    "Latents": "ganbench.training.inputs",
    "Layer": "ganbench.config.resolve",
    "Ledger": "ganbench.training.ledger",
    "Listener": "ganbench.record.events",
    "LocalExecutor": "ganbench.fleet.local",
    "LossSpec": "ganbench.spec",
    "MIXED_MACHINES": "ganbench.record.record",
    "Materials": "ganbench.run.build",
    "Message": "ganbench.record.events",
    "Metric": "ganbench.evaluation.protocol",
    "MetricSpec": "ganbench.spec",
    "MetricValue": "ganbench.record.record",
    "ModeScores": "ganbench.evaluation.statistics",
    "ModelSpec": "ganbench.registration",
    "Needs": "ganbench.evaluation.protocol",
    "Networks": "ganbench.training.networks",
    "NoOptions": "ganbench.registration",
    "Objective": "ganbench.training.objective",
    "OptimizerConfig": "ganbench.config.model",
    "Penalty": "ganbench.training.objective",
    "Phase": "ganbench.training.algorithm",
    "Place": "ganbench.record.machine",
    "PluginError": "ganbench.errors",
    "PluginIdentity": "ganbench.spec",
    "PluginManager": "ganbench.plugin.manager",
    "PluginSpec": "ganbench.registration",
    "Progressed": "ganbench.record.events",
    "Quantity": "ganbench.spec",
    "RUNNERS": "ganbench.config.model",
    "RecipeSpec": "ganbench.spec",
    "Registered": "ganbench.plugin.factory",
    "ReporterContext": "ganbench.record.events",
    "ReporterSpec": "ganbench.spec",
    "Row": "ganbench.report.document",
    "Run": "ganbench.run.lifecycle",
    "RunDirectory": "ganbench.record.directory",
    "RunFailed": "ganbench.errors",
    "RunLock": "ganbench.record.directory",
    "RunPlan": "ganbench.run.plan",
    "RunRecord": "ganbench.record.record",
    "SampleSet": "ganbench.evaluation.protocol",
    "SampleStream": "ganbench.training.inputs",
    "Sampler": "ganbench.data.sampler",
    "SamplerState": "ganbench.data.sampler",
    "Saved": "ganbench.record.events",
    "Section": "ganbench.report.document",
    "Seen": "ganbench.training.objective",
    "Setting": "ganbench.spec",
    "Settings": "ganbench.config.setting",
    "Source": "ganbench.data.source",
    "Space": "ganbench.data.space",
    "SpaceSpec": "ganbench.spec",
    "Started": "ganbench.record.events",
    "Statistics": "ganbench.training.ledger",
    "StatusLine": "ganbench.report.live_run",
    "Steps": "ganbench.training.algorithm",
    "StopSignal": "ganbench.cli.run",
    "StorageError": "ganbench.errors",
    "StoredMatrix": "ganbench.fleet.matrix.call",
    "StoredRun": "ganbench.run.call",
    "Targets": "ganbench.data.source",
    "Term": "ganbench.training.objective",
    "TrainingConfig": "ganbench.config.model",
    "UnsuitableError": "ganbench.errors",
    "UsageError": "ganbench.errors",
    "WeightTerm": "ganbench.training.objective",
    "WeightsError": "ganbench.errors",
    "both_optimizers": "ganbench.spec",
    "build": "ganbench.run.build",
    "build_optimizer": "ganbench.training.optimizers",
    "build_options": "ganbench.config.values",
    "cache_directory": "ganbench.cache",
    "choose_device": "ganbench.run.machine",
    "choose_runner": "ganbench.training.runner",
    "complete_plugins": "ganbench.cli.completion",
    "complete_words": "ganbench.cli.completion",
    "decode": "ganbench.record.serialise",
    "default_workers": "ganbench.data.streaming",
    "describe_machine": "ganbench.record.machine",
    "encode": "ganbench.record.serialise",
    "hardware_key": "ganbench.record.machine",
    "hookimpl": "ganbench.registration",
    "host_name": "ganbench.record.machine",
    "keep_freed_memory": "ganbench.run.machine",
    "keep_in_cache": "ganbench.cache",
    "labels_of": "ganbench.evaluation.protocol",
    "load": "ganbench.run.call",
    "load_checkpoint": "ganbench.run.checkpoint",
    "logit_statistics": "ganbench.training.ledger",
    "logits_of": "ganbench.evaluation.protocol",
    "make_sampler": "ganbench.data.choose",
    "matrix": "ganbench.fleet.matrix.call",
    "number": "ganbench.text",
    "plan": "ganbench.run.call",
    "plan_again": "ganbench.run.plan",
    "print_document": "ganbench.report.stream",
    "print_text": "ganbench.report.stream",
    "read_ahead": "ganbench.data.streaming",
    "read_pairs": "ganbench.config.values",
    "remove_leftovers": "ganbench.record.files",
    "render": "ganbench.report.formats",
    "rescore": "ganbench.run.frozen",
    "resume": "ganbench.run.call",
    "run": "ganbench.run",
    "run_cell": "ganbench.fleet.cell_process",
    "save_checkpoint": "ganbench.run.checkpoint",
    "score_modes": "ganbench.evaluation.statistics",
    "setting": "ganbench.config.setting",
    "software_key": "ganbench.record.machine",
    "start_runner": "ganbench.training.runner",
    "steps_before": "ganbench.training.objective",
    "stream": "ganbench.training.seeding",
    "table": "ganbench.report.runs",
    "tensors_from_bytes": "ganbench.cache",
    "tensors_to_bytes": "ganbench.cache",
    "write_text": "ganbench.record.files",
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
