"""Discovery and isolated loading of plugins.

A plugin that fails in any way becomes one :class:`PluginStatus` with its cause; the others still work. Nothing is shadowed: a name that two
distributions register is a conflict, and both stay reachable as ``distribution:name``.
"""

from __future__ import annotations

import contextlib
import copy
import gc
import io
import os
import re
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from ganbench.errors import PluginError, did_you_mean
from ganbench.plugin.entry_points import EntryPoint, read_entry_points
from ganbench.plugin.factory import Kind, Registered, kind_of_name, noun
from ganbench.registration import API_VERSION, CommandSpec, PluginSpec

if TYPE_CHECKING:
    import pluggy

_PLUGINS = "ganbench"
"""The group of entry points of plugins."""
COMMANDS = "ganbench.commands"
"""The group of those that register commands: ``--help`` loads these alone, for a help must not take longer with every plugin."""
HOME = "ganbench"
"""The distribution of the first-party plugins; GANBENCH_PLUGINS does not leave it out."""
_OFF = "switched off by -p no:"
_HEAVY = frozenset({"torch", "numpy"})

_Outcome = Literal["ok", "failed", "off"]


class PluginStatus(NamedTuple):
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
        commands_only: load the entry points of commands alone, and none of their other hooks.

    Raises:
        PluginError: ``off`` holds a name that nothing has; where all are loaded.
    """

    def __init__(self, *, off: Iterable[str] = (), only: Iterable[str] | None = None, commands_only: bool = False) -> None:
        self._off = frozenset(off)
        self._only = _only_from_environment() if only is None else frozenset(only)
        self._pluggy = None if commands_only else _hook_manager()
        self._silenced: set[str] = set()
        self.statuses: list[PluginStatus] = []
        self.registered: list[Registered[PluginSpec]] = []
        self._of_name: dict[str, list[Registered[PluginSpec]]] = {}
        with contextlib.ExitStack() as after:
            if gc.isenabled():  # nothing that registration makes is garbage, and looking through it takes a twentieth of the time
                after.callback(gc.enable)
                gc.disable()
            for entry in _entry_points((COMMANDS,) if commands_only else (COMMANDS, _PLUGINS)):
                self._load(entry)
        self._check_names()
        if not commands_only:
            self._check_switches()

    def _load(self, entry: EntryPoint) -> None:
        """Load one entry point; whatever it does wrong ends in its status."""
        distribution, version = entry.distribution, entry.version

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
            import logging  # late, as in all that --help passes through

            logging.getLogger(__name__).debug("plugin %s failed", key, exc_info=True)
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

    def _register(self, key: str, entry: EntryPoint) -> list[PluginSpec]:
        """Import, check and register one plugin; return its specs."""
        plugin = entry.load()
        api = getattr(plugin, "GANBENCH_API_VERSION", API_VERSION)
        if api != API_VERSION:
            raise PluginError(f"made for plugin API {api!r}, this is API {API_VERSION}", hint="install a matching release")
        if self._pluggy:
            self._pluggy.register(plugin, name=key)
            self._pluggy.check_pending()
        register = getattr(plugin, "ganbench_register", None)
        specs = _checked(register()) if register is not None and hasattr(register, "ganbench_impl") else []
        if self._pluggy and not self._pluggy.get_hookcallers(plugin):
            raise PluginError("implements no hook", hint="mark its functions with @ganbench.hookimpl")
        return specs

    def _forget(self, key: str) -> None:
        """Take a half-registered plugin out again."""
        if self._pluggy and self._pluggy.has_plugin(key):
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
        for one in self.registered:
            self._of_name.setdefault(one.spec.name, []).append(one)

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
        return sorted([one for registered in self.registered if (one := registered.of(kind))], key=lambda r: (r.spec.name, r.distribution))

    def conflicts(self, one: Registered[PluginSpec]) -> list[Registered[PluginSpec]]:
        """Return the plugins of other distributions that have a name which would mean either."""
        return [r for r in self._of_name.get(one.spec.name, ()) if r is not one and r.key[0] == one.key[0]]

    def find(self, kind: type[Kind], name: str, *, others: Iterable[str] = ()) -> Registered[Kind]:
        """Return the plugin that a user's ``NAME``, ``distribution:NAME`` or ``./file.py:Name`` means.

        Args:
            kind: the class of its spec; :class:`ganbench.ModelSpec` for what ``--plugin`` takes.
            name: what the user said.
            others: further names that may have been meant.

        Raises:
            PluginError: unknown, in conflict, failed to load, or not loadable from that file.
        """
        if is_file(name):
            from ganbench.plugin.plugin_file import register_from_file

            return register_from_file(kind, name)
        candidates = [one for registered in self.registered if (one := registered.of(kind))]
        matches = _of_name(candidates, name)
        if len(matches) == 1:
            return matches[0]
        if matches:
            bare = matches[0].spec.name
            choices = " or ".join(f"{r.distribution}:{bare}" for r in matches)
            raise PluginError(
                f"{matches[0].key[0]} {bare!r} is registered by {len(matches)} distributions",
                hint=f"say {choices}, or switch one off with -p no:DISTRIBUTION",
            )
        raise PluginError(f"unknown {noun(kind)} {name!r}", hint=self._hint(name, {*others, *(r.spec.name for r in candidates)}))

    def find_all(self, name: str, *, kind: str = "") -> list[Registered[PluginSpec]]:
        """Return every plugin that a user's ``NAME``, ``distribution:NAME`` or ``./file.py:Name`` may mean, of whatever kind.

        Args:
            name: what the user said.
            kind: only of the kind of this name; empty for any.

        Raises:
            PluginError: there is none, no such kind, or not loadable from that file.
        """
        cls = kind_of_name(kind)
        if is_file(name):
            return [self.find(cls if kind else PluginSpec, name)]
        candidates = [one for one in self.registered if kind in ("", one.spec.kind)]
        if found := _of_name(candidates, name):
            return found
        if status := self._status_of(name):
            raise PluginError(status)
        raise PluginError(f"unknown {kind or 'plugin'} {name!r}", hint=self._hint(name, {r.spec.name for r in candidates}))

    def joined_by(self, one: Registered[PluginSpec]) -> PluginManager:
        """Return these plugins and one more, whose name means it alone: that of a file."""
        joined = copy.copy(self)
        joined.registered = [*(r for r in self.registered if r.key[::2] != one.key[::2]), one]
        joined._of_name = {**self._of_name, one.spec.name: [one]}
        return joined

    def _hint(self, name: str, known: set[str]) -> str:
        """Say what else there is, and that a plugin that failed may be the one that was meant."""
        if status := self._status_of(name):
            return status
        hints = [did_you_mean(name.rpartition(":")[2], sorted(known))]
        if failed := [status for status in self.statuses if status.status == "failed"]:
            more = f", and {len(failed) - 1} more, see ganbench plugins list" if len(failed) > 1 else ""
            hints.append(f"the plugin {failed[0].entry!r} of {failed[0].distribution} failed to register: {failed[0].cause}{more}")
        return "; ".join(hints)

    def _status_of(self, name: str) -> str:
        """Say what became of the plugin that has a name, or whose failure tells of it; empty where none has."""
        distribution, _, bare = name.rpartition(":")
        for status in self.statuses:
            is_named = {distribution or bare, bare} & {status.entry, status.distribution}
            if status.status != "ok" and (is_named or (bare and re.search(rf": {re.escape(bare)}: ", status.cause))):
                state = status.status if status.status == "failed" else f"is {status.status}"
                return f"the plugin {status.entry!r} of {status.distribution} {state}: {status.cause}"
        return ""

    def implementations(self, hook: str) -> list[pluggy.HookImpl]:
        """Return the implementations of a behaviour hook, so that a hot loop can look them up once."""
        if self._pluggy is None:
            return []
        caller: pluggy.HookCaller = getattr(self._pluggy.hook, hook)
        return caller.get_hookimpls()

    def call(self, hook: str, **arguments: Any) -> Iterator[Any]:
        """Call a behaviour hook; yield what is not None. One that raises is named in a warning and not called again.

        ``hookimpl(tryfirst=True)`` goes before the others and ``trylast`` behind them.
        """
        for implementation in sorted(self.implementations(hook), key=lambda one: one.trylast - one.tryfirst):
            key = f"{implementation.plugin_name}:{hook}"
            if key in self._silenced:
                continue
            try:
                result = implementation.function(*(arguments[a] for a in implementation.argnames))
            except (Exception, SystemExit) as error:
                self._silenced.add(key)
                import logging

                said = "plugin %s: %s raised %s; it is not called again"
                logging.getLogger(__name__).warning(said, implementation.plugin_name, hook, _one_line(error))
                continue
            if result is not None:
                yield result


def _only_from_environment() -> frozenset[str] | None:
    value = os.environ.get("GANBENCH_PLUGINS")
    return None if value is None else frozenset(part.strip() for part in value.split(",") if part.strip())


def _entry_points(groups: tuple[str, ...]) -> list[EntryPoint]:
    """Return the entry points of some groups, one for each (distribution, name, module), an earlier group first, in a stable order."""
    found = list(read_entry_points(groups))
    if HOME not in {entry.distribution for entry in found}:  # it is used without being installed; its folders must be on the path
        from ganbench.distribution import own_entry_points

        found += own_entry_points(groups)
    unique = {(entry.distribution, entry.name, entry.value): entry for entry in sorted(found, key=lambda e: -groups.index(e.group))}
    return [unique[key] for key in sorted(unique, key=lambda k: (k[0] != HOME, k))]


def _hook_manager() -> pluggy.PluginManager:
    import pluggy  # late, as below: a help needs no hooks, and logs nothing

    from ganbench.plugin import hookspecs

    manager = pluggy.PluginManager(_PLUGINS)
    manager.add_hookspecs(hookspecs)
    return manager


def is_file(name: str) -> bool:
    """Tell whether a user's name is that of a plugin in a file."""
    return ".py:" in name or name.endswith(".py")


def _of_name(candidates: list[Registered[Kind]], name: str) -> list[Registered[Kind]]:
    """Return those that ``NAME`` or ``distribution:NAME`` means."""
    distribution, _, bare = name.rpartition(":")
    return [one for one in candidates if one.spec.name == bare and distribution in ("", one.distribution)]


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
