"""What exists, measured by the standard protocol into a record of its own: the work of ``ganbench evaluate``, for programs too."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from ganbench import (
    PluginManager,
    RunDirectory,
    StoredRun,
    UsageError,
    choose_device,
    process_settings_kept,
    refuse_missing_gpu,
    scorers_of,
    storage_errors,
)
from ganbench_use import exported, reference_file, sources
from ganbench_use.asked import DATASET_MISSING, RUN_MARKS, WEIGHTS_SUFFIXES
from ganbench_use.loader import SECTION, load_generator
from ganbench_use.measure import PICTURE_COLUMNS, Account, Measured, Yardstick, evaluator_for, keep, make_record, make_yardstick, measure
from ganbench_use.restored import RestoredRun, Which, restore
from ganbench_use.sources import GeneratorOptions, MeasuredSamples

_BATCH_SIZE = 250
_ARRAYS = (".npy", ".npz", ".csv")
_Kind = Literal["run", "folder", "array", "generator", "program", "weights"]
_ASKED = ("latent_shape", "latents", "classes", "output_range")
"""Fields that say how a generator is asked."""
_UNHEEDED: dict[str, tuple[str, ...]] = {
    "run": (*_ASKED, "weights", "weights_key", "key"),
    "folder": (*_ASKED, "weights", "weights_key", "seed", "truncation", "which", "trust_files"),
    "array": (*_ASKED, "weights", "weights_key", "seed", "truncation", "which", "trust_files"),
    "generator": ("key", "which", "trust_files"),
    "program": ("weights", "weights_key", "key", "which", "trust_files"),
    "weights": (*_ASKED, "weights", "key", "which", "trust_files"),
}
_OWNERS = {
    "run": "a run",
    "folder": "samples",
    "array": "samples",
    "generator": "a generator",
    "program": "an exported program",
    "weights": "weights with a loader",
}
_UNSAID = (None, 0, "", False, (), "normal", (-1.0, 1.0), "ema")
"""Values of a field that say nothing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """What is to be measured, against what, and where the record goes; see :func:`evaluate`."""

    source: Any
    dataset: str | None = None
    metrics: tuple[str, ...] = ()
    options: Mapping[str, str] = dataclasses.field(default_factory=dict)
    reference: Path | None = None
    write_reference: Path | None = None
    data_root: str = ""
    extractor_weights: str = ""
    device: str = "auto"
    floors: bool = True
    which: Which = "ema"
    trust_files: bool = False
    latent_shape: tuple[int, ...] = ()
    latents: Literal["normal", "uniform"] = "normal"
    classes: int = 0
    weights: Path | None = None
    weights_key: str = ""
    output_range: tuple[float, float] = (-1.0, 1.0)
    loader: str = ""
    seed: int | None = None
    seed_offset: int = 0
    """What is added to the seed, the default too: the place in a row of seeds."""
    truncation: float | None = None
    key: str = ""
    name: str = ""
    out: Path | None = None

    def seed_or(self, default: int) -> int:
        """Return the seed of the latents."""
        return (default if self.seed is None else self.seed) + self.seed_offset

    @property
    def kind(self) -> _Kind:
        """What the source is.

        Raises:
            UsageError: it is nothing that can be measured.
        """
        if isinstance(self.source, (str, os.PathLike)):
            return "weights" if self.loader else _kind_of(os.fspath(self.source))
        return "generator" if callable(self.source) else "array"

    @property
    def title(self) -> str:
        """The source as people read it."""
        if isinstance(self.source, (str, os.PathLike)):
            return os.fspath(self.source)
        return getattr(self.source, "__name__", type(self.source).__name__)


