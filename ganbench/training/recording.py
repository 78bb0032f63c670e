"""From what happened to the frozen record: the work key, the summary of quality, the deterministic facts."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import TYPE_CHECKING

import torch

import ganbench
from ganbench.config.resolve import flatten
from ganbench.metrics.key import Key, Scalar
from ganbench.results.fingerprint import host_name
from ganbench.results.record import MIXED_MACHINES, SCHEMA_VERSION, Evaluation, RunRecord, Status, Throughput, Timing, Work
from ganbench.spec import PluginIdentity, RecipeSpec

if TYPE_CHECKING:
    from ganbench.training.session import Session

_NOT_WORK = frozenset(
    {"name", "training.seed", "training.device", "training.threads", "training.workers", "training.runner", "training.kernels"}
    | {f"training.{n}" for n in ("precision", "tf32", "channels_last", "keep_memory", "deterministic", "cudnn_benchmark", "max_abs_logit")}
)
"""Settings that belong to the seed, the machine or the software key."""
_NOT_WORK_SECTIONS = ("evaluation.", "metrics.", "checkpoint.", "data.")


def config_values(flat: Mapping[str, object]) -> dict[str, Scalar | list[str]]:
    """Return a flattened configuration in the record's types."""
    return {path: [str(v) for v in value] if isinstance(value, tuple) else value for path, value in flat.items()}  # type: ignore[misc]


def plugin_identities(session: Session) -> tuple[PluginIdentity, ...]:
    """Return every plugin that took part."""
    resolved, find = session.resolved, session.manager.find
    used = list(resolved.plugins)
    if resolved.recipe is not None:
        used.insert(0, resolved.recipe)
    used += [find("metric", p.spec.name) for p in session.planned]
    used += [find("extractor", p.extractor_name) for p in session.planned if p.extractor_name]
    return tuple(dict.fromkeys(one.identity() for one in used))


def work_key(session: Session) -> Key:
    """Return what was computed: plugins with their sources, options, data and budget; not where, and not how it was measured."""
    fields: dict[str, Scalar] = {}
    for path, value in flatten(session.resolved.config).items():
        if path not in _NOT_WORK and not path.startswith(_NOT_WORK_SECTIONS):
            fields[path] = ",".join(map(str, value)) if isinstance(value, tuple) else value
    for one in session.resolved.plugins:
        identity = one.identity()
        fields[f"{identity.kind}.code"] = f"{identity.distribution} {identity.version} {identity.source_hash[:16]}"
    fields["data.hash"] = session.materials.dataset.train.content_hash
    shape = session.materials.dataset.shape
    fields["data.shape"] = f"{shape.image_channels}x{shape.resolution}x{shape.resolution}"
    return Key.of(**fields)


def has_collapsed(evaluations: tuple[Evaluation, ...]) -> bool:
    """Tell whether the first metric ended far from its best: twice as bad, and by more than its spread."""
    if not evaluations or not evaluations[-1].values:
        return False
    name = evaluations[-1].values[0].name
    history = [v for e in evaluations for v in e.values if v.name == name]
    final = history[-1]
    if final.value != final.value:
        return True
    if final.higher_is_better:
        best = max(v.value for v in history)
        return final.value < best / 2 and best - final.value > final.spread
    best = min(v.value for v in history)
    return final.value > 2 * best and final.value - best > final.spread


def trajectory_hash(losses: torch.Tensor) -> str:
    """Return sha256 over the float32 losses of the first iterations, ``[n, 2]``."""
    return hashlib.sha256(losses.contiguous().numpy().tobytes()).hexdigest()


def peak_memory_mib(device: torch.device) -> float:
    """Return the peak of the device's memory on a GPU, of the resident set elsewhere."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def count_parameters(module: torch.nn.Module) -> int:
    """Return the number of trainable numbers."""
    return sum(p.numel() for p in module.parameters())


def make_record(session: Session, status: Status, detail: str = "") -> RunRecord:
    """Return the record of a run as it stands now."""
    trainer, made, config = session.trainer, session.materials, session.resolved.config
    seconds = trainer.clock.snapshot()
    seen = trainer.counters.images_seen
    speed = seen / seconds["training"] if seconds["training"] > 0 else 0.0
    evaluations = tuple(trainer.evaluations)
    return RunRecord(
        schema_version=SCHEMA_VERSION,
        run_id=session.directory.path.name,
        status=status,
        status_detail=detail,
        created=session.created,
        ganbench_version=ganbench.__version__,
        name=config.name,
        seed=config.training.seed,
        config=config_values(flatten(config)),
        plugins=session.identities,
        dataset=made.dataset.name,
        dataset_hash=made.dataset.train.content_hash,
        keys=session.keys,
        timing=Timing(**{f"{part}_seconds": round(s, 4) for part, s in seconds.items()}, wall_seconds=round(sum(seconds.values()), 4)),
        throughput=Throughput(
            images_per_second=speed,
            seconds_per_kimg=1000 / speed if speed > 0 else 0.0,
            phase_milliseconds=session.runner.phase_milliseconds(),
            peak_memory_mib=peak_memory_mib(made.device),
        ),
        work=Work(
            generator_parameters=count_parameters(made.networks.generator),
            discriminator_parameters=count_parameters(made.networks.discriminator),
            flops_per_iteration=session.flops_per_iteration,
            generator_steps=trainer.counters.generator_steps,
            images_seen=seen,
            trajectory_hash=trajectory_hash(made.algorithm.trajectory()),
        ),
        evaluations=evaluations,
        collapsed=has_collapsed(evaluations),
        num_resumes=trainer.counters.num_resumes,
        host=host_name(),
        notes=session.notes(),
    )


def run_notes(session: Session) -> tuple[str, ...]:
    """Return what a reader of the record must know."""
    resolved = session.resolved
    notes = [f"threads {session.threads.count}: {session.threads.reason}"]
    notes += [f"runner {session.runner.name}: {session.chosen.reason}", *session.runner.notes()]
    if session.materials.networks.conditional:
        notes.append(f"class-conditional, {session.materials.dataset.shape.num_classes} classes")
    if resolved.recipe is not None and isinstance(resolved.recipe.spec, RecipeSpec):
        notes += [f"recipe {resolved.recipe.spec.name}: {d}" for d in resolved.recipe.spec.deviations]
        notes += [f"overrides the recipe: {path}" for path in resolved.overridden]
    notes += [f"forced: {reason}" for reason in session.materials.forced]
    notes += session.materials.dataset.notes
    if session.machines_mixed:
        notes.append(MIXED_MACHINES)
    for facts in session.environment:
        notes += [f"{name}: {value}" for name, value in facts.items()]
    return tuple(notes)


def utc_now() -> str:
    """Return the time as the record writes it."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
