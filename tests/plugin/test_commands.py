"""Commands of the command line that come from plugins."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ganbench.cli.main import main

Install = Callable[..., str]

GREET = """
    from ganbench import CommandSpec

    @dataclass(frozen=True, kw_only=True, slots=True)
    class Greeting:
        name: str
        \"""Who is greeted.\"""
        num_times: int = 1
        \"""How often.\"""

    @hookimpl
    def ganbench_register():
        return [CommandSpec(name={name!r}, summary="Greet somebody.", factory="{factory}", options=Greeting)]

    def greet(options, invocation):
        for _ in range(options.num_times):
            print("hello", options.name, invocation.off)
        return 7
"""
COMMANDS = ("ganbench.commands",)


def greeting(name: str = "greet", factory: str = "MODULE:greet") -> str:
    """Return the source of a plugin with one command."""
    return GREET.format(name=name, factory=factory)


def test_the_help_lists_it_by_its_summary_and_does_not_import_it(install: Install, site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nor any plugin that is not in the group of commands."""
    (site / "fake_heavy_command.py").write_text("raise RuntimeError")
    install("greetings", greeting(factory="fake_heavy_command:command"), groups=COMMANDS)
    other = install("other", greeting("unseen"))
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    assert re.search(r"\n  greet +Greet somebody\.\n", out)
    assert re.search(r"\n  bench +Measure the speed", out)
    assert "unseen" not in out
    assert not {other, "fake_heavy_command"} & set(sys.modules)


def test_options_of_a_function_are_flags(install: Install, capsys: pytest.CaptureFixture[str]) -> None:
    """With their types; what it returns is the exit code, and what it prints goes to stdout."""
    install("greetings", greeting(), groups=COMMANDS)
    assert main(["-p", "no:dcgan", "greet", "--name", "Ada", "--num-times", "2"]) == 7
    assert capsys.readouterr().out == "hello Ada ('dcgan',)\n" * 2
    assert main(["greet", "--help"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "--name STR Who is greeted. [required]" in out
    assert "--num-times INT How often. [default: 1]" in out
    assert main(["greet", "--name", "Ada", "--num-times", "many"]) == 2
    assert capsys.readouterr().err == "ganbench: greet.num_times must be a whole number (got 'many')\n"
    assert main(["greet"]) == 2
    assert "greet.name is required" in capsys.readouterr().err


def test_a_click_command_is_taken_as_it_is(install: Install, site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With its own options and subcommands."""
    (site / "fake_click_command.py").write_text(
        "import click\n@click.command()\n@click.option('--loud', is_flag=True)\ndef command(loud):\n    click.echo(loud)\n    return 3\n"
    )
    install("clicks", greeting(factory="fake_click_command:command"), groups=COMMANDS)
    assert main(["greet", "--loud"]) == 3
    assert capsys.readouterr().out == "True\n"


def test_two_commands_of_one_name_are_a_conflict(install: Install, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither is preferred; each is reached by its distribution, and the help says so."""
    install("one", greeting(), groups=COMMANDS)
    install("two", greeting(), groups=COMMANDS)
    assert main(["greet", "--name", "Ada"]) == 2
    assert capsys.readouterr().err.startswith("ganbench: command 'greet' is registered by 2 distributions; say one:greet or two:greet")
    assert main(["two:greet", "--name", "Ada"]) == 7
    capsys.readouterr()
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    assert "one:greet" in out
    assert "two:greet" in out


@pytest.mark.slow
def test_no_plugin_takes_a_command_of_ganbench(install: Install, capsys: pytest.CaptureFixture[str]) -> None:
    """It is listed as a conflict, and is reached by its distribution."""
    install("taker", greeting("table"), groups=COMMANDS)
    assert main(["table", "--help"]) == 0
    assert "Greet" not in capsys.readouterr().out
    assert main(["taker:table", "--name", "Ada"]) == 7
    capsys.readouterr()
    assert main(["plugins", "list"]) == 0
    (row,) = [line for line in capsys.readouterr().out.splitlines() if "taker" in line]
    assert row.split("conflict")[1].strip() == "ganbench has a command of this name; say taker:table"
    assert main(["plugins", "show", "taker:table"]) == 0
    assert "ganbench taker:table" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("import no_such_thing", "ganbench: unknown command 'greet'; the plugin 'greet' of broken failed: ModuleNotFoundError: "),
        (greeting(factory="no_such_module:command"), "ganbench: command 'greet' of broken cannot be imported: ModuleNotFoundError: "),
        (greeting(factory="MODULE:absent"), "ganbench: command 'greet' of broken: module "),
    ],
    ids=["registration", "module", "attribute"],
)
def test_a_broken_command_is_one_line(install: Install, capsys: pytest.CaptureFixture[str], source: str, message: str) -> None:
    """With exit code 2; the help and the other commands work."""
    install("broken", source, entry="greet", groups=COMMANDS)
    assert main(["greet"]) == 2
    err = capsys.readouterr().err
    assert err.startswith(message)
    assert err.count("\n") == 1
    assert main(["--help"]) == 0
    assert main(["bench", "--help"]) == 0


@pytest.mark.slow
def test_an_unknown_command_comes_with_a_suggestion(install: Install, capsys: pytest.CaptureFixture[str]) -> None:
    """From ganbench's own commands and those of plugins."""
    install("greetings", greeting(), groups=COMMANDS)
    for typed, meant in (("grete", "greet"), ("tabel", "table"), ("bnech", "bench")):
        assert main([typed]) == 2
        assert capsys.readouterr().err == f"ganbench: unknown command {typed!r}; did you mean {meant!r}?\n"


def test_a_command_that_the_help_does_not_know_is_told(install: Install, capsys: pytest.CaptureFixture[str]) -> None:
    """It can be used, and the list of plugins says what is missing."""
    install("greetings", greeting())
    assert main(["greet", "--name", "Ada"]) == 7
    capsys.readouterr()
    assert main(["plugins", "list"]) == 0
    (row,) = [line for line in capsys.readouterr().out.splitlines() if "greetings" in line]
    assert row.endswith("ganbench --help does not list greet: the entry point is not in the group ganbench.commands")


def test_a_command_is_switched_off_as_any_plugin(install: Install, capsys: pytest.CaptureFixture[str]) -> None:
    """The help does not list it, and the error says why it is not there."""
    install("greetings", greeting(), groups=COMMANDS)
    assert main(["-p", "no:greet", "greet"]) == 2
    assert "switched off by -p no:greet" in capsys.readouterr().err


def test_one_module_may_stand_in_both_groups(install: Install, capsys: pytest.CaptureFixture[str]) -> None:
    """It is loaded once."""
    install("greetings", greeting(), groups=("ganbench", *COMMANDS))
    assert main(["plugins", "list"]) == 0
    (row,) = [line for line in capsys.readouterr().out.splitlines() if "greetings" in line]
    assert row.split() == ["greet", "[greetings", "1.0]", "Greet", "somebody."]
