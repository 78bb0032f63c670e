"""Discovery and isolated loading of plugins.

A plugin that fails in any way becomes one :class:`PluginStatus` with its cause; the others still work. Nothing is shadowed: a name that two
distributions register is a conflict, and both stay reachable as ``distribution:name``.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import io
import logging
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import pluggy

from ganbench.distribution import NAME, own_distribution
from ganbench.errors import PluginError, did_you_mean
from ganbench.plugin import hookspecs
from ganbench.plugin.factory import Kind, Registered, noun, register_from_file
from ganbench.spec import API_VERSION, CommandSpec, PluginSpec

logger = logging.getLogger(__name__)

_PLUGINS = "ganbench"
"""The group of entry points of plugins."""
COMMANDS = "ganbench.commands"
"""The group of those that register commands: ``--help`` loads these alone, for a help must not take longer with every plugin."""
HOME = NAME
"""The distribution of the first-party plugins; GANBENCH_PLUGINS does not leave it out."""
_OFF = "switched off by -p no:"
_HEAVY = frozenset({"torch", "numpy"})

_Outcome = Literal["ok", "failed", "off"]
_Origin = tuple[str, str]
"""The name and the version of a distribution."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PluginStatus:
    """What became of one entry point, or of one registered name that is not used."""

    entry: str
    """The entry point's name, or the registered name."""
    distribution: str
    version: str
    status: _Outcome
    cause: str = ""
    """Why it is not in use, or what is odd about it; one line."""


