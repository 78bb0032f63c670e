"""What a registration module needs: the marker of hooks, and the description that all kinds of plugins share.

``ganbench --help`` imports this and the modules that register commands, and nothing else of the machinery: keep it light.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields, is_dataclass
from types import UnionType
from typing import Any, ClassVar, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

_Hook = TypeVar("_Hook", bound=Callable[..., Any])

API_VERSION = 1
"""The version of all specs and of the hooks; a plugin module may state its own as ``GANBENCH_API_VERSION``."""


def hookimpl(hook: _Hook) -> _Hook:
    """Mark a function of a plugin as its implementation of the hook that has the same name."""
    hook.ganbench_impl = {}  # type: ignore[attr-defined]  # where pluggy looks for it
    return hook


@dataclass(frozen=True)
class NoOptions:
    """The options of a plugin that has none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PluginSpec:
    """What all kinds have in common. A kind is a subclass; a package may define kinds of its own, register them and look them up.

    A subclass has a ``kind`` that no other has. One with fields of its own is a dataclass like this one.
    """

    kind: ClassVar[str] = ""
    """What a user calls it, in lower case."""
    has_factory: ClassVar[bool] = True
    """Whether a spec must name a factory."""
    option_parts: ClassVar[tuple[str, ...]] = ()
    """What its options may be part of, besides what the plugin is."""
    kit: ClassVar[str] = ""
    """For a kind from outside: a module whose import declares what the kind promises; its templates lie in ``templates/KIND`` beside it."""

    name: str
    """Lower case, digits and hyphens; what the user types."""
    summary: str
    """One line for ``ganbench plugins list``."""
    factory: str = ""
    """``"package.module:attribute"``, imported when a run needs it. See each kind for the signature."""
    options: type = NoOptions
    """A frozen dataclass; its fields are the ``-o key=value`` options, their docstrings or comments the help."""
    paper: str = ""
    """Authors, year and arXiv address, where there is one."""
    sources: tuple[str, ...] = ()
    """Further top-level packages whose code this plugin runs: a change there is a change of it, in records and for ``--resume``."""

    def __post_init__(self) -> None:
        for name, written in ((field.name, field.type) for field in fields(self) if field.name not in ("options", "sources")):
            value = getattr(self, name)
            if written not in (type(value), type(value).__name__) and not _is_of(value, hint := _types_of(type(self)).get(name, object)):  # type: ignore[arg-type]
                kind = str(hint).replace("ganbench.spec.", "") if get_args(hint) else getattr(hint, "__name__", hint)
                raise ValueError(f"{self.name}: {name} must be {kind} (got {value!r:.80})")
        if not self.name or self.name != self.name.lower() or not all(c.isalnum() or c in "-_" for c in self.name):
            raise ValueError(f"a plugin's name is lower case letters, digits and hyphens (got {self.name!r})")
        if not self.kind:
            raise ValueError(f"{self.name}: a {type(self).__name__} is of no kind; register a subclass that has one")
        if self.has_factory and self.factory.count(":") != 1:
            raise ValueError(f"{self.name}: factory must be 'module:attribute' (got {self.factory!r})")
        if not (isinstance(self.options, type) and is_dataclass(self.options)):
            raise ValueError(f"{self.name}: options must be a dataclass (got {self.options!r})")
        _check_options(self.name, self.options)
        allowed = (None, *self.option_parts)
        if parts := [f.name for f in fields(self.options) if f.metadata.get("part") not in allowed or f.metadata.get("may_change")]:
            raise ValueError(f"{self.name}: an option is part of what its plugin is; leave part and may_change out of {', '.join(parts)}")
        if not (isinstance(self.sources, tuple) and all(isinstance(name, str) and name.isidentifier() for name in self.sources)):
            raise ValueError(f"{self.name}: sources must be a tuple of names of top-level packages (got {self.sources!r})")

    def use(self, name: str) -> str:
        """Return how a user names it on the command line, under the name that tells it from others; empty where he cannot."""
        return ""


