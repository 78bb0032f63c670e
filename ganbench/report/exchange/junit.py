"""A comparison as JUnit XML: a suite for each cell, a test for each metric.

There is no one schema. What is written keeps to what the two that are checked against have in common, Ant's and that of Jenkins's xUnit
plugin: no attributes on the root, each attribute that Ant requires on a suite, and in a test at most one element, which says how it went.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET

from ganbench.report.words import (
    change_text,
    count_text,
    detectable_text,
    difference_text,
    finding_sentence,
    interval_text,
    metric_name,
    threshold_text,
    verdict_sentence,
    why,
)
from ganbench.text import clean
from ganbench.verdict.findings import Comparison, Finding

_PACKAGE = "ganbench"


def render_junit(comparison: Comparison, *, created: str) -> str:
    """Return a comparison as JUnit XML.

    A test fails where its finding fails the gate; it is an error where a side cannot be run or runs of head crashed;
    what is inconclusive or not comparable is skipped, unless the comparison is strict and the finding is gated. Regressions that are not
    gated pass.

    Args:
        comparison: the verdict.
        created: the moment, in ISO 8601 without a time zone.
    """
    root = ET.Element("testsuites")
    cells = dict.fromkeys(found.cell for found in comparison.findings)
    for number, cell in enumerate(cells):
        findings = [found for found in comparison.findings if found.cell == cell]
        root.append(_suite(comparison, number, cell, findings, created))
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _suite(comparison: Comparison, number: int, cell: str, findings: list[Finding], created: str) -> ET.Element:
    tests = [_test(comparison, cell, found) for found in findings]
    counts = {kind: sum(test.find(kind) is not None for test in tests) for kind in ("failure", "error", "skipped")}
    suite = ET.Element(
        "testsuite",
        name=clean(cell) or _PACKAGE,
        id=str(number),
        package=_PACKAGE,
        timestamp=created,
        hostname="localhost",
        tests=str(len(tests)),
        failures=str(counts["failure"]),
        errors=str(counts["error"]),
        skipped=str(counts["skipped"]),
        time="0",
    )
    properties = ET.SubElement(suite, "properties")
    for name, value in (("base", comparison.base), ("head", comparison.head), ("machine", comparison.machine)):
        ET.SubElement(properties, "property", name=name, value=clean(value))
    suite.extend(tests)
    ET.SubElement(suite, "system-out").text = "\n".join([verdict_sentence(comparison), *map(_line, findings)])
    ET.SubElement(suite, "system-err")
    return suite


def _test(comparison: Comparison, cell: str, found: Finding) -> ET.Element:
    suite = clean(cell).replace(".", "_") or "comparison"  # a dot would begin another package
    test = ET.Element("testcase", name=clean(found.metric), classname=f"{_PACKAGE}.{suite}", time="0")
    kind = _kind(found, strict=comparison.strict)
    if kind:
        said = finding_sentence(found).removesuffix(f": {why(found)}")
        outcome = ET.SubElement(test, kind, message=f"{said}: {why(found)}", type=found.state)
        outcome.text = "\n".join([_line(found), *map(difference_text, found.differences)])
    return test


def _kind(found: Finding, *, strict: bool) -> str:
    """Return the element that tells how a test went; empty where it passed."""
    if found.fails or found.state == "broken":
        return "error" if _is_crash(found) else "failure"
    if strict and found.is_open:
        return "failure"
    return "skipped" if found.state in ("inconclusive", "not-comparable") else ""


def _is_crash(found: Finding) -> bool:
    """Tell whether a side cannot be run, or head was run, and its runs failed."""
    return found.state == "broken" or (found.metric == "run" and found.state == "missing" and found.num_head > 0)


def _line(found: Finding) -> str:
    """Return all of a finding in one line."""
    figures = {
        "change": change_text(found),
        "interval": interval_text(found),
        "threshold": threshold_text(found),
        "n": count_text(found),
        "detectable": detectable_text(found),
    }
    told = ", ".join(f"{name} {text}" for name, text in figures.items() if text)
    return f"{metric_name(found)}: {found.state}, gate {found.gate}: {told}: {why(found)}"