class PluginManager:
    """All plugins of this environment.

    Args:
        off: names given by ``-p no:NAME``: entry points, distributions or registered names.
        only: distributions or entry points to load besides ganbench's own; None for all. Defaults to ``GANBENCH_PLUGINS``.
        groups: the groups of entry points to load.

    Raises:
        PluginError: ``off`` holds a name that nothing has; where all groups are loaded.
    """

    def __init__(
        self, *, off: Iterable[str] = (), only: Iterable[str] | None = None, groups: tuple[str, ...] = (COMMANDS, _PLUGINS)
    ) -> None:
        self._off = frozenset(off)
        self._only = _only_from_environment() if only is None else frozenset(only)
        self._pluggy = pluggy.PluginManager(_PLUGINS)
        self._pluggy.add_hookspecs(hookspecs)
        self._silenced: set[str] = set()
        self.statuses: list[PluginStatus] = []
        self.registered: list[Registered[PluginSpec]] = []
        for entry, origin in _entry_points(groups):
            self._load(entry, origin)
        self._check_names()
        if groups != (COMMANDS,):
            self._check_switches()

    def _load(self, entry: importlib.metadata.EntryPoint, origin: _Origin) -> None:
        """Load one entry point; whatever it does wrong ends in its status."""
        distribution, version = origin

        def note(status: _Outcome, cause: str = "", name: str = entry.name) -> None:
            self.statuses.append(PluginStatus(entry=name, distribution=distribution, version=version, status=status, cause=cause))

        names = {entry.name, distribution}
        if names & self._off:
            return note("off", f"{_OFF}{min(names & self._off)}")
        if self._only is not None and distribution != HOME and not names & self._only:
            return note("off", "not named in GANBENCH_PLUGINS")
        printed = io.StringIO()
        key = f"{distribution}:{entry.name}"
        light = _HEAVY - set(sys.modules)
        try:
            with contextlib.redirect_stdout(printed):
                specs = self._register(key, entry)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            logger.debug("plugin %s failed", key, exc_info=True)
            self._forget(key)
            return note("failed", _one_line(error))
        unlisted = [spec.name for spec in specs if isinstance(spec, CommandSpec) and entry.group != COMMANDS]
        note("ok", _oddities(printed.getvalue(), sorted(light & set(sys.modules)), unlisted))
        for spec in specs:
            if spec.name in self._off:
                note("off", f"{_OFF}{spec.name}", spec.name)
            else:
                self.registered.append(Registered(spec=spec, distribution=distribution, version=version, entry=entry.name))
        return None

    def _register(self, key: str, entry: importlib.metadata.EntryPoint) -> list[PluginSpec]:
        """Import, check and register one plugin; return its specs."""
        plugin = entry.load()
        api = getattr(plugin, "GANBENCH_API_VERSION", API_VERSION)
        if api != API_VERSION:
            raise PluginError(f"made for plugin API {api!r}, this is API {API_VERSION}", hint="install a matching release")
        self._pluggy.register(plugin, name=key)
        self._pluggy.check_pending()
        specs: list[PluginSpec] = []
        for implementation in self._pluggy.hook.ganbench_register.get_hookimpls():
            if implementation.plugin_name == key:
                specs = _checked(implementation.function())
        if not self._pluggy.get_hookcallers(plugin):
            raise PluginError("implements no hook", hint="mark its functions with @ganbench.hookimpl")
        return specs

    def _forget(self, key: str) -> None:
        """Take a half-registered plugin out again."""
        if self._pluggy.has_plugin(key):
            self._pluggy.unregister(name=key)

    def _check_names(self) -> None:
        """A distribution that registers one name twice loses that name: which of the two was meant cannot be said."""
        counts: dict[tuple[str, str, str], int] = {}
        for one in self.registered:
            counts[one.key] = counts.get(one.key, 0) + 1
        twice = {r.key: r for r in self.registered if counts[r.key] > 1}
        self.registered = [r for r in self.registered if r.key not in twice]
        for (what, distribution, name), one in twice.items():
            cause = f"registers the {what} {name!r} {counts[one.key]} times; none of them is used"
            self.statuses.append(PluginStatus(entry=name, distribution=distribution, version=one.version, status="failed", cause=cause))

    def _check_switches(self) -> None:
        """Refuse ``-p no:NAME`` for a name that nothing has: the user believes it is off.

        Raises:
            PluginError: no entry point, distribution or registered name is called so.
        """
        known = {r.spec.name for r in self.registered}
        for status in self.statuses:
            known |= {status.entry, status.distribution}
        for name in sorted(self._off - known):
            raise PluginError(f"-p no:{name}: nothing has this name", hint=did_you_mean(name, sorted(known)))

    def specs(self, kind: type[Kind]) -> list[Registered[Kind]]:
        """Return everything registered of one kind, by name."""
        of_kind = [one for registered in self.registered if (one := registered.of(kind))]
        return sorted(of_kind, key=lambda r: (r.spec.name, r.distribution))

    def conflicts(self, one: Registered[PluginSpec]) -> list[Registered[PluginSpec]]:
        """Return the plugins of other distributions that have a name which would mean either."""
        return [r for r in self.registered if r is not one and (r.key[0], r.key[2]) == (one.key[0], one.key[2])]

    def find(self, kind: type[Kind], name: str, *, others: Iterable[str] = ()) -> Registered[Kind]:
        """Return the plugin that a user's ``NAME``, ``distribution:NAME`` or ``./file.py:Name`` means.

        Args:
            kind: the class of its spec; :class:`ganbench.ModelSpec` for what ``--plugin`` takes.
            name: what the user said.
            others: further names that may have been meant.

        Raises:
            PluginError: unknown, in conflict, failed to load, or not loadable from that file.
        """
        if ".py:" in name or name.endswith(".py"):
            return register_from_file(kind, name)
        candidates = [one for registered in self.registered if (one := registered.of(kind))]
        distribution, _, bare = name.rpartition(":")
        matches = [r for r in candidates if r.spec.name == bare and distribution in ("", r.distribution)]
        if len(matches) == 1:
            return matches[0]
        if matches:
            choices = " or ".join(f"{r.distribution}:{bare}" for r in matches)
            raise PluginError(
                f"{matches[0].key[0]} {bare!r} is registered by {len(matches)} distributions",
                hint=f"say {choices}, or switch one off with -p no:DISTRIBUTION",
            )
        raise PluginError(f"unknown {noun(kind)} {name!r}", hint=self._hint(name, {*others, *(r.spec.name for r in candidates)}))

    def _hint(self, name: str, known: set[str]) -> str:
        """Say what else there is, and that a plugin that failed may be the one that was meant."""
        distribution, _, bare = name.rpartition(":")
        for status in self.statuses:
            if status.status != "ok" and {distribution or bare, bare} & {status.entry, status.distribution}:
                return f"the plugin {status.entry!r} of {status.distribution} is {status.status}: {status.cause}"
        return did_you_mean(bare, sorted(known))

    def implementations(self, hook: str) -> list[pluggy.HookImpl]:
        """Return the implementations of a behaviour hook, so that a hot loop can look them up once."""
        caller: pluggy.HookCaller = getattr(self._pluggy.hook, hook)
        return caller.get_hookimpls()

    def call(self, hook: str, **arguments: Any) -> Iterator[Any]:
        """Call a behaviour hook; yield what is not None. One that raises is named in a warning and not called again."""
        for implementation in self.implementations(hook):
            key = f"{implementation.plugin_name}:{hook}"
            if key in self._silenced:
                continue
            try:
                result = implementation.function(*(arguments[a] for a in implementation.argnames))
            except (Exception, SystemExit) as error:
                self._silenced.add(key)
                logger.warning("plugin %s: %s raised %s; it is not called again", implementation.plugin_name, hook, _one_line(error))
                continue
            if result is not None:
                yield result


