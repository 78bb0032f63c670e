"""What a promise is, how it is broken, and which there are."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from ganbench.config.values import build_options
from ganbench.plugin.factory import Registered
from ganbench.plugin.manager import PluginManager
from ganbench.ranks import Ranks
from ganbench.registration import PluginSpec


class Broken(AssertionError):
    """A promise that a plugin does not keep.

    Args:
        what: what it does instead, in one sentence without a full stop.
        remedy: how to mend it.
    """

    def __init__(self, what: str, *, remedy: str) -> None:
        super().__init__(f"{what}; {remedy}")
        self.what, self.remedy = what, remedy


class NotClaimed(Exception):
    """The plugin does not claim what the promise is about, or this machine cannot try it; the text says which."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """The plugin that is checked, and how it is tried."""

    registered: Registered[PluginSpec]
    manager: PluginManager
    target: str
    """What the user calls it: a name, or ``./file.py:Name``."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Settings of the trial runs by configuration path, over the kit's small ones."""
    options: Mapping[str, str] = field(default_factory=dict)
    """Options of the plugin in the trials, as ``-o`` takes them."""
    ranks: Ranks = field(default_factory=Ranks)
    """The processes that train it together in the trials; one unless a promise is about several."""

    @property
    def spec(self) -> PluginSpec:
        """What the plugin registered."""
        return self.registered.spec

    def build(self, *arguments: Any) -> Any:
        """Call the factory with the trial's options and what else its kind is given.

        Raises:
            PluginError: it cannot be imported, or fails.
        """
        return self.registered.build(build_options(self.spec.options, dict(self.options), "options"), *arguments)


@dataclass(frozen=True, slots=True)
class Promise:
    """Something that every plugin of some kinds does."""

    name: str
    """Words with underscores, as a test's name has them."""
    kinds: tuple[str, ...]
    """The kinds that make it; empty for all."""
    says: str
    """The promise in one sentence."""
    keep: Callable[[Subject], None]
    """Tries it; raises :class:`Broken` or :class:`NotClaimed`."""
    is_ground: bool = False
    """Whether nothing else can be tried where it is broken."""

    def keep_or_skip(self, subject: Subject) -> None:
        """Try it as a test of pytest, which is skipped where the plugin does not claim it."""
        import pytest

        try:
            self.keep(subject)
        except NotClaimed as reason:
            pytest.skip(str(reason))


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What became of one promise."""

    promise: Promise
    state: Literal["kept", "broken", "not claimed"]
    what: str = ""
    """What the plugin does instead, or what it does not claim; empty where it is kept."""
    remedy: str = ""
    """How to mend it."""


Keep = TypeVar("Keep", bound=Callable[[Subject], None])

PROMISES: list[Promise] = []
"""All of them, in the order in which they are tried: what is cheap and explains the most comes first."""


def promise(*kinds: str, is_ground: bool = False) -> Callable[[Keep], Keep]:
    """Declare a function as a promise of some kinds; its docstring's first line is the sentence."""

    def declare(keep: Keep) -> Keep:
        says = (inspect.getdoc(keep) or "").partition("\n")[0]
        PROMISES.append(Promise(name=keep.__name__, kinds=kinds, says=says, keep=keep, is_ground=is_ground))
        return keep

    return declare


def promises_of(spec: PluginSpec) -> list[Promise]:
    """Return the promises that a plugin makes: those of its kind, and those of all."""
    from ganbench.testing import data, general, losses, measuring, networks, outside  # noqa: F401

    if spec.kit:
        importlib.import_module(spec.kit)
    return [one for one in PROMISES if not one.kinds or spec.kind in one.kinds]