def evaluate(
    source: str | os.PathLike[str] | Callable[..., Tensor] | Tensor | Any,
    *,
    dataset: str | None = None,
    metrics: Sequence[str] = (),
    options: Mapping[str, object] | None = None,
    reference: str | os.PathLike[str] | None = None,
    data_root: str = "",
    extractor_weights: str = "",
    device: str = "auto",
    floors: bool = True,
    which: Which = "ema",
    trust_files: bool = False,
    latent_dim: int | tuple[int, ...] = (),
    latents: Literal["normal", "uniform"] = "normal",
    classes: int = 0,
    weights: str | os.PathLike[str] | None = None,
    weights_key: str = "",
    output_range: tuple[float, float] = (-1.0, 1.0),
    loader: str = "",
    seed: int | None = None,
    truncation: float | None = None,
    key: str = "",
    name: str = "",
    out: str | os.PathLike[str] | None = None,
    manager: PluginManager | None = None,
) -> StoredRun:
    """Measure what exists as a run measures itself, train nothing, and write a record beside those of runs.

    Args:
        source: what ``ganbench evaluate`` takes (a folder, an array's file, a run, an exported program, ``module:name``); or samples as a
            tensor or an array ``[N, ...]`` as the dataset stores them; or a generator: a torch module or a function of latents ``[n, *]``
            float32 (and labels ``[n]`` int64) that returns samples as networks see them.
        dataset: what it is measured against; None for a run's own.
        metrics: as in ``fid10k``; none for the run's or the dataset's own.
        options: of the dataset, or ``FAMILY.KEY`` of a metric, as after ``-o``.
        reference: a ``.npz`` with ``mu`` and ``sigma`` that another tool wrote.
        data_root: folder of datasets; empty for the environment's.
        extractor_weights: of the Inception network.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        floors: measure real against real too.
        which: of a run: the averaged generator, or the trained one.
        trust_files: run plugin files that a run's configuration names.
        latent_dim: of a generator: the size of one latent, or several sizes; left out to take its ``latent_dim``.
        latents: N(0, 1) or U(-1, 1).
        classes: how many a generator is asked for; 0 for none.
        weights: a state dict for the module.
        weights_key: where in that file it is.
        output_range: what a generator means by black and white.
        loader: name of the plugin that makes a generator of the weights in the file ``source``; its options begin with ``loader.``.
        seed: of the latents; None for the run's, else 0.
        truncation: how far normal latents may lie from 0; None for the run's.
        key: the array in a ``.npz`` that holds the samples.
        name: what tables call it.
        out: a new or empty folder; None for one below ``results/runs``.
        manager: the plugins; None for those that are installed.

    Returns:
        The record and its folder.

    Raises:
        UsageError: whatever cannot be measured, and why.
    """
    request = Request(
        source=source,
        dataset=dataset,
        metrics=tuple(metrics),
        options={name: str(value) for name, value in (options or {}).items()},
        reference=None if reference is None else Path(reference),
        data_root=data_root,
        extractor_weights=extractor_weights,
        device=device,
        floors=floors,
        which=which,
        trust_files=trust_files,
        latent_shape=(latent_dim,) if isinstance(latent_dim, int) else latent_dim,
        latents=latents,
        classes=classes,
        weights=None if weights is None else Path(weights),
        weights_key=weights_key,
        output_range=output_range,
        loader=loader,
        seed=seed,
        truncation=truncation,
        key=key,
        name=name,
        out=None if out is None else Path(out),
    )
    with process_settings_kept():
        return carry_out(request, PluginManager() if manager is None else manager)


def carry_out(request: Request, manager: PluginManager) -> StoredRun:
    """Measure and write a record; see :func:`evaluate`."""
    if request.out is not None:
        RunDirectory.check_free(request.out)
    refuse_missing_gpu(request.device)
    _refuse_unheeded(request)
    of_run_alone = request.kind == "run" and request.dataset is None
    measured, samples, account = (_evaluate_run if of_run_alone else _evaluate_other)(manager, request)
    return keep(make_record(measured, samples, account), samples, account.dataset, request.out)