@functools.cache
def _types_of(spec: Any) -> dict[str, Any]:
    """Return the types of a spec's fields; none of a stranger's kind that cannot be resolved."""
    with contextlib.suppress(Exception):
        return get_type_hints(spec)
    return {}


def _is_of(value: Any, hint: Any) -> bool:
    """Tell whether a spec's field holds what its type says."""
    origin, members = get_origin(hint), get_args(hint)
    if origin is Literal:
        return value in members
    if origin is tuple:
        if len(members) == 2 and members[1] is Ellipsis:
            return isinstance(value, tuple) and all(_is_of(one, members[0]) for one in value)
        return isinstance(value, tuple) and len(value) == len(members) and all(map(_is_of, value, members))
    if origin in (Union, UnionType):
        return any(_is_of(value, one) for one in members)
    return not isinstance(hint, type) or isinstance(value, hint)


@functools.cache
def _check_options(name: str, options: Any) -> None:
    """Refuse options that can be changed during a run, or that neither a flag nor a configuration file can give.

    Raises:
        ValueError: the class is not frozen, or a field has another type than a flag has, or such a default.
    """
    if not options.__dataclass_params__.frozen:
        raise ValueError(f"{name}: the options {options.__name__} can be changed after they were made; write @dataclass(frozen=True)")
    hints: dict[str, Any] = {}
    if not all(field.type in _PLAIN for field in fields(options)):
        with contextlib.suppress(Exception):  # what cannot be found is told where the options are read
            hints = get_type_hints(options)
    for field in fields(options):
        default = field.default_factory() if field.default_factory is not MISSING else field.default
        annotation = hints.get(field.name, int)
        if not _can_be_given(annotation):
            kind = getattr(annotation, "__name__", annotation) if isinstance(annotation, type) and not get_args(annotation) else annotation
            what = f"{name}: the option {field.name} has the type {kind}, which a flag cannot give"
            raise ValueError(f"{what}; use bool, int, float, str, Literal, X | None or a flat tuple of those")
        words = [default, *(choice for member in get_args(annotation) for choice in get_args(member))]
        if type(None) in get_args(annotation) and any(isinstance(word, str) and word.lower() == "none" for word in words):
            raise ValueError(f"{name}: in the option {field.name} the text none says that it is unset; call that value by another word")
        values = default if isinstance(default, tuple) else (default,)
        if default is not MISSING and not all(value is None or isinstance(value, _SCALARS) for value in values):
            raise ValueError(f"{name}: the default of the option {field.name} is a {type(default).__name__}, which a flag cannot give")


_SCALARS = (bool, int, float, str)
_WRITTEN = ("bool", "int", "float", "str", "bool | None", "int | None", "float | None", "tuple[int, ...]", "tuple[str, ...]")
_PLAIN = frozenset({*_SCALARS, *_WRITTEN})
"""Types as they are written; the others are looked up, which takes longer."""


def _can_be_given(annotation: Any, *, in_tuple: bool = False) -> bool:
    """Tell whether a flag can give a value of this type."""
    origin, members = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return True
    if origin is tuple:
        return not in_tuple and all(one is Ellipsis or _can_be_given(one, in_tuple=True) for one in members)
    if origin in (Union, UnionType):
        return all(one is type(None) or _can_be_given(one, in_tuple=in_tuple) for one in members)
    return annotation in _SCALARS


class ModelSpec(PluginSpec):
    """What ``--plugin`` takes: an architecture or a recipe. They share their names."""

    __slots__ = ()

    def use(self, name: str) -> str:
        """Return the command that trains it."""
        return f"ganbench run --plugin {name}"


class CommandSpec(PluginSpec):
    """A further command of the command line, ``ganbench NAME``. ``factory`` names a click command, or ``factory(options, invocation)``.

    A function gets a flag for each field of ``options`` and returns the exit code. The entry point of its registration stands in the group
    ``ganbench.commands``, so that ``--help`` loads these alone and lists them by their summaries.
    """

    __slots__ = ()
    kind: ClassVar[str] = "command"

    def use(self, name: str) -> str:
        """Return the command itself."""
        return f"ganbench {name}"
