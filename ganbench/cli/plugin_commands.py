"""The commands that plugins add to the command line."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import click

from ganbench.cli.main import OWN_COMMANDS
from ganbench.plugin.manager import PluginManager
from ganbench.registration import CommandSpec, PluginSpec

if TYPE_CHECKING:
    from ganbench.plugin.factory import Registered


def summaries(off: Iterable[str]) -> dict[str, str]:
    """Return the summary of each command that plugins add, under the name that the user types.

    Only the entry points of commands are loaded, and no command is imported.
    """
    manager = PluginManager(off=off, commands_only=True)
    return {typed_name(one, manager): one.spec.summary for one in manager.specs(CommandSpec)}


def find_command(name: str, off: Iterable[str]) -> click.Command:
    """Import the command that a plugin registers under a name.

    Raises:
        PluginError: there is none, two distributions register it, or it cannot be imported.
    """
    listed = [] if off else PluginManager(commands_only=True).specs(CommandSpec)
    of_name = [one for one in listed if one.spec.name == name]
    # One that is found only among all plugins, or not at all, is sought there: that takes longer, and knows what failed.
    registered = of_name[0] if len(of_name) == 1 else PluginManager(off=off).find(CommandSpec, name, others=OWN_COMMANDS)
    target = registered.load()
    return target if isinstance(target, click.Command) else _command_of(registered, target)


def typed_name(one: Registered[PluginSpec], manager: PluginManager) -> str:
    """Return the name of a plugin, or ``DISTRIBUTION:NAME`` where another plugin or a command of ganbench itself has that name."""
    return f"{one.distribution}:{one.spec.name}" if manager.conflicts(one) or has_name_of_an_own_command(one) else one.spec.name


def has_name_of_an_own_command(one: Registered[PluginSpec]) -> bool:
    """Tell whether a plugin's command is called like one of ganbench's."""
    return isinstance(one.spec, CommandSpec) and one.spec.name in OWN_COMMANDS


def _command_of(registered: Registered[CommandSpec], function: Callable[..., Any]) -> click.Command:
    """Make a command of ``function(options, invocation)``: each option is a flag, and what the function returns is the exit code."""
    from ganbench.config.values import build_options, describe_fields

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
        return function(build_options(spec.options, chosen, spec.name), invocation)

    return click.Command(spec.name, params=list(flags), callback=call, help=function.__doc__ or spec.summary)
