"""From what happened to the frozen record: the work key, the summary of quality, the deterministic facts."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from itertools import groupby
from typing import Any

import torch

from ganbench.config.model import PLUGIN_NAMES, RunConfig, may_change, part_of, without_folder
from ganbench.config.resolve import flatten
from ganbench.errors import UsageError
from ganbench.record.machine import hardware_key
from ganbench.record.probes import cpu_load
from ganbench.record.record import (
    MIXED_MACHINES,
    SCHEMA_VERSION,
    Evaluation,
    Key,
    Keys,
    RunRecord,
    Scalar,
    Status,
    Throughput,
    Timing,
    Work,
    has_collapsed,
)
from ganbench.run.build import Materials
from ganbench.run.calibration import Threads
from ganbench.run.clock import Counters
from ganbench.spec import PluginIdentity, RecipeSpec
from ganbench.training.eager_runner import StepRunner


@dataclass(frozen=True, kw_only=True, slots=True)
class RunFacts:
    """What is settled about a run before its first step in this process; every record and checkpoint of it says the same."""

    run_id: str
    """The name of its directory."""
    created: str
    """UTC, ISO 8601; a resumed run keeps its first one."""
    ganbench_version: str
    name: str
    """Of the recipe or architecture."""
    config: dict[str, Scalar | list[str]]
    """Every value by its path."""
    plugins: tuple[PluginIdentity, ...]
    keys: Keys
    threads: Threads
    runner_reason: str
    """Why the steps are executed by this runner."""
    flops_per_iteration: int
    machines_mixed: bool
    """Whether the run has gone on at another machine."""
    host: str
    """What the machine is called."""
    environment: tuple[Mapping[str, str], ...]
    """What plugins said of the machine or the job."""
    interventions: tuple[tuple[int, str, float | None], ...] = ()
    """At how many samples somebody let an optimizer have another learning rate; none: let it take one step alone."""

    @property
    def keys_now(self) -> Keys:
        """The keys, with each setting that somebody has changed as it was in this run and in no other."""
        fields = dict(self.keys.work.fields)
        for (seen, name, rate), again in groupby(self.interventions):
            path = f"{'discriminator' if name == 'discriminator' else 'generator'}_optimizer.learning_rate"
            if rate is None:
                path, what = "training.d_steps", f"{len(list(again))} more of {name} alone at"
            else:
                what = f"{rate:g} of {name} from"
            fields[path] = f"{fields[path]}, {what} {seen / 1000:g} kimg in {self.run_id}"
        return replace(self.keys, work=Key.of(**fields))


def config_values(flat: Mapping[str, object]) -> dict[str, Scalar | list[str]]:
    """Return a flattened configuration in the record's types."""
    return {path: [str(v) for v in value] if isinstance(value, tuple) else value for path, value in flat.items()}  # type: ignore[misc]


def work_key(materials: Materials) -> Key:
    """Return what was computed: plugins with their sources, options, data and budget; not where, and not how it was measured."""
    fields: dict[str, Scalar] = {}
    for path, value in flatten(materials.config).items():
        if part_of(path, materials.config) == "work":
            fields[path] = ",".join(map(str, value)) if isinstance(value, tuple) else value
            if path in PLUGIN_NAMES:  # where a plugin's file lies is no part of the work; what is in it is, below
                fields[path] = without_folder(str(value))
    for one in materials.plan.plugins:
        identity = one.identity()
        fields[f"{identity.kind}.code"] = f"{identity.distribution} {identity.version} {identity.source_hash[:16]}"
    fields["data.hash"] = materials.dataset.train.content_hash
    fields["data.shape"] = materials.dataset.space.describe()
    return Key.of(**fields)


def trajectory_hash(losses: torch.Tensor) -> str:
    """Return sha256 over the float32 losses of the first iterations, ``[n, 2]``."""
    return hashlib.sha256(losses.contiguous().numpy().tobytes()).hexdigest()


