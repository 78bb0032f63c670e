"""Two sets of stored records: which cells got worse, better, lost, or cannot be compared.

Within a cell the runs are replicates. Counts, data and quality take one run for each seed, the newest; speed and memory take every run.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator, Sequence

from ganbench.record.cells import CellRuns, Match, cells_of, match_cells, names_of
from ganbench.record.machine import describe_machine
from ganbench.record.record import RunRecord
from ganbench.verdict.decide import conclude, plain_finding
from ganbench.verdict.exact import compare_counts
from ganbench.verdict.findings import Comparison, Finding
from ganbench.verdict.policy import Policy
from ganbench.verdict.quality import compare_quality, new_metrics
from ganbench.verdict.rules import RULES, RUN
from ganbench.verdict.speed import compare_memory, compare_throughput, is_mixed
from ganbench.verdict.target import compare_time_to_quality

_HASH_DIGITS = 8


def _remarks_on(match: Match, name: str) -> Iterator[str]:
    """Yield one line for each thing about a cell.

    Args:
        match: the cell on both sides.
        name: what it is called.
    """
    for side, cell in (("base", match.base), ("head", match.head)):
        if cell is not None:
            yield from (f"{name}: {side} {text}" for text in _of_side(cell.runs))
    if match.base is not None and match.head is not None and not match.differences:
        yield from (f"{name}: {text}" for text in _of_both(match.base, match.head))


def _of_side(runs: Sequence[RunRecord]) -> Iterator[str]:
    finished = [run for run in runs if run.status in ("complete", "diverged")]
    for seed, count in Counter(run.seed for run in finished).items():
        if count > 1:
            newest = [run for run in finished if run.seed == seed][-1]
            yield f"has {count} runs of seed {seed}; quality is that of the newest, {newest.run_id}"
    for run in runs:
        if run.status in ("interrupted", "running"):
            yield f"run {run.run_id} is {run.status} and left out"
        if is_mixed(run):
            yield f"run {run.run_id} was resumed on another machine; its speed and memory are left out"
    for plugin, versions in _sources(runs).items():
        if len(versions) > 1:
            yield f"mixes {len(versions)} sources of {plugin}: {', '.join(versions)}"


def _of_both(base: CellRuns, head: CellRuns) -> Iterator[str]:
    ours, theirs = _sources(base.runs), _sources(head.runs)
    for plugin in ours:
        if plugin in theirs and not set(ours[plugin]) & set(theirs[plugin]) and _versions(ours[plugin]) & _versions(theirs[plugin]):
            yield f"{plugin} says the same version on both sides and has other sources, so a tree was edited: {_say(ours, theirs, plugin)}"
    for path, side in [(p, "base") for p in _only_in(base, head)] + [(p, "head") for p in _only_in(head, base)]:
        yield f"only {side} has the setting {path}; the other side is older and takes what it did then"


def _sources(runs: Sequence[RunRecord]) -> dict[str, list[str]]:
    """Return for each plugin its versions with the beginning of the hash of its sources."""
    found: dict[str, list[str]] = {}
    for run in runs:
        for plugin in run.plugins:
            version = f"{plugin.distribution} {plugin.version} {plugin.source_hash[:_HASH_DIGITS]}".rstrip()
            versions = found.setdefault(f"{plugin.kind} {plugin.name}", [])
            if version not in versions:
                versions.append(version)
    return found


def _versions(sources: Sequence[str]) -> set[tuple[str, ...]]:
    return {tuple(source.split()[:2]) for source in sources}


def _say(ours: dict[str, list[str]], theirs: dict[str, list[str]], plugin: str) -> str:
    return f"{', '.join(ours[plugin])} / {', '.join(theirs[plugin])}"


def _only_in(one: CellRuns, other: CellRuns) -> list[str]:
    theirs = dict(other.settings)
    return [path for path, _ in one.settings if path not in theirs]


def compare_records(
    base: Sequence[RunRecord], head: Sequence[RunRecord], policy: Policy, *, base_name: str = "base", head_name: str = "head"
) -> Comparison:
    """Return the verdict on two sets of records.

    Where one of them is empty there is nothing to compare: the comparison has no finding, and exit code 5.

    Args:
        base: runs of what is known to be good, in any order and of any status.
        head: runs of what is on trial.
        policy: thresholds and gates.
        base_name: what base is called.
        head_name: what head is called.
    """
    ours, theirs = cells_of(base), cells_of(head)
    matches = match_cells(ours, theirs) if ours and theirs else ()
    names = names_of([*ours, *theirs])
    findings: list[Finding] = []
    new: list[str] = []
    notes: list[str] = []
    for match in matches:
        name = names[match.either.digest]
        findings += [dataclasses.replace(found, cell=name, cell_id=match.either.digest) for found in _findings(match, policy)]
        new += _new(match, name)
        notes += _remarks_on(match, name)
    machine = "; ".join(dict.fromkeys(describe_machine(record.keys.hardware) for record in (*base, *head)))
    return conclude("stored", findings, policy, base=base_name, head=head_name, machine=machine, new=new, notes=notes)


def _findings(match: Match, policy: Policy) -> Iterator[Finding]:
    """Yield the findings of one cell."""
    rule = policy.applied(RUN)
    if match.base is None:
        return
    if match.head is None:
        yield plain_finding(rule, "missing", "head has no such cell", counts=(len(match.base.runs), 0), differences=match.differences)
        return
    counts = len(match.base.runs), len(match.head.runs)
    if match.differences:
        yield plain_finding(rule, "not-comparable", "something else was run", counts=counts, differences=match.differences)
        return
    yield from _lost_runs(match.base.runs, match.head.runs, policy)
    base, head = _complete(match.base.runs), _complete(match.head.runs)
    if base and head:
        seeds, other_seeds = _newest(base), _newest(head)
        yield from compare_counts(seeds, other_seeds, policy)
        yield from compare_memory(base, head, policy)
        yield from compare_throughput(base, head, policy)
        finished = _newest(_finished(match.base.runs)), _newest(_finished(match.head.runs))
        yield from compare_quality(*finished, policy)
        yield from compare_time_to_quality(*finished, policy)


def _lost_runs(base: Sequence[RunRecord], head: Sequence[RunRecord], policy: Policy) -> Iterator[Finding]:
    """Yield what is wrong with the runs themselves: none is complete, or some failed in head and were not repeated."""
    rule, counts = policy.applied(RUN), (len(base), len(head))
    if not _complete(base):
        yield plain_finding(rule, "inconclusive", f"base has no complete run: {_statuses(base)}", counts=counts)
        return
    if not _complete(head):
        yield plain_finding(rule, "missing", f"head has no complete run: {_statuses(head)}", counts=counts)
        return
    done = {record.seed for record in _finished(head)}
    failed = [record for record in head if record.status == "failed" and record.seed not in done]
    if failed:
        reason = f"{len(failed)} of {len(head)} head runs failed: {failed[0].status_detail or 'no reason was recorded'}"
        yield plain_finding(rule, "missing", reason, counts=counts)


def _new(match: Match, name: str) -> Iterator[str]:
    """Yield what only head has."""
    if match.head is None or match.differences:
        return
    if match.base is None:
        yield name
        return
    yield from (f"{name}: {metric}" for metric in new_metrics(_complete(match.base.runs), _complete(match.head.runs)))


def _complete(runs: Sequence[RunRecord]) -> list[RunRecord]:
    return [run for run in runs if run.status == "complete"]


def _finished(runs: Sequence[RunRecord]) -> list[RunRecord]:
    return [run for run in runs if run.status in ("complete", "diverged")]


def _newest(runs: Sequence[RunRecord]) -> list[RunRecord]:
    """Return the newest run of each seed; the runs are sorted by time."""
    return list({run.seed: run for run in runs}.values())


def _statuses(runs: Sequence[RunRecord]) -> str:
    return ", ".join(f"{count} {status}" for status, count in Counter(run.status for run in runs).items())


_TIERS = ("quality", "time-to-quality")


def quality_findings(comparison: Comparison) -> tuple[tuple[Finding, ...], tuple[str, ...]]:
    """Return the findings that count here, and what a reader must know of them.

    Args:
        comparison: of stored runs.
    """
    found = tuple(one for one in comparison.findings if one.tier in _TIERS or one.metric == RULES["run"].name)
    sides = f"quality is of the runs {comparison.head} against {comparison.base}, and n counts runs there"
    return found, (sides, *comparison.notes)
