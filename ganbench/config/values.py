"""Typed values from text: one function turns what a flag or a TOML file says into what a dataclass field wants."""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from typing import Any, Literal, Union, get_args, get_origin

from ganbench.errors import ConfigError, did_you_mean

_TRUE = {"true", "yes", "on", "1"}
_FALSE = {"false", "no", "off", "0"}


def field_types(cls: type) -> dict[str, Any]:
    """Return the resolved annotation of each field of a dataclass."""
    hints = typing.get_type_hints(cls)
    return {f.name: hints[f.name] for f in dataclasses.fields(cls)}


def coerce(value: Any, annotation: Any, path: str) -> Any:
    """Return ``value`` as the annotated type.

    Args:
        value: a string from a flag, or a native TOML value.
        annotation: bool, int, float, str, Literal, Optional, or tuple[T, ...].
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
        raise ConfigError(f"{path} must be {_noun(annotation)} (got {value!r})")
    return result


def _coerce_union(value: Any, annotation: Any, path: str) -> Any:
    if value is None or (isinstance(value, str) and value.lower() in ("none", "")):
        if type(None) in get_args(annotation):
            return None
    error: ConfigError | None = None
    for member in get_args(annotation):
        if member is not type(None):
            try:
                return coerce(value, member, path)
            except ConfigError as one:
                error = error or one
    raise error or ConfigError(f"{path} cannot be {value!r}")


def _coerce_literal(value: Any, annotation: Any, path: str) -> Any:
    choices = get_args(annotation)
    for choice in choices:
        if value == choice or (isinstance(value, str) and value == str(choice)):
            return choice
    hint = did_you_mean(str(value), [str(c) for c in choices])
    raise ConfigError(f"{path} must be one of {', '.join(map(str, choices))} (got {value!r})", hint=hint if "mean" in hint else "")


def _coerce_tuple(value: Any, annotation: Any, path: str) -> Any:
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",") if part.strip()]
    if not isinstance(value, (list, tuple)):
        raise ConfigError(f"{path} must be a list (got {value!r})")
    return tuple(coerce(v, get_args(annotation)[0], path) for v in value)


def _as_bool(value: Any) -> bool | None:
    if isinstance(value, bool):
        return value
    text = str(value).lower() if isinstance(value, (str, int)) else ""
    return True if text in _TRUE else False if text in _FALSE else None


def _as_int(value: Any) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return int(number) if math.isfinite(number) and number == int(number) else None


def _as_float(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return None if math.isnan(number) else number


def _as_str(value: Any) -> str | None:
    return value if isinstance(value, str) else None if isinstance(value, (list, dict)) else str(value)


def _noun(annotation: Any) -> str:
    return {bool: "true or false", int: "a whole number", float: "a number", str: "text"}[annotation]


def build(cls: type, values: dict[str, Any], path: str) -> Any:
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


def describe_fields(cls: type) -> list[tuple[str, str, str, str]]:
    """Return (name, type, default, help) of each field; the help is the string literal that stands under the field."""
    helps = _field_docstrings(cls)
    types_ = field_types(cls)
    rows = []
    for f in dataclasses.fields(cls):
        default = "required" if f.default is dataclasses.MISSING else "" if f.default == "" else str(f.default)
        rows.append((f.name, _type_name(types_[f.name]), default, helps.get(f.name, "")))
    return rows


def _type_name(annotation: Any) -> str:
    if get_origin(annotation) is Literal:
        return "|".join(map(str, get_args(annotation)))
    return getattr(annotation, "__name__", str(annotation)) if get_origin(annotation) is None else str(annotation)


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
        for field_node, text in zip(body, body[1:], strict=False):
            if isinstance(field_node, ast.AnnAssign) and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
                found[getattr(field_node.target, "id", "")] = " ".join(str(text.value.value).split())
    return found
