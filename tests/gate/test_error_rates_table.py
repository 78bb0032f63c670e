"""``benchmarks/error_rates_table.py``: from collected pairs to shares of verdicts."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "error_rates_table.py"


@pytest.fixture(scope="module")
def script() -> Iterator[ModuleType]:
    """Return the script as a module."""
    spec = importlib.util.spec_from_file_location("error_rates_table", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["error_rates_table"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    del sys.modules["error_rates_table"]


@pytest.fixture
def collected(tmp_path: Path) -> Path:
    """Return a file of 40 pairs of identical code and 40 that are a tenth slower, whose ratios vary by a percent."""
    random, path = np.random.default_rng(0), tmp_path / "pairs.jsonl"
    with path.open("w") as file:
        for index in range(40):
            for slowdown in (0.0, 10.0):
                base, head = random.lognormal(7, 0.03, (2, 12))
                head *= random.lognormal(0, 0.01) / (1 + slowdown / 100)
                line = {"plugin": "dcgan", "slowdown": slowdown, "index": index, "base": list(base), "head": list(head)}
                file.write(json.dumps({**line, "load_before": 1.0, "finished": 1000 + 20 * index}) + "\n")
        file.write('{"plugin": "dc')
    return path


@pytest.mark.slow
def test_shares_follow_from_the_pairs(script: ModuleType, collected: Path) -> None:
    """Identical code is unchanged, a tenth slower is regressed, and what was not collected is made; a cut-off line is left out."""
    rows = {(row.slowdown, row.drawn): row for row in script.tabulate(script.read(collected), 50, 0)}
    assert set(rows) == {(slowdown, drawn) for slowdown in (0.0, 5.0, 10.0) for drawn in ("anywhere", "in order", "disjoint")}
    assert rows[0.0, "anywhere"].counts["unchanged"] == 50
    assert rows[10.0, "in order"].counts["regressed"] == 50
    assert (rows[5.0, "disjoint"].made, rows[10.0, "disjoint"].made) == (True, False)
    assert rows[5.0, "anywhere"].counts["regressed"] < 50
    assert {rows[0.0, drawn].comparisons for drawn in ("anywhere", "in order")} == {50}
    assert rows[0.0, "disjoint"].comparisons == 3
    assert rows[0.0, "anywhere"].pairs_used == pytest.approx(5.0, abs=0.5)


@pytest.mark.slow
def test_a_promise_that_is_not_held_is_told(script: ModuleType, collected: Path) -> None:
    """The sentences are about what was collected, and turn with it."""
    rows = list(script.tabulate(script.read(collected), 50, 0))
    assert [text.endswith(": held.") for text in script.verdicts(rows)] == [True, True]
    lines = [{**line, "slowdown": 10.0 - line["slowdown"]} for line in script.read(collected)]
    assert [text.endswith(": NOT held.") for text in script.verdicts(list(script.tabulate(lines, 50, 0)))] == [True, True]


def test_every_estimator_finds_the_slowdown(script: ModuleType, collected: Path) -> None:
    """Of quiet pairs all are near the truth; the first is the one that is used."""
    found = list(script.estimated(script.read(collected)))
    assert len(found) == 2 * len(script.ESTIMATORS)
    assert max(abs(one.bias) for one in found) < 0.01
    assert found[0].name.endswith("(used)")


@pytest.mark.slow
def test_the_tables_are_markdown(
    script: ModuleType, collected: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Every row has as many cells as its heading; the same figures are in the JSON file."""
    out = tmp_path / "table.json"
    monkeypatch.setattr(sys, "argv", ["error_rates_table.py", str(collected), "--comparisons", "20", "--json", str(out)])
    script.main()
    text = capsys.readouterr().out
    tables = [block.splitlines() for block in text.split("\n\n") if block.startswith("|")]
    assert [len({line.count("|") for line in table}) for table in tables] == [1, 1]
    assert [len(json.loads(out.read_text())[name]) for name in ("rows", "estimators")] == [len(tables[0]) - 2, len(tables[1]) - 2]
    assert text.startswith("80 process pairs in 0.2 hours")
