"""What the shell completes besides commands and options: names of plugins and runs. Imports no torch."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import click
from click.shell_completion import CompletionItem

Completion = Callable[[click.Context, click.Parameter, str], "list[str] | list[CompletionItem]"]


def words(*choices: str) -> Completion:
    """Return a completion of fixed words, for an option that takes others too."""
    return lambda ctx, parameter, incomplete: _beginning(incomplete, choices)


def plugin_names(kind: str) -> Completion:
    """Return a completion of plugin names and plugin files; ``kind`` is one of the kinds, or ``model`` for architectures and recipes."""

    def complete(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str] | list[CompletionItem]:
        from ganbench.plugin.manager import PluginManager

        if incomplete.startswith((".", "/")):
            return [CompletionItem(incomplete, type="file")]

        return _beginning(incomplete, {r.spec.name for r in PluginManager().registered if kind in (r.spec.kind, r.space)})

    return complete


def run_ids(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Complete the runs below ./results/runs."""
    from ganbench.results.find import runs_below
    from ganbench.results.store import DEFAULT_RUNS

    return _beginning(incomplete, (run.name for run in runs_below(DEFAULT_RUNS)))


def _beginning(incomplete: str, names: Iterable[str]) -> list[str]:
    return sorted(name for name in names if name.startswith(incomplete))
