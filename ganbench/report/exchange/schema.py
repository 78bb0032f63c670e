"""JSON Schemas of what we write, from the dataclasses themselves.

``python -m ganbench.report.exchange.schema`` writes the published files again.
"""

from __future__ import annotations

import dataclasses
import json
import types
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from ganbench.config.values import describe_fields, field_types
from ganbench.record.record import SCHEMA_VERSION as RECORD_VERSION
from ganbench.record.record import RunRecord
from ganbench.verdict.findings import SCHEMA_VERSION as COMPARISON_VERSION
from ganbench.verdict.findings import Comparison

FOLDER = Path(__file__).with_name("schemas")
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


def _schema_of(kind: type, version: int) -> dict[str, Any]:
    """Return the JSON Schema of a frozen dataclass as :func:`ganbench.record.serialise.encode` writes it.

    Args:
        kind: the dataclass; it has a field ``schema_version``.
        version: what that field must be.
    """
    definitions: dict[str, Any] = {"float": _FLOAT}
    whole = _object(kind, definitions)
    whole["properties"]["schema_version"]["const"] = version
    return {"$schema": _DIALECT, "title": kind.__name__, **whole, "$defs": dict(sorted(definitions.items()))}


def _schema_text(name: str) -> str:
    """Return what a published file must hold."""
    return json.dumps(_schema_of(*PUBLISHED[name]), indent=2, ensure_ascii=False) + "\n"


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


if __name__ == "__main__":
    for file in PUBLISHED:
        (FOLDER / file).write_text(_schema_text(file), encoding="utf-8")
