"""The verdict as JSON, and the published schemas of what we write, which are made of the dataclasses themselves."""

from __future__ import annotations

import dataclasses
import json
import math
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

import pytest

import ganbench
from ganbench.config.values import describe_fields, field_types
from ganbench.record.record import SCHEMA_VERSION as RECORD_VERSION
from ganbench.record.record import RunRecord
from ganbench.record.serialise import decode, to_json
from ganbench.verdict.findings import SCHEMA_VERSION as COMPARISON_VERSION
from ganbench.verdict.findings import Comparison

FOLDER = Path(ganbench.__file__).parent / "report" / "exchange" / "schemas"
PUBLISHED: dict[str, tuple[type, int]] = {
    "comparison.schema.json": (Comparison, COMPARISON_VERSION),
    "record.schema.json": (RunRecord, RECORD_VERSION),
}
"""For each file the type that it describes, and its schema version."""
_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_SCALARS: dict[Any, dict[str, Any]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    bool: {"type": "boolean"},
    type(None): {"type": "null"},
    float: {"$ref": "#/$defs/float"},
}
_FLOAT = {
    "description": "A number; NaN and the infinities, which JSON lacks, are objects.",
    "anyOf": [
        {"type": "number"},
        {
            "type": "object",
            "properties": {"$float": {"enum": ["nan", "inf", "-inf"]}},
            "required": ["$float"],
            "additionalProperties": False,
        },
    ],
}


def schema_of(kind: type, version: int) -> dict[str, Any]:
    """Return the JSON Schema of a frozen dataclass as :func:`ganbench.record.serialise.encode` writes it.

    Args:
        kind: the dataclass; it has a field ``schema_version``.
        version: what that field must be.
    """
    definitions: dict[str, Any] = {"float": _FLOAT}
    whole = _object(kind, definitions)
    whole["properties"]["schema_version"]["const"] = version
    return {"$schema": _DIALECT, "title": kind.__name__, **whole, "$defs": dict(sorted(definitions.items()))}


def schema_text(name: str) -> str:
    """Return what a published file must hold."""
    return json.dumps(schema_of(*PUBLISHED[name]), indent=2, ensure_ascii=False) + "\n"


