"""For every setting, and every option of a plugin: which keys it moves, and that runs which differ in it are averaged only where it is a
seed, a place or a guard."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from types import NoneType, SimpleNamespace
from typing import Any, Literal, get_args, get_origin

import pytest

from ganbench.config.model import SETTINGS, part_of
from ganbench.config.resolve import Layer, flatten
from ganbench.config.values import field_types
from ganbench.errors import ConfigError
from ganbench.evaluation import evaluation_key
from ganbench.plugin.manager import PluginManager
from ganbench.record.cells import group_replicates
from ganbench.record.machine import Place, software_key
from ganbench.record.record import Keys, RunRecord
from ganbench.run.calibration import Threads
from ganbench.run.lifecycle import Run
from ganbench.run.plan import RunPlan, plan_run
from ganbench.run.recording import config_values, work_key
from ganbench.spec import ArchitectureSpec, AugmentationSpec, DatasetSpec, LossSpec, MetricSpec, RecipeSpec
from ganbench_metrics import memorised, ms_ssim

RESOLVED = {"training.device", "training.runner", "training.kernels", "training.cudnn_benchmark"}
"""Their keys hold what was used, so that `auto` and its answer are one: tried apart, below."""
NO_VALUE = {"evaluation.samples_every_kimg", "evaluation.grid_size", "evaluation.batch_size"}
"""What is measured at a time, and the pictures."""
OTHERS: dict[str, Any] = {
    "training.batch_size": 12,
    "training.precision": "bf16",
    "training.device": "cpu",
    "training.runner": "eager",
    "training.kernels": "ref",
    "training.threads": 2,
    "evaluation.metrics": ("fd120_digits",),
    "evaluation.truncation": 0.5,
}


def another(path: str) -> dict[str, Any]:
    """Return settings of which one differs from its default, with those that it needs."""
    field, name = SETTINGS[path], path.rpartition(".")[2]
    default = field.default
    if path in OTHERS:
        return {path: OTHERS[path]}
    if name == "packing":
        return {path: 2, "architecture.options.conditional": False}  # a pack of several classes has no label
    if name == "kind":
        return {path: "sgd"}
    if name == "schedule":
        return {path: "linear"}
    if name == "final_momentum":
        return {path: 0.5}
    if name in ("beta1", "beta2", "rmsprop_alpha", "momentum"):
        return {path: 0.25}
    if name == "min_learning_rate":
        return {path: 1e-5}
    if name == "learning_rate":
        return {path: 1e-3}
    if isinstance(default, bool):
        return {path: not default}
    return {path: "elsewhere" if isinstance(default, str) else default + 1}


def keys_of(run: Run) -> Keys:
    """Return the keys of a run that has been built."""
    return run._keys(Threads(count=run.plan.config.training.threads, reason="given"), "eager")


@pytest.fixture
def record(new_run: Callable[..., Run], make_record: Callable[..., RunRecord]) -> Callable[..., RunRecord]:
    """Return a function that makes the record of a tiny run with some settings: its keys, its configuration, its values' key."""

    def make(settings: dict[str, Any]) -> RunRecord:
        run = new_run(settings)
        keys, example = keys_of(run), make_record()
        value = dataclasses.replace(example.evaluations[-1].values[0], evaluation_key=keys.evaluation[0].digest)
        evaluations = (dataclasses.replace(example.evaluations[-1], values=(value,)),)
        config = config_values(flatten(run.plan.config))
        return dataclasses.replace(example, keys=keys, config=config, seed=run.plan.config.training.seed, evaluations=evaluations)

    return make


@pytest.mark.slow(keep=8)
@pytest.mark.parametrize("path", sorted(SETTINGS.keys() - RESOLVED))
def test_a_setting_moves_the_keys_of_its_part(record: Callable[..., RunRecord], path: str) -> None:
    """And two runs that differ in it are one row with one column only where they are replicates."""
    settings = another(path)
    one, other = record({name: value for name, value in settings.items() if name != path}), record(settings)
    moved = {name for name in ("hardware", "software", "work") if getattr(one.keys, name) != getattr(other.keys, name)}
    moved |= {"evaluation"} if one.keys.evaluation != other.keys.evaluation else set()
    part = part_of(path)
    if part == "work":
        assert moved == {"work"}
    elif part == "machine":
        assert moved == {"software"}
    elif path in ("evaluation.metrics", "evaluation.truncation"):
        assert moved == {"evaluation"}
    else:
        assert moved == set()
    rows = len(group_replicates([one, dataclasses.replace(other, run_id="other")]))
    columns = len({run.evaluations[-1].values[0].evaluation_key for run in (one, other)})
    averaged = rows == 1 and columns == 1
    assert averaged is (part in ("seed", "place", "guard") or path in NO_VALUE)


