"""``./file.py:Name``: a plugin without packaging, and which files may run because somebody's configuration names them."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import stat
import sys
from dataclasses import fields, replace
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from ganbench.cache import cache_directory, keep_in_cache
from ganbench.errors import PluginError, did_you_mean
from ganbench.plugin.factory import Kind, Registered, noun
from ganbench.plugin.manager import is_file
from ganbench.reading import read_file
from ganbench.registration import ModelSpec, NoOptions, PluginSpec
from ganbench.spec import ArchitectureSpec


def register_from_file(kind: type[Kind], target: str) -> Registered[Kind]:
    """Return the plugin that ``./file.py:Name`` means: a spec, or a callable with the signature of the kind's factory.

    A callable may carry a frozen dataclass ``Options``. Where a model is wanted, it builds an architecture.

    Raises:
        PluginError: no such file or name, the file fails to run, or the object is of another kind.
    """
    path_text, _, name = target.rpartition(":")
    if not path_text or not name:
        raise PluginError(f"a plugin in a file needs a name (got {target!r})", hint="write ./my_gan.py:MyGAN")
    path = Path(path_text)
    module = _run_file(path, _read_plugin(path))
    if not hasattr(module, name):
        own = {n: v for n, v in vars(module).items() if not n.startswith("_")}
        public = [n for n, v in own.items() if isinstance(v, PluginSpec) or getattr(v, "__module__", "") == module.__name__]
        raise PluginError(f"{path} has no {name!r}", hint=did_you_mean(name, public))
    return Registered(spec=_spec_of(kind, getattr(module, name), name, path, module.__name__), distribution=f"file:{path.name}", version="")


def check_stored_name(name: str, source: Path) -> None:
    """Refuse the plugin file that a stored configuration names, unless this user has run a file of the same content.

    Args:
        name: any text of the configuration; what is no plugin file passes.
        source: the configuration's file.

    Raises:
        PluginError: says which file would run, and how to allow it.
    """
    path = Path(name.rpartition(":")[0] if ":" in name else name)
    if not is_file(name) or not os.path.isfile(path) or _was_run(_read_plugin(path)):
        return
    hint = "read the file, then allow it with --trust-files"
    raise PluginError(f"{source} wants to run {path.absolute()}, which this user has not run before", hint=hint)


def _read_plugin(path: Path) -> bytes:
    try:
        return read_file(path)
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        raise PluginError(f"no such plugin file: {path}") from None
    except (OSError, ValueError) as error:
        raise PluginError(f"cannot read the plugin file {path}: {getattr(error, 'strerror', None) or error}") from error


_run_here: set[bytes] = set()
"""What this process has run: all that is known where the cache cannot be written."""


def _mark(content: bytes) -> Path:
    """Return the file in the user's cache that says that this content was run."""
    return cache_directory() / "plugin-files" / hashlib.sha256(content).hexdigest()


def _was_run(content: bytes) -> bool:
    """Return whether this user has run the content before; in a shared cache only the marks of this user count."""
    if content in _run_here:
        return True
    try:
        found = _mark(content).lstat()
    except OSError:
        return False
    return stat.S_ISREG(found.st_mode) and (not hasattr(os, "getuid") or found.st_uid == os.getuid())


def _run_file(path: Path, content: bytes) -> ModuleType:
    """Execute the content of a plugin file as a module of its own, once, and remember that this user did.

    What was read is what runs: the folder beside it may hold compiled code that says something else.
    """
    digest = hashlib.sha256(os.fsencode(path.resolve()) + b"\0" + content).hexdigest()
    module_name = f"ganbench_file_{path.stem}_{digest[:12]}"
    if module_name in sys.modules:
        return sys.modules[module_name]
    module_spec = importlib.util.spec_from_file_location(module_name, path)
    if module_spec is None or module_spec.loader is None:
        raise PluginError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(module_spec)
    sys.modules[module_name] = module
    if not _was_run(content):
        _run_here.add(content)
        with contextlib.suppress(OSError):  # a cache that cannot be written costs the question another time
            keep_in_cache(_mark(content), b"")
    try:
        with contextlib.redirect_stdout(sys.stderr):
            exec(compile(content, str(path), "exec", dont_inherit=True), module.__dict__)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        del sys.modules[module_name]
        raise PluginError(f"{path} cannot be imported: {type(error).__name__}: {error}", hint="--debug shows where") from error
    return module


def _names_own(text: str, stem: str) -> bool:
    """Tell whether a field names something of the file itself, ``"stem:attribute"``: a factory, or an algorithm."""
    module, _, attribute = text.partition(":")
    return module == stem and attribute.isidentifier()


def _spec_of(kind: type[Kind], found: object, name: str, path: Path, module_name: str) -> Kind:
    """Turn what a plugin file holds under a name into a spec of the wanted kind."""
    if isinstance(found, kind):
        said = {field.name: str(getattr(found, field.name)) for field in fields(found)}
        own: dict[str, Any] = {name: f"{module_name}{text[len(path.stem) :]}" for name, text in said.items() if _names_own(text, path.stem)}
        return replace(found, **own)
    if isinstance(found, PluginSpec):
        raise PluginError(f"{path}:{name} is a {found.kind}, and the kind wanted here is {noun(kind)}")
    if not callable(found):
        raise PluginError(f"{path}:{name} is neither a spec nor callable (got {type(found).__name__})")
    summary = (getattr(found, "__doc__", None) or f"from {path.name}").strip().splitlines()[0]
    options = getattr(found, "Options", NoOptions)
    built = cast("type[Kind]", ArchitectureSpec) if kind in (ModelSpec, PluginSpec) else kind
    try:
        return built(name=name.lower(), summary=summary, factory=f"{module_name}:{name}", options=options)
    except ValueError as error:
        raise PluginError(f"{path}:{name}: {error}") from error
