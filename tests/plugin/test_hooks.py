"""Behaviour hooks: what they are given, what they give back, and what happens to one that raises."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from ganbench.plugin import hookspecs
from ganbench.plugin.manager import PluginManager

Install = Callable[..., str]


def test_a_hook_that_raises_is_named_once_and_not_called_again(install: Install, caplog: pytest.LogCaptureFixture) -> None:
    """The run goes on; the other plugins' answers arrive."""
    install(
        "raising",
        """
        calls = []

        @hookimpl
        def ganbench_environment():
            calls.append(1)
            raise OSError("no scheduler")
        """,
    )
    install("answering", "@hookimpl\ndef ganbench_environment(): return {'job': '17'}")
    manager = PluginManager()
    with caplog.at_level(logging.WARNING):
        answers = [list(manager.call("ganbench_environment")) for _ in range(3)]
    assert answers == [[{"job": "17"}]] * 3
    messages = [r.getMessage() for r in caplog.records]
    assert messages == ["plugin raising:raising: ganbench_environment raised OSError: no scheduler; it is not called again"]
    (raising,) = [i for i in manager.implementations("ganbench_environment") if i.plugin_name == "raising:raising"]
    assert len(raising.plugin.calls) == 1


def test_a_hook_that_exits_does_not_end_the_run(install: Install, caplog: pytest.LogCaptureFixture) -> None:
    """sys.exit in a hook is a failure like any other."""
    install("exiting", "@hookimpl\ndef ganbench_after_run(event): raise SystemExit(0)")
    assert list(PluginManager().call("ganbench_after_run", event=None)) == []
    assert "SystemExit" in caplog.text


def test_only_the_hook_that_raised_is_silenced(install: Install) -> None:
    """The same plugin's other hooks go on."""
    install(
        "half",
        """
        @hookimpl
        def ganbench_after_run(event):
            raise ValueError

        @hookimpl
        def ganbench_environment():
            return {}
        """,
    )
    manager = PluginManager()
    assert list(manager.call("ganbench_after_run", event=None)) == []
    assert list(manager.call("ganbench_environment")) == [{}]


def test_a_hook_takes_the_arguments_that_it_names(install: Install) -> None:
    """Any subset of the specification, by name, in any order."""
    install(
        "subset",
        """
        seen = []

        @hookimpl
        def ganbench_after_step(generator_steps):
            seen.append(generator_steps)

        @hookimpl
        def ganbench_before_run(event):
            seen.append(event)
        """,
    )
    manager = PluginManager()
    assert list(manager.call("ganbench_after_step", samples_seen=64, generator_steps=3)) == []
    assert list(manager.call("ganbench_before_run", event=("c", "d"))) == []
    assert manager.implementations("ganbench_after_step")[0].plugin.seen == [3, ("c", "d")]


def test_nobody_implements_the_hot_hook_by_default() -> None:
    """The training loop skips ganbench_after_step altogether then."""
    assert PluginManager().implementations("ganbench_after_step") == []


def test_an_object_can_be_a_plugin(install: Install, site: Path) -> None:
    """An entry point may name an instance whose methods are hooks."""
    module = install(
        "object",
        """
        class Plugin:
            @hookimpl
            def ganbench_environment(self):
                return {"from": "an object"}

        plugin = Plugin()
        """,
    )
    (site / "object-1.0.dist-info" / "entry_points.txt").write_text(f"[ganbench]\nobject = {module}:plugin\n")
    assert list(PluginManager().call("ganbench_environment")) == [{"from": "an object"}]


def test_every_hook_says_when_it_is_called_and_carries_the_prefix() -> None:
    """A hook without a docstring is not a public interface."""
    hooks = {n: f for n, f in vars(hookspecs).items() if hasattr(f, "ganbench_spec")}
    assert hooks
    assert all(name.startswith("ganbench_") for name in hooks)
    assert all((f.__doc__ or "").strip() for f in hooks.values())


def test_hooks_are_called_in_the_order_that_they_ask_for(install: Install) -> None:
    """``tryfirst`` before the others and ``trylast`` behind them, whatever the distributions are called."""
    hook = "import pluggy\n@pluggy.HookimplMarker('ganbench')({})\ndef ganbench_environment(): return {{'who': {!r}}}"
    for name, asks in (("a-last", "trylast=True"), ("b-plain", ""), ("c-first", "tryfirst=True"), ("d-plain", "")):
        install(name, hook.format(asks, name))
    answers = [answer["who"] for answer in PluginManager().call("ganbench_environment")]
    assert (answers[0], answers[-1]) == ("c-first", "a-last")
    assert len(answers) == 4
