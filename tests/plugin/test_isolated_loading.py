"""Whatever one distribution does wrong becomes one line with its name, version and cause; all the others still work."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ganbench import LossSpec, ModelSpec
from ganbench.plugin.manager import PluginManager, PluginStatus

BROKEN = {
    "import-error": ("import no_such_module_at_all", "ModuleNotFoundError: No module named 'no_such_module_at_all'"),
    "system-exit": ("import sys; sys.exit(7)", "SystemExit: 7"),
    "syntax-error": ("def broken(:", "SyntaxError: "),
    "base-exception": ("class Odd(BaseException): pass\nraise Odd('odd')", "Odd: odd"),
    "recursion": ("def f(): return f()\nf()", "RecursionError: "),
    "wrong-signature": ("@hookimpl\ndef ganbench_register(manager): return []", "PluginValidationError: "),
    "wrong-signature-of-another-hook": (
        "@hookimpl\ndef ganbench_register(): return []\n@hookimpl\ndef ganbench_after_run(result): pass",
        "PluginValidationError: ",
    ),
    "misspelt-hook": ("@hookimpl\ndef ganbench_registre(): return []", "unknown hook 'ganbench_registre'"),
    "no-hook": ("def ganbench_register(): return []", "implements no hook; mark its functions with @ganbench.hookimpl"),
    "foreign-api": ("GANBENCH_API_VERSION = 99\n@hookimpl\ndef ganbench_register(): return []", "made for plugin API 99, this is API 1"),
    "raises-in-hook": ("@hookimpl\ndef ganbench_register(): raise RuntimeError('no\\nlicence')", "RuntimeError: no licence"),
    "exits-in-hook": ("@hookimpl\ndef ganbench_register(): raise SystemExit", "SystemExit"),
    "raises-while-yielding": ("@hookimpl\ndef ganbench_register():\n    yield from ()\n    1 / 0", "ZeroDivisionError: "),
    "returns-none": ("@hookimpl\ndef ganbench_register(): pass", "must return a list of specs (got NoneType)"),
    "returns-one-spec": (
        "@hookimpl\ndef ganbench_register(): return LossSpec(name='x', summary='', factory='a:b')",
        "must return a list of specs (got LossSpec)",
    ),
    "returns-classes": ("@hookimpl\ndef ganbench_register(): return [LossSpec]", "must return specs (got a type)"),
    "returns-text": ("@hookimpl\ndef ganbench_register(): return 'loss'", "must return specs (got a str)"),
    "bad-name": ("@hookimpl\ndef ganbench_register(): return [LossSpec(name='My Loss', summary='', factory='a:b')]", "got 'My Loss'"),
    "bad-factory": ("@hookimpl\ndef ganbench_register(): return [LossSpec(name='x', summary='', factory='a.b')]", "got 'a.b'"),
    "bad-options": (
        "@hookimpl\ndef ganbench_register(): return [LossSpec(name='x', summary='', factory='a:b', options=dict)]",
        "options must be a dataclass (got <class 'dict'>)",
    ),
}


def status_of(manager: PluginManager, distribution: str) -> PluginStatus:
    (status,) = [s for s in manager.statuses if s.distribution == distribution]
    return status


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_plugin_is_one_line_and_the_others_work(name: str, install: Callable[..., str], loss_source: Callable[[str], str]) -> None:
    """The status names the distribution, its version and the cause; a plugin after it and the first-party ones are registered."""
    source, cause = BROKEN[name]
    install(f"a-{name}", source, version="2.5")
    install("z-good", loss_source("good"))
    manager = PluginManager()
    status = status_of(manager, f"a-{name}")
    assert (status.status, status.version) == ("failed", "2.5")
    assert cause in status.cause
    assert "\n" not in status.cause
    assert manager.find(LossSpec, "good").build(None) == "built"
    assert manager.find(ModelSpec, "dcgan").distribution == "ganbench"
    assert not [r for r in manager.registered if r.distribution == f"a-{name}"]


def test_a_failed_plugins_other_hooks_are_never_called(install: Callable[..., str]) -> None:
    """Of a plugin with a misspelt hook not even the right ones stay registered."""
    install(
        "half-right",
        """
        @hookimpl
        def ganbench_environment():
            return {"x": "y"}

        @hookimpl
        def ganbench_afterstep():
            pass
        """,
    )
    manager = PluginManager()
    assert "ganbench_afterstep" in status_of(manager, "half-right").cause
    assert [i.plugin_name for i in manager.implementations("ganbench_environment")] == []


def test_what_a_plugin_prints_while_loading_is_held_back(
    install: Callable[..., str], loss_source: Callable[[str], str], capsys: pytest.CaptureFixture[str]
) -> None:
    """stdout stays clean, and the status says why a line is missing."""
    install("chatty", "print('hello')\n" + loss_source("chatty").replace("            ", ""))
    manager = PluginManager()
    assert capsys.readouterr().out == ""
    assert status_of(manager, "chatty") == PluginStatus(
        entry="chatty", distribution="chatty", version="1.0", status="ok", cause="printed to stdout while loading (held back)"
    )
    assert manager.find(LossSpec, "chatty").distribution == "chatty"


@pytest.mark.slow
def test_importing_torch_while_registering_is_pointed_out(site: Path, install: Callable[..., str]) -> None:
    """A plugin that slows every command is named, in a process that has not imported torch yet."""
    install("slow", "import numpy\n@hookimpl\ndef ganbench_register(): return []")
    code = "from ganbench.plugin.manager import PluginManager as P; print([s.cause for s in P().statuses if s.distribution == 'slow'])"
    paths = [str(site), *filter(None, sys.path)]
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {paths!r}; {code}"], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "['imports numpy while loading, which slows every command']"


def test_a_keyboard_interrupt_while_loading_is_not_swallowed(install: Callable[..., str]) -> None:
    """Ctrl-C ends the program even if it falls into a plugin's import."""
    install("interrupted", "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        PluginManager()


def test_two_entry_points_of_one_module_do_not_break_the_first(install: Callable[..., str], site: Path) -> None:
    """pluggy refuses to register an object twice; the first registration stays."""
    module = install("double", "@hookimpl\ndef ganbench_register(): return [LossSpec(name='double', summary='', factory='a:b')]")
    (site / "double-1.0.dist-info" / "entry_points.txt").write_text(f"[ganbench]\na = {module}\nb = {module}\n")
    manager = PluginManager()
    assert [(s.entry, s.status) for s in manager.statuses if s.distribution == "double"] == [("a", "ok"), ("b", "failed")]
    assert manager.find(LossSpec, "double").entry == "a"


def test_a_distribution_without_metadata_still_loads(install: Callable[..., str], loss_source: Callable[[str], str]) -> None:
    """A dist-info folder that lost its METADATA has no name and no version; its plugin works."""
    install("nameless", loss_source("nameless"), metadata="")
    found = PluginManager().find(LossSpec, "nameless")
    assert (found.distribution, found.version) == ("unknown", "")


def test_a_damaged_entry_points_file_hides_nothing_else(install: Callable[..., str], site: Path, loss_source: Callable[[str], str]) -> None:
    """A file that importlib.metadata cannot parse costs its own distribution only."""
    install("good", loss_source("good"))
    install("damaged", loss_source("bad"))
    (site / "damaged-1.0.dist-info" / "entry_points.txt").write_text("[ganbench]\nthis line has no equals sign\n")
    manager = PluginManager()
    assert manager.find(LossSpec, "good").distribution == "good"
    assert manager.find(ModelSpec, "dcgan").distribution == "ganbench"
