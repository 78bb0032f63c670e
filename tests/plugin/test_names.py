"""How a user's name finds a plugin: conflicts, switches, name spaces, suggestions."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ganbench import ArchitectureSpec, DatasetSpec, LossSpec, ModelSpec, PluginSpec
from ganbench.errors import PluginError
from ganbench.plugin.manager import PluginManager

Install = Callable[..., str]
Source = Callable[[str], str]


def error_of(manager: PluginManager, kind: type[PluginSpec], name: str) -> str:
    with pytest.raises(PluginError) as caught:
        manager.find(kind, name)
    return str(caught.value)


def test_a_name_of_two_distributions_is_a_conflict_that_names_both(install: Install, loss_source: Source) -> None:
    """Neither shadows the other, not even ganbench's own; each is reachable with its distribution."""
    install("other", loss_source("hinge"))
    manager = PluginManager()
    message = error_of(manager, LossSpec, "hinge")
    assert "'hinge' is registered by 2 distributions" in message
    assert "say ganbench:hinge or other:hinge" in message
    assert manager.find(LossSpec, "other:hinge").build(None) == "built"
    assert manager.find(LossSpec, "ganbench:hinge").spec.factory == "ganbench_losses.objectives:build_hinge"
    ours = manager.find(LossSpec, "ganbench:hinge")
    assert [r.distribution for r in manager.conflicts(ours)] == ["other"]


def test_switching_one_side_off_ends_a_conflict(install: Install, loss_source: Source) -> None:
    """What the message offers works."""
    install("other", loss_source("hinge"))
    assert PluginManager(off=["other"]).find(LossSpec, "hinge").distribution == "ganbench"


def test_an_architecture_and_a_recipe_of_one_name_are_a_conflict(install: Install) -> None:
    """``--plugin`` takes either, so they share a name space; a loss of that name does not matter."""
    install("clash", "@hookimpl\ndef ganbench_register(): return [ArchitectureSpec(name='dcgan-32', summary='', factory='a:b')]")
    install("harmless", "@hookimpl\ndef ganbench_register(): return [LossSpec(name='dcgan', summary='', factory='a:b')]")
    manager = PluginManager()
    assert "say ganbench:dcgan-32 or clash:dcgan-32" in error_of(manager, ModelSpec, "dcgan-32")
    assert manager.find(ModelSpec, "dcgan").spec.kind == "architecture"
    assert manager.find(ArchitectureSpec, "dcgan-32").distribution == "clash"


def test_a_name_registered_twice_by_one_distribution_is_used_by_neither(install: Install) -> None:
    """Which of the two was meant cannot be said; the distribution's other names stay."""
    install(
        "twice",
        """
        @hookimpl
        def ganbench_register():
            return [LossSpec(name=name, summary="", factory="a:b") for name in ("same", "same", "other")]
        """,
        version="3.1",
    )
    manager = PluginManager()
    assert manager.find(LossSpec, "other").distribution == "twice"
    failed = [s for s in manager.statuses if s.status == "failed"]
    assert [(s.entry, s.distribution, s.version) for s in failed] == [("same", "twice", "3.1")]
    assert failed[0].cause == "registers the loss 'same' 2 times; none of them is used"
    assert "registers the loss 'same' 2 times" in error_of(manager, LossSpec, "same")


def test_a_name_from_two_entry_points_of_one_distribution_is_used_by_neither(install: Install, loss_source: Source) -> None:
    """It is the distribution that counts, not the module."""
    install("twofold", loss_source("same"), loss_source("same"))
    assert "registers the loss 'same' 2 times" in error_of(PluginManager(), LossSpec, "same")


@pytest.mark.parametrize("name", ["the-entry", "the-distribution"])
def test_switching_off_an_entry_point_or_a_distribution_does_not_even_import_it(name: str, install: Install) -> None:
    """A plugin that crashes the interpreter at import can still be got rid of."""
    install("the-distribution", "raise SystemExit('imported')", entry="the-entry")
    (status,) = [s for s in PluginManager(off=[name]).statuses if s.distribution == "the-distribution"]
    assert (status.status, status.cause) == ("off", f"switched off by -p no:{name}")


def test_switching_off_a_registered_name_leaves_its_siblings() -> None:
    """``-p no:dcgan-32`` takes out one recipe, and asking for it says why it is gone."""
    manager = PluginManager(off=["dcgan-32"])
    assert manager.find(ModelSpec, "dcgan").distribution == "ganbench"
    assert "the plugin 'dcgan-32' of ganbench is off: switched off by -p no:dcgan-32" in error_of(manager, ModelSpec, "dcgan-32")


def test_switching_off_a_name_that_nothing_has_is_an_error() -> None:
    """A typing error must not leave the user believing that a plugin is off."""
    with pytest.raises(PluginError, match=r"-p no:hing: nothing has this name; did you mean 'hinge'\?"):
        PluginManager(off=["hing"])


