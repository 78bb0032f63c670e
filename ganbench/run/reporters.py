"""``--reporter NAME``: the plugins that a run tells what happens in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ganbench.config.values import build_options, read_pairs
from ganbench.errors import PluginError
from ganbench.plugin.manager import PluginManager
from ganbench.record.events import Listener, ReporterContext
from ganbench.spec import ReporterSpec


def choose_reporters(
    manager: PluginManager, names: Iterable[str], options: Iterable[str]
) -> tuple[dict[str, dict[str, str]], tuple[str, ...]]:
    """Return the options of each reporter by its name, and the options that are of none of them.

    Args:
        manager: the plugins.
        names: what ``--reporter`` got.
        options: what ``-o`` got; ``NAME.KEY=VALUE`` is a reporter's.

    Raises:
        UsageError: there is no such reporter, or it has no such option.
    """
    specs = {name: manager.find(ReporterSpec, name).spec for name in names}
    own: dict[str, dict[str, str]] = {spec.name: {} for spec in specs.values()}
    others = []
    for option in options:
        section, _, pair = option.partition(".")
        if section in own:
            own[section] |= read_pairs("-o", [pair])
        else:
            others.append(option)
    for spec in specs.values():
        build_options(spec.options, dict(own[spec.name]), spec.name)
    return {name: own[spec.name] for name, spec in specs.items()}, tuple(others)


def build_reporters(manager: PluginManager, chosen: Mapping[str, Mapping[str, str]], context: ReporterContext) -> list[Listener]:
    """Build the reporters that :func:`choose_reporters` returned.

    Raises:
        UsageError: one cannot be built, or cannot be told anything.
    """
    listeners: list[Listener] = []
    for registered, options in ((manager.find(ReporterSpec, name), options) for name, options in chosen.items()):
        listeners.append(registered.build(build_options(registered.spec.options, dict(options), registered.spec.name), context))
        if not callable(listeners[-1]):
            raise PluginError(f"reporter {registered.spec.name!r} must return a function of events (got {type(listeners[-1]).__name__})")
    return listeners
