"""What is declared with a setting: its bound, and what it is part of, from which every key follows."""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ganbench.config.model import SECTIONS, SETTINGS, TrainingConfig, may_change, part_of
from ganbench.config.resolve import flatten, resolve
from ganbench.config.setting import PARTS, Settings, _bound_of, setting
from ganbench.config.values import describe_fields
from ganbench.plugin.manager import PluginManager
from ganbench.spec import LossSpec, both_optimizers

BEFORE: dict[str, Any] = json.loads((Path(__file__).parent / "keys_of_5b859e1.json").read_text())
"""What the four lists of names said that there were at that commit, and the settings in the work key of each architecture's default run."""
MANAGER = PluginManager()


@dataclass(frozen=True, kw_only=True, slots=True)
class Options(Settings):
    """Every kind of bound."""

    width: int = setting(8, least=1)
    height: int | None = setting(None, least=1)
    weight: float = setting(1.0, least=0)
    part: float = setting(0.5, least=0.5)
    dropout: float = setting(0.0, least=0, below=1)
    hole: float = setting(0.5, above=0, below=1)
    rate: float = setting(1.0, above=0, below=math.inf)
    threads: int = setting(1, least=0, most=1024)
    seed: int = setting(0, least=0, most=2**63 - 1)
    most: int = setting(0, most=4)
    scale: float = setting(1.0, above=0, most=1)
    kernels: str = setting("auto", choices=("auto", "triton", "ref"))
    plain: str = "x"


def test_what_is_within_its_bound_passes_and_what_is_unset_too() -> None:
    """The bound itself is allowed."""
    Options(width=1, height=None, part=0.5, weight=0, dropout=0.0, threads=1024, seed=2**63 - 1, most=4, scale=1.0, kernels="ref", plain="")
    Options(height=7, dropout=0.999, hole=0.001, threads=0, most=-1, kernels="triton")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("width", 0, "width must be 1 or more (got 0)"),
        ("height", 0, "height must be 1 or more (got 0)"),
        ("weight", -0.5, "weight must be 0 or more (got -0.5)"),
        ("weight", math.nan, "weight must be 0 or more (got nan)"),
        ("part", 0.25, "part must be 0.5 or more (got 0.25)"),
        ("dropout", -0.1, "dropout must be at least 0 and below 1 (got -0.1)"),
        ("dropout", 1.0, "dropout must be at least 0 and below 1 (got 1.0)"),
        ("dropout", math.nan, "dropout must be at least 0 and below 1 (got nan)"),
        ("hole", 0, "hole must be above 0 and below 1 (got 0)"),
        ("rate", 0.0, "rate must be above 0 (got 0.0)"),
        ("rate", math.inf, "rate must be above 0 (got inf)"),
        ("threads", 1025, "threads must be between 0 and 1024 (got 1025)"),
        ("seed", 2**63, f"seed must be between 0 and 2^63 - 1 (got {2**63})"),
        ("most", 5, "most must be at most 4 (got 5)"),
        ("scale", 1.5, "scale must be above 0 and at most 1 (got 1.5)"),
        ("kernels", "cuda", "kernels must be auto, triton or ref (got 'cuda')"),
    ],
)
def test_what_is_out_of_its_bound_is_refused(name: str, value: object, message: str) -> None:
    """With field, bound and value; NaN is within no bound."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        Options(**{name: value})  # type: ignore[arg-type]
    assert str(caught.value) == message


OPTIONS = sorted({one.spec.options for one in MANAGER.registered} | set(SECTIONS.values()), key=lambda cls: cls.__name__)


@pytest.mark.parametrize("cls", OPTIONS, ids=lambda cls: cls.__name__)
def test_the_settings_of_the_harness_and_of_every_plugin_are_explained_and_bounded(cls: Any) -> None:
    """Each has a help, and its default is within its bound; a ``__post_init__`` that forgot the settings' own would let all values pass."""
    required = {f.name: "x" for f in dataclasses.fields(cls) if f.default is f.default_factory is dataclasses.MISSING}
    cls(**required)
    assert [one.name for one in describe_fields(cls) if not one.help] == []
    for field in dataclasses.fields(cls):
        if (least := _bound_of(field).least) is not None:
            with pytest.raises(ValueError, match=f"^{field.name} must be "):
                cls(**required, **{field.name: least - 1})


def test_the_old_lists_of_names_follow_from_the_parts() -> None:
    """But for --force, which left the work and the cells; a cell's name is matched by itself."""
    queries = {
        "work": lambda path: part_of(path) == "work",
        "may change": lambda path: may_change(path),
        "identity": lambda path: part_of(path) != "place",
        "cell": lambda path: part_of(path) in ("work", "machine"),
    }
    left = {"work": {"training.force"}, "cell": {"training.force", "name"}}
    for key, holds in queries.items():
        assert {path for path in BEFORE["lists"]["paths"] if holds(path)} == set(BEFORE["lists"][key]) - left.get(key, set()), key


@pytest.mark.parametrize("name", BEFORE["work"])
def test_the_work_of_a_default_run_is_what_it_was(name: str) -> None:
    """Path by path and value by value, less --force."""
    work = {path: value for path, value in flatten(resolve(MANAGER, name, []).config).items() if part_of(path) == "work"}
    texts = {path: ",".join(map(str, value)) if isinstance(value, tuple) else value for path, value in work.items()}
    before = {**BEFORE["work of each"], **BEFORE["work"][name]}
    assert texts == {path: value for path, value in before.items() if path != "training.force"}


@pytest.mark.parametrize(
    ("path", "part"),
    [
        ("training.from_another_version", "work"),
        ("evaluation.from_another_version", "measuring"),
        ("data.from_another_version", "place"),
        ("metrics.kd.subset_size", "measuring"),
        ("architecture.options.width", "work"),
        ("a_table.from_another_version", "work"),
        ("name", "name"),
    ],
)
def test_an_unknown_setting_is_part_of_what_its_table_is(path: str, part: str) -> None:
    """Records of other versions are read too."""
    assert part_of(path) == part
    assert part in PARTS


def test_every_setting_that_is_declared_with_a_part_has_a_known_one() -> None:
    """Nothing but the parts that are explained."""
    assert {part_of(path) for path in SETTINGS} <= set(PARTS)
    assert TrainingConfig().seed == 0


def test_an_option_of_a_plugin_has_no_part_of_its_own() -> None:
    """It would decide nothing: a record of another version is read without its plugins."""

    @dataclass(frozen=True, kw_only=True, slots=True)
    class Placed(Settings):
        path: str = setting("", part="place")

    with pytest.raises(ValueError, match=r"^x: an option is part of what its plugin is; leave part and may_change out of path$"):
        LossSpec(name="x", summary="x", factory="a:b", options=Placed)


def test_both_optimizers_are_set_alike() -> None:
    """Each path once for each network, in the order given."""
    assert both_optimizers(kind="adam", eps=1e-8) == (
        ("generator_optimizer.kind", "adam"),
        ("generator_optimizer.eps", 1e-8),
        ("discriminator_optimizer.kind", "adam"),
        ("discriminator_optimizer.eps", 1e-8),
    )
