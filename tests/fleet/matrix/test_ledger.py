"""matrix.json: rows that survive, and run directories that know better."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ganbench.errors import StorageError, UsageError
from ganbench.fleet.matrix.ledger import CellRow, MatrixLedger
from ganbench.record.directory import RunLock


def row(name: str, **changes: Any) -> CellRow:
    """Return the row of a cell that waits."""
    return CellRow(**{"name": name, "state": "waiting", "id": name, "directory": f"{name}-id", "settings": {"plugin": name}, **changes})


def test_rows_come_back_as_they_were_written(tmp_path: Path) -> None:
    """Also of two writers that know nothing of each other, as shards are."""
    rows = [row("a", state="failed", reason="Ω", output=("x",), attempts=2), row("b", state="unsupported", directory="")]
    MatrixLedger(tmp_path / "m").update(rows[:1])
    MatrixLedger(tmp_path / "m").update(rows[1:])
    assert MatrixLedger(tmp_path / "m").rows() == tuple(rows)
    assert json.loads((tmp_path / "m" / "matrix.json").read_text())["schema_version"] == 1


def test_a_change_is_a_line_until_the_lines_outgrow_the_file(tmp_path: Path) -> None:
    """What is written for a change does not grow with the matrix; the file alone is what an earlier version reads."""
    ledger = MatrixLedger(tmp_path)
    ledger.update([row(str(number)) for number in range(200)])
    whole, lines = tmp_path / "matrix.json", tmp_path / "matrix.jsonl"
    before = whole.read_bytes()
    for number in range(100):
        ledger.update([row(str(number), state="failed", reason="é")])
    assert whole.read_bytes() == before
    assert lines.stat().st_size < 100 * 400
    assert [one.state for one in MatrixLedger(tmp_path).rows()] == ["failed"] * 100 + ["waiting"] * 100
    with lines.open("ab") as file:
        file.write(b'\n{"name": "half of a li')  # of a writer that was killed
    ledger.update([row("0", state="failed", reason="again")])
    assert MatrixLedger(tmp_path).rows()[0].reason == "again"
    for _ in range(3):
        ledger.update([row(str(number), state="unsupported") for number in range(100)])
    assert whole.read_bytes() != before
    ledger.update(())
    assert not lines.exists()
    cells = json.loads(whole.read_text())["cells"]
    assert [cell["state"] for cell in cells] == ["unsupported"] * 100 + ["waiting"] * 100


@pytest.mark.slow
def test_two_writers_of_one_folder_lose_nothing(tmp_path: Path) -> None:
    """Each process writes its rows many times, through several rewrites of the file."""
    code = """
from pathlib import Path
from ganbench.fleet.matrix.ledger import CellRow, MatrixLedger
folder, name = Path(sys.argv[1]), sys.argv[2]
for turn in range(40):
    for number in range(5):
        MatrixLedger(folder).update([CellRow(name=f"{name}{number}", state="failed", attempts=turn)])
"""
    code = f"import sys; sys.path[:] = {sys.path!r}\n{code}"
    writers = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path), name]) for name in "ab"]
    assert [writer.wait() for writer in writers] == [0, 0]
    found = {one.name: one.attempts for one in MatrixLedger(tmp_path).rows()}
    assert found == {f"{name}{number}": 39 for name in "ab" for number in range(5)}


def test_a_later_row_takes_the_place_of_an_earlier_one(tmp_path: Path) -> None:
    """Also where the identity has changed with a plugin's source."""
    ledger = MatrixLedger(tmp_path)
    ledger.update([row("a"), row("b")])
    ledger.update([row("a", id="other", state="failed")])
    assert [(one.name, one.state) for one in ledger.rows()] == [("a", "failed"), ("b", "waiting")]


def test_a_run_directory_knows_better(tmp_path: Path) -> None:
    """What was finished, killed or removed after the last line was written is told as it is."""
    ledger = MatrixLedger(tmp_path)
    ledger.update([row(name, state="running") for name in ("done", "diverged", "killed", "active")] + [row("gone", state="done")])
    for name in ("done", "diverged", "killed", "active"):
        (tmp_path / f"{name}-id").mkdir()
    (tmp_path / "done-id" / "record.json").write_text("damaged")
    (tmp_path / "diverged-id" / "record.json").write_text('{"status": "diverged"}')
    lock = RunLock(tmp_path / "active-id" / ".lock")
    lock.acquire()
    states = {one.name: one.state for one in ledger.rows()}
    lock.release()
    assert states == {"done": "done", "diverged": "diverged", "killed": "interrupted", "active": "running", "gone": "waiting"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is damaged: JSONDecodeError"),
        ("[]", "is damaged"),
        ('{"schema_version": 1, "ganbench_version": "1", "cells": [{}]}', "lacks the field"),
        ('{"schema_version": 99}', "has schema version 99, this ganbench reads up to 1"),
    ],
)
def test_a_file_that_cannot_be_read_is_an_error_and_is_left_alone(tmp_path: Path, text: str, message: str) -> None:
    """It may hold what somebody wants."""
    (tmp_path / "matrix.json").write_text(text)
    with pytest.raises(UsageError, match=message):
        MatrixLedger(tmp_path).rows()
    with pytest.raises(UsageError, match=message):
        MatrixLedger(tmp_path).update([row("a")])
    assert (tmp_path / "matrix.json").read_text() == text


def test_a_folder_that_cannot_be_made_is_a_storage_error(tmp_path: Path) -> None:
    """With the path."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=r"cannot write .*matrix\.json"):
        MatrixLedger(tmp_path / "file" / "m").update([row("a")])
