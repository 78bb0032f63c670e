"""``ganbench completion SHELL``: print the script that makes the shell complete commands and options."""

from __future__ import annotations

import click


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
