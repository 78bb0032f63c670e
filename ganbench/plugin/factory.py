"""From a registered spec to the object that it names: imports happen here, and only when a run needs them."""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import ModuleType
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from ganbench.errors import GanbenchError, PluginError, did_you_mean
from ganbench.registration import ModelSpec, NoOptions, PluginSpec

if TYPE_CHECKING:
    from pathlib import Path

    from ganbench.spec import PluginIdentity

Kind = TypeVar("Kind", bound=PluginSpec)
_Kind_co = TypeVar("_Kind_co", bound=PluginSpec, covariant=True)


@dataclass(frozen=True, kw_only=True, slots=True)
class Registered(Generic[_Kind_co]):
    """A spec and where it came from."""

    spec: _Kind_co
    distribution: str
    version: str
    entry: str = ""
    """The entry point that registered it; empty for a file."""

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
        return load_attribute(self.spec.factory, owner=f"{self.spec.kind} {self.spec.name!r} of {self.distribution}")

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
            where = f"{self.spec.kind} {self.spec.name!r} of {self.distribution}"
            raise PluginError(f"{where} failed to build: {type(error).__name__}: {error}", hint="--debug shows where") from error

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
            digest.update(str(file.relative_to(origin.parent)).encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()


def noun(kind: type[PluginSpec]) -> str:
    """Return what a user calls a kind."""
    return "architecture or recipe" if kind is ModelSpec else kind.kind


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


def register_from_file(kind: type[Kind], target: str) -> Registered[Kind]:
    """Return the plugin that ``./file.py:Name`` means: a spec, or a callable with the signature of the kind's factory.

    A callable may carry a frozen dataclass ``Options``. Where a model is wanted, it builds an architecture.

    Raises:
        PluginError: no such file or name, the file fails to run, or the object is of another kind.
    """
    from pathlib import Path

    path_text, _, name = target.rpartition(":")
    if not path_text or not name:
        raise PluginError(f"a plugin in a file needs a name (got {target!r})", hint="write ./my_gan.py:MyGAN")
    path = Path(path_text)
    if not path.is_file():
        raise PluginError(f"no such plugin file: {path}")
    module = _run_file(path)
    if not hasattr(module, name):
        own = {n: v for n, v in vars(module).items() if not n.startswith("_")}
        public = [n for n, v in own.items() if isinstance(v, PluginSpec) or getattr(v, "__module__", "") == module.__name__]
        raise PluginError(f"{path} has no {name!r}", hint=did_you_mean(name, public))
    spec = _spec_of(kind, getattr(module, name), name, path, module.__name__)
    return Registered(spec=spec, distribution=f"file:{path.name}", version="")


def _run_file(path: Path) -> ModuleType:
    """Execute a plugin file as a module of its own; the same content is executed once."""
    import hashlib
    import importlib.util

    try:
        content = path.read_bytes()
    except OSError as error:
        raise PluginError(f"cannot read {path}: {error.strerror}") from error
    digest = hashlib.sha256(str(path.resolve()).encode() + b"\0" + content).hexdigest()
    module_name = f"ganbench_file_{path.stem}_{digest[:12]}"
    if module_name in sys.modules:
        return sys.modules[module_name]
    module_spec = importlib.util.spec_from_file_location(module_name, path)
    if module_spec is None or module_spec.loader is None:
        raise PluginError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(module_spec)
    sys.modules[module_name] = module
    try:
        with contextlib.redirect_stdout(sys.stderr):
            module_spec.loader.exec_module(module)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        del sys.modules[module_name]
        raise PluginError(f"{path} cannot be imported: {type(error).__name__}: {error}", hint="--debug shows where") from error
    return module


def _spec_of(kind: type[Kind], found: object, name: str, path: Path, module_name: str) -> Kind:
    """Turn what a plugin file holds under a name into a spec of the wanted kind."""
    if isinstance(found, kind):
        own = found.factory.partition(":")
        return replace(found, factory=f"{module_name}:{own[2]}") if own[0] == path.stem else found
    if isinstance(found, PluginSpec):
        raise PluginError(f"{path}:{name} is a {found.kind}, and the kind wanted here is {noun(kind)}")
    if not callable(found):
        raise PluginError(f"{path}:{name} is neither a spec nor callable (got {type(found).__name__})")
    summary = (getattr(found, "__doc__", None) or f"from {path.name}").strip().splitlines()[0]
    options = getattr(found, "Options", NoOptions)
    from ganbench.spec import ArchitectureSpec

    built = cast("type[Kind]", ArchitectureSpec) if kind is ModelSpec else kind
    try:
        return built(name=name.lower(), summary=summary, factory=f"{module_name}:{name}", options=options)
    except ValueError as error:
        raise PluginError(f"{path}:{name}: {error}") from error
