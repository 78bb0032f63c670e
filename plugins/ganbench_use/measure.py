"""From samples and a dataset to an evaluated record: the metrics of the standard protocol, without training."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import ganbench
from ganbench import (
    SCHEMA_VERSION,
    ConfigError,
    DataContext,
    Dataset,
    DatasetSpec,
    Evaluation,
    Evaluator,
    Extractor,
    ExtractorContext,
    ExtractorSpec,
    Key,
    Keys,
    Metric,
    MetricSpec,
    MetricValue,
    Place,
    PluginIdentity,
    PluginManager,
    Registered,
    RunDirectory,
    RunRecord,
    StoredRun,
    Throughput,
    Timing,
    Work,
    build_options,
    did_you_mean,
    hardware_key,
    has_collapsed,
    host_name,
    reference_cache,
    software_key,
)
from ganbench_use.asked import plan_against
from ganbench_use.sources import MeasuredSamples

PICTURE_COLUMNS = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Yardstick:
    """What samples are measured against, and how: a dataset, metrics and their extractors."""

    dataset: Dataset
    planned: tuple[Any, ...]
    metrics: Mapping[str, Metric]
    extractors: Mapping[str, Extractor]
    identities: tuple[PluginIdentity, ...]
    config: Mapping[str, str | int | float | bool | list[str] | None]
    """What decided it, by configuration path."""

    @property
    def most_generated(self) -> int:
        """The samples that the largest of the metrics looks at."""
        return max((one.num_generated for one in self.planned), default=0)


def make_yardstick(
    manager: PluginManager,
    dataset: str,
    names: tuple[str, ...],
    pairs: Mapping[str, str],
    *,
    device: str,
    data_root: str = "",
    weights: str = "",
    download: bool = True,
) -> Yardstick:
    """Build a dataset, metrics and extractors.

    Args:
        manager: the plugins.
        dataset: its name.
        names: of the metrics; empty for the dataset's own.
        pairs: as after ``-o``: ``dataset.KEY``, ``FAMILY.KEY`` of a metric, or a bare key of the dataset.
        device: where the extractors run.
        data_root: folder of datasets; empty for the environment's.
        weights: of the Inception network.
        download: whether the network may be asked.

    Raises:
        UsageError: an unknown name or option, or data or weights that are missing.
    """
    context = ExtractorContext(device=device, weights=Path(weights).expanduser() if weights else None, download=download)
    registered, planned = plan_against(manager, dataset, names, context)
    spec, families = registered.spec, {one.spec.name: one for one in manager.specs(MetricSpec)}
    used = {one.spec.name for one in planned}
    given = _sorted_options(pairs, used)
    options = build_options(spec.options, given.pop("dataset", {}), "dataset.options")
    chosen = {name: build_options(families[name].spec.options, given.get(name, {}), name) for name in used}
    made = _build_dataset(registered, options, data_root, download=download)
    wanted = {name: manager.find(ExtractorSpec, name) for name in dict.fromkeys(one.extractor_name for one in planned) if name}
    config: dict[str, Any] = {"dataset.name": dataset}
    config |= {f"dataset.options.{field.name}": _scalar(getattr(options, field.name)) for field in dataclasses.fields(options)}
    for name, one in sorted(chosen.items()):
        config |= {f"metrics.{name}.{field.name}": _scalar(getattr(one, field.name)) for field in dataclasses.fields(one)}
    config["evaluation.metrics"] = [one.name for one in planned]
    return Yardstick(
        dataset=made,
        planned=planned,
        metrics={one.name: families[one.spec.name].build(chosen[one.spec.name]) for one in planned},
        extractors={name: one.build(one.spec.options(), context) for name, one in wanted.items()},
        identities=tuple(one.identity() for one in (registered, *(families[name] for name in sorted(used)), *wanted.values())),
        config=config,
    )


def make_dataset(manager: PluginManager, name: str, pairs: Mapping[str, str], *, data_root: str = "", download: bool = True) -> Dataset:
    """Build a dataset alone; see :func:`make_yardstick`."""
    registered = manager.find(DatasetSpec, name)
    options = build_options(registered.spec.options, _sorted_options(pairs, ()).get("dataset", {}), "dataset.options")
    return _build_dataset(registered, options, data_root, download=download)


def _build_dataset(registered: Registered[DatasetSpec], options: object, data_root: str, *, download: bool) -> Dataset:
    root = data_root or os.environ.get("GANBENCH_DATA", "")
    made: Dataset = registered.build(options, DataContext(data_root=Path(root).expanduser() if root else None, download=download))
    return made


def _sorted_options(pairs: Mapping[str, str], families: Iterable[str]) -> dict[str, dict[str, str]]:
    """Return the options of the dataset and of each metric."""
    owners = ("dataset", *sorted(families))
    sorted_by_owner: dict[str, dict[str, str]] = {}
    for key, value in pairs.items():
        owner, dot, name = key.rpartition(".")
        owner = owner.removesuffix(".options") if dot else "dataset"
        if owner not in owners:
            raise ConfigError(f"-o {key}: nothing here is called {owner!r}", hint=did_you_mean(owner, list(owners)))
        sorted_by_owner.setdefault(owner, {})[name] = value
    return sorted_by_owner


def _scalar(value: object) -> Any:
    return [str(item) for item in value] if isinstance(value, tuple) else value


def evaluator_for(yardstick: Yardstick, samples: MeasuredSamples, *, device: str, batch_size: int, floors: bool) -> Evaluator:
    """Return what measures samples against a yardstick.

    Raises:
        ConfigError: a metric that does not suit the data, or fewer samples than it looks at.
    """
    for one in yardstick.planned:
        if one.num_generated > samples.available:
            unit = yardstick.dataset.space.unit
            raise ConfigError(
                f"metric {one.name!r} looks at {one.num_generated:,} {unit}, and {samples.name} holds {samples.available:,}",
                hint=f"name a smaller count, as in {one.spec.name}{samples.available}, or generate more",
            )
    return Evaluator(
        yardstick.planned,
        yardstick.metrics,
        yardstick.extractors,
        yardstick.dataset,
        device=device,
        batch_size=batch_size,
        cache=reference_cache(),
        conditional=samples.labels is not None,
        truncation=samples.truncation,
        floors=floors,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """What was found, and what a record says of it."""

    values: tuple[MetricValue, ...]
    keys: tuple[Key, ...]
    diversity: float | None
    seconds: float
    """How long measuring took, the reference too."""


def measure(evaluator: Evaluator, samples: MeasuredSamples, scorers: Mapping[str, Any] | None = None) -> Measured:
    """Measure samples.

    Raises:
        Diverged: a generator's samples hold NaN or Inf.
    """
    began = time.perf_counter()
    values = evaluator.evaluate(samples.generate, samples.labels, scorers)
    diversity = evaluator.diversity(samples.generate)
    return Measured(values=tuple(values), keys=evaluator.keys(), diversity=diversity, seconds=time.perf_counter() - began)


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """Where what was measured is from, and by what."""

    source: str
    """As the user named it."""
    seed: int
    """Of the sampling."""
    samples_seen: int
    """By a run's generator; 0 where nobody knows."""
    device: str
    config: Mapping[str, Any]
    """What decided it, by path."""
    plugins: tuple[PluginIdentity, ...]
    """Those that took part."""
    dataset: Dataset
    """What it was measured against."""
    notes: tuple[str, ...] = ()
    """For the reader."""


