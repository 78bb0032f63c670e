"""``--reporter NAME``: the plugins that a run tells what happens in it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ganbench.config.values import build_options, read_pairs
from ganbench.errors import PluginError
from ganbench.plugin.factory import Registered
from ganbench.plugin.manager import PluginManager
from ganbench.record.events import Listener, ReporterContext
from ganbench.spec import ReporterSpec

Reporter = tuple[Registered[ReporterSpec], object]
"""A reporter that was asked for, and its options."""


def build_reporter(reporter: Reporter, context: ReporterContext) -> Listener:
    """Build a reporter.

    Raises:
        PluginError: it cannot be built, or cannot be told anything.
    """
    registered, options = reporter
    listener: Listener = registered.build(options, context)
    if not callable(listener):
        raise PluginError(f"reporter {registered.spec.name!r} must return a function of events (got {type(listener).__name__})")
    return listener


def choose_reporters(manager: PluginManager, names: Iterable[str], options: Iterable[str]) -> tuple[tuple[Reporter, ...], tuple[str, ...]]:
    """Return the reporters of a run, and the options that are of none of them: those of the plugins that the run is made of.

    Args:
        manager: the plugins.
        names: what ``--reporter`` got.
        options: what ``-o`` got; ``NAME.KEY=VALUE`` is a reporter's.

    Raises:
        UsageError: there is no such reporter, or it has no such option.
    """
    registered = [manager.find(ReporterSpec, name) for name in names]
    own: dict[str, dict[str, Any]] = {one.spec.name: {} for one in registered}
    others = []
    for option in options:
        section, _, pair = option.partition(".")
        if section in own:
            own[section] |= read_pairs("-o", [pair])
        else:
            others.append(option)
    return tuple((one, build_options(one.spec.options, own[one.spec.name], one.spec.name)) for one in registered), tuple(others)