def _refuse_unheeded(request: Request) -> None:
    """Refuse what would have no effect on such a source.

    Raises:
        UsageError: there is something.
    """
    for name in _UNHEEDED[request.kind]:
        if getattr(request, name) not in _UNSAID:
            flag = {"latent_shape": "latent-dim", "output_range": "range"}.get(name, name.replace("_", "-"))
            raise UsageError(f"--{flag} says nothing of {_OWNERS[request.kind]}", hint="leave it out")
    if request.kind == "run" and request.dataset is None and (request.reference or request.write_reference):
        raise UsageError("--reference and --write-reference need a --dataset", hint="name the run's own")


def _kind_of(source: str) -> _Kind:
    path = Path(source)
    if os.path.isdir(path):
        if any(os.path.isfile(path / mark) for mark in RUN_MARKS):
            return "run"
        if os.path.isfile(path / exported.LAYOUT_FILE):
            return "program"
        return "array" if os.path.isfile(path / "samples.npz") else "folder"
    suffix = path.suffix.lower()
    if os.path.isfile(path):
        if suffix in _ARRAYS or suffix in exported.PROGRAMS:
            return "array" if suffix in _ARRAYS else "program"
        if suffix == ".json":
            return "run"
        if suffix in WEIGHTS_SUFFIXES:
            is_ours = os.path.isfile(path.parent / exported.LAYOUT_FILE) and path.name == exported.FILES["safetensors"]
            hint = f"ganbench evaluate {exported.with_loader(path)}" if is_ours else "or name their module: module:name --weights FILE"
            raise UsageError(f"whose weights are in {source}? --loader is missing", hint=hint)
        known = ", ".join((*_ARRAYS, *exported.PROGRAMS))
        raise UsageError(f"{source} is no samples: {path.suffix or 'no suffix'}", hint=f"give a folder of images, or {known}")
    if ":" in source:
        return "generator"
    if suffix in (*_ARRAYS, *exported.PROGRAMS) or os.sep in source:
        raise UsageError(f"there is no {source}", hint="give a folder, an array, a run, an exported program, or module:name")
    return "run"


_Result = tuple[Measured, MeasuredSamples, Account]


def _evaluate_run(manager: PluginManager, request: Request) -> _Result:
    """Measure a run's checkpoint as the run measures itself."""
    restored = restore(
        manager,
        os.fspath(request.source),
        which=request.which,
        metrics=request.metrics or None,
        truncation=request.truncation,
        device=None if request.device == "auto" else request.device,
        trust_files=request.trust_files,
        options=request.options,
    )
    made = restored.materials
    if made.evaluator is None:
        raise UsageError(f"the run {restored.record.run_id} measured nothing", hint="choose metrics with --metric, as in fd5k_digits")
    seed = request.seed_or(restored.record.seed)
    torch.manual_seed(seed)  # what a generator draws by itself
    shown = made.networks.inputs.reference(made.dataset).space.picture_count(PICTURE_COLUMNS)
    count = max(one.num_generated for one in made.plan.metrics) or shown  # metrics of scores look at none, and a picture has some
    samples = _of_run(restored, count, seed, made.config.evaluation.truncation, request.name)
    measured = measure(made.evaluator, samples, scorers_of(made.algorithm, made.dataset, made.device))
    config = {path: value for path, value in restored.record.config.items() if not path.startswith("training.")}
    account = Account(
        source=request.title,
        seed=seed,
        samples_seen=restored.samples_seen,
        device=str(made.device),
        config={**config, "evaluation.metrics": [one.name for one in made.plan.metrics]},
        plugins=restored.record.plugins,
        dataset=made.networks.inputs.reference(made.dataset),
    )
    return measured, samples, account


def _of_run(restored: RestoredRun, count: int, seed: int, truncation: float, name: str) -> MeasuredSamples:
    drawn = restored.source.stream(count, seed=seed, truncation=truncation)
    parameters = sum(p.numel() for n in restored.materials.networks.averaged for p in restored.materials.networks[n].parameters())
    return MeasuredSamples(
        name=name or f"{restored.record.name} ({restored.which})",
        kind="run",
        generate=drawn,
        labels=drawn.labels,
        content_hash=restored.weights_hash,
        available=count,
        parameters=parameters,
        truncation=truncation,
    )


