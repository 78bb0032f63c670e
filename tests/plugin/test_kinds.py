"""A kind is a subclass of PluginSpec: ganbench's own and anybody's."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal

import pytest

from ganbench import ArchitectureSpec, ExtractorSpec, MetricSpec, ModelSpec, PluginSpec, RecipeSpec
from ganbench.cli.main import main
from ganbench.errors import PluginError
from ganbench.plugin.manager import PluginManager
from ganbench_reproduce import ReproductionSpec

Install = Callable[..., str]

POEMS = """
    from typing import ClassVar
    from ganbench import PluginSpec

    @dataclass(frozen=True, kw_only=True, slots=True)
    class Metre:
        feet: int = 5
        \"""In a line.\"""

    @dataclass(frozen=True, kw_only=True, slots=True)
    class PoemSpec(PluginSpec):
        kind: ClassVar[str] = "poem"
        language: str = "en"
        \"""What it is written in.\"""

        def use(self, name):
            return f"poems read {name}"

    @hookimpl
    def ganbench_register():
        return [PoemSpec(name="ode", summary="sung", factory="MODULE:build", options=Metre, language="de")]

    def build(options):
        return "O" * options.feet
"""


def test_a_package_looks_up_its_own_kind(install: Install) -> None:
    """By its class, with its own fields and options."""
    module = install("poems", POEMS)
    manager = PluginManager()
    kind: type[PluginSpec] = sys.modules[module].PoemSpec
    (ode,) = manager.specs(kind)
    assert ode == manager.find(kind, "ode") == manager.find(kind, "poems:ode")
    assert ode.build(ode.spec.options()) == "OOOOO"
    assert ode.identity().kind == "poem"
    with pytest.raises(PluginError, match=r"unknown poem 'odd'; did you mean 'ode'\?"):
        manager.find(kind, "odd")


def test_every_kind_is_listed_and_shown(install: Install, capsys: pytest.CaptureFixture[str]) -> None:
    """Also one that ganbench has never heard of."""
    install("poems", POEMS)
    assert main(["plugins", "list", "--json"]) == 0
    kinds = {row["kind"] for row in json.loads(capsys.readouterr().out)}
    assert {"poem", "reproduction", "command", "architecture", "frozen"} <= kinds
    assert main(["plugins", "show", "ode", "--json"]) == 0
    (shown,) = json.loads(capsys.readouterr().out)
    assert (shown["kind"], shown["use"], shown["language"]) == ("poem", "poems read ode", "de")
    assert [(o["name"], o["help"]) for o in shown["options"]] == [("feet", "In a line.")]


def test_what_is_found_is_what_was_asked_for() -> None:
    """A name of another kind is not found; a model is an architecture or a recipe."""
    manager = PluginManager()
    assert isinstance(manager.find(ArchitectureSpec, "dcgan").spec, ArchitectureSpec)
    assert isinstance(manager.find(ReproductionSpec, "pacgan-table1").spec, ReproductionSpec)
    assert manager.find(ModelSpec, "dcgan-64").of(ArchitectureSpec) is None
    recipe = manager.find(ModelSpec, "dcgan-64").of(RecipeSpec)
    assert recipe is not None
    assert recipe.spec.architecture == "dcgan"
    names = {r.spec.name for r in manager.specs(ModelSpec)}
    assert names == {r.spec.name for kind in (ArchitectureSpec, RecipeSpec) for r in manager.specs(kind)}
    assert {r.spec.kind for r in manager.specs(PluginSpec)} >= {"architecture", "reproduction", "command"}


@dataclass(frozen=True, kw_only=True, slots=True)
class KindlessSpec(PluginSpec):
    """Forgot its kind."""


@pytest.mark.parametrize("cls", [PluginSpec, ModelSpec, KindlessSpec])
def test_a_spec_of_no_kind_is_refused(cls: type[PluginSpec]) -> None:
    """What all kinds share is none."""
    with pytest.raises(ValueError, match=f"x: a {cls.__name__} is of no kind; register a subclass that has one"):
        cls(name="x", summary="", factory="a:b")


@dataclass(frozen=True, kw_only=True, slots=True)
class ListSpec(PluginSpec):
    """Needs no factory."""

    kind: ClassVar[str] = "list"
    has_factory: ClassVar[bool] = False


def test_a_kind_says_whether_it_has_a_factory() -> None:
    """As a recipe has none."""
    assert ListSpec(name="x", summary="").factory == ""
    with pytest.raises(ValueError, match="factory must be 'module:attribute'"):
        MetricSpec(name="x", summary="")


def test_a_plugin_says_how_it_is_used() -> None:
    """Under the name that it is given; a metric on images names no extractor."""
    assert ArchitectureSpec(name="a", summary="", factory="m:f").use("some:a") == "ganbench run --plugin some:a"
    assert ExtractorSpec(name="x", summary="", factory="m:f").use("x") == "ganbench run --plugin NAME --metric fd5k_x"
    assert MetricSpec(name="fd", summary="", factory="m:f").use("fd") == "ganbench run --plugin NAME --metric fd5k_EXTRACTOR"


@dataclass(frozen=True)
class NoneByDefault:
    """Means a text where every flag and file means nothing."""

    norm: str | None = "None"


@dataclass(frozen=True)
class NoneByChoice:
    """Alike."""

    norm: Literal["batch", "none"] | None = None


@dataclass(frozen=True)
class PlainNone:
    """A text that is not optional may be any word."""

    norm: str = "none"
    other: Literal["batch", "none"] = "none"
    third: str | None = "batch"


def test_none_in_an_optional_option_is_never_a_text() -> None:
    """A configuration file has one word for both, so what it repeats would be another run."""
    for options in (NoneByDefault, NoneByChoice):
        with pytest.raises(ValueError, match="x: in the option norm the text none says that it is unset; call that value by another word"):
            MetricSpec(name="x", summary="", factory="a:b", options=options)
    assert MetricSpec(name="x", summary="", factory="a:b", options=PlainNone).options is PlainNone
