"""The public names: sorted, importable, documented, and the same in every list."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import typing
from pathlib import Path
from typing import Any

import pytest

import ganbench
from ganbench.plugin.manager import PluginManager

MANAGER = PluginManager()


def test_the_list_is_sorted_and_complete() -> None:
    """``__all__``, ``dir`` and the homes of the names agree, also for ``from ganbench import *``."""
    assert ganbench.__all__ == sorted(ganbench.__all__)
    assert set(ganbench.__all__) == set(ganbench._homes())
    assert set(dir(ganbench)) == {*ganbench.__all__, "__version__"}
    everything: dict[str, Any] = {}
    exec("from ganbench import *", everything)
    assert everything["ArchitectureSpec"] is ganbench.ArchitectureSpec


def test_the_list_for_type_checkers_is_the_same() -> None:
    """The stub imports each public name once, and what it holds besides are its docstring and the version."""
    source = (Path(ganbench.__path__[0]) / "__init__.pyi").read_text()
    lines = [line for line in source.splitlines() if " import " in line]
    assert sorted(lines) == sorted(f"from {module} import {name} as {name}" for name, module in ganbench._homes().items())
    rest = [line for line in source.splitlines() if line and line not in lines]
    assert len(rest) == 2
    assert rest[1] == "__version__: str"


def test_an_unknown_name_is_an_attribute_error() -> None:
    """As of any module."""
    with pytest.raises(AttributeError, match="module 'ganbench' has no attribute 'Ganarator'"):
        ganbench.Ganarator  # noqa: B018


@pytest.mark.parametrize("name", ganbench.__all__)
def test_a_public_name_is_where_it_says_and_has_a_docstring(name: str) -> None:
    """Its own, not one that it inherits."""
    found = getattr(ganbench, name)
    module = importlib.import_module(ganbench._homes()[name])
    assert found is getattr(module, name)
    if inspect.isclass(found) and typing.get_origin(found) is None:  # Python 3.10 takes an alias of Callable for a class
        text = vars(found).get("__doc__") or ""
        generated = f"{found.__name__}("  # what a dataclass writes for itself
        assert text.strip(), name
        assert not text.startswith(generated), name
    elif inspect.isfunction(found):
        assert (found.__doc__ or "").strip(), name
    else:
        assert f"{name} = " in inspect.getsource(module)


def public_methods() -> list[tuple[str, Any]]:
    """Return the public methods of the public classes that are defined in ganbench."""
    found = []
    for name in ganbench.__all__:
        cls = getattr(ganbench, name)
        if inspect.isclass(cls):
            own = {n: m for n, m in vars(cls).items() if not n.startswith("_") and inspect.isfunction(m)}
            found += [(f"{name}.{n}", m) for n, m in own.items()]
    return found


@pytest.mark.parametrize(("name", "method"), public_methods(), ids=lambda value: value if isinstance(value, str) else "")
def test_a_public_method_has_a_docstring(name: str, method: Any) -> None:
    """One line at least."""
    assert (method.__doc__ or "").strip(), name


@pytest.mark.parametrize("one", MANAGER.registered, ids=lambda r: f"{r.spec.kind}-{r.spec.name}")
def test_every_first_party_plugin_describes_itself(one: Any) -> None:
    """A summary of one line, help under every option, defaults that its own validation accepts, and a factory that imports."""
    from ganbench.config.values import describe_fields

    spec = one.spec
    assert spec.summary
    assert "\n" not in spec.summary
    assert [f.name for f in describe_fields(spec.options) if not f.help] == []
    if all(f.default is not dataclasses.MISSING for f in dataclasses.fields(spec.options)):
        spec.options()
    if spec.factory:
        assert callable(one.load())
