"""The verdict as JSON, and the published schemas of what we write."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ganbench.record.record import RunRecord
from ganbench.record.serialise import decode, to_json
from ganbench.report.exchange.schema import FOLDER, PUBLISHED, _schema_text
from ganbench.verdict.findings import Comparison

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
    """``python -m ganbench.report.exchange.schema`` writes them again."""
    assert (FOLDER / name).read_text(encoding="utf-8") == _schema_text(name)


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
