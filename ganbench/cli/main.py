"""The command ``ganbench``: subcommands that are imported when they are called, and errors that are one line.

Nothing heavy is imported here: ``--help`` and completion stay below a fifth of a second.
"""

from __future__ import annotations

import gc
import importlib
import sys
from dataclasses import dataclass
from typing import Any

import click

from ganbench.errors import GanbenchError, RunFailed, StorageError
from ganbench.report.stream import guarded_streams, say, stream_width
from ganbench.text import clean, shortened

OWN_COMMANDS = {
    "run": ("ganbench.cli.run", "Train one configuration and print its throughput and FID table."),
    "matrix": ("ganbench.cli.matrix", "Run many configurations, each in a process of its own, and print one table."),
    "table": ("ganbench.cli.table", "Compare finished runs in one table."),
    "show": ("ganbench.cli.show", "Show everything that is known of one run."),
    "compare": ("ganbench.cli.compare", "Say what regressed between two sets of runs, with intervals and an exit code."),
    "plugins": ("ganbench.cli.plugins", "List plugins, or show one with its options."),
    "doctor": ("ganbench.cli.doctor", "Check this machine: devices, plugins, data, weights, folders."),
    "completion": ("ganbench.cli.completion", "Print the completion script of a shell."),
}
"""The module and the summary of each command of ganbench itself; no plugin takes its name."""

_NO_ARGUMENTS: tuple[type[click.UsageError], ...] = tuple(filter(None, [getattr(click.exceptions, "NoArgsIsHelpError", None)]))
"""What click 8.2 and later raise for a group without a subcommand, where earlier ones print the help."""

_DEBUG = "Show tracebacks and debug messages."


@dataclass(slots=True)
class Invocation:
    """What the options before the subcommand say."""

    off: tuple[str, ...] = ()
    """Plugins switched off by ``-p no:NAME``."""
    debug: bool = False


