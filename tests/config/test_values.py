"""Typed values from flags and TOML."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Optional, Union

import pytest

from ganbench.config.values import build_options, coerce, describe_fields, field_types
from ganbench.errors import ConfigError

if TYPE_CHECKING:
    from nowhere_to_be_found import Missing  # type: ignore[import-not-found]

GOOD: list[tuple[Any, Any, Any]] = [
    *[(text, bool, True) for text in ("true", "True", "yes", "on", "1", True, 1)],
    *[(text, bool, False) for text in ("false", "NO", "off", "0", False, 0)],
    ("64", int, 64),
    ("-3", int, -3),
    ("1e3", int, 1000),
    (64.0, int, 64),
    ("9223372036854775807", int, 2**63 - 1),
    (2**53 + 1, int, 2**53 + 1),
    ("2e-4", float, 2e-4),
    ("3", float, 3.0),
    (3, float, 3.0),
    ("inf", float, math.inf),
    ("text", str, "text"),
    ("", str, ""),
    (3, str, "3"),
    ("4", Literal[2, 4], 4),
    (4, Literal[2, 4], 4),
    ("batch", Literal["batch", "none"], "batch"),
    ("none", Literal["batch", "none"], "none"),
    ("none", float | None, None),
    ("None", str | None, None),
    ("nothing", str | None, "nothing"),
    ("None", Optional[int], None),  # noqa: UP045
    ("", Union[float, None], None),  # noqa: UP007
    (None, float | None, None),
    ("0.5", float | None, 0.5),
    ("", str | None, ""),
    ("3", int | str, 3),
    ("x", int | str, "x"),
    ("a, b,,c", tuple[str, ...], ("a", "b", "c")),
    ("", tuple[str, ...], ()),
    ([], tuple[int, ...], ()),
    ([1, 2], tuple[int, ...], (1, 2)),
    ("1,2", tuple[int, ...], (1, 2)),
    ("1,x", tuple[int, str], (1, "x")),
]


@pytest.mark.parametrize(("value", "annotation", "expected"), GOOD)
def test_a_value_becomes_the_annotated_type(value: Any, annotation: Any, expected: Any) -> None:
    """Exactly, type included: True is not 1, and large integers lose no digit."""
    result = coerce(value, annotation, "training.x")
    assert result == expected
    assert type(result) is type(expected)


BAD: list[tuple[Any, Any, str]] = [
    ("maybe", bool, "training.x must be true or false (got 'maybe')"),
    (2, bool, "training.x must be true or false (got 2)"),
    ([], bool, "training.x must be true or false (got [])"),
    ("many", int, "training.x must be a whole number (got 'many')"),
    ("1.5", int, "training.x must be a whole number (got '1.5')"),
    (True, int, "training.x must be a whole number (got True)"),
    ("nan", int, "training.x must be a whole number (got 'nan')"),
    ("inf", int, "training.x must be a whole number (got 'inf')"),
    ([1], int, "training.x must be a whole number (got [1])"),
    (10**18 * 10, int, "training.x must be a whole number (got one of 64 bits or more)"),
    (-(2**63), int, "training.x must be a whole number (got one of 64 bits or more)"),
    (10**400, float, "training.x must be a number (got one of 64 bits or more)"),
    ("9" * 500, int, f"training.x must be a whole number (got '{'9' * 99}...)"),
    ("fast", float, "training.x must be a number (got 'fast')"),
    ("nan", float, "training.x must be a number (got 'nan')"),
    (False, float, "training.x must be a number (got False)"),
    ({}, str, "training.x must be text (got {})"),
    ("3", Literal[2, 4], "training.x must be one of 2, 4 (got '3')"),
    ("bacth", Literal["batch", "none"], "training.x must be one of batch, none (got 'bacth'); did you mean 'batch'?"),
    ("much", float | None, "training.x must be a number (got 'much')"),
    (3, tuple[int, ...], "training.x must be a list (got 3)"),
    ("1,b", tuple[int, ...], "training.x must be a whole number (got 'b')"),
    ("1", tuple[int, str], "training.x must be a list of 2 values (got 1)"),
    ("x", dict, "training.x: options of type <class 'dict'> are not supported; use bool, int, float, str, Literal or tuple"),
]


@pytest.mark.parametrize(("value", "annotation", "message"), BAD)
def test_a_value_of_another_type_is_one_line(value: Any, annotation: Any, message: str) -> None:
    """Path, what is allowed, what was got."""
    with pytest.raises(ConfigError) as caught:
        coerce(value, annotation, "training.x")
    assert str(caught.value) == message


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """Options of a test."""

    width: int
    """Channels of the
    first layer."""
    depth: Literal[2, 4] = 2
    flag: bool = True
    """A switch."""
    bound: float | None = None
    names: tuple[str, ...] = ("a", "b")
    none: tuple[int, ...] = field(default_factory=tuple)

    def __post_init__(self) -> None:
        if self.width < 1:
            raise ValueError(f"width must be 1 or more (got {self.width})")
        if self.width == 13:
            raise KeyError("thirteen")


def test_a_dataclass_is_built_from_text() -> None:
    """Defaults where nothing is said."""
    assert build_options(Options, {"width": "8", "flag": "no"}, "loss") == Options(width=8, flag=False)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"width": 1, "dept": 2}, "unknown option loss.dept; did you mean 'depth'?"),
        ({}, "loss.width is required; give it with -o width=VALUE"),
        ({"width": 0}, "loss.width must be 1 or more (got 0)"),
        ({"width": 13}, "loss: the options were refused: KeyError: 'thirteen'"),
        ({"width": "x"}, "loss.width must be a whole number (got 'x')"),
    ],
)
def test_a_refused_option_is_one_line(values: dict[str, Any], message: str) -> None:
    """Whatever way the dataclass's own validation fails."""
    with pytest.raises(ConfigError) as caught:
        build_options(Options, values, "loss")
    assert str(caught.value) == message


def test_fields_are_described_as_flags_take_them() -> None:
    """Name, type, default and the text under the field."""
    assert [(d.name, d.type, d.default, d.help) for d in describe_fields(Options)] == [
        ("width", "int", "", "Channels of the first layer."),
        ("depth", "2|4", "2", ""),
        ("flag", "bool", "true", "A switch."),
        ("bound", "float|none", "none", ""),
        ("names", "str,...", "a,b", ""),
        ("none", "int,...", '""', ""),
    ]


@dataclass(frozen=True, kw_only=True)
class Unreadable:
    """An annotation that exists for type checkers only."""

    thing: Missing | None = None


def test_an_annotation_that_cannot_be_read_is_the_plugins_error() -> None:
    """Named, and not a traceback."""
    with pytest.raises(ConfigError, match="the option types of Unreadable cannot be read: name 'Missing' is not defined"):
        field_types(Unreadable)
