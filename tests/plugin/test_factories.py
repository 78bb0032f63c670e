"""From a registered spec to what it names, when a run needs it: each failure is one line with the owner's name."""

from __future__ import annotations

import ast
import hashlib
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ganbench.errors import ConfigError, PluginError
from ganbench.plugin.factory import Registered, source_hash
from ganbench.plugin.manager import PluginManager
from ganbench.spec import ArchitectureSpec, LossSpec

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
    registered = PluginManager().find(LossSpec, "x")
    with pytest.raises(PluginError) as caught:
        registered.build(None)
    assert message in str(caught.value)


def test_ganbenchs_own_errors_pass_through_a_factory(install: Install) -> None:
    """A factory that knows what is wrong says so with its own class and hint."""
    source = "from ganbench import ConfigError\ndef build(options): raise ConfigError('needs 3 channels', hint='use another dataset')"
    hook = "@hookimpl\ndef ganbench_register(): return [LossSpec(name='x', summary='', factory='MODULE:build')]"
    install("picky", f"{source}\n{hook}")
    with pytest.raises(ConfigError, match=r"^needs 3 channels; use another dataset$"):
        PluginManager().find(LossSpec, "x").build(None)


def test_what_a_factory_prints_goes_to_stderr(install: Install, capsys: pytest.CaptureFixture[str]) -> None:
    """stdout carries results only, at import and in the call."""
    source = "def build(options):\n    print('building')\n    return 1"
    hook = "@hookimpl\ndef ganbench_register(): return [LossSpec(name='x', summary='', factory='MODULE:build')]"
    install("printing", f"{source}\n{hook}")
    assert PluginManager().find(LossSpec, "x").build(None) == 1
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "building\n")


def test_registering_imports_no_factory(install: Install, site: Path) -> None:
    """Listing a hundred plugins imports none of them."""
    (site / "heavy_module_of_a_test.py").write_text("def build(options): return 'heavy'")
    install("lazy", "@hookimpl\ndef ganbench_register(): return [LossSpec(name='x', summary='', factory='heavy_module_of_a_test:build')]")
    registered = PluginManager().find(LossSpec, "x")
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


def package_of(site: Path, name: str, content: str) -> Path:
    """Write a package of one module and return the module's file."""
    (site / name).mkdir()
    (site / name / "__init__.py").write_text("")
    (site / name / "layers.py").write_text(content)
    return site / name / "layers.py"


def test_a_change_of_a_shared_package_is_a_change_of_the_plugin(install: Install, site: Path) -> None:
    """Of the packages that the spec names, and of no other; packages of equal content are told apart."""
    shared, other = package_of(site, "shared_package_of_a_test", "x = 1"), package_of(site, "other_package_of_a_test", "x = 1")
    hook = "@hookimpl\ndef ganbench_register(): return [LossSpec(name='x', summary='', factory='MODULE:build', sources=SOURCES)]"
    install("sharing", f"SOURCES = ('{shared.parent.name}',)\n{hook}\ndef build(options): return 1")
    registered = PluginManager().find(LossSpec, "x")
    first = registered.identity().source_hash
    assert first not in ("", source_hash(registered.spec.factory))
    other.write_text("x = 2")
    assert registered.identity().source_hash == first
    shared.write_text("x = 2")
    assert registered.identity().source_hash != first
    shared.write_text("x = 1")
    assert registered.identity().source_hash == first
    other.write_text("x = 1")
    assert source_hash(registered.spec.factory, (other.parent.name,)) != first


def test_a_shared_package_that_is_gone_leaves_the_hash_empty() -> None:
    """As a factory that is gone does."""
    assert source_hash("ganbench_losses:build") != ""
    assert source_hash("ganbench_losses:build", ("no_such_package_at_all",)) == ""


@pytest.mark.parametrize("sources", ["ganbench_toy", ("ganbench_toy.points",), ("",), (1,)], ids=repr)
def test_sources_are_names_of_packages(sources: object) -> None:
    """A string alone, a module of a package and an empty name are refused."""
    with pytest.raises(ValueError, match=r"x: sources must be a tuple of names of top-level packages \(got "):
        LossSpec(name="x", summary="", factory="a:b", sources=sources)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("field", "value"),
    [("resolutions", 8), ("resolutions", ("8",)), ("spaces", "images"), ("defaults", (("seed", 1, 2),)), ("paper", None)],
)
def test_a_field_holds_what_its_type_says(field: str, value: object) -> None:
    """One number is no tuple of numbers, and one name no tuple of names."""
    with pytest.raises(ValueError, match=f"x: {field} must be "):
        ArchitectureSpec(name="x", summary="", factory="a:b", **{field: value})  # type: ignore[arg-type]


BELOW_ALL_PLUGINS = {"ganbench_kernels", "ganbench_spaces", "ganbench_reproduce", "ganbench_use"}
"""Libraries and seams that are part of the harness; a change there is no change of a plugin."""


def packages_imported_by(package: Path) -> set[str]:
    """Return the first-party plugins that a package imports, without itself."""
    names: set[str] = set()
    for file in package.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                names.update(alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module.partition(".")[0])
    return {name for name in names if name.startswith("ganbench_") and name not in {*BELOW_ALL_PLUGINS, package.name}}


def test_first_party_plugins_have_a_summary_of_one_line() -> None:
    """As the author's kit asks of everybody; a list of plugins is read in a terminal."""
    summaries = {one.spec.name: one.spec.summary for one in PluginManager().registered}
    assert [name for name, summary in summaries.items() if len(summary) > 120 or "\n" in summary] == []


@pytest.mark.slow
def test_first_party_plugins_name_the_packages_that_they_share() -> None:
    """Whoever imports another plugin's code has it in the hash of its own."""
    found = {}
    for registered in PluginManager().registered:
        package = registered.spec.factory.partition(":")[0].partition(".")[0]
        folder = Path(__file__).parents[2] / "plugins" / package
        if package and folder.is_dir():
            found[registered.spec.name] = (packages_imported_by(folder), set(registered.spec.sources))
    assert {name: imported - named for name, (imported, named) in found.items() if imported - named} == {}
    assert found["biggan"][1] == {"ganbench_resnet"}
    assert found["pacgan-table1"][1] == {"ganbench_toy"}


def test_an_identity_names_the_code(install: Install, site: Path, loss_source: Callable[[str], str]) -> None:
    """Kind, name, distribution, version and the hash of the one file."""
    module = install("named", loss_source("x"), version="1.2")
    identity = PluginManager().find(LossSpec, "x").identity()
    content = (site / f"{module}.py").read_bytes()
    expected = hashlib.sha256(f"{module}.py".encode() + b"\0" + content + b"\0").hexdigest()
    assert (identity.kind, identity.name, identity.distribution, identity.version) == ("loss", "x", "named", "1.2")
    assert identity.source_hash == expected


def test_a_module_that_is_gone_has_an_empty_hash() -> None:
    """The record says nothing rather than something wrong."""
    spec = LossSpec(name="x", summary="", factory="no_such_module_at_all:build")
    assert Registered(spec=spec, distribution="d", version="1").identity().source_hash == ""
