"""Records to JSON and back, checked field by field against the record's own types.

The JSON is valid everywhere: NaN and the infinities, which JSON lacks, are written as ``{"$float": "nan"}``. Reading is strict: an unknown
or missing field, a wrong type or a later schema version is an error that names the place, never a guess.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import math
import types
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from ganbench.errors import LaterVersion, UsageError
from ganbench.record.record import SCHEMA_VERSION, RunRecord

_FLOAT_MARK = "$float"
_T = TypeVar("_T")


def to_json(value: object) -> str:
    """Return a record, or another of our dataclasses, as indented JSON text that ends in a newline."""
    return json.dumps(encode(value), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def from_json(text: str | bytes, source: str = "record.json") -> RunRecord:
    """Return the record that :func:`to_json` wrote.

    Args:
        text: the JSON text; UTF-8 where it is bytes.
        source: what to call it in an error, usually its path.

    Raises:
        UsageError: not JSON, not a record, or of a later schema version.
    """
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{source} is damaged: not JSON ({error})", hint=_RESTORE) from None
    if not isinstance(data, dict):
        raise UsageError(f"{source} is not a run record: expected an object (got {type(data).__name__})", hint=_RESTORE)
    _check_version(data.get("schema_version"), source)
    try:
        return decode(RunRecord, _from_schema_1(data) if data["schema_version"] == 1 else data, "record")
    except (ValueError, OverflowError) as error:
        raise UsageError(f"{source} is damaged: {error}", hint=_RESTORE) from None


_RESTORE = "restore it from a copy, or leave this run out"


def _check_version(version: object, source: str) -> None:
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise UsageError(f"{source} is not a run record: schema_version must be 1 or more (got {version!r})", hint=_RESTORE)
    if version > SCHEMA_VERSION:
        raise LaterVersion(source, version, SCHEMA_VERSION)


_SCHEMA_1_NAMES = {"images_seen": "samples_seen", "images_per_second": "samples_per_second"}
_SCHEMA_1_PARAMETERS = ("generator_parameters", "discriminator_parameters")
_SCHEMA_1_POINTS = '["data.shape", "2x1x1"]'
"""How a work key of schema 1 says that its samples are points."""


def _from_schema_1(data: dict[str, Any]) -> dict[str, Any]:
    data = {**data, "schema_version": 2}
    space = "points" if _SCHEMA_1_POINTS in json.dumps(data.get("keys")) else "images"
    data.update({"space": space, "unit": space})
    for part in ("throughput", "work"):
        if isinstance(data.get(part), dict):
            data[part] = _renamed(data[part])
    if isinstance(data.get("work"), dict) and all(name in data["work"] for name in _SCHEMA_1_PARAMETERS):
        parameters = {name.removesuffix("_parameters"): data["work"].pop(name) for name in _SCHEMA_1_PARAMETERS}
        data["work"]["parameters"] = parameters
    if isinstance(data.get("evaluations"), list):
        data["evaluations"] = [_renamed(one) if isinstance(one, dict) else one for one in data["evaluations"]]
    return data


def _renamed(fields: dict[str, Any]) -> dict[str, Any]:
    return {_SCHEMA_1_NAMES.get(name, name): value for name, value in fields.items()}


def encode(value: object) -> Any:
    """Return what ``json.dumps(..., allow_nan=False)`` accepts for dataclasses, tuples, mappings and scalars.

    Raises:
        TypeError: a value of any other type.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: encode(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(key): encode(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [encode(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return {_FLOAT_MARK: str(value)}
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise TypeError(f"a record holds plain values only (got {type(value).__name__})")


def decode(kind: type[_T], data: object, place: str) -> _T:
    """Build a frozen dataclass from decoded JSON, checking every type.

    Args:
        kind: the dataclass.
        data: what ``json.loads`` returned.
        place: where in the file this is, for errors.

    Raises:
        ValueError: a missing or unknown field, or a value of the wrong type.
    """
    if not isinstance(data, dict):
        raise ValueError(f"{place} must be an object (got {_show(data)})")
    hints, required = _fields(cast(type, kind))
    if unknown := sorted(set(data) - set(hints)):
        raise ValueError(f"{place} has the unknown field {unknown[0]!r}")
    if missing := sorted(required - set(data)):
        raise ValueError(f"{place} lacks the field {missing[0]!r}")
    return kind(**{name: _value(hints[name], item, f"{place}.{name}") for name, item in data.items()})


@functools.cache
def _fields(kind: type) -> tuple[dict[str, Any], frozenset[str]]:
    """Return the type of each field, and the fields without a default."""
    hints = get_type_hints(kind)
    fields = dataclasses.fields(kind)
    required = frozenset(f.name for f in fields if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING)
    return {f.name: hints[f.name] for f in fields}, required


@functools.cache
def _form(hint: Any) -> tuple[Any, tuple[Any, ...], frozenset[type]]:
    """Return origin and arguments of a type, and the types of which it takes any value as it is: a table reads thousands of records."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return Union, arguments, frozenset().union(*(_form(one)[2] for one in arguments))
    return origin, arguments, frozenset([hint] if origin is None and not dataclasses.is_dataclass(hint) else [])


def _value(hint: Any, data: object, place: str) -> Any:
    """Return ``data`` as the annotated type."""
    origin, arguments, plain = _form(hint)
    if type(data) in plain:
        return data
    if origin is Union:
        return _first_match(arguments, data, place)
    if origin is Literal:
        return _literal(arguments, data, place)
    if origin is tuple:
        return _tuple(arguments, data, place)
    if origin is list:
        return [_value(arguments[0], item, f"{place}[{i}]") for i, item in enumerate(_list(data, place))]
    if origin is dict:
        if not isinstance(data, dict):
            raise ValueError(f"{place} must be an object (got {_show(data)})")
        return {key: _value(arguments[1], item, f"{place}.{key}") for key, item in data.items()}
    if dataclasses.is_dataclass(hint):
        return decode(hint if isinstance(hint, type) else type(hint), data, place)
    return _scalar(hint, data, place)


def _first_match(options: tuple[Any, ...], data: object, place: str) -> Any:
    for option in options:
        try:
            return _value(option, data, place)
        except ValueError:
            continue
    names = ", ".join(getattr(option, "__name__", str(option)) for option in options)
    raise ValueError(f"{place} must be one of {names} (got {_show(data)})")


def _literal(allowed: tuple[Any, ...], data: object, place: str) -> Any:
    if data not in allowed:
        raise ValueError(f"{place} must be one of {', '.join(map(str, allowed))} (got {_show(data)})")
    return data


def _tuple(arguments: tuple[Any, ...], data: object, place: str) -> tuple[Any, ...]:
    items = _list(data, place)
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        if _form(arguments[0])[2].issuperset(map(type, items)):
            return tuple(items)
        return tuple(_value(arguments[0], item, f"{place}[{i}]") for i, item in enumerate(items))
    if len(items) != len(arguments):
        raise ValueError(f"{place} must hold {len(arguments)} items (got {len(items)})")
    return tuple(_value(kind, item, f"{place}[{i}]") for i, (kind, item) in enumerate(zip(arguments, items, strict=True)))


def _list(data: object, place: str) -> list[Any]:
    if not isinstance(data, list):
        raise ValueError(f"{place} must be a list (got {_show(data)})")
    return data


def _scalar(kind: type, data: object, place: str) -> Any:
    """Return a str, int, float, bool or None of exactly that type; an int may stand for a float."""
    if kind is float and isinstance(data, dict) and set(data) == {_FLOAT_MARK} and data[_FLOAT_MARK] in ("nan", "inf", "-inf"):
        return float(data[_FLOAT_MARK])
    if kind is float and type(data) is int:
        return float(data)
    if type(data) is not kind:
        raise ValueError(f"{place} must be {kind.__name__} (got {_show(data)})")
    return data


def _show(data: object) -> str:
    text = repr(data)
    return text if len(text) <= 40 else f"{text[:37]}..."
