"""What is committed under results/ is read by the present schema and shown again as it was: runs, translations, a reproduction."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ganbench.cli.main import main
from ganbench.fleet.matrix.ledger import MatrixLedger
from ganbench.record.events import Evaluated
from ganbench.record.find import load_runs
from ganbench.record.record import SCHEMA_VERSION, RunRecord
from ganbench.report.live_run import LineScreen
from ganbench.report.one_run import result_sentence
from ganbench.report.runs import table
from ganbench.report.stream import print_document

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "results"
ALONE = [RESULTS / "cpu" / "default-run", RESULTS / "cpu" / "progan-32x32", *sorted(filter(Path.is_dir, RESULTS.glob("translation/*")))]
"""Folders of one run each; test_leaderboard.py has the others."""
FIGURES = {
    "cyclegan-8-to-3": ("0.9280 ±0.016",),
    "default-run": ("1,769", "2,189", "55.14", "25.34", "22.03", "17.51"),
    "pix2pix-inpainting": ("0.01197", "0.2006", "6.643", "6.381"),
    "progan-32x32": ("249.2", "233.8", "94.38", "57.90", "42.71", "0.7390"),
}
"""What README.md and those below results/ say of them, with all digits."""


def record_of(folder: Path) -> RunRecord:
    """Return the record that lies in a folder."""
    (record,) = load_runs([folder])
    assert isinstance(record, RunRecord), record
    return record


@pytest.mark.parametrize("folder", ALONE, ids=lambda f: f.name)
def test_a_record_is_shown_with_the_figures_that_are_quoted(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Whole, and as a row of a table; a record of schema 1 becomes one of the present."""
    assert main(["show", str(folder)]) == 0
    shown = capfd.readouterr().out
    assert [figure for figure in FIGURES[folder.name] if figure not in shown] == []
    assert main(["table", str(folder)]) == 0
    assert record_of(folder).name in capfd.readouterr().out
    assert record_of(folder).schema_version == SCHEMA_VERSION


def test_the_readmes_run_is_the_committed_record(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """Its evaluations as they were printed, its table and its last sentence."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (block,) = (text for text in readme.split("```") if "run directory: " in text)
    folder = RESULTS / "cpu" / "default-run"
    record = record_of(folder)
    screen = LineScreen(quiet=False)
    for one in record.evaluations:
        screen(Evaluated(evaluation=one))
    assert capfd.readouterr().err in block
    monkeypatch.setenv("COLUMNS", "80")
    print_document(table(record, each=True))
    assert capfd.readouterr().out + result_sentence(record, f"results/runs/{record.run_id}") in block


@pytest.mark.parametrize("board", ["digits", "fashion-mnist"])
def test_every_cell_of_a_leaderboard_is_done(board: str) -> None:
    """By its ledger and by the record that lies where that says."""
    rows = MatrixLedger(RESULTS / "leaderboard" / board).rows()
    assert rows
    assert {row.state for row in rows} == {"done"}


def test_a_finished_reproduction_prints_its_table_again(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """At once, to the letter, whatever has become of the plugin's source since; nothing of it is changed."""
    folder = tmp_path / "pacgan-table1"
    shutil.copytree(RESULTS / "cpu" / "pacgan-table1", folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    command = "ganbench reproduce pacgan-table1 --budget 0.1 --seeds 3 --device cpu --threads 1"
    assert command in (RESULTS / "cpu" / "README.md").read_text(encoding="utf-8")
    assert main([*command.split()[1:], "--out", str(folder)]) == 0
    assert capfd.readouterr().out == before["table.md"].decode()
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.name != ".lock"} == before
