"""The commands that plugins add to the command line."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable
from typing import TYPE_CHECKING, Any

import click

from ganbench.plugin.manager import COMMANDS, PluginManager
from ganbench.spec import CommandSpec

if TYPE_CHECKING:
    from ganbench.plugin.factory import Registered


def summaries(off: Iterable[str], own: Container[str]) -> dict[str, str]:
    """Return the summary of each command that plugins add, under the name that the user types.

    Only the entry points of commands are loaded, and no command is imported.

    Args:
        off: the plugins that are switched off.
        own: the names of ganbench's own commands, which no plugin takes from it.
    """
    manager = PluginManager(off=off, groups=(COMMANDS,))
    return {_typed_name(one, manager, own): one.spec.summary for one in manager.specs(CommandSpec)}


def _typed_name(one: Registered[CommandSpec], manager: PluginManager, own: Container[str]) -> str:
    """Return the name, or ``DISTRIBUTION:NAME`` where ganbench or another plugin has a command of that name."""
    is_taken = one.spec.name in own or manager.conflicts(one)
    return f"{one.distribution}:{one.spec.name}" if is_taken else one.spec.name


def find_command(name: str, off: Iterable[str], own: Iterable[str]) -> click.Command:
    """Import the command that a plugin registers under a name.

    Raises:
        PluginError: there is none, two distributions register it, or it cannot be imported.
    """
    registered = PluginManager(off=off).find(CommandSpec, name, others=own)
    target = registered.load()
    return target if isinstance(target, click.Command) else _command_of(registered, target)


def _command_of(registered: Registered[CommandSpec], function: Callable[..., Any]) -> click.Command:
    """Make a command of ``function(options, invocation)``: each option is a flag, and what the function returns is the exit code."""
    from ganbench.config.values import build, describe_fields

    spec = registered.spec
    flags = [
        click.Option(
            [f"--{field.name.replace('_', '-')}", field.name],
            metavar=field.type.upper(),
            help=f"{field.help}  [default: {field.default}]" if field.default else f"{field.help}  [required]",
        )
        for field in describe_fields(spec.options)
    ]

    @click.pass_obj
    def call(invocation: object, /, **given: str | None) -> Any:
        chosen = {name: value for name, value in given.items() if value is not None}
        return function(build(spec.options, chosen, spec.name), invocation)

    return click.Command(spec.name, params=list(flags), callback=call, help=function.__doc__ or spec.summary)