@pytest.mark.parametrize(
    "change",
    [{"device": "cuda"}, {"runner": "cuda_graph"}, {"kernels": "triton"}, {"threads": 3}, {"world": 2}],
    ids=lambda c: next(iter(c)),
)
def test_where_and_how_it_was_executed_moves_the_software_key(change: dict[str, Any]) -> None:
    """What `auto` became."""
    place = Place(
        device="cpu",
        precision="fp32",
        tf32=False,
        deterministic=False,
        threads=1,
        runner="eager",
        kernels="ref",
        channels_last=True,
        keep_memory=False,
    )
    assert software_key(place) != software_key(dataclasses.replace(place, **change))


@pytest.mark.slow
def test_what_the_evaluation_takes_for_granted_is_in_its_key(new_run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch) -> None:
    """Which latents are looked at, and how samples are quantised."""
    before = keys_of(new_run()).evaluation
    with monkeypatch.context() as patch:
        patch.setattr(evaluation_key, "_SEED_POLICY", "new latents each time")
        assert keys_of(new_run()).evaluation != before
    space = type(new_run().materials.dataset.space)
    monkeypatch.setattr(space, "quantiser", "another")
    assert keys_of(new_run()).evaluation != before


MANAGER = PluginManager()
SECTIONS = {"architecture": ArchitectureSpec, "loss": LossSpec, "dataset": DatasetSpec, "augmentation": AugmentationSpec}
PLUGINS = [f"{section} {one.spec.name}" for section, kind in SECTIONS.items() for one in MANAGER.specs(kind)]
NEEDED: dict[str, dict[str, Any]] = {
    "loss.options.gp_one_sided": {"loss.options.gp_weight": 10.0},
    "loss.options.feature_matching_alone": {"loss.options.feature_matching": 1.0},
    "augmentation.options.final_strength": {"augmentation.options.target": None},
    "augmentation.options.ramp_kimg": {"augmentation.options.target": None, "augmentation.options.final_strength": 0.5},
    "dataset.options.address": {"dataset.options.path": ""},
    "architecture.options.minibatch_discrimination": {"architecture.options.head": "linear"},
    "architecture.options.filter_sizes": {"architecture.options.filter_sizes": (1, 2), "architecture.options.filters": (3, 4)},
    "architecture.options.filters": {"architecture.options.filter_sizes": (1, 2), "architecture.options.filters": (3, 4)},
}
"""What another option needs to have, so that one may have another value."""


def planned(section: str, name: str, settings: dict[str, Any]) -> RunPlan:
    """Plan a run with one plugin of the section; the others are whatever goes with it."""
    model = name if section == "architecture" else "mlp"
    chosen = {f"{section}.name": name} if section != "architecture" else {}
    spaces = MANAGER.find(ArchitectureSpec, name).spec.spaces if section == "architecture" else ()
    if spaces in (("rows",), ("points",)):  # the others for which the default dataset will not do bring their own
        chosen = {"dataset.name": {"rows": "iris", "points": "ring8"}[spaces[0]]}
    return plan_run(MANAGER, model, [Layer(origin="test", settings={**chosen, "evaluation.metrics": (), **settings})])


def work_of(plan: RunPlan) -> Any:
    """Return the work key of a plan's run, whose data are of one content."""
    source = SimpleNamespace(content_hash="a", space=SimpleNamespace(describe=lambda: "8x8"))
    return work_key(SimpleNamespace(config=plan.config, plan=plan, dataset=SimpleNamespace(train=source, space=source.space)))  # type: ignore[arg-type]


