"""The event log."""

from __future__ import annotations

import json
import math

import pytest

from ganbench.errors import StorageError
from ganbench.record.events import EventLog, read_events


def test_events_come_back_in_order(tmp_path, make_value):
    """Numbers, NaN and dataclasses are readable, each with a time."""
    with EventLog(tmp_path / "events.jsonl") as log:
        log.write("progress", samples_seen=64, loss=math.nan)
        log.write("evaluation", values=(make_value(12.5),))
    first, second = read_events(tmp_path / "events.jsonl")
    assert first["event"] == "progress"
    assert first["samples_seen"] == 64
    assert math.isnan(first["loss"])
    assert first["time"].endswith("+00:00")
    assert second["values"][0]["value"] == 12.5
    assert [e["event"] for e in read_events(tmp_path / "events.jsonl", "evaluation")] == ["evaluation"]


def test_every_line_is_valid_json(tmp_path):
    """NaN is not written as a bare word."""
    with EventLog(tmp_path / "e") as log:
        log.write("x", value=math.inf)
    json.loads((tmp_path / "e").read_text(), parse_constant=lambda name: pytest.fail(name))


def test_a_line_is_there_before_the_log_is_closed(tmp_path):
    """A process that is killed loses nothing that it wrote."""
    log = EventLog(tmp_path / "e")
    log.write("x")
    assert len(list(read_events(tmp_path / "e"))) == 1
    log.close()


def test_truncating_forgets_what_came_after_a_checkpoint(tmp_path):
    """A resumed run writes the same lines again, once."""
    with EventLog(tmp_path / "e") as log:
        log.write("x", n=1)
        offset = log.offset
        log.write("x", n=2)
    with EventLog(tmp_path / "e") as log:
        log.truncate(offset)
        log.write("x", n=3)
    assert [e["n"] for e in read_events(tmp_path / "e")] == [1, 3]


def test_truncating_beyond_the_end_adds_nothing(tmp_path):
    """A log that lost its end in a power cut is not filled with zeros."""
    with EventLog(tmp_path / "e") as log:
        log.write("x")
        size = log.offset
        log.truncate(10_000)
        assert log.offset == size


@pytest.mark.parametrize("torn", [b'{"event": "y"', b'{"event": "y", "text": "' + b"a" * 10_000])
def test_a_torn_line_is_dropped(tmp_path, torn):
    """What a power cut left of the last line is not glued to the next."""
    path = tmp_path / "e"
    with EventLog(path) as log:
        log.write("x", n=1)
    with path.open("ab") as file:
        file.write(torn)
    assert [e["event"] for e in read_events(path)] == ["x"]
    with EventLog(path) as log:
        log.write("z")
    assert [e["event"] for e in read_events(path)] == ["x", "z"]


def test_a_missing_log_has_no_events(tmp_path):
    """A run that was killed at its start can still be shown."""
    assert list(read_events(tmp_path / "none")) == []


def test_a_log_that_cannot_be_opened_is_a_storage_error(tmp_path):
    """A folder in its place is told, not raised as OSError."""
    with pytest.raises(StorageError):
        EventLog(tmp_path)


@pytest.mark.parametrize("replaced", [False, True])
def test_a_log_that_somebody_removed_is_written_again(tmp_path, caplog, replaced):
    """With the next checkpoint, whole, and with a word; the run goes on into the new file."""
    log = EventLog(tmp_path / "e")
    log.write("x", n=1)
    (tmp_path / "e").unlink()
    if replaced:
        (tmp_path / "e").write_text("something else")
    log.write("x", n=2)
    log.sync()
    log.write("x", n=3)
    log.close()
    assert [e["n"] for e in read_events(tmp_path / "e")] == [1, 2, 3]
    assert [record.message for record in caplog.records] == [
        f"{tmp_path / 'e'} has been removed or replaced while the run goes on; it is written again"
    ]