@pytest.mark.parametrize(
    ("value", "loaded"), [("", []), ("one", ["one"]), (" one , two,", ["one", "two"]), ("entry-of-two", ["two"]), (None, ["one", "two"])]
)
def test_ganbench_plugins_chooses_who_is_loaded_besides_ganbench(
    value: str | None, loaded: list[str], install: Install, loss_source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes distributions and entry points; unset loads everything; ganbench's own are always there."""
    install("one", loss_source("loss-one"))
    install("two", loss_source("loss-two"), entry="entry-of-two")
    if value is not None:
        monkeypatch.setenv("GANBENCH_PLUGINS", value)
    manager = PluginManager()
    theirs = {"one", "two"}
    assert sorted({r.distribution for r in manager.registered} & theirs) == loaded
    left_out = [s for s in manager.statuses if s.distribution in theirs - set(loaded)]
    assert {(s.status, s.cause) for s in left_out} <= {("off", "not named in GANBENCH_PLUGINS")}
    assert manager.find(LossSpec, "hinge").distribution == "ganbench"


@pytest.mark.parametrize(
    ("kind", "name", "message"),
    [
        (ModelSpec, "dgcan", "unknown architecture or recipe 'dgcan'; did you mean 'dcgan'?"),
        (LossSpec, "hing", "unknown loss 'hing'; did you mean 'hinge'?"),
        (LossSpec, "nowhere:hinge", "unknown loss 'nowhere:hinge'; did you mean 'hinge'?"),
        (LossSpec, "dcgan", "unknown loss 'dcgan'; known: "),
        (DatasetSpec, "", "unknown dataset ''; known: "),
    ],
)
def test_an_unknown_name_comes_with_a_suggestion(kind: type[PluginSpec], name: str, message: str) -> None:
    """The closest name, or all of them."""
    assert error_of(PluginManager(), kind, name).startswith(message)


@pytest.mark.parametrize("name", ["broken", "broken:thing"])
def test_asking_for_a_plugin_that_failed_says_that_it_failed(name: str, install: Install) -> None:
    """The cause is at hand where it is looked for."""
    install("broken", "import no_such_module_at_all")
    assert "the plugin 'broken' of broken failed: ModuleNotFoundError" in error_of(PluginManager(), ModelSpec, name)


REGISTERS_A_FAULTY_ONE = "@hookimpl\ndef ganbench_register(): return [LossSpec(name='mine', summary='', factory='no_colon')]"


def test_a_plugin_that_failed_is_named_where_one_of_its_names_is_used(install: Install) -> None:
    """Whatever its entry point is called: its cause tells of the name."""
    install("faulty", REGISTERS_A_FAULTY_ONE, entry="other-word")
    cause = "the plugin 'other-word' of faulty failed: ValueError: mine: factory must be 'module:attribute' (got 'no_colon')"
    assert error_of(PluginManager(), LossSpec, "mine") == f"unknown loss 'mine'; {cause}"


def test_an_unknown_name_may_be_that_of_a_plugin_that_failed(install: Install) -> None:
    """What failed registered no name, so it is told beside the suggestion."""
    install("faulty", "import no_such_module_at_all", entry="other-word")
    message = error_of(PluginManager(), LossSpec, "hing")
    assert message.startswith("unknown loss 'hing'; did you mean 'hinge'?; the plugin 'other-word' of faulty failed to register: Module")


def test_all_kinds_of_a_name_are_found_and_a_file_changes_nothing(install: Install, tmp_path: Path) -> None:
    """``plugins show`` and ``plugins check`` look for a name in the same way."""
    install("harmless", "@hookimpl\ndef ganbench_register(): return [LossSpec(name='dcgan', summary='', factory='a:b')]")
    manager = PluginManager()
    assert {one.spec.kind for one in manager.find_all("dcgan")} == {"architecture", "loss"}
    assert [one.distribution for one in manager.find_all("dcgan", kind="loss")] == ["harmless"]
    with pytest.raises(PluginError, match="unknown kind 'losss'; did you mean 'loss'"):
        manager.find_all("dcgan", kind="losss")
    (tmp_path / "mine.py").write_text("def hinge(options): pass\n")
    (one,) = manager.find_all(f"{tmp_path / 'mine.py'}:hinge", kind="loss")
    before = list(manager.registered)
    assert manager.joined_by(one).find(LossSpec, "hinge") is one
    assert manager.registered == before


def test_of_two_versions_of_a_distribution_the_first_on_the_path_counts(install: Install, loss_source: Source, site: Path) -> None:
    """As for an import; comments and extras in its file are read as pip writes them."""
    module = install("doubled", loss_source("mine"))
    second = site / "second"
    (second / "doubled-2.0.dist-info").mkdir(parents=True)
    (second / "doubled-2.0.dist-info" / "entry_points.txt").write_text("[ganbench]\nother = no_such_module\n")
    text = f"# a comment\n[console_scripts]\nx\n[ganbench]\na = {module} [fast]\n"
    (site / "doubled-1.0.dist-info" / "entry_points.txt").write_text(text)
    sys.path.append(str(second))
    try:
        assert [(s.entry, s.version, s.status) for s in PluginManager().statuses if s.distribution == "doubled"] == [("a", "1.0", "ok")]
    finally:
        sys.path.remove(str(second))
