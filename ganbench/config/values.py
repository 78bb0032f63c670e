"""Typed values from text: one function turns what a flag or a TOML file says into what a dataclass field wants."""

from __future__ import annotations

import dataclasses
import itertools
import math
import types
import typing
from collections.abc import Sequence
from typing import Any, Literal, Union, get_args, get_origin

from ganbench.errors import ConfigError, UsageError, did_you_mean

_TRUE = {"true", "yes", "on", "1"}
_FALSE = {"false", "no", "off", "0"}
_BEYOND = 2**63
"""No count, seed or size reaches it: torch, TOML and the records hold 64 bits."""
_LONGEST = 100


def field_types(cls: type) -> dict[str, Any]:
    """Return the resolved annotation of each field of a dataclass.

    Raises:
        ConfigError: an annotation names something that cannot be found.
    """
    try:
        hints = typing.get_type_hints(cls)
    except Exception as error:  # a plugin's annotations may name what cannot be found at run time
        raise ConfigError(
            f"the option types of {cls.__name__} cannot be read: {error}", hint="import them outside TYPE_CHECKING"
        ) from error
    return {f.name: hints[f.name] for f in dataclasses.fields(cls)}


def coerce(value: Any, annotation: Any, path: str) -> Any:
    """Return ``value`` as the annotated type.

    Args:
        value: a string from a flag, or a native TOML value.
        annotation: bool, int, float, str, Literal, Optional, tuple[T, ...] or tuple[T, U].
        path: the configuration path, for the message.

    Raises:
        ConfigError: it is not such a value.
    """
    origin = get_origin(annotation)
    if origin in (Union, types.UnionType):
        return _coerce_union(value, annotation, path)
    if origin is Literal:
        return _coerce_literal(value, annotation, path)
    if origin is tuple:
        return _coerce_tuple(value, annotation, path)
    reader = {bool: _as_bool, int: _as_int, float: _as_float, str: _as_str}.get(annotation)
    if reader is None:
        raise ConfigError(f"{path}: options of type {annotation} are not supported", hint="use bool, int, float, str, Literal or tuple")
    result = reader(value)
    if result is None:
        raise ConfigError(f"{path} must be {_noun(annotation)} (got {_shown(value)})")
    return result


def _coerce_union(value: Any, annotation: Any, path: str) -> Any:
    members = [m for m in get_args(annotation) if m is not type(None)]
    if len(members) < len(get_args(annotation)) and _says_none(value, members):
        return None
    errors = []
    for member in members:
        try:
            return coerce(value, member, path)
        except ConfigError as error:
            errors.append(error)
    raise errors[0]


def _says_none(value: Any, members: list[Any]) -> bool:
    """Tell whether a value stands for None: ``none``, or nothing at all where an empty text is not a value of its own."""
    return value is None or (isinstance(value, str) and (value.lower() == "none" or (value == "" and str not in members)))


def _coerce_literal(value: Any, annotation: Any, path: str) -> Any:
    choices = get_args(annotation)
    for choice in choices:
        if value == choice or (not isinstance(value, bool) and str(value) == str(choice)):
            return choice
    hint = did_you_mean(str(value), [str(c) for c in choices])
    raise ConfigError(f"{path} must be one of {', '.join(map(str, choices))} (got {value!r})", hint=hint if "mean" in hint else "")


def _coerce_tuple(value: Any, annotation: Any, path: str) -> Any:
    if isinstance(value, str):
        inner = value[1:-1] if value[:1] + value[-1:] in ("[]", "()") else value
        value = [part.strip() for part in inner.split(",") if part.strip()]
    if not isinstance(value, (list, tuple)):
        raise ConfigError(f"{path} must be a list (got {value!r})")
    members = get_args(annotation)
    if len(members) == 2 and members[1] is Ellipsis:
        members = members[:1] * len(value)
    if len(members) != len(value):
        raise ConfigError(f"{path} must be a list of {len(members)} values (got {len(value)})")
    return tuple(coerce(v, member, path) for v, member in zip(value, members, strict=True))


def _as_bool(value: Any) -> bool | None:
    if isinstance(value, bool):
        return value
    text = str(value).lower() if isinstance(value, (str, int)) else ""
    return True if text in _TRUE else False if text in _FALSE else None


def _as_int(value: Any) -> int | None:
    if isinstance(value, bool):
        return None
    try:
        number = int(value) if isinstance(value, (int, str)) else _whole(value)
    except ValueError:
        number = _whole(value)
    return number if number is None or abs(number) < _BEYOND else None


