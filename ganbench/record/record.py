"""The record of one run: frozen, versioned, and carrying its machine.

Schema history
    1  (0.1.0) first version
    2  (0.1.0) samples of any kind and networks of any names: ``samples_seen`` and ``samples_per_second`` in the place of ``images_seen``
       and ``images_per_second``; ``work.parameters`` by module in the place of ``generator_parameters`` and
       ``discriminator_parameters``; the space's name and unit. A record of schema 1 is read as one of schema 2.
"""

from __future__ import annotations

import hashlib
import json
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Literal

from ganbench.spec import PluginIdentity

Scalar = str | int | float | bool | None


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Key:
    """One of the four keys that decide what may be compared: named fields and a digest over them.

    A field of None says nothing, as one that is not there: so equality, differences and the digest have it. A later version that adds a
    field leaves it at None wherever all is as it was before there was that field, and its records agree with older ones.
    """

    fields: tuple[tuple[str, Scalar], ...]
    """Sorted by name."""

    @classmethod
    def of(cls, **values: Scalar) -> Key:
        """Build a key from named values."""
        return cls(fields=tuple(sorted(values.items())))

    @property
    def _said(self) -> tuple[tuple[str, Scalar], ...]:
        return tuple((name, value) for name, value in self.fields if value is not None)

    def __eq__(self, other: object) -> bool:
        """Tell whether both say the same."""
        return self._said == other._said if isinstance(other, Key) else NotImplemented

    def __hash__(self) -> int:
        """Return a hash of what is said."""
        return hash(self._said)

    @property
    def digest(self) -> str:
        """First 12 hex digits of sha256 over the canonical JSON of what is said."""
        return hashlib.sha256(json.dumps(self._said, sort_keys=True).encode()).hexdigest()[:12]

    def differences(self, other: Key) -> tuple[tuple[str, Scalar, Scalar], ...]:
        """Return (field, ours, theirs) for each field that differs."""
        ours, theirs = dict(self.fields), dict(other.fields)
        return tuple((n, ours.get(n), theirs.get(n)) for n in sorted(ours | theirs) if ours.get(n) != theirs.get(n))


