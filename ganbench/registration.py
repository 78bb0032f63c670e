"""What a registration module needs: the marker of hooks, and the description that all kinds of plugins share.

``ganbench --help`` imports this and the modules that register commands, and nothing else of the machinery: keep it light.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, ClassVar, TypeVar

_Hook = TypeVar("_Hook", bound=Callable[..., Any])

API_VERSION = 1
"""The version of all specs and of the hooks; a plugin module may state its own as ``GANBENCH_API_VERSION``."""


def hookimpl(hook: _Hook) -> _Hook:
    """Mark a function of a plugin as its implementation of the hook that has the same name."""
    hook.ganbench_impl = {}  # type: ignore[attr-defined]  # where pluggy looks for it
    return hook


@dataclass(frozen=True, kw_only=True, slots=True)
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
        if not self.name or self.name != self.name.lower() or not all(c.isalnum() or c in "-_" for c in self.name):
            raise ValueError(f"a plugin's name is lower case letters, digits and hyphens (got {self.name!r})")
        if not self.kind:
            raise ValueError(f"{self.name}: a {type(self).__name__} is of no kind; register a subclass that has one")
        if self.has_factory and self.factory.count(":") != 1:
            raise ValueError(f"{self.name}: factory must be 'module:attribute' (got {self.factory!r})")
        if not (isinstance(self.options, type) and is_dataclass(self.options)):
            raise ValueError(f"{self.name}: options must be a dataclass (got {self.options!r})")
        if parts := [f.name for f in fields(self.options) if f.metadata.get("part") or f.metadata.get("may_change")]:
            raise ValueError(f"{self.name}: an option is part of what its plugin is; leave part and may_change out of {', '.join(parts)}")
        if not (isinstance(self.sources, tuple) and all(isinstance(name, str) and name.isidentifier() for name in self.sources)):
            raise ValueError(f"{self.name}: sources must be a tuple of names of top-level packages (got {self.sources!r})")

    def use(self, name: str) -> str:
        """Return how a user names it on the command line, under the name that tells it from others; empty where he cannot."""
        return ""


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