def _whole(value: Any) -> int | None:
    """Read ``1e5`` and ``64.0``."""
    number = _as_float(value)
    return None if number is None or math.isinf(number) or number != int(number) else int(number)


def _as_float(value: Any) -> float | None:
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return None if math.isnan(number) else number


def _as_str(value: Any) -> str | None:
    return value if isinstance(value, str) else None if isinstance(value, (list, dict)) else str(value)


def _noun(annotation: Any) -> str:
    return {bool: "true or false", int: "a whole number", float: "a number", str: "text"}[annotation]


def _shown(value: Any) -> str:
    """Return a value for a message; thousands of digits, which Python does not write, are told by their number."""
    if isinstance(value, int) and abs(value) >= _BEYOND:
        return "one of 64 bits or more"
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def read_pairs(option: str, values: Sequence[str]) -> dict[str, str]:
    """Read ``KEY=VALUE`` arguments; of two for one key the later counts.

    Args:
        option: as the user wrote it, for the message.
        values: what it was given.

    Raises:
        UsageError: one without an equals sign or without a key.
    """
    pairs: dict[str, str] = {}
    for value in values:
        key, equals, text = value.partition("=")
        if not equals or not key.strip():
            raise UsageError(f"{option} wants KEY=VALUE (got {value!r})")
        pairs[key.strip()] = text.strip()
    return pairs


def build_options(cls: type, values: dict[str, Any], path: str) -> Any:
    """Build a frozen dataclass from values by field name; its own ``__post_init__`` validates.

    Raises:
        ConfigError: an unknown field, a wrong type, a missing or a refused value.
    """
    known = field_types(cls)
    for name in values:
        if name not in known:
            raise ConfigError(f"unknown option {path}.{name}", hint=did_you_mean(name, list(known)))
    typed = {name: coerce(value, known[name], f"{path}.{name}") for name, value in values.items()}
    required = [f.name for f in dataclasses.fields(cls) if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING]
    for name in required:
        if name not in typed:
            raise ConfigError(f"{path}.{name} is required", hint=f"give it with -o {name}=VALUE")
    try:
        return cls(**typed)
    except ValueError as error:
        raise ConfigError(f"{path}.{error}") from error
    except Exception as error:  # a plugin's own validation that fails in another way
        raise ConfigError(f"{path}: the options were refused: {type(error).__name__}: {error}") from error


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class _FieldDescription:
    """One option, as help shows it."""

    name: str
    type: str
    default: str
    """As ``-o`` would take it; empty for an option without one."""
    help: str


def describe_fields(cls: type) -> list[_FieldDescription]:
    """Describe each field; the help is the string literal that stands under it in the source.

    Raises:
        ConfigError: an annotation names something that cannot be found.
    """
    helps, annotations = _field_docstrings(cls), field_types(cls)
    return [
        _FieldDescription(name=f.name, type=_type_name(annotations[f.name]), default=_default_text(f), help=helps.get(f.name, ""))
        for f in dataclasses.fields(cls)
    ]


def _default_text(field: dataclasses.Field[Any]) -> str:
    if field.default_factory is not dataclasses.MISSING:
        return _value_text(field.default_factory())
    return "" if field.default is dataclasses.MISSING else _value_text(field.default)


def _value_text(value: Any) -> str:
    """Write a value as a flag takes it: true, none, a,b."""
    if isinstance(value, tuple):
        return ",".join(map(_value_text, value)) or '""'
    if value is None or isinstance(value, bool):
        return str(value).lower()
    return str(value) or '""'


def _type_name(annotation: Any) -> str:
    origin, members = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return "|".join(map(_value_text, members))
    if origin in (Union, types.UnionType):
        return "|".join("none" if m is type(None) else _type_name(m) for m in members)
    if origin is tuple:
        return ",".join("..." if m is Ellipsis else _type_name(m) for m in members)
    return getattr(annotation, "__name__", str(annotation))


def _field_docstrings(cls: type) -> dict[str, str]:
    """Read the string literals under the fields from the source; empty where the source is not at hand."""
    import ast
    import inspect
    import textwrap

    found: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        try:
            tree = ast.parse(textwrap.dedent(inspect.getsource(base)))
        except (OSError, TypeError, SyntaxError):
            continue
        body = tree.body[0].body if isinstance(tree.body[0], ast.ClassDef) else []
        for field_node, text in itertools.pairwise(body):
            if isinstance(field_node, ast.AnnAssign) and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
                found[getattr(field_node.target, "id", "")] = " ".join(str(text.value.value).split())
    return found
