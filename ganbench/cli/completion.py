"""``ganbench completion SHELL``: print the script that makes the shell complete commands and options."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import click
from click.shell_completion import CompletionItem


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print the completion script of SHELL.

    \b
    bash:  ganbench completion bash > ~/.local/share/bash-completion/completions/ganbench
    zsh:   ganbench completion zsh > "${fpath[1]}/_ganbench"
    fish:  ganbench completion fish > ~/.config/fish/completions/ganbench.fish
    """
    from click.shell_completion import get_completion_class

    from ganbench.cli.main import cli

    completion = get_completion_class(shell)
    assert completion is not None
    click.echo(completion(cli, {}, "ganbench", "_GANBENCH_COMPLETE").source())


_Completion = Callable[[click.Context, click.Parameter, str], "list[str] | list[CompletionItem]"]


def complete_words(*choices: str) -> _Completion:
    """Return a completion of fixed words, for an option that takes others too."""
    return lambda ctx, parameter, incomplete: _beginning(incomplete, choices)


def complete_plugins(kind: str) -> _Completion:
    """Return a completion of plugin names and plugin files; ``kind`` is one of the kinds, or ``model`` for architectures and recipes."""

    def complete(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str] | list[CompletionItem]:
        from ganbench.plugin.manager import PluginManager

        if incomplete.startswith((".", "/")):
            return [CompletionItem(incomplete, type="file")]

        return _beginning(incomplete, {r.spec.name for r in PluginManager().registered if kind in (r.spec.kind, r.key[0])})

    return complete


def complete_runs(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Complete the runs below ./results/runs."""
    from ganbench.record.directory import DEFAULT_RUNS
    from ganbench.record.find import runs_below

    return _beginning(incomplete, (run.name for run in runs_below(DEFAULT_RUNS)))


def complete_columns(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Complete the last of several columns with commas between: those that runs or a verdict have."""
    before, comma, last = incomplete.rpartition(",")
    return [f"{before}{comma}{name}" for name in _beginning(last, _columns(ctx))]


def _columns(ctx: click.Context) -> Iterable[str]:
    """Return the names without blanks; of the metrics of runs where the command line has some."""
    from ganbench.errors import GanbenchError
    from ganbench.report.runs import COLUMN_NAMES, table

    if "gates" in {parameter.name for parameter in ctx.command.params}:
        from ganbench.report import verdict

        return verdict.COLUMN_NAMES
    try:
        columns = [column for section in table(*ctx.params.get("runs") or ()).sections for column in section.columns]
    except (GanbenchError, OSError):
        return COLUMN_NAMES
    return {next(name for name in column.names if " " not in name) for column in columns}


def _beginning(incomplete: str, names: Iterable[str]) -> list[str]:
    return sorted(name for name in names if name.startswith(incomplete))