class _LazyGroup(click.Group):
    """A group whose subcommands are modules with a ``command``, or come from plugins."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of use, those of plugins last."""
        return [*OWN_COMMANDS, *_of_plugins(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the one that is wanted."""
        if cmd_name in OWN_COMMANDS:
            return _with_debug(importlib.import_module(OWN_COMMANDS[cmd_name][0]).command)
        if ctx.resilient_parsing or cmd_name.startswith("-"):
            return None
        from ganbench.cli.plugin_commands import find_command

        return _with_debug(find_command(cmd_name, ctx.params.get("off") or ()))

    def invoke(self, ctx: click.Context) -> Any:
        """Call the subcommand; click would end the process with code 1, a failed gate, for any pipe that broke."""
        import logging  # late, for --help logs nothing

        gc.enable()
        if logging.lastResort:  # what prints a warning where a command has no screen of its own
            logging.lastResort.addFilter(_cleaned)
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise RunFailed(f"whoever read a pipe has gone ({error})") from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([*((name, summary) for name, (_, summary) in OWN_COMMANDS.items()), *_of_plugins(ctx).items()])


def _cleaned(record: Any) -> bool:
    """Let a warning through as one line, whatever the file or folder that it is about is called."""
    record.msg, record.args = clean(f"warning: {record.getMessage()}"), ()
    return True


def _with_debug(command: click.Command) -> click.Command:
    """Let a command, and each below it, take ``--debug`` after its name too, as every message of an unexpected error proposes."""
    if isinstance(command, click.Group):
        for one in command.commands.values():
            _with_debug(one)
    elif all("--debug" not in parameter.opts for parameter in command.params):
        command.params.append(click.Option(["--debug"], is_flag=True, expose_value=False, callback=_set_debug, help=_DEBUG))
    return command


def _set_debug(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    invocation = ctx.find_object(Invocation)
    if wanted and invocation is not None:
        invocation.debug = True


def _of_plugins(ctx: click.Context) -> dict[str, str]:
    """Return the names and summaries of the commands that plugins add."""
    from ganbench.cli.plugin_commands import summaries

    return summaries(ctx.params.get("off") or ())  # asked before the group itself has run


def switched_off(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """Read ``-p no:NAME``."""
    for value in values:
        if not value.startswith("no:") or len(value) == 3:
            raise click.BadParameter(f"write no:NAME to switch a plugin off (got {value!r})")
    return tuple(value[3:] for value in values)


def _print_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from ganbench.distribution import own_distribution

        click.echo(f"ganbench {own_distribution().version}")
        ctx.exit()


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]}, no_args_is_help=True)
@click.option("-p", "off", multiple=True, metavar="no:NAME", callback=switched_off, help="Switch a plugin off; may be repeated.")
@click.option("--debug", is_flag=True, help=_DEBUG)
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Show the version and exit.")
@click.pass_context
def cli(ctx: click.Context, off: tuple[str, ...], debug: bool) -> None:
    """Benchmark GANs: which one, with which loss, on which data, on this machine; how fast, and how good.

    \b
    ganbench run --plugin dcgan            train on digits, print the table
    ganbench plugins list                  what can be run
    ganbench table                         all runs below ./results/runs

    Exit codes: 0 ok, 1 a gate failed, 2 usage, 3 a run failed, 4 not comparable, 5 nothing to compare, 130 interrupted.
    """
    ctx.obj = Invocation(off=off, debug=debug)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code; never shows a traceback without ``--debug``.

    The code is what the work came to. That nobody reads what is printed changes it only where printing was all that there was to do.
    """
    with guarded_streams() as out:
        code = _run(sys.argv[1:] if arguments is None else arguments)
        out.flush()
        if out.lost is not None and not isinstance(out.lost, BrokenPipeError):  # a reader (head, less) that has seen enough is no error
            _say(f"the output could not be written: {out.lost.strerror or out.lost}")
            code = StorageError.exit_code if code is None else code
    return code or 0


def _run(arguments: list[str]) -> int | None:
    """Return the exit code of a command; None of one that only prints."""
    debug = "--debug" in arguments
    try:
        width = max(min(stream_width(), 80) - 2, 50)  # what click would take, had it to ask
        result: Any = cli.main(args=arguments, prog_name="ganbench", standalone_mode=False, terminal_width=width)
        return result if isinstance(result, int) else None
    except (KeyboardInterrupt, click.Abort):
        _say("interrupted")
        return 130
    except Exception as error:
        return _report(error, debug)


def _report(error: Exception, debug: bool) -> int:
    """Print one line and return the exit code."""
    if isinstance(error, _NO_ARGUMENTS):
        click.echo(error.ctx.get_help() if error.ctx else "")
        return 0
    if debug and not isinstance(error, (click.ClickException, click.exceptions.Exit)):
        import traceback

        traceback.print_exception(error)
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if isinstance(error, click.ClickException):
        _say(*_message(error))
        return 2
    if isinstance(error, GanbenchError):
        _say(error.what, error.hint)
        return error.exit_code
    from ganbench.plugin.blame import sentence

    if said := sentence(error):
        _say(said, "--debug shows where")
        return 3
    _say(f"unexpected {type(error).__name__}: {error}", "--debug shows where, and a report is welcome")
    return 3


def _message(error: click.ClickException) -> tuple[str, ...]:
    """Return what to say; of an option that is none, but the name of a reporter, where the command takes reporters, how that is named."""
    if isinstance(error, click.NoSuchOption) and error.ctx and any("--reporter" in one.opts for one in error.ctx.command.params):
        from ganbench.plugin.manager import PluginManager

        name = error.option_name.lstrip("-")
        if name in {one.spec.name for one in PluginManager().registered if one.spec.kind == "reporter"}:
            return f"no such option: --{name}", f"a reporter is named with --reporter {name}"
    return (error.format_message(),)


def _say(what: str, hint: str = "") -> None:
    """Print one line to stderr, whatever the message holds; a hint is never cut, because it may be a command."""
    say("ganbench: " + "; ".join(filter(None, (shortened(" ".join(what.split())), hint))))