def _evaluate_other(manager: PluginManager, request: Request) -> _Result:
    """Measure samples or a generator against a dataset that the user names."""
    if request.dataset is None:
        raise DATASET_MISSING
    request = dataclasses.replace(request, device=str(choose_device(request.device)))
    yardstick = make_yardstick(
        manager,
        request.dataset or "",
        request.metrics,
        {name: value for name, value in request.options.items() if not (request.loader and name.startswith(SECTION))},
        device=request.device,
        data_root=request.data_root,
        weights=request.extractor_weights,
    )
    samples, account = _samples(manager, request, yardstick)
    unit = yardstick.dataset.space.unit
    notes = [f"{samples.available:,} {unit} were there; a metric looks at the first of them"] if request.kind in ("folder", "array") else []
    if request.reference is not None:
        measured = reference_file.measure_against(request.reference, yardstick, samples, _BATCH_SIZE)
        notes.append(f"the reference is the imported file {request.reference.name}; of which samples and network it is, is not verified")
    else:
        size = samples.batch_size or _BATCH_SIZE
        measured = measure(evaluator_for(yardstick, samples, device=request.device, batch_size=size, floors=request.floors), samples)
    if request.write_reference is not None:
        _write_reference(request.write_reference, yardstick)
    return measured, samples, dataclasses.replace(account, notes=tuple(notes))


def _samples(manager: PluginManager, request: Request, yardstick: Yardstick) -> tuple[MeasuredSamples, Account]:
    """Return what is measured, and an account of where it is from."""
    account = Account(
        source=request.title,
        seed=request.seed_or(0),
        samples_seen=0,
        device=request.device,
        config=yardstick.config,
        plugins=yardstick.identities,
        dataset=yardstick.dataset,
    )
    if request.kind in ("folder", "array"):
        return _existing(request, yardstick), account
    count, space = yardstick.most_generated, yardstick.dataset.space
    if request.kind == "generator":
        return _generated(request, yardstick, count), account
    if request.kind == "weights":
        return _of_weights(manager, request, yardstick, account)
    if request.kind == "program":
        samples, seed, seen = _of_program(request, yardstick, count)
        return samples, dataclasses.replace(account, seed=seed, samples_seen=seen)
    restored = restore(manager, os.fspath(request.source), which=request.which, device=request.device, trust_files=request.trust_files)
    own = restored.materials.networks.inputs.reference(restored.materials.dataset).space
    if own != space:
        raise UsageError(f"the run makes {own.describe()} {own.unit}, and {yardstick.dataset.name} holds {space.describe()} {space.unit}")
    samples = _of_run(restored, count, account.seed, request.truncation or 0.0, request.name)
    return samples, dataclasses.replace(account, samples_seen=restored.samples_seen)


def _existing(request: Request, yardstick: Yardstick) -> MeasuredSamples:
    space = yardstick.dataset.space
    if not isinstance(request.source, (str, os.PathLike)):
        return sources.of_tensor(request.source, space, request.name or "samples")
    path = Path(request.source)
    if request.kind == "folder":
        return sources.of_folder(path, space, request.name or path.resolve().name)
    file = path / "samples.npz" if os.path.isdir(path) else path
    return sources.of_array(file, space, request.name or (path.resolve().name if os.path.isdir(path) else path.stem), request.key)


def _generated(request: Request, yardstick: Yardstick, count: int) -> MeasuredSamples:
    options = GeneratorOptions(
        latent_shape=request.latent_shape,
        latents=request.latents,
        num_classes=request.classes,
        weights=request.weights,
        weights_key=request.weights_key,
        output_range=request.output_range,
        truncation=request.truncation or 0.0,
        seed=request.seed_or(0),
        device=request.device,
    )
    space = yardstick.dataset.space
    if not isinstance(request.source, (str, os.PathLike)):
        return sources.of_generator(request.title, request.source, space, request.name or request.title, count, options)
    target = os.fspath(request.source)
    return sources.of_callable(target, space, request.name or target.rpartition(":")[2], count, options)


