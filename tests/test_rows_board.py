"""The table under results/boards/rows is what its records say, and README.md there says no more than they do."""

from __future__ import annotations

from pathlib import Path

from ganbench import find_runs, load_runs
from ganbench.cli.main import main

FOLDER = Path(__file__).parents[1] / "results" / "boards" / "rows"


def test_the_table_is_rebuilt_by_one_command(tmp_path: Path) -> None:
    """The command that README.md prints gives the committed file, to the letter."""
    rebuilt = tmp_path / "iris.md"
    assert "ganbench table results/boards/rows/iris --sort tstr1k -o results/boards/rows/iris.md" in (FOLDER / "README.md").read_text(
        "utf-8"
    )
    assert main(["table", str(FOLDER / "iris"), "--sort", "tstr1k", "-o", str(rebuilt)]) == 0
    assert rebuilt.read_text(encoding="utf-8") == (FOLDER / "iris.md").read_text(encoding="utf-8")


def test_ctgan_is_above_independent_marginals_in_every_seed() -> None:
    """Three seeds each, done; the worst of one above the best of the other."""
    found: dict[str, list[float]] = {}
    for one in load_runs(find_runs([str(FOLDER / "iris")])):
        record = getattr(one, "record", one)
        (value,) = [value.value for value in record.evaluations[-1].values if value.name == "tstr1k"]
        assert record.status == "complete"
        found.setdefault(record.name, []).append(value)
    assert {name: len(values) for name, values in found.items()} == dict.fromkeys(
        ("ctgan-small", "gaussian-copula", "independent-marginals"), 3
    )
    assert min(found["ctgan-small"]) > max(found["independent-marginals"])
