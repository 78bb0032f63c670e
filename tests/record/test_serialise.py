"""Records to JSON and back."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path

import pytest

from ganbench.errors import UsageError
from ganbench.record.record import Key
from ganbench.record.serialise import decode, encode, from_json, to_json


def test_a_record_comes_back_equal(make_record):
    """Every field survives, and so do the digests of the keys."""
    record = make_record()
    back = from_json(to_json(record))
    assert back == record
    assert back.keys.hardware.digest == record.keys.hardware.digest


@pytest.mark.parametrize("value", [math.inf, -math.inf])
def test_infinite_values_come_back(make_record, make_value, value):
    """Infinities are written as valid JSON and read as floats."""
    record = make_record()
    evaluation = dataclasses.replace(record.evaluations[0], values=(make_value(value),))
    changed = dataclasses.replace(record, evaluations=(evaluation,))
    text = to_json(changed)
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert from_json(text) == changed


def test_nan_comes_back_also_in_a_configuration(make_record, make_value):
    """A NaN is told from the text 'nan', in typed fields and in free ones."""
    record = make_record(config={"a": math.nan, "b": "nan", "c": ["nan"]})
    record = dataclasses.replace(record, evaluations=(dataclasses.replace(record.evaluations[0], values=(make_value(math.nan),)),))
    text = to_json(record)
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    back = from_json(text)
    assert isinstance(back.config["a"], float)
    assert math.isnan(back.config["a"])
    assert back.config["b"] == "nan"
    assert back.config["c"] == ["nan"]
    assert math.isnan(back.evaluations[0].values[0].value)


def test_types_of_scalars_are_kept():
    """1, 1.0, true and "1" are four different values of a key."""
    key = Key.of(a=1, b=1.0, c=True, d="1", e=None)
    back = decode(Key, json.loads(json.dumps(encode(key))), "key")
    assert [type(value) for _, value in back.fields] == [int, float, bool, str, type(None)]
    assert back.digest == key.digest


def test_a_default_may_be_missing(make_record):
    """A record without the fields that have defaults is read: an older 0.1 file."""
    data = encode(make_record())
    del data["host"], data["notes"]
    assert from_json(json.dumps(data)).host == ""


SCHEMA_1 = Path(__file__).parents[2] / "results" / "leaderboard" / "digits"


@pytest.mark.parametrize("path", sorted(SCHEMA_1.glob("*/record.json"))[:3], ids=lambda path: path.parent.name)
def test_a_record_of_schema_1_is_read_as_one_of_schema_2(path):
    """Every number is where schema 2 has it, and a record that was read is written in the latest schema."""
    old = json.loads(path.read_text(encoding="utf-8"))
    record = from_json(path.read_bytes(), str(path))
    assert (old["schema_version"], record.schema_version) == (1, 2)
    assert record.work.samples_seen == old["work"]["images_seen"]
    assert record.throughput.samples_per_second == old["throughput"]["images_per_second"]
    assert record.work.parameters == {name: old["work"][f"{name}_parameters"] for name in ("generator", "discriminator")}
    assert [e.samples_seen for e in record.evaluations] == [e["images_seen"] for e in old["evaluations"]]
    assert (record.space, record.unit) == ("images", "images")
    assert from_json(to_json(record)) == record


def test_points_of_schema_1_are_points():
    """Its work key says so."""
    old = json.loads(min(SCHEMA_1.glob("*/record.json")).read_text(encoding="utf-8"))
    fields = dict(old["keys"]["work"]["fields"])
    old["keys"]["work"]["fields"] = sorted({**fields, "data.shape": "2x1x1"}.items())
    assert from_json(json.dumps(old)).unit == "points"


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (["work"], [], "record.work must be an object"),
        (["work", "generator_parameters"], "many", "record.work.parameters.generator must be int"),
        (["keys"], None, "record.keys must be an object"),
        (["evaluations"], {}, "record.evaluations must be a list"),
        (["evaluations", 0], 1, "record.evaluations[0] must be an object"),
        (["work", "samples_seen_too"], 1, "record.work has the unknown field 'samples_seen_too'"),
    ],
)
def test_damage_of_schema_1_is_named_too(path, value, words):
    """In the words of the latest schema, never a guess or a traceback."""
    data = inner = json.loads(min(SCHEMA_1.glob("*/record.json")).read_text(encoding="utf-8"))
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = value
    with pytest.raises(UsageError) as caught:
        from_json(json.dumps(data))
    assert words in str(caught.value)


def _changed(record, path, value):
    data = encode(record)
    inner = data
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = value
    return json.dumps(data)


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (["schema_version"], 99, "schema version 99"),
        (["schema_version"], True, "schema_version must be 1 or more"),
        (["schema_version"], "1", "schema_version must be 1 or more"),
        (["seed"], "0", "record.seed must be int"),
        (["seed"], True, "record.seed must be int"),
        (["seed"], 1.5, "record.seed must be int"),
        (["status"], "done", "record.status must be one of complete"),
        (["status"], [1], "record.status must be one of complete"),
        (["timing", "wall_seconds"], None, "record.timing.wall_seconds must be float"),
        (["timing", "wall_seconds"], {"$float": "1.5"}, "record.timing.wall_seconds must be float"),
        (["timing"], [], "record.timing must be an object"),
        (["evaluations"], {}, "record.evaluations must be a list"),
        (["throughput", "phase_milliseconds"], [["a"]], "record.throughput.phase_milliseconds[0] must hold 2 items"),
        (["evaluations", 0, "values", 0, "floor"], "low", "record.evaluations[0].values[0].floor must be one of"),
        (["config"], [], "record.config must be an object"),
        (["config"], {"a": {"b": 1}}, "record.config.a must be one of"),
        (["extra"], 1, "unknown field 'extra'"),
        (["timing", "wall_seconds"], 10**400, "is damaged"),
    ],
)
def test_a_wrong_value_is_named(make_record, path, value, words):
    """Each damage is one line with the place and the file."""
    with pytest.raises(UsageError) as caught:
        from_json(_changed(make_record(), path, value), "runs/x/record.json")
    assert words in str(caught.value)
    assert "runs/x/record.json" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_field_is_named(make_record):
    """A record without its seed is not guessed at."""
    data = encode(make_record())
    del data["seed"]
    with pytest.raises(UsageError, match="record lacks the field 'seed'"):
        from_json(json.dumps(data))


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "[" * 100_000, b"\xff\xfe\x00", "1"])
def test_what_is_no_record_is_one_line(text):
    """Truncated, empty, deeply nested and binary files are usage errors."""
    with pytest.raises(UsageError) as caught:
        from_json(text, "record.json")
    assert "\n" not in str(caught.value)


def test_a_truncated_record_is_an_error_at_every_length(make_record):
    """No prefix of a record is taken for a record."""
    text = to_json(make_record()).rstrip()
    for length in range(0, len(text), 97):
        with pytest.raises(UsageError):
            from_json(text[:length])


def test_what_is_not_plain_is_refused():
    """An object that JSON cannot hold is our own mistake, and is told."""
    with pytest.raises(TypeError, match="plain values only"):
        encode({"a": object()})
