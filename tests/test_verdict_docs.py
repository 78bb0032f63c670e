"""docs/verdicts.md says what the code decides: states, tiers, thresholds and gates."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from ganbench.verdict import policy as metric
from ganbench.verdict.findings import State, Tier
from ganbench.verdict.policy import Policy

DOCS = (Path(__file__).parents[1] / "docs" / "verdicts.md").read_text(encoding="utf-8")
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in DOCS.splitlines() if line.startswith("| ")]


def rows(name: str) -> list[list[str]]:
    """Return the rows of a name."""
    return [row for row in ROWS if row[0] == name]


def test_every_state_is_explained() -> None:
    """In the sentence that lists them, and in the table."""
    for state in get_args(State):
        assert f"`{state}`" in DOCS
        assert any(state in row[0].split(", ") for row in ROWS)


def test_every_tier_has_a_row() -> None:
    """And no row has another name."""
    assert [row[0] for row in ROWS if len(row) == 4 and row[0] in get_args(Tier)] == list(get_args(Tier))


@pytest.mark.parametrize(
    ("tier", "threshold"),
    [
        ("deterministic", metric.COUNT_THRESHOLD),
        ("memory", metric.MEMORY_THRESHOLD),
        ("throughput", metric.LOCK_STEP_THRESHOLD),
        ("throughput", metric.STORED_CPU_THRESHOLD),
        ("quality", metric.QUALITY_MARGIN),
        ("time-to-quality", metric.QUALITY_MARGIN),
    ],
)
def test_thresholds_and_gates_are_the_built_in_ones(tier: str, threshold: float) -> None:
    """As percentages."""
    (row,) = rows(tier)
    assert f"{100 * threshold:.3g} %" in row[3]
    assert row[3].endswith("; fails")


def test_the_looks_are_the_policys() -> None:
    """Their numbers stand in the text."""
    first, second, third = Policy().looks
    assert f"{first} pairs, then {second}, then {third}" in DOCS
