"""The tables under results/leaderboard are what their records say, and the records are those of the definitions beside them."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import pytest

from ganbench.cli.main import main
from ganbench.fleet.matrix.definition import read_definition

FOLDER = Path(__file__).parents[1] / "results" / "leaderboard"
METRICS = {"digits": "fd5k_digits", "fashion-mnist": "fd5k_fashion"}
boards = pytest.mark.parametrize("board", METRICS)


def records(board: str) -> list[dict[str, Any]]:
    """Return the records of a board."""
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted((FOLDER / board).glob("*/record.json"))]


@boards
def test_a_table_is_rebuilt_by_one_command(board: str, tmp_path: Path) -> None:
    """The command that README.md prints gives the committed file, to the letter."""
    rebuilt = tmp_path / "table.md"
    assert f"ganbench table results/leaderboard/{board} --sort {METRICS[board]} -o" in (FOLDER / "README.md").read_text(encoding="utf-8")
    assert main(["table", str(FOLDER / board), "--sort", METRICS[board], "-o", str(rebuilt)]) == 0
    assert rebuilt.read_text(encoding="utf-8") == (FOLDER / f"{board}.md").read_text(encoding="utf-8")


@boards
def test_a_terminal_of_80_columns_holds_a_board_in_20_lines(
    board: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A line for each row, called what it is; what all rows share, what was left out and how to see it is said around them."""
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["table", str(FOLDER / board), "--sort", METRICS[board]]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert len(lines) <= 20
    assert max(map(len, lines)) <= 80
    names = [line.split("  ")[0] for line in lines[5:-3]]
    assert len(set(names)) == len(names) == len(_rows((FOLDER / f"{board}.md").read_text(encoding="utf-8")))
    assert {"biggan", "resnet conditional=off", "resnet label_head=classifier", "resnet"} <= set(names)
    assert re.fullmatch(r"left out at this width: \d+ columns \(--columns a,b,c, --all-columns\)", lines[-2])


@boards
def test_a_page_shows_the_figures_first(board: str, tmp_path: Path) -> None:
    """Names and figures beside each other, as many as 1280 pixels hold; no id, and no hint of a terminal's flags."""
    page = tmp_path / "board.html"
    assert main(["table", str(FOLDER / board), "--sort", METRICS[board], "-o", str(page)]) == 0
    text = page.read_text(encoding="utf-8")
    (first, *_) = re.findall(r"<tbody>\n<tr>(.*)</tr>", text)
    cells = re.findall(r"<td[^>]*>([^<]*)</td>", first)
    best = _rows((FOLDER / f"{board}.md").read_text(encoding="utf-8"))[0]
    assert cells[:2] == list(best.values())[:2]
    assert "-metrics=" not in text
    assert "--" not in re.sub(r"<style>.*?</style>", "", text, flags=re.DOTALL)


@boards
def test_the_budget_is_the_same_for_all(board: str) -> None:
    """To a batch, and every run reached its end; a run that diverged or collapsed would still stand in the table."""
    definition = read_definition(FOLDER / f"{board}.toml")
    budget = float(dict(definition.settings)["training.total_kimg"])
    for record in records(board):
        assert budget <= record["work"]["images_seen"] / 1000 < budget + 0.1, record["run_id"]


@boards
def test_every_cell_of_the_definition_has_its_record(board: str) -> None:
    """And no record is of anything else."""
    products = read_definition(FOLDER / f"{board}.toml").products
    wanted = sum(math.prod(len(axis.values) for axis in product.axes) for product in products)
    ledger = json.loads((FOLDER / board / "matrix.json").read_text(encoding="utf-8"))
    found = {path.parent.name for path in (FOLDER / board).glob("*/record.json")}
    assert len(found) == wanted
    assert {cell["directory"] for cell in ledger["cells"]} == found


def test_the_readmes_rows_are_the_tables() -> None:
    """In the same order, with the same figures."""
    readme = (FOLDER.parents[1] / "README.md").read_text(encoding="utf-8")
    section = readme[readme.index("\n## Results\n") : readme.index("\n## What can be run\n")]
    ours, theirs = _rows(section), _rows((FOLDER / "digits.md").read_text(encoding="utf-8"))
    assert len(ours) == len(theirs)
    for short, whole in zip(ours, theirs, strict=True):
        assert whole["name"].split()[0] in short["entry"]
        figures = [short[name] for name in ("seeds", "images/s", "FD digits, final", "best", "class accuracy")]
        columns = ("n", "images/s", "FD digits ↓ final", "FD digits ↓ best", "class accuracy digits ↑ final")
        assert figures == [whole[name] for name in columns]


def _rows(text: str) -> list[dict[str, str]]:
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    return [dict(zip(lines[0], line, strict=True)) for line in lines[2:]]
