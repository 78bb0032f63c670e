"""From the plan of a run to everything that a trainer needs: device, data, networks, algorithm, evaluator."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from ganbench.config.model import RunConfig, without_folder
from ganbench.data.choose import make_sampler
from ganbench.data.sampler import Sampler
from ganbench.data.source import DataContext, Dataset
from ganbench.data.space import BuildContext
from ganbench.errors import ConfigError, PluginError
from ganbench.evaluation.evaluator import Evaluator
from ganbench.evaluation.protocol import Extractor
from ganbench.plugin.factory import check_made, load_attribute
from ganbench.plugin.manager import PluginManager
from ganbench.ranks import Ranks
from ganbench.run.compatible import check_pair
from ganbench.run.evaluation import build_evaluator
from ganbench.run.machine import choose_device, keep_freed_memory, memory_given_back, set_numerics
from ganbench.run.plan import RunPlan
from ganbench.run.two_samples import Tried, try_augmentation, try_networks, try_objective, try_source
from ganbench.spec import ArchitectureSpec, check_space
from ganbench.training.algorithm import Algorithm, AlgorithmContext
from ganbench.training.inputs import SampleStream, grid_labels
from ganbench.training.networks import Networks
from ganbench.training.objective import Augmentation, Objective
from ganbench.training.seeding import seed_everything, stream

_EXAMPLES = 10
logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Materials:
    """What a run is made of, built and checked."""

    plan: RunPlan
    device: torch.device
    dataset: Dataset
    networks: Networks
    sampler: Sampler
    algorithm: Algorithm
    evaluator: Evaluator | None
    keeps_memory: bool
    """Whether the C library keeps freed memory."""
    forced: tuple[str, ...]
    """Why this run would have been refused without ``training.force``."""

    @property
    def config(self) -> RunConfig:
        """The configuration."""
        return self.plan.config

    def samples(self, purpose: str, count: int, labels: Tensor | None = None) -> SampleStream:
        """Return what the evaluated networks generate from the fixed latents of a purpose; ``[count]`` labels, or those of the data."""
        return SampleStream(
            self.algorithm.sample,
            self.networks.inputs,
            count=count,
            seed=self.config.training.seed,
            purpose=purpose,
            space=self.networks.inputs.reference(self.dataset).space,
            device=self.device,
            label_pool=self.dataset.train.labels,
            labels=labels,
            dataset=self.dataset,
            truncation=self.config.evaluation.truncation,
        )

    def grid(self) -> SampleStream:
        """Return what a picture shows at every moment: where samples are asked for by class, a class in each column."""
        size, count = self.config.evaluation.grid_size, self.dataset.space.picture_count(self.config.evaluation.grid_size)
        return self.samples("grid", count, grid_labels(self.dataset.num_classes, size, count))


def build(plan: RunPlan, manager: PluginManager, ranks: Ranks | None = None) -> Materials:
    """Build everything, cheapest checks first.

    Args:
        plan: what is run.
        manager: the plugins.
        ranks: the processes of the run; None for one.

    Raises:
        UsageError: whatever the user or a plugin got wrong.
    """
    config, ranks = plan.config, ranks or Ranks()
    device = choose_device(config.training.device, ranks.local_rank if ranks.world > 1 else None)
    algorithm_class = _load_algorithm(plan, ranks)
    set_numerics(config, device)
    keeps_memory = config.training.keep_memory and device.type == "cpu" and keep_freed_memory()
    plan.find_files(manager)
    extractors = _build_extractors(plan, manager, device)
    dataset = _build_dataset(plan)
    networks, tried = _build_networks(plan, dataset, device)
    objective = _build_objective(plan)
    assert isinstance(plan.architecture.spec, ArchitectureSpec)
    suspicions = tried.suspicions(objective)
    forced = check_pair(config, plan.architecture.spec, networks, objective, tried.judged, suspicions)
    if objective is not None and config.loss is not None:
        try_objective(without_folder(config.loss.name), objective, tried.judged)
    sampler = make_sampler(
        dataset.train,
        batch_size=config.training.batch_size,
        seed=config.training.seed,
        device=device,
        channels_last=config.training.channels_last,
        horizontal_flip=config.training.horizontal_flip,
        workers=config.training.workers,
        ranks=ranks,
    )
    algorithm: Algorithm = algorithm_class(
        AlgorithmContext(
            config=config,
            networks=networks,
            objective=objective,
            sampler=sampler,
            train_labels=dataset.train.labels,
            device=device,
            dataset=dataset,
            augment=_build_augmentation(plan, dataset),
            ranks=ranks,
        )
    )
    if not ranks.is_first:  # what networks draw by themselves is of their own samples; all else is drawn for all, and the same in each
        seed_everything(stream(config.training.seed, f"process-{ranks.rank}").initial_seed())
    with memory_given_back(keeps_memory):
        evaluator = build_evaluator(plan, manager, extractors, dataset, networks, device) if plan.metrics else None
    return Materials(
        plan=plan,
        device=device,
        dataset=dataset,
        networks=networks,
        sampler=sampler,
        algorithm=algorithm,
        evaluator=evaluator,
        keeps_memory=keeps_memory,
        forced=forced,
    )


def _load_algorithm(plan: RunPlan, ranks: Ranks) -> Callable[[AlgorithmContext], Algorithm]:
    """Return the class of the steps.

    Raises:
        ConfigError: several processes cannot train it together.
    """
    assert isinstance(plan.architecture.spec, ArchitectureSpec)
    found = load_attribute(plan.architecture.spec.algorithm, owner=f"the algorithm of {plan.config.title!r}")
    if ranks.world > 1 and not getattr(found, "shares_batches", False):
        what = f"{plan.config.title} is trained by one process ({found.__name__} shares no batches)"
        raise ConfigError(what, hint="start it without torchrun")
    ranks.part(plan.config.training.batch_size)
    return found


def _build_dataset(plan: RunPlan) -> Dataset:
    config = plan.config
    root = config.data.root or os.environ.get("GANBENCH_DATA", "")
    context = DataContext(
        data_root=Path(os.path.expanduser(root)) if root else None,
        download=config.data.download,
        resident_limit_mib=config.data.resident_limit_mib,
    )
    dataset: Dataset = plan.dataset.build(config.dataset.options, context)
    whose = f"dataset {without_folder(config.dataset.name)!r}"
    check_made(dataset, Dataset, f"{whose} must return a")
    try_source(dataset.train, f"the train split of {whose}")
    if dataset.test is not None:
        try_source(dataset.test, f"the test split of {whose}")
    if dataset.num_classes and dataset.train.labels is None:
        what = f"{whose}: num_classes is {dataset.num_classes}, and the train split has no labels"
        raise PluginError(what, hint="give it labels, or leave num_classes at 0")
    if dataset.train.num_samples < config.training.batch_size:
        there = f"{dataset.name} has {dataset.train.num_samples} train {dataset.space.unit}"
        raise ConfigError(f"training.batch_size is {config.training.batch_size}, and {there}", hint="use a smaller --batch-size")
    dataset = _with_classes_counted(dataset)
    if config.training.dequantise and not dataset.space.grain:
        raise ConfigError(f"training.dequantise is for grey levels, and {dataset.name} holds {dataset.space.unit}", hint="leave it out")
    return dataset


def _with_classes_counted(dataset: Dataset) -> Dataset:
    """Check the labels of each split, and note every class that has no sample in it.

    Raises:
        PluginError: a label is none of the classes, or not every class has a name.
    """
    notes, names = [], dataset.class_names or tuple(map(str, range(dataset.num_classes)))
    if len(names) != dataset.num_classes:
        raise PluginError(f"{dataset.name} must have one name for each of its {dataset.num_classes} classes (got {len(names)})")
    for split, source in (("train", dataset.train), ("test", dataset.test)):
        if source is None or source.labels is None or not dataset.num_classes:
            continue
        low, high = int(source.labels.min()), int(source.labels.max())
        if low < 0 or high >= dataset.num_classes:
            where = f"the {split} labels of {dataset.name} must be from 0 to {dataset.num_classes - 1}"
            raise PluginError(f"{where}, one less than its classes (got {low if low < 0 else high})")
        counts = torch.bincount(source.labels, minlength=dataset.num_classes).tolist()
        if empty := [name for name, count in zip(names, counts, strict=True) if not count]:
            more = f" and {len(empty) - _EXAMPLES} more" if len(empty) > _EXAMPLES else ""
            there = f"{len(empty)} of {dataset.num_classes} classes have no {dataset.space.unit} in the {split} split"
            notes.append(f"{there}: {', '.join(empty[:_EXAMPLES])}{more}")
            logger.warning("%s: %s", dataset.name, notes[-1])
    return replace(dataset, notes=(*dataset.notes, *notes)) if notes else dataset


def _build_networks(plan: RunPlan, dataset: Dataset, device: torch.device) -> tuple[Networks, Tried]:
    """Build, check and place the networks; return them with what two samples showed.

    Raises:
        ConfigError: the space or the resolution is not one of the architecture's.
        PluginError: the networks do not keep to the contract.
    """
    config, spec = plan.config, plan.architecture.spec
    assert isinstance(spec, ArchitectureSpec)
    context = _context(dataset, packing=config.training.packing if spec.packing else 1)
    check_space(f"{spec.name} makes", spec.spaces, dataset.name, dataset.space.name)
    if spec.resolutions and dataset.space.resolution not in spec.resolutions:
        what = f"{spec.name} cannot be built for {'x'.join(map(str, dataset.space.size[1:]))} {dataset.space.unit}".rstrip()
        allowed = ", ".join(map(str, spec.resolutions))
        raise ConfigError(f"{what} (it can for {allowed})", hint="choose a resolution with -o dataset.resolution=N")
    seed_everything(config.training.seed)
    networks: Networks = plan.architecture.build(config.architecture.options, context)
    tried = try_networks(spec.name, networks, context, dataset)
    for module in networks.modules.values():
        _place(module, device, config.training.channels_last)
        module.train()
    return networks, tried


def _place(module: nn.Module, device: torch.device, channels_last: bool) -> None:
    """Move a module to its device, and lay out its tensors of four dimensions, the only ones that can have their channels last."""
    module.to(device)
    layout = torch.channels_last if channels_last else torch.contiguous_format
    for tensor in (*module.parameters(), *module.buffers()):
        if tensor.ndim == 4:
            tensor.data = tensor.data.to(memory_format=layout)


def _context(dataset: Dataset, packing: int = 1) -> BuildContext:
    return BuildContext(space=dataset.space, num_classes=dataset.num_classes, packing=packing, class_names=dataset.class_names)


def _build_objective(plan: RunPlan) -> Objective | None:
    """Build the loss, where there is one."""
    choice = plan.config.loss
    if plan.loss is None or choice is None:
        return None
    objective: Objective = plan.loss.build(choice.options)
    check_made(objective, Objective, f"loss {without_folder(choice.name)!r} must return a")
    return objective


def _build_augmentation(plan: RunPlan, dataset: Dataset) -> Augmentation | None:
    """Build the augmentation, where there is one."""
    choice = plan.config.augmentation
    if plan.augmentation is None or choice is None:
        return None
    augment: Augmentation = plan.augmentation.build(choice.options, _context(dataset))
    check_made(augment, Augmentation, f"augmentation {without_folder(choice.name)!r} must return a")
    try_augmentation(without_folder(choice.name), augment, dataset)
    return augment


def _build_extractors(plan: RunPlan, manager: PluginManager, device: torch.device) -> dict[str, Extractor]:
    """Build each extractor that a metric needs, once."""
    context = replace(plan.extractor_context, device=str(device))
    built: dict[str, Extractor] = {}
    for name, registered in plan.extractors(manager).items():
        built[name] = registered.build(registered.spec.options(), context)
        check_made(built[name], Extractor, f"extractor {name!r} must return an")
    return built