def peak_memory_mib(device: torch.device) -> float:
    """Return the peak of the device's memory on a GPU, of the resident set elsewhere; 0 where the system does not tell."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    try:
        import resource
    except ImportError:  # Windows
        return 0.0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def make_record(
    facts: RunFacts,
    made: Materials,
    runner: StepRunner,
    counters: Counters,
    seconds: Mapping[str, float],
    evaluations: tuple[Evaluation, ...],
    status: Status,
    detail: str,
) -> RunRecord:
    """Return the record of a run as it stands now.

    Args:
        facts: what was settled before its first step.
        made: what is trained.
        runner: what executes the steps.
        counters: how far the run is.
        seconds: where its time went, by part, and what the whole call took.
        evaluations: so far.
        status: of the run.
        detail: why it is not complete; empty otherwise.
    """
    seen = counters.samples_seen
    speed = seen / seconds["training"] if seconds["training"] > 0 else 0.0
    return RunRecord(
        schema_version=SCHEMA_VERSION,
        run_id=facts.run_id,
        status=status,
        status_detail=detail,
        created=facts.created,
        ganbench_version=facts.ganbench_version,
        name=facts.name,
        seed=made.config.training.seed,
        config=facts.config,
        plugins=facts.plugins,
        dataset=made.dataset.name,
        dataset_hash=made.dataset.train.content_hash,
        space=made.dataset.space.name,
        unit=made.dataset.space.unit,
        keys=facts.keys_now,
        timing=Timing(**{f"{part}_seconds": round(s, 4) for part, s in seconds.items()}),
        throughput=Throughput(
            samples_per_second=speed,
            seconds_per_kimg=1000 / speed if speed > 0 else 0.0,
            phase_milliseconds=runner.phase_milliseconds(),
            peak_memory_mib=peak_memory_mib(made.device),
        ),
        work=Work(
            parameters={name: sum(p.numel() for p in module.parameters()) for name, module in made.networks.modules.items()},
            flops_per_iteration=facts.flops_per_iteration,
            generator_steps=counters.generator_steps,
            samples_seen=seen,
            trajectory_hash=trajectory_hash(made.algorithm.trajectory()),
        ),
        evaluations=evaluations,
        collapsed=has_collapsed(evaluations),
        num_resumes=counters.num_resumes,
        host=facts.host,
        load=cpu_load(),
        notes=_run_notes(facts, made, runner, speed),
    )


def _run_notes(facts: RunFacts, made: Materials, runner: StepRunner, speed: float) -> tuple[str, ...]:
    """Return what a reader of the record must know."""
    plan = made.plan
    notes = [f"threads {facts.threads.count}: {facts.threads.reason}"]
    notes += [f"runner {runner.name}: {facts.runner_reason}", *runner.notes()]
    if (ranks := made.algorithm.ranks).world > 1:
        each = f"{speed / ranks.world:.1f} {made.dataset.space.unit}/s and {made.config.training.batch_size // ranks.world} of a batch each"
        notes.append(f"{ranks.describe()} ({ranks.backend}): {each}; the statistics of a batch norm are of each one's part")
    if made.networks.inputs.labels:
        notes.append(f"class-conditional, {made.dataset.num_classes} classes")
    if plan.recipe is not None and isinstance(plan.recipe.spec, RecipeSpec):
        notes += [f"recipe {plan.recipe.spec.name}: {d}" for d in plan.recipe.spec.deviations]
        notes += [f"overrides the recipe: {path}" for path in plan.overridden]
    notes += [f"forced: {reason}" for reason in made.forced]
    notes += made.dataset.notes
    if facts.machines_mixed:
        notes.append(MIXED_MACHINES)
    for (seen, name, rate), again in groupby(facts.interventions):
        updates = f"update{'s' if (count := len(list(again))) > 1 else ''} of {name} alone"
        what = f"{count} {updates}" if rate is None else f"learning rate {rate:g} of {name}"
        notes.append(f"intervention at {seen / 1000:g} kimg: {what}")
    for told in facts.environment:
        notes += [f"{name}: {value}" for name, value in told.items()]
    return tuple(notes)


def utc_now() -> str:
    """Return the time as the record writes it."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def run_identity(made: Materials, plugins: tuple[PluginIdentity, ...]) -> dict[str, Any]:
    """Return what a checkpoint holds to recognise its run by, as plain values."""
    evaluation_keys = made.evaluator.keys() if made.evaluator else ()
    return {
        "device": made.device.type,
        "hardware": hardware_key(str(made.device), world=made.algorithm.ranks.world).digest,
        "data_hash": made.dataset.train.content_hash,
        "config": json.dumps(config_values(flatten(made.config))),
        "plugins": [f"{i.kind} {i.name} {i.source_hash}" for i in plugins],
        "evaluation_keys": [key.digest for key in evaluation_keys],
    }


def check_same_run(made: Materials, plugins: tuple[PluginIdentity, ...], state: dict[str, Any], *, force: bool) -> None:
    """Refuse to mix two different things into one run.

    Args:
        made: what would go on.
        plugins: every plugin of it.
        state: a checkpoint.
        force: go on although a plugin's source has changed.

    Raises:
        UsageError: the kind of device, the data, the configuration, the metrics or the plugins are not those of the checkpoint.
    """
    now = run_identity(made, plugins)
    if state["device"] != now["device"]:
        hint = f"resume it where there is {'a GPU' if state['device'] == 'cuda' else 'a ' + state['device']}, or start a new run"
        raise UsageError(f"the run began on {state['device']}, this is {now['device']}", hint=hint)
    if state["data_hash"] != now["data_hash"]:
        hashes = f"hash {state['data_hash'][:12]}, now {now['data_hash'][:12]}"
        raise UsageError(f"the data have changed since the run began ({hashes})", hint="restore them, or start a new run")
    _check_config(json.loads(state["config"]), json.loads(now["config"]), made.config)
    if state["evaluation_keys"] != now["evaluation_keys"]:
        raise UsageError("a metric or its extractor's weights have changed since the run began", hint="restore them, or start a new run")
    changed = [before.rsplit(" ", 1)[0] for before in state["plugins"] if before not in now["plugins"]]
    if changed and not force:
        raise UsageError(f"the source of {', '.join(changed)} has changed since the run began", hint="--force goes on all the same")


def _check_config(before: dict[str, Any], now: dict[str, Any], config: RunConfig) -> None:
    before, now = ({p: without_folder(v) if p in PLUGIN_NAMES else v for p, v in values.items()} for values in (before, now))
    for path in sorted(before.keys() | now.keys()):
        if before.get(path) != now.get(path) and not may_change(path, config):
            raise UsageError(
                f"{path} has changed since the run began (it was {before.get(path)!r}, now {now.get(path)!r})",
                hint="restore it in config.toml, or start a new run",
            )
