"""Keys compare one way, and a field that a version adds never breaks the comparison with older records."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganbench.record.cells import group_replicates
from ganbench.record.record import Key, RunRecord
from ganbench.record.serialise import from_json
from ganbench.verdict.policy import Policy
from ganbench.verdict.stored import compare_records

RESULTS = Path(__file__).parents[2] / "results"
FIELDS = st.dictionaries(st.sampled_from("abc"), st.one_of(st.none(), st.integers(0, 2), st.just("x")), max_size=3)


@given(FIELDS, FIELDS)
def test_equality_differences_digest_and_hash_agree(one: dict[str, Any], other: dict[str, Any]) -> None:
    """A field of None is as one that is not there."""
    ours, theirs = Key.of(**one), Key.of(**other)
    equal = not ours.differences(theirs)
    assert (ours == theirs) is equal
    assert (ours.digest == theirs.digest) is equal
    assert (len({ours, theirs}) == 1) is equal
    assert equal is ({k: v for k, v in one.items() if v is not None} == {k: v for k, v in other.items() if v is not None})


def test_a_key_is_no_tuple_of_its_fields() -> None:
    """Nor equal to anything else."""
    assert Key.of(a=1) != (("a", 1),)


@pytest.mark.parametrize("key", ["hardware", "software", "work"])
@pytest.mark.parametrize("value", [None, 2])
def test_a_field_that_a_version_adds_is_compared_with_a_record_that_lacks_it(
    make_record: Callable[..., RunRecord], key: str, value: int | None
) -> None:
    """It agrees where the field says nothing, and else the field is named; the records are rows of one table either way."""

    def with_fields(seed: int, **fields: Any) -> RunRecord:
        record = make_record(seed=seed, run_id=f"{seed}-{len(fields)}")
        newer = Key.of(**dict(getattr(record.keys, key).fields), **fields)
        return dataclasses.replace(record, keys=dataclasses.replace(record.keys, **{key: newer}))

    older, newer = [with_fields(seed) for seed in range(5)], [with_fields(seed, added=value) for seed in range(5)]
    for sides in ((older, newer), (newer, older)):
        comparison = compare_records(*sides, Policy())
        fields = {f"{d.key} {d.field}" for found in comparison.findings for d in found.differences}
        assert fields <= ({f"{key} added"} if value else set())
    rows = group_replicates([older[0], newer[1]])
    assert len(rows) == (1 if value is None else 2)


def test_the_keys_of_committed_evaluations_are_what_they_were() -> None:
    """The digest that each value carries is that of a key of its record, also where no version has written it for long."""
    records = [from_json(path.read_bytes(), str(path)) for path in sorted(RESULTS.glob("**/record.json"))]
    assert len(records) > 40
    for record in records:
        digests = {key.digest for key in record.keys.evaluation}
        assert {value.evaluation_key for one in record.evaluations for value in one.values} <= digests, record.run_id


def test_a_field_that_is_null_is_left_out_of_a_copy_without_harm(make_record: Callable[..., RunRecord]) -> None:
    """What an older record looks like; comparing the two was an IndexError."""
    record = make_record()
    assert ("cpu_quota", None) in record.keys.hardware.fields
    shorter = Key(fields=tuple(pair for pair in record.keys.hardware.fields if pair[1] is not None))
    other = dataclasses.replace(record, run_id="other", keys=dataclasses.replace(record.keys, hardware=shorter))
    comparison = compare_records([record], [other], Policy())
    assert {found.state for found in comparison.findings} <= {"unchanged", "inconclusive"}
    assert json.dumps(record.keys.hardware.fields) != json.dumps(shorter.fields)