def make_record(measured: Measured, samples: MeasuredSamples, account: Account) -> RunRecord:
    """Return the record of an evaluation: nothing was trained, so that nothing of it is a speed."""
    evaluation = Evaluation(samples_seen=account.samples_seen, training_seconds=0.0, values=measured.values, diversity=measured.diversity)
    dataset, space, device = account.dataset, account.dataset.space, account.device
    settings = {**account.config, "evaluation.truncation": samples.truncation, "training.total_kimg": 0.0, "training.seed": account.seed}
    return RunRecord(
        schema_version=SCHEMA_VERSION,
        run_id="",
        status="complete",
        status_detail="",
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        ganbench_version=ganbench.__version__,
        name=samples.name,
        seed=account.seed,
        config={"evaluation.source": account.source, **settings},
        plugins=account.plugins,
        dataset=dataset.name,
        dataset_hash=dataset.train.content_hash,
        space=space.name,
        unit=space.unit,
        keys=Keys(
            hardware=hardware_key(device),
            software=software_key(Place.of_process(device, precision="fp32")),
            work=_work_key(samples, account),
            evaluation=measured.keys,
        ),
        timing=_timing(measured.seconds),
        throughput=Throughput(samples_per_second=0.0, seconds_per_kimg=0.0, phase_milliseconds=(), peak_memory_mib=0.0),
        work=_work(samples, account.samples_seen),
        evaluations=(evaluation,),
        collapsed=has_collapsed((evaluation,)),
        num_resumes=0,
        notes=(f"evaluation of {account.source}: nothing was trained here", *dataset.notes, *account.notes),
        host=host_name(),
        kind="evaluation",
    )


def _work_key(samples: MeasuredSamples, account: Account) -> Key:
    """Return what must agree before two evaluations are of one thing."""
    return Key.of(
        **{
            "kind": "evaluation",
            "source": samples.kind,
            "samples.code": samples.content_hash[:16],  # what may differ between two sides that are compared
            "samples_seen": account.samples_seen or None,
            "truncation": samples.truncation or None,
            "training.total_kimg": 0.0,  # no run has it, so that an evaluation is never the same cell as one
            "data.hash": account.dataset.train.content_hash,
            "data.shape": account.dataset.space.describe(),
        }
    )


def _timing(seconds: float) -> Timing:
    """Return where the time went: all of it was measuring."""
    return Timing(
        training_seconds=0.0,
        evaluation_seconds=round(seconds, 4),
        checkpoint_seconds=0.0,
        sampling_seconds=0.0,
        startup_seconds=0.0,
        calibration_seconds=0.0,
        wall_seconds=round(seconds, 4),
    )


def _work(samples: MeasuredSamples, samples_seen: int) -> Work:
    """Return what is known of the generator; no step was taken."""
    return Work(
        parameters={"generator": samples.parameters} if samples.parameters else {},
        flops_per_iteration=0,
        generator_steps=0,
        samples_seen=samples_seen,
        trajectory_hash="",
    )


def keep(record: RunRecord, samples: MeasuredSamples, dataset: Dataset, out: Path | None) -> StoredRun:
    """Write a record, with a picture of the first samples, into a folder of its own."""
    directory = (
        RunDirectory.create(name=f"{record.name}-evaluated", dataset=record.dataset, seed=record.seed)
        if out is None
        else RunDirectory.create_at(out)
    )
    with directory:
        space = dataset.space
        count = min(space.picture_count(PICTURE_COLUMNS), samples.available)
        drawn = samples.generate(0, count).cpu()
        picture = directory.samples_path / f"{record.work.samples_seen:09d}{space.picture_suffix}"
        picture.write_bytes(space.picture(drawn, columns=PICTURE_COLUMNS, real=dataset.first))
        directory.checkpoints_path.rmdir()
        record = dataclasses.replace(record, run_id=directory.path.name)
        directory.finish(record)
    return StoredRun(record, directory.path)