def _object(kind: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a dataclass, and put those that it holds among the definitions."""
    hints = field_types(kind)
    helps = {field.name: field.help for field in describe_fields(kind)}
    required = [f.name for f in dataclasses.fields(kind) if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING]
    return {
        "description": " ".join((kind.__doc__ or "").split()),
        "type": "object",
        "properties": {name: _described(_type(hint, definitions), helps[name]) for name, hint in hints.items()},
        "required": required,
        "additionalProperties": False,
    }


def _described(schema: dict[str, Any], text: str) -> dict[str, Any]:
    return {"description": text, **schema} if text else dict(schema)


def _type(hint: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of an annotation."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return {"anyOf": [_type(argument, definitions) for argument in arguments]}
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin is list or (origin is tuple and arguments[-1] is Ellipsis):
        return {"type": "array", "items": _type(arguments[0], definitions)}
    if origin is tuple:
        count = len(arguments)
        return {"type": "array", "prefixItems": [_type(a, definitions) for a in arguments], "minItems": count, "maxItems": count}
    if origin is dict:
        return {"type": "object", "additionalProperties": _type(arguments[1], definitions)}
    return _SCALARS[hint] if hint in _SCALARS else _reference(hint, definitions)


def _reference(kind: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    if kind.__name__ not in definitions:
        definitions[kind.__name__] = {}  # so that a type that holds itself ends
        definitions[kind.__name__] = _object(kind, definitions)
    return {"$ref": f"#/$defs/{kind.__name__}"}


KEYWORDS = {"$schema", "$defs", "$ref", "title", "description", "type", "properties", "required", "additionalProperties", "const", "enum"}
KEYWORDS |= {"anyOf", "items", "prefixItems", "minItems", "maxItems"}
TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}


def problems(value: Any, schema: dict[str, Any], root: dict[str, Any], place: str = "$") -> Iterator[str]:
    """Yield what is wrong with a value, by the keywords that our schemas use."""
    assert set(schema) <= KEYWORDS, set(schema) - KEYWORDS
    if "$ref" in schema:
        yield from problems(value, root["$defs"][schema["$ref"].rpartition("/")[2]], root, place)
    if "anyOf" in schema and all(list(problems(value, one, root, place)) for one in schema["anyOf"]):
        yield f"{place}: no alternative fits {value!r}"
    if "type" in schema and not has_type(value, schema["type"]):
        yield f"{place}: {value!r} is no {schema['type']}"
        return
    if "const" in schema and value != schema["const"]:
        yield f"{place}: {value!r} is not {schema['const']!r}"
    if "enum" in schema and value not in schema["enum"]:
        yield f"{place}: {value!r} is none of {schema['enum']}"
    if schema.get("type") == "object":
        yield from of_object(value, schema, root, place)
    if schema.get("type") == "array":
        yield from of_array(value, schema, root, place)


def has_type(value: Any, name: str) -> bool:
    if name in ("number", "integer"):
        return isinstance(value, int if name == "integer" else (int, float)) and not isinstance(value, bool)
    return isinstance(value, TYPES[name])


def of_object(value: dict[str, Any], schema: dict[str, Any], root: dict[str, Any], place: str) -> Iterator[str]:
    yield from (f"{place} lacks {name}" for name in schema.get("required", ()) if name not in value)
    for name, item in value.items():
        one = schema.get("properties", {}).get(name, schema.get("additionalProperties", {}))
        if one is False:
            yield f"{place} has the unknown {name}"
        else:
            yield from problems(item, one, root, f"{place}.{name}")


def of_array(value: list[Any], schema: dict[str, Any], root: dict[str, Any], place: str) -> Iterator[str]:
    if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", math.inf):
        yield f"{place} has {len(value)} items"
    for index, item in enumerate(value):
        prefix = schema.get("prefixItems", ())
        yield from problems(item, prefix[index] if index < len(prefix) else schema.get("items", {}), root, f"{place}[{index}]")


def published(name: str) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((FOLDER / name).read_text(encoding="utf-8"))
    return schema


def check(text: str, name: str) -> list[str]:
    """Return what is wrong with a document; the real validator is asked too, where there is one."""
    schema, value = published(name), json.loads(text)
    found = list(problems(value, schema, schema))
    try:
        import jsonschema
    except ImportError:
        return found
    validator = jsonschema.Draft202012Validator(schema)
    validator.check_schema(schema)
    assert bool(list(validator.iter_errors(value))) == bool(found)
    return found


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_published_schema_is_that_of_the_dataclasses(name: str) -> None:
    """To the letter; after a change: python tests/report/test_json.py."""
    assert (FOLDER / name).read_text(encoding="utf-8") == schema_text(name)


def test_a_comparison_is_valid_and_comes_back_the_same(everything: Comparison) -> None:
    """Every state, open intervals, values that JSON has no word for."""
    text = to_json(everything)
    assert check(text, "comparison.schema.json") == []
    again = decode(Comparison, json.loads(text), "comparison")
    assert repr(again) == repr(everything)  # a NaN is not equal to itself


def test_a_record_is_valid(make_record: Callable[..., RunRecord]) -> None:
    """Also one with a NaN in it."""
    record = make_record()
    throughput = dataclasses.replace(record.throughput, samples_per_second=math.nan)
    assert check(to_json(make_record(throughput=throughput)), "record.schema.json") == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("schema_version",), 1),
        (("schema_version",), 3),
        (("outcome",), "fine"),
        (("findings", 0, "state"), "worse"),
        (("findings", 0, "change"), "10%"),
        (("findings", 0, "num_base"), 1.5),
        (("findings", 0, "num_base"), True),
        (("findings", 0, "colour"), "red"),
        (("findings", 0, "null", "low"), {"$float": "huge"}),
        (("machine",), None),
    ],
)
def test_what_is_not_a_comparison_is_refused(everything: Comparison, path: tuple[Any, ...], value: Any) -> None:
    """A later version, an unknown state or field, a wrong type."""
    content = json.loads(to_json(everything))
    *parents, last = path
    place = content
    for key in parents:
        place = place[key]
    place[last] = value
    assert len(check(json.dumps(content), "comparison.schema.json")) >= 1


def test_fields_are_described() -> None:
    """With the words under the dataclass's fields."""
    schema = published("comparison.schema.json")
    assert schema["$defs"]["Finding"]["properties"]["change"]["description"].startswith("Relative change")


if __name__ == "__main__":
    for file in PUBLISHED:
        (FOLDER / file).write_text(schema_text(file), encoding="utf-8")