def others(annotation: Any, default: Any) -> Iterator[Any]:
    """Yield values of a type that are not the default."""
    kinds = [one for one in get_args(annotation) if one is not NoneType] if NoneType in get_args(annotation) else [annotation]
    for kind in kinds:
        values: tuple[Any, ...] = ("elsewhere", "s3://elsewhere", "4x6", "64", "bloodmnist", str(default).partition(",")[0], f"{default}1")
        if get_origin(kind) is Literal:
            values = get_args(kind)
        elif kind is bool:
            values = (True, False)
        elif kind in (int, float):
            base = default if isinstance(default, (int, float)) else 8
            values = tuple(kind(value) for value in (base + 1, 2 * base, base / 2, 1, 2, 0.25, 4, 16, 64))
        elif get_origin(kind) is tuple:
            values = ((default or ())[:1], (8, 8), (4,), (16, 8, 4), ("0", "1"), (0.25, 0.5), (2, 2, 2), (1, 2, 4, 8))
        yield from (value for value in values if value != default)


def required(section: str, name: str) -> dict[str, Any]:
    """Return a value for each option that must be set."""
    spec = MANAGER.find(SECTIONS[section], name).spec
    return {
        f"{section}.options.{field.name}": "/data" for field in dataclasses.fields(spec.options) if field.default is dataclasses.MISSING
    }


@pytest.mark.slow(keep=8)
@pytest.mark.parametrize("plugin", PLUGINS)
def test_every_option_of_a_plugin_is_part_of_the_work_unless_it_is_a_place(plugin: str) -> None:
    """Of everybody's: no list of names stands beside them. A place is told by the content of what lies there, which has a hash."""
    section, name = plugin.split()
    given = required(section, name)
    options = getattr(planned(section, name, given).config, section).options
    types = field_types(type(options))
    for field in dataclasses.fields(options):
        path = f"{section}.options.{field.name}"
        needed = NEEDED.get(path, {})
        needed = needed if all(one.rpartition(".")[2] in types for one in needed) else {}  # another plugin's option may have the same name
        base = planned(section, name, {**given, **needed})
        for value in others(types[field.name], getattr(options, field.name)):
            try:
                plan = planned(section, name, {**given, **needed, path: value})
            except ConfigError:
                continue  # out of its bound, or it does not go with the others
            break
        else:
            pytest.fail(f"no other value of {path} was found")
        assert (work_of(plan) == work_of(base)) is (part_of(path, base.config) == "place"), path


def test_an_option_of_a_recipe_is_one_of_its_architecture() -> None:
    """So it has no key of its own."""
    assert not any(dataclasses.fields(one.spec.options) for one in MANAGER.specs(RecipeSpec))


def test_the_content_of_the_data_is_part_of_the_work() -> None:
    """Wherever it lies."""
    plan = planned("dataset", "folder", {"dataset.options.path": "/data"})
    keys = []
    for content in ("a", "b"):
        source = SimpleNamespace(content_hash=content, space=SimpleNamespace(describe=lambda: "8x8"))
        made = SimpleNamespace(config=plan.config, plan=plan, dataset=SimpleNamespace(train=source, space=source.space))
        keys.append(work_key(made))  # type: ignore[arg-type]
    assert keys[0] != keys[1]


OPTIONS = [
    (one.spec, field.name)
    for one in PluginManager().specs(MetricSpec)
    if one.identity().distribution == "ganbench"
    for field in dataclasses.fields(one.spec.options)
]


@pytest.mark.parametrize(("spec", "name"), OPTIONS, ids=lambda value: value if isinstance(value, str) else value.name)
def test_every_option_of_a_metric_is_among_its_parameters(spec: MetricSpec, name: str) -> None:
    """But for how few images of a class are enough, which refuses and changes no value."""
    registered = PluginManager().find(MetricSpec, spec.name)
    default = getattr(spec.options(), name)
    other = not default if isinstance(default, bool) else "real" if isinstance(default, str) else default + 1
    changed = registered.build(spec.options(**{name: other})).parameters()
    assert (changed == registered.build(spec.options()).parameters()) is (name == "least_per_class")


def test_a_constant_of_the_arithmetic_changes_only_with_the_name_of_the_implementation() -> None:
    """The key holds that name: whoever changes one of these counts it up, and writes the new pair here."""
    constants = (ms_ssim.WEIGHTS, ms_ssim.WINDOW, ms_ssim.SIGMA, round(ms_ssim.C1, 4), round(ms_ssim.C2, 4))
    assert (ms_ssim.MsSsimMetric().implementation, *constants) == (
        "ms-ssim-1",
        (0.0448, 0.2856, 0.3001, 0.2363, 0.1333),
        11,
        1.5,
        6.5025,
        58.5225,
    )
    assert memorised.MemorisedMetric().implementation == "memorised-1"
