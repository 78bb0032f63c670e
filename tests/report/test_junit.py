"""JUnit XML, held against the structure that Ant's schema and that of Jenkins's xUnit plugin ask for."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ganbench.report.exchange.junit import render_junit
from ganbench.verdict.findings import Comparison

Make = Callable[..., Any]
NOW = "2026-11-21T08:00:00"
OUTCOMES = ("skipped", "error", "failure")

# For each element: attributes that must be there, attributes that may be there too, and its children in order as (name, least, most).
ANT: dict[str, tuple[set[str], set[str], list[tuple[str, int, float]]]] = {
    "testsuites": (set(), set(), [("testsuite", 0, float("inf"))]),
    "testsuite": (
        {"name", "timestamp", "hostname", "tests", "failures", "errors", "time", "package", "id"},
        {"skipped"},
        [("properties", 1, 1), ("testcase", 0, float("inf")), ("system-out", 1, 1), ("system-err", 1, 1)],
    ),
    "properties": (set(), set(), [("property", 0, float("inf"))]),
    "property": ({"name", "value"}, set(), []),
    "testcase": ({"name", "classname", "time"}, set(), [(name, 0, 1) for name in OUTCOMES]),
    "failure": ({"type"}, {"message"}, []),
    "error": ({"type"}, {"message"}, []),
    "skipped": (set(), {"message", "type"}, []),
    "system-out": (set(), set(), []),
    "system-err": (set(), set(), []),
}
JENKINS_ATTRIBUTES = {
    "testsuites": {"name", "time", "tests", "failures", "disabled", "errors"},
    "testsuite": {
        "name",
        "tests",
        "failures",
        "errors",
        "time",
        "skipped",
        "timestamp",
        "hostname",
        "id",
        "package",
        "file",
        "log",
        "url",
        "version",
    },
    "testcase": {"name", "classname", "time", "assertions", "status", "group"},
    "failure": {"type", "message"},
    "error": {"type", "message"},
    "skipped": {"type", "message"},
    "property": {"name", "value"},
}


def problems(element: ET.Element) -> Iterator[str]:
    """Yield what either of the two would refuse."""
    must, may, children = ANT[element.tag]
    names = set(element.attrib)
    if not must <= names <= must | may:
        yield f"{element.tag}: attributes {sorted(names)}"
    if not names <= JENKINS_ATTRIBUTES.get(element.tag, set()):
        yield f"{element.tag}: attributes that Jenkins does not know {sorted(names)}"
    tags = [child.tag for child in element]
    order = [name for name, _, _ in children]
    if any(tag not in order for tag in tags) or [order.index(tag) for tag in tags] != sorted(order.index(tag) for tag in tags):
        yield f"{element.tag}: children {tags}"
    yield from (f"{element.tag}: {tags.count(name)} {name}" for name, least, most in children if not least <= tags.count(name) <= most)
    for child in element:
        yield from problems(child)


def parse(comparison: Comparison) -> ET.Element:
    """Return a comparison's XML after it was checked."""
    root = ET.fromstring(render_junit(comparison, created=NOW).encode())
    assert list(problems(root)) == []
    for suite in root:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", suite.attrib["timestamp"])
        assert int(suite.attrib["tests"]) == len(suite.findall("testcase"))
        for kind, count in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
            assert int(suite.attrib[count]) == len(suite.findall(f"testcase/{kind}"))
        assert all(len(test) <= 1 for test in suite.findall("testcase"))
    return root


def outcomes(comparison: Comparison) -> dict[str, str]:
    """Return how each test went."""
    tests = parse(comparison).iter("testcase")
    return {f"{test.attrib['classname']} {test.attrib['name']}": test[0].tag if len(test) else "passed" for test in tests}


def test_each_state_has_its_outcome(everything: Comparison) -> None:
    """Regressed and missing fail, inconclusive and not comparable are skipped, the others pass."""
    assert outcomes(everything) == {
        "ganbench.dcgan digits samples_per_second": "failure",
        "ganbench.wgan digits run": "failure",
        "ganbench.dcgan digits peak_memory_mib": "passed",
        "ganbench.dcgan digits fd5k": "skipped",
        "ganbench.dcgan digits data_hash": "skipped",
        "ganbench.dcgan digits samples_seen": "passed",
    }


@pytest.mark.parametrize(
    ("changes", "strict", "outcome"),
    [
        ({"gate": "warn"}, False, "passed"),
        ({"gate": "off", "state": "missing"}, False, "passed"),
        ({"state": "inconclusive"}, True, "failure"),
        ({"state": "inconclusive", "not_worse": True}, True, "skipped"),
        ({"state": "not-comparable"}, True, "failure"),
        ({"state": "not-comparable", "gate": "warn"}, True, "skipped"),
        ({"metric": "run", "state": "missing", "num_head": 2}, False, "error"),
        ({"metric": "run", "state": "missing", "num_head": 0}, False, "failure"),
        ({"metric": "run", "state": "broken"}, False, "error"),
        ({"metric": "run", "state": "new"}, False, "passed"),
    ],
)
def test_the_gate_decides_what_fails(
    make_finding: Make, make_comparison: Make, changes: dict[str, Any], strict: bool, outcome: str
) -> None:
    """A test fails exactly where the command does; runs of head that crashed are errors."""
    found = make_finding(**changes)
    comparison = make_comparison(found, strict=strict)
    (seen,) = outcomes(comparison).values()
    assert seen == outcome
    assert (seen in ("failure", "error")) == bool(comparison.failures)


def test_a_failure_tells_the_figures_and_the_fields(everything: Comparison) -> None:
    """Message and text: what, by how much, why; of what is not comparable both values."""
    root = parse(everything)
    failure = root.find(".//failure")
    assert failure is not None
    assert failure.attrib["message"].startswith("throughput of dcgan digits is 10.0% lower: worse by more than the threshold of 5%")
    for figure in ("change -10.0%", "interval -12.1 to -8.3%", "threshold 5%", "n 5/5", "detectable 3.1%"):
        assert figure in str(failure.text)
    (skipped,) = [one for one in root.iter("skipped") if one.attrib["type"] == "not-comparable"]
    assert "software tf32: none / on" in str(skipped.text)


@pytest.mark.slow
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)
@given(name=st.text(max_size=20))
def test_any_name_is_well_formed(make_finding: Make, make_comparison: Make, name: str) -> None:
    """Control characters and surrogates, which XML cannot hold, become question marks."""
    found = make_finding(state="missing", metric=name, label=name, cell=name, reason=name)
    parse(make_comparison(found, base=name, machine=name))