def _of_weights(manager: PluginManager, request: Request, yardstick: Yardstick, account: Account) -> tuple[MeasuredSamples, Account]:
    """Return what a loader's generator makes, and an account that names the loader."""
    path, truncation, count = Path(os.fspath(request.source)), request.truncation or 0.0, yardstick.most_generated
    loaded = load_generator(
        manager, request.loader, path, request.weights_key, request.options, yardstick.dataset, request.device, truncation=truncation
    )
    torch.manual_seed(account.seed)  # what a generator draws by itself
    drawn = loaded.source(path.name).stream(count, seed=account.seed, truncation=truncation)
    samples = MeasuredSamples(
        name=request.name or path.stem,
        kind="generator",
        generate=drawn,
        labels=drawn.labels,
        content_hash=loaded.weights_hash,
        available=count,
        parameters=loaded.parameters,
        truncation=truncation,
    )
    identities = (*account.plugins, loaded.identity)
    return samples, dataclasses.replace(account, config={**account.config, **loaded.config}, plugins=identities)


def _of_program(request: Request, yardstick: Yardstick, count: int) -> tuple[MeasuredSamples, int, int]:
    """Return what an exported program generates, the seed, and how many samples its generator has seen."""
    path = Path(os.fspath(request.source))
    program = exported.read_program(path, request.device)
    layout = program.layout
    name = request.name or (path.resolve().name if os.path.isdir(path) else path.stem)
    if layout is None:
        return _generated(dataclasses.replace(request, source=program.call, name=name), yardstick, count), request.seed_or(0), 0
    if layout["inputs"]["source"] != "latents":
        raise UsageError(f"{path} is asked with samples of its data, and not with latents", hint="measure its run: ganbench evaluate RUN")
    if request.latent_shape or request.classes:
        raise UsageError(f"{path} says itself how it is asked", hint="leave --latent-dim and --classes out")
    of, labels = layout["evaluation"], layout["labels"]
    if labels and labels["num_classes"] != yardstick.dataset.num_classes:
        there = f"{yardstick.dataset.name} has {yardstick.dataset.num_classes}"
        raise UsageError(
            f"{path} is asked for one of {labels['num_classes']} classes, and {there}", hint=f"it was trained on {of['dataset']}"
        )
    seed = request.seed_or(of["seed"])
    options = GeneratorOptions(
        latent_shape=tuple(layout["inputs"]["shape"][1:]),
        latents=layout["inputs"]["distribution"],
        num_classes=labels["num_classes"] if labels else 0,
        label_pool=yardstick.dataset.train.labels if labels else None,
        truncation=of["truncation"] if request.truncation is None else request.truncation,
        seed=seed,
        device=request.device,
        batch_size=of["batch_size"],
    )
    torch.manual_seed(seed)  # what a generator draws by itself
    if request.device == "cpu":
        torch.set_num_threads(of["threads"])  # another count sums in another order
    samples = sources.of_generator(str(path), program.call, yardstick.dataset.space, name, count, options)
    samples = dataclasses.replace(
        samples, content_hash=layout["run"]["weights_hash"], parameters=layout["parameters"], batch_size=of["batch_size"]
    )
    return samples, seed, layout["run"]["samples_seen"]


def _write_reference(path: Path, yardstick: Yardstick) -> None:
    """Write mu and sigma of the dataset under the one extractor of the metrics."""
    if len(yardstick.extractors) != 1:
        found = ", ".join(yardstick.extractors) or "none"
        raise UsageError(f"--write-reference is of one extractor, and the metrics have {found}", hint="name one metric with --metric")
    data = reference_file.write_reference(yardstick.dataset, next(iter(yardstick.extractors.values())), _BATCH_SIZE)
    with storage_errors(path):
        path.write_bytes(data)