SCHEMA_VERSION = 2
MIXED_MACHINES = "resumed on another machine: times and speed are a mixture of both"
"""The note of a run that went on elsewhere."""
Status = Literal["complete", "diverged", "interrupted", "failed", "running"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Keys:
    """The four keys of a run."""

    hardware: Key
    software: Key
    work: Key
    evaluation: tuple[Key, ...]
    """One for each metric."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Timing:
    """Where the wall clock went, in seconds; the parts do not overlap."""

    training_seconds: float
    evaluation_seconds: float
    checkpoint_seconds: float
    sampling_seconds: float
    """Writing sample grids."""
    startup_seconds: float
    """Loading data and building networks."""
    calibration_seconds: float
    """Choosing the thread count, warming up."""
    wall_seconds: float
    """What the call took that made the run, and those before it that it goes on from: imports and pictures too, which are no part."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Throughput:
    """Speed of training, evaluation and I/O left out."""

    samples_per_second: float
    """Real samples into the discriminator, over all training segments after warm-up."""
    seconds_per_kimg: float
    phase_milliseconds: tuple[tuple[str, float], ...]
    """Mean time of each phase of an iteration, from a sample of iterations."""
    peak_memory_mib: float
    """Peak device memory on a GPU, peak resident set on a CPU."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Work:
    """What is the same on every machine."""

    parameters: dict[str, int]
    """Trainable numbers of each network, by its name: ``generator``, ``discriminator``, ``encoder``."""
    flops_per_iteration: int
    """Multiply-adds count twice; forward and backward of one iteration. 0 where it could not be counted."""
    generator_steps: int
    samples_seen: int
    trajectory_hash: str
    """sha256 over the float32 losses of the first iterations."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Evaluation:
    """All metrics at one moment of training."""

    samples_seen: int
    training_seconds: float
    values: tuple[MetricValue, ...]
    diversity: float | None = None
    """How far generated samples lie from each other, as a share of what real ones do: by their nearest other one or by their spread,
    whichever is less. None where nothing is generated, or of a record that is older."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RunRecord:
    """Everything that a table or a comparison needs to know of a run."""

    schema_version: int
    run_id: str
    status: Status
    status_detail: str
    """Why it is not complete; empty otherwise."""
    created: str
    """UTC, ISO 8601."""
    ganbench_version: str
    name: str
    """The recipe or architecture as the user named it."""
    seed: int
    config: dict[str, Scalar | list[str]]
    """The resolved configuration by path, as in config.toml."""
    plugins: tuple[PluginIdentity, ...]
    dataset: str
    dataset_hash: str
    space: str
    """Name of the space that its samples are of: ``images``, ``points``."""
    unit: str
    """Its samples in the plural, as tables write them: ``images`` in ``images/s``."""
    keys: Keys
    timing: Timing
    throughput: Throughput
    work: Work
    evaluations: tuple[Evaluation, ...]
    collapsed: bool
    """The generated samples are alike at the end, or the first metric is twice as bad as once; see :func:`has_collapsed`."""
    num_resumes: int
    notes: tuple[str, ...] = ()
    """What a reader must know: files left out, overrides of a recipe, a stated fallback."""
    host: str = ""
    """Name of the machine, for finding it again; never part of a key."""
    load: float | None = None
    """Processes that wanted a CPU of the machine, this run's too, over the minute before the record was written; None: not told."""
    kind: Literal["run", "evaluation"] = "run"
    """``evaluation`` where something that existed was measured: nothing was trained, and nothing of it is a speed."""

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the row of this run in the table of runs."""
        text: str = import_module("ganbench.report.runs").table(self)._repr_html_()  # the report imports records, not the other way round
        return text

    @property
    def is_mixed(self) -> bool:
        """Whether its times are of two machines."""
        return MIXED_MACHINES in self.notes

    @property
    def metric_names(self) -> tuple[str, ...]:
        """Names of the metrics, in the order of the evaluations."""
        return tuple(v.name for v in self.evaluations[-1].values) if self.evaluations else ()

    def history(self, metric: str) -> tuple[tuple[int, MetricValue], ...]:
        """Return (samples_seen, value) of one metric over the run."""
        return tuple((e.samples_seen, v) for e in self.evaluations for v in e.values if v.name == metric)

    def final(self, metric: str) -> MetricValue:
        """Return the last value of a metric."""
        return self.history(metric)[-1][1]

    def best(self, metric: str) -> MetricValue:
        """Return the best value of a metric; a NaN is never the best, nor is the untrained network where there is another."""
        return best_of(self.history(metric))


@dataclass(frozen=True, kw_only=True, slots=True)
class MetricValue:
    """One measured number, with its protocol and its floor."""

    name: str
    """Full name with protocol: ``fd5k_digits``."""
    label: str
    """Table heading: ``FD digits``."""
    value: float
    """Mean over the extractor's members."""
    spread: float
    """Standard deviation (ddof 1) over the members; 0 for one member."""
    num_generated: int
    num_reference: int
    higher_is_better: bool
    evaluation_key: str
    """Digest of the evaluation key; values under different keys are never put in one column."""
    floor: float | None = None
    """Real against real: the same metric of real images in the place of generated ones, see :attr:`floor_of`; the mean over the splits."""
    floor_splits: tuple[float, ...] = ()
    """Its value in each split of the real images; empty in an older record, whose floor is of one."""
    floor_count: int = 0
    """Real images in the place of the generated ones."""
    floor_of: str = ""
    """Which these are, and which the others: ``drawn from 718 train images against 719 others``; empty for two halves of one split."""

    @property
    def floor_spread(self) -> float:
        """Standard deviation (ddof 1) of real against real over the splits; 0 where there are not two."""
        return deviation(self.floor_splits)


def deviation(values: Sequence[float]) -> float:
    """Return the standard deviation (ddof 1): 0 of fewer than two values; NaN where one is not finite, of which ``statistics`` raises."""
    return math.nan if not all(map(math.isfinite, values)) else statistics.stdev(values) if len(values) > 1 else 0.0


def best_of(history: Sequence[tuple[int, MetricValue]]) -> MetricValue:
    """Return the best of a metric's values at their moments, see :meth:`RunRecord.best`."""
    values = [value for seen, value in history if seen > 0] or [value for _, value in history]
    return min(values, key=lambda v: (v.value != v.value, -v.value if v.higher_is_better else v.value))


_ALIKE = 0.05


def are_alike(evaluations: Sequence[Evaluation]) -> bool:
    """Tell whether generated samples hardly differ at the end of a run, by :attr:`Evaluation.diversity`: whatever the metrics are."""
    last = evaluations[-1] if evaluations else None
    return last is not None and last.samples_seen > 0 and last.diversity is not None and last.diversity < _ALIKE


def has_collapsed(evaluations: Sequence[Evaluation]) -> bool:
    """Tell whether generated samples are alike, or the first metric ended twice as bad as its best, and by more than its spread.

    Nothing is held against the untrained network, and no ratio is taken of what is not above 0: for a distance, what real samples have
    against real ones stands in for a lower best.
    """
    if are_alike(evaluations):
        return True
    if not evaluations or not evaluations[-1].values:
        return False
    final = evaluations[-1].values[0]
    history = [(e.samples_seen, v) for e in evaluations for v in e.values if v.name == final.name]
    best = best_of(history)
    if math.isnan(final.value):
        return not all(math.isnan(value.value) for _, value in history)  # a metric that never had a value says nothing
    if final.higher_is_better:
        return best.value > 0 and final.value < best.value / 2 and best.value - final.value > final.spread
    reached = max(best.value, 0.0 if final.floor is None else abs(final.floor) + final.floor_spread)
    return reached > 0 and final.value > 2 * reached and final.value - reached > final.spread


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """A field in which two sides differ."""

    key: str
    """Of records ``hardware``, ``software``, ``work`` or ``evaluation``; of two sides of code see :attr:`Comparison.changes`."""
    field: str
    base: Scalar
    """None where base has no such field."""
    head: Scalar
