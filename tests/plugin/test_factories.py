"""From a registered spec to what it names, when a run needs it: each failure is one line with the owner's name."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ganbench.errors import ConfigError, PluginError
from ganbench.plugin.factory import Registered, source_hash
from ganbench.plugin.manager import PluginManager
from ganbench.spec import LossSpec

Install = Callable[..., str]

FACTORIES = {
    "no-module": ("no_such_module:build", "", "loss 'x' of bad cannot be imported: ModuleNotFoundError: No module named 'no_such_module'"),
    "no-attribute": ("MODULE:missing", "", "has no 'missing'"),
    "not-callable": ("MODULE:build", "build = 3", "is not callable (got int)"),
    "raises": ("MODULE:build", "def build(options): raise KeyError('width')", "loss 'x' of bad failed to build: KeyError: 'width'"),
    "exits": ("MODULE:build", "def build(options): raise SystemExit(1)", "loss 'x' of bad failed to build: SystemExit: 1"),
    "refuses": (
        "MODULE:build",
        "def build(options): raise ValueError('alpha must be below 1 (got 2)')",
        "loss 'x': alpha must be below 1 (got 2)",
    ),
    "wrong-arguments": (
        "MODULE:build",
        "def build(): pass",
        "failed to build: TypeError: build() takes 0 positional arguments but 1 was given",
    ),
}


@pytest.mark.parametrize("name", FACTORIES)
def test_a_factory_that_fails_is_one_line(name: str, install: Install) -> None:
    """It registers well, and fails only for the run that wants it."""
    factory, source, message = FACTORIES[name]
    hook = f"@hookimpl\ndef ganbench_register(): return [LossSpec(name='x', summary='', factory='{factory}')]"
    install("bad", f"{source}\n{hook}")
    registered = PluginManager().find("loss", "x")
    with pytest.raises(PluginError) as caught:
        registered.build(None)
    assert message in str(caught.value)


def test_ganbenchs_own_errors_pass_through_a_factory(install: Install) -> None:
    """A factory that knows what is wrong says so with its own class and hint."""
    source = "from ganbench import ConfigError\ndef build(options): raise ConfigError('needs 3 channels', hint='use another dataset')"
    hook = "@hookimpl\ndef ganbench_register(): return [LossSpec(name='x', summary='', factory='MODULE:build')]"
    install("picky", f"{source}\n{hook}")
    with pytest.raises(ConfigError, match=r"^needs 3 channels; use another dataset$"):
        PluginManager().find("loss", "x").build(None)


def test_what_a_factory_prints_goes_to_stderr(install: Install, capsys: pytest.CaptureFixture[str]) -> None:
    """stdout carries results only, at import and in the call."""
    source = "def build(options):\n    print('building')\n    return 1"
    hook = "@hookimpl\ndef ganbench_register(): return [LossSpec(name='x', summary='', factory='MODULE:build')]"
    install("printing", f"{source}\n{hook}")
    assert PluginManager().find("loss", "x").build(None) == 1
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "building\n")


def test_registering_imports_no_factory(install: Install, site: Path) -> None:
    """Listing a hundred plugins imports none of them."""
    (site / "heavy_module_of_a_test.py").write_text("def build(options): return 'heavy'")
    install("lazy", "@hookimpl\ndef ganbench_register(): return [LossSpec(name='x', summary='', factory='heavy_module_of_a_test:build')]")
    registered = PluginManager().find("loss", "x")
    assert "heavy_module_of_a_test" not in sys.modules
    assert registered.build(None) == "heavy"
    del sys.modules["heavy_module_of_a_test"]


def test_the_source_hash_covers_a_whole_package_and_nothing_else(site: Path) -> None:
    """A changed layer is a changed plugin; a changed README is not."""
    package = site / "hashed_package_of_a_test"
    (package / "layers").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "layers" / "a.py").write_text("x = 1")
    first = source_hash(f"{package.name}.layers.a:x")
    (package / "README.md").write_text("text")
    assert source_hash(f"{package.name}:anything") == first
    (package / "layers" / "a.py").write_text("x = 2")
    assert source_hash(f"{package.name}.layers.a:x") != first


def test_an_identity_names_the_code(install: Install, site: Path, loss_source: Callable[[str], str]) -> None:
    """Kind, name, distribution, version and the hash of the one file."""
    module = install("named", loss_source("x"), version="1.2")
    identity = PluginManager().find("loss", "x").identity()
    content = (site / f"{module}.py").read_bytes()
    expected = hashlib.sha256(f"{module}.py".encode() + b"\0" + content + b"\0").hexdigest()
    assert (identity.kind, identity.name, identity.distribution, identity.version) == ("loss", "x", "named", "1.2")
    assert identity.source_hash == expected


def test_a_module_that_is_gone_has_an_empty_hash() -> None:
    """The record says nothing rather than something wrong."""
    spec = LossSpec(name="x", summary="", factory="no_such_module_at_all:build")
    assert Registered(spec=spec, distribution="d", version="1").identity().source_hash == ""
