"""For every setting: which keys it moves, and that runs which differ in it are averaged only where it is a seed, a place or a guard."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from ganbench.config.model import SETTINGS, part_of
from ganbench.config.resolve import flatten
from ganbench.evaluation import evaluation_key
from ganbench.plugin.manager import PluginManager
from ganbench.record.cells import group_replicates
from ganbench.record.machine import Place, software_key
from ganbench.record.record import Keys, RunRecord
from ganbench.run.calibration import Threads
from ganbench.run.lifecycle import Run
from ganbench.run.recording import config_values
from ganbench.spec import MetricSpec
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


def test_what_the_evaluation_takes_for_granted_is_in_its_key(new_run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch) -> None:
    """Which latents are looked at, and how samples are quantised."""
    before = keys_of(new_run()).evaluation
    with monkeypatch.context() as patch:
        patch.setattr(evaluation_key, "_SEED_POLICY", "new latents each time")
        assert keys_of(new_run()).evaluation != before
    space = type(new_run().materials.dataset.space)
    monkeypatch.setattr(space, "quantiser", "another")
    assert keys_of(new_run()).evaluation != before


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
