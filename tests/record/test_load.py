"""The load of the machine in the record."""

from __future__ import annotations

import json
import os
from collections.abc import Callable

import pytest

from ganbench.record.probes import cpu_load
from ganbench.record.record import RunRecord
from ganbench.record.serialise import from_json, to_json


def test_it_is_what_the_system_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the last minute; None where the system has no such call, or does not answer."""
    monkeypatch.setattr(os, "getloadavg", lambda: (1.234, 9.0, 9.0))
    assert cpu_load() == 1.23

    def fail() -> None:
        raise OSError

    monkeypatch.setattr(os, "getloadavg", fail)
    assert cpu_load() is None
    monkeypatch.delattr(os, "getloadavg")
    assert cpu_load() is None


def test_an_older_record_reads_back_without_it(make_record: Callable[..., RunRecord]) -> None:
    """And a newer one with it."""
    record = make_record(load=2.5)
    assert from_json(to_json(record)).load == 2.5
    older = json.loads(to_json(record))
    del older["load"]
    assert from_json(json.dumps(older)).load is None
