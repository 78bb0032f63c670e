"""A limit of a command is a number: ``nan``, which no comparison holds against anything, would switch it off unseen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from ganbench import NumberRange
from ganbench.cli.main import cli, main


def limits() -> Iterator[tuple[tuple[str, ...], click.Option]]:
    """Yield every option of every command that takes a number with a fraction, and whose command."""
    context = click.Context(cli)
    commands: list[tuple[tuple[str, ...], click.Command | None]] = [((), cli)]
    for name, command in commands:
        if isinstance(command, click.Group):
            commands += [((*name, inner), command.get_command(context, inner)) for inner in command.list_commands(context)]
        for parameter in command.params if command else ():
            if isinstance(parameter, click.Option) and isinstance(parameter.type, click.types.FloatParamType):
                yield name, parameter


LIMITS = [(name, option) for name, option in limits() if option.opts[0] not in ("--alpha", "--budget")]  # a policy and a request refuse it


def test_all_commands_are_looked_at() -> None:
    """Core and plugins."""
    assert {name for name, _ in LIMITS} >= {("matrix",), ("ab",), ("ci",), ("bench", "kernels"), ("bench", "step")}


@pytest.mark.parametrize(
    ("name", "option"), LIMITS, ids=lambda value: value.opts[0] if isinstance(value, click.Option) else " ".join(value)
)
def test_nan_is_no_limit(
    name: tuple[str, ...], option: click.Option, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Refused by the one type of all, before anything happens."""
    monkeypatch.chdir(tmp_path)
    assert isinstance(option.type, NumberRange)
    for text in ("nan", "-nan", "NaN"):
        assert main([*name, f"{option.opts[0]}={text}"]) == 2
        assert f"{text!r} is not a valid float range." in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_number_within_its_bounds_is_taken() -> None:
    """As click's own type takes it; without a limit is infinity."""
    above_zero = NumberRange(min=0, min_open=True)
    assert [above_zero.convert(text, None, None) for text in ("0.5", "1e3", "inf")] == [0.5, 1000.0, float("inf")]
    with pytest.raises(click.BadParameter, match=r"0\.0 is not in the range x>0"):
        above_zero.convert("0", None, None)
