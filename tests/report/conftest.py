"""Builders of findings and comparisons, and a comparison that has one of everything."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from ganbench.record.record import Difference
from ganbench.verdict.decide import outcome_of
from ganbench.verdict.findings import SCHEMA_VERSION, Comparison, Finding, NullRatio

Make = Callable[..., Any]


def finding(**changes: Any) -> Finding:
    """Return a finding of a throughput that is 10 percent lower."""
    fields: dict[str, Any] = {
        "metric": "samples_per_second",
        "label": "throughput",
        "unit": "images/s",
        "tier": "throughput",
        "direction": "higher",
        "gate": "fail",
        "state": "regressed",
        "cell": "dcgan digits",
        "cell_id": "0123456789ab",
        "base": 1250.0,
        "head": 1125.0,
        "num_base": 5,
        "num_head": 5,
        "change": -0.1,
        "low": -0.121,
        "high": -0.083,
        "confidence": 0.95,
        "threshold": 0.05,
        "p_value": 0.002,
        "adjusted_p": 0.004,
        "smallest_p": 0.001,
        "smallest_visible": 0.031,
        "base_values": (1240.0, 1250.0, 1260.0),
        "head_values": (1120.0, 1125.0, 1130.0),
    }
    return Finding(**{**fields, **changes})


def comparison(*findings: Finding, **changes: Any) -> Comparison:
    """Return a comparison of some findings."""
    fields: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "kind": "stored",
        "base": "main",
        "head": "branch",
        "machine": "Test CPU, 2 cores",
        "alpha": 0.05,
        "strict": False,
        "findings": findings,
        "outcome": outcome_of(findings),
        "exit_code": 1,
    }
    return Comparison(**{**fields, **changes})


EVERYTHING = (
    finding(
        null=NullRatio(change=0.002, low=-0.005, high=0.009, num_pairs=5, between_processes=True),
        base_values=(1240.0, math.nan, 1260.0),
        head_values=(1120.0, math.inf, 1130.0),
    ),
    Finding(
        metric="run",
        label="run",
        unit="",
        tier="deterministic",
        direction="equal",
        gate="fail",
        state="missing",
        cell="wgan digits",
        reason="head has no such cell",
        num_base=5,
    ),
    finding(metric="peak_memory_mib", label="peak memory", unit="MiB", tier="memory", direction="lower", state="improved", change=-0.25),
    finding(
        metric="fd5k",
        label="FD",
        unit="",
        tier="quality",
        direction="lower",
        state="inconclusive",
        reason="few seeds",
        low=-1.0,
        high=math.inf,
    ),
    Finding(
        metric="data_hash",
        label="data",
        unit="",
        tier="deterministic",
        direction="equal",
        gate="fail",
        state="not-comparable",
        cell="dcgan digits",
        reason="measured under other keys",
        num_base=3,
        num_head=2,
        differences=(
            Difference(key="hardware", field="cpu", base="Some very long name of a CPU (R) @ 2.20GHz", head="Another CPU"),
            Difference(key="software", field="tf32", base=None, head=True),
        ),
    ),
    finding(
        metric="samples_seen",
        label="images seen",
        unit="",
        tier="deterministic",
        direction="equal",
        state="unchanged",
        change=0.0,
        threshold=0.0,
    ),
)


@pytest.fixture
def make_finding() -> Make:
    """Return a builder of findings."""
    return finding


@pytest.fixture
def make_comparison() -> Make:
    """Return a builder of comparisons: ``make_comparison(finding, ..., strict=True)``."""
    return comparison


@pytest.fixture
def everything() -> Comparison:
    """Return a comparison with a finding of each state, a null ratio, values that are not finite, notes and new cells."""
    return comparison(*EVERYTHING, new=("r3gan digits",), notes=("a tree was edited",))
