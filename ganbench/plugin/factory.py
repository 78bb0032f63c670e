"""From a registered spec to the object that it names: imports happen here, and only when a run needs them."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from ganbench.errors import GanbenchError, PluginError, did_you_mean
from ganbench.plugin.blame import claim
from ganbench.registration import ModelSpec, PluginSpec

if TYPE_CHECKING:
    from ganbench.spec import PluginIdentity

Kind = TypeVar("Kind", bound=PluginSpec)
_Kind_co = TypeVar("_Kind_co", bound=PluginSpec, covariant=True)


class Registered(Generic[_Kind_co]):
    """A spec and where it came from: a distribution, and the entry point that registered it, empty for a file.

    No dataclass, because ``--help`` makes this class, and that would take it a hundredth of its time.
    """

    def __init__(self, *, spec: _Kind_co, distribution: str, version: str, entry: str = "") -> None:
        self.spec, self.distribution, self.version, self.entry = spec, distribution, version, entry

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Registered) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash((self.spec, self.distribution, self.version, self.entry))

    @property
    def key(self) -> tuple[str, str, str]:
        """(whose names it shares, distribution, name): architectures and recipes share theirs, because ``--plugin`` takes either."""
        return ("model" if isinstance(self.spec, ModelSpec) else self.spec.kind, self.distribution, self.spec.name)

    def of(self, kind: type[Kind]) -> Registered[Kind] | None:
        """Return this one as what it is, or None where its spec is of another kind."""
        return cast("Registered[Kind]", self) if isinstance(self.spec, kind) else None

    def load(self) -> Callable[..., Any]:
        """Import the factory.

        Raises:
            PluginError: the module cannot be imported, or has no such attribute.
        """
        for package in self.spec.sources:
            claim(package, str(self))
        return load_attribute(self.spec.factory, owner=str(self))

    def __str__(self) -> str:
        """Return what a message calls it."""
        return f"{self.spec.kind} {self.spec.name!r} of {self.distribution}"

    def build(self, *arguments: Any) -> Any:
        """Import the factory and call it.

        Raises:
            PluginError: the factory failed in a way that is not one of ganbench's own errors.
        """
        factory = self.load()
        try:
            # stdout carries results, so whatever a plugin prints goes to stderr.
            with contextlib.redirect_stdout(sys.stderr):
                return factory(*arguments)
        except GanbenchError:
            raise
        except ValueError as error:
            raise PluginError(f"{self.spec.kind} {self.spec.name!r}: {error}") from error
        except (Exception, SystemExit) as error:
            raise PluginError(f"{self} failed to build: {type(error).__name__}: {error}", hint="--debug shows where") from error

    def identity(self) -> PluginIdentity:
        """Return what a record says of this plugin."""
        from ganbench.spec import PluginIdentity

        name, kind = self.spec.name, self.spec.kind
        code = source_hash(self.spec.factory, self.spec.sources) if self.spec.factory else ""
        return PluginIdentity(kind=kind, name=name, distribution=self.distribution, version=self.version, source_hash=code)


def load_attribute(target: str, *, owner: str) -> Callable[..., Any]:
    """Import ``"module:attribute"``.

    Raises:
        PluginError: it cannot be imported; names ``owner``.
    """
    module_name, _, attribute = target.partition(":")
    claim(module_name, owner)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            module = importlib.import_module(module_name)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise PluginError(f"{owner} cannot be imported: {type(error).__name__}: {error}", hint="--debug shows where") from error
    if not hasattr(module, attribute):
        raise PluginError(f"{owner}: module {module_name} has no {attribute!r}")
    found: Callable[..., Any] = getattr(module, attribute)
    if not callable(found):
        raise PluginError(f"{owner}: {target} is not callable (got {type(found).__name__})")
    return found


def check_made(made: object, wanted: type, what: str) -> None:
    """Refuse what a plugin gives where something else is wanted.

    Args:
        made: what it gives.
        wanted: one of the public classes, or a public protocol, whose members it must have.
        what: for the message: ``loss 'x' must return a``.

    Raises:
        PluginError: it is of another type, or lacks a member.
    """
    if not getattr(wanted, "_is_protocol", False):
        lacks = "" if isinstance(made, wanted) else type(made).__name__
    else:
        members = [name for name in (*inspect.get_annotations(wanted), *vars(wanted)) if not name.startswith("_")]
        missing = [name for name in members if not hasattr(made, name)]
        lacks = f"{type(made).__name__}, which has no {missing[0]}" if missing else ""
    if lacks:
        name = f"{wanted.__module__.partition('.')[0]}.{wanted.__name__}"
        raise PluginError(f"{what} {name} (got {lacks})")


def source_hash(factory: str, sources: tuple[str, ...] = ()) -> str:
    """Return sha256 over the Python sources of the factory's top-level package (or its one file), and of further packages.

    First-party packages of the harness itself are hashed like anyone's, so a changed kernel or loss is a changed plugin. Empty where a
    package cannot be found.
    """
    import hashlib
    import importlib.util
    from pathlib import Path

    digest = hashlib.sha256()
    own = factory.partition(":")[0].partition(".")[0]
    for package in (own, *sources):
        spec = sys.modules[package].__spec__ if package in sys.modules else importlib.util.find_spec(package)
        if spec is None or spec.origin is None:
            return ""
        if package != own:
            digest.update(package.encode() + b"\0\0")
        origin = Path(spec.origin)
        files = sorted(origin.parent.rglob("*.py")) if origin.name == "__init__.py" else [origin]
        for file in files:
            digest.update(os.fsencode(file.relative_to(origin.parent)) + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()


def noun(kind: type[PluginSpec]) -> str:
    """Return what a user calls a kind."""
    return "architecture or recipe" if kind is ModelSpec else kind.kind or "plugin"


def kind_of_name(name: str) -> type[PluginSpec]:
    """Return the class of a kind that a user names; what ``--plugin`` takes where the name is empty.

    Raises:
        PluginError: there is no such kind.
    """
    import ganbench.spec  # noqa: F401  # defines the kinds of ganbench

    kinds = {cls.kind: cls for cls in _subclasses(PluginSpec)} | {"": ModelSpec}
    if name not in kinds:
        raise PluginError(f"unknown kind {name!r}", hint=did_you_mean(name, sorted(filter(None, kinds))))
    return kinds[name]


def _subclasses(cls: type[PluginSpec]) -> list[type[PluginSpec]]:
    return [one for sub in cls.__subclasses__() for one in (sub, *_subclasses(sub))]