def _only_from_environment() -> frozenset[str] | None:
    value = os.environ.get("GANBENCH_PLUGINS")
    return None if value is None else frozenset(part.strip() for part in value.split(",") if part.strip())


def _entry_points(groups: tuple[str, ...]) -> list[tuple[importlib.metadata.EntryPoint, _Origin]]:
    """Return the entry points of some groups, one for each (distribution, name, module), in a stable order."""
    try:
        found = [e for group in groups for e in importlib.metadata.entry_points(group=group)]
    except Exception:  # one distribution's damaged metadata must not hide all the others
        logger.debug("reading the distributions one by one", exc_info=True)
        found = list(_readable_entry_points(groups))
    origins = _origins(found)
    if HOME not in {name for name, _ in origins}:
        own = _entry_points_of_the_source_tree(groups)
        found, origins = found + own, origins + _origins(own)
    unique = {(origin[0], e.name, e.value): (e, origin) for e, origin in zip(reversed(found), reversed(origins), strict=True)}
    return [unique[key] for key in sorted(unique, key=lambda k: (k[0] != HOME, k))]


def _entry_points_of_the_source_tree(groups: tuple[str, ...]) -> list[importlib.metadata.EntryPoint]:
    """Return ganbench's own entry points where it is used without being installed; its folders must be on the path."""
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        return [e for e in own_distribution().entry_points if e.group in groups]
    return []


def _readable_entry_points(groups: tuple[str, ...]) -> Iterator[importlib.metadata.EntryPoint]:
    """Yield the entry points of every distribution whose metadata can be read."""
    for distribution in importlib.metadata.distributions():
        try:
            own = [e for e in distribution.entry_points if e.group in groups]
        except Exception as error:
            logger.warning("an installed distribution has a damaged entry_points.txt (%s); it is passed over", _one_line(error))
            continue
        yield from own


def _origins(entries: list[importlib.metadata.EntryPoint]) -> list[_Origin]:
    """Return the origin of each entry point; the metadata of a distribution are parsed once, for that takes longer than all else here."""
    of = {id(entry.dist): _origin(entry) for entry in {id(entry.dist): entry for entry in entries}.values()}
    return [of[id(entry.dist)] for entry in entries]


def _origin(entry: importlib.metadata.EntryPoint) -> _Origin:
    """Return distribution and version of an entry point, whatever state its metadata are in."""
    try:
        name, version = (entry.dist.name, entry.dist.version) if entry.dist else (None, None)
    except Exception:
        logger.debug("the metadata of entry point %s cannot be read", entry.name, exc_info=True)
        name = version = None
    return name or "unknown", version or ""


def _oddities(printed: str, imported: list[str], unlisted: list[str]) -> str:
    """Say what a plugin should not have done while it was registered, although it works."""
    odd = ["printed to stdout while loading (held back)"] if printed else []
    if imported:
        odd.append(f"imports {' and '.join(imported)} while loading, which slows every command")
    if unlisted:
        odd.append(f"ganbench --help does not list {' and '.join(unlisted)}: the entry point is not in the group {COMMANDS}")
    return "; ".join(odd)


def _checked(returned: object) -> list[PluginSpec]:
    """Make sure that a hook returned specs.

    Raises:
        PluginError: it returned something else.
    """
    if isinstance(returned, PluginSpec) or not isinstance(returned, Iterable):
        raise PluginError(f"ganbench_register must return a list of specs (got {type(returned).__name__})")
    specs = list(returned)
    for spec in specs:
        if not isinstance(spec, PluginSpec):
            raise PluginError(f"ganbench_register must return specs (got a {type(spec).__name__})", hint="see ganbench.spec")
    return specs


def _one_line(error: BaseException) -> str:
    """Return the exception as one line."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
