"""Two sets of stored records: which cells got worse, better, lost, or cannot be compared.

Within a cell the runs are replicates. Counts, data and quality take one run for each seed, the newest; speed and memory take every run, and
only those whose keys agree.
"""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from ganbench.record.cells import CellRuns, Match, cells_of, match_cells, names_of
from ganbench.record.machine import describe_machine
from ganbench.record.record import RunRecord
from ganbench.verdict.decide import compare_hashes, compare_values, conclude, plain_finding
from ganbench.verdict.findings import Comparison, Finding
from ganbench.verdict.policy import RULES, RUN, MetricRule, Policy, rule_of, stored_rule
from ganbench.verdict.quality import compare_quality, compare_time_to_quality, new_metrics
from ganbench.verdict.unpaired import Agreement, NamedKeys, agree, compare_groups, device_and_software, machine_and_software

_HASH_DIGITS = 8


def _remarks_on(match: Match, name: str) -> Iterator[str]:
    """Yield one line for each thing about a cell, which is called by a name, on both sides."""
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
        if run.is_mixed:
            yield f"run {run.run_id} was resumed on another machine; its speed and memory are left out"
    for plugin, versions in _sources(runs).items():
        if len(versions) > 1:
            yield f"mixes {len(versions)} sources of {plugin}: {', '.join(versions)}"


def _of_both(base: CellRuns, head: CellRuns) -> Iterator[str]:
    ours, theirs = _sources(base.runs), _sources(head.runs)
    for plugin in ours:
        if plugin in theirs and not set(ours[plugin]) & set(theirs[plugin]) and _versions(ours[plugin]) & _versions(theirs[plugin]):
            both = " / ".join(", ".join(side[plugin]) for side in (ours, theirs))
            yield f"{plugin} says the same version on both sides and has other sources, so a tree was edited: {both}"
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
        if base[0].kind == "run":  # of an evaluation nothing was trained
            yield from _compare_counts(seeds, other_seeds, policy)
            yield from _compare_memory(base, head, policy)
            yield from _compare_throughput(base, head, policy, said=_same_code(seeds, other_seeds))
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


_Measure = Callable[[RunRecord], float]


def _compare_memory(base: Sequence[RunRecord], head: Sequence[RunRecord], policy: Policy) -> Iterator[Finding]:
    """Yield the finding of the peak memory of a cell's complete runs, repeated seeds too, on the same model of device."""
    rule = policy.applied(RULES["peak_memory_mib"])
    agreed = _agreed(rule, base, head, device_and_software)
    if isinstance(agreed, Finding):
        yield agreed
        return
    ours, theirs = ([_or_nan(record.throughput.peak_memory_mib) for record in side] for side in (agreed.base, agreed.head))
    if found := compare_values(rule, ours, theirs, reason=agreed.left_out):
        yield found


def _compare_throughput(base: Sequence[RunRecord], head: Sequence[RunRecord], policy: Policy, *, said: str) -> Iterator[Finding]:
    """Yield the findings of the throughput and of the times of phases and start-up, on the same machine and software.

    The runs are the complete ones of a cell, repeated seeds too: each is a replicate. Something may be said of the code of both sides.
    """
    agreed = _agreed(policy.applied(_throughput(base)), base, head, machine_and_software)
    if isinstance(agreed, Finding):
        yield agreed
        return
    on_gpu = bool(dict(agreed.base[0].keys.hardware.fields).get("gpu"))
    for rule, measure in _measures(agreed.base):
        reasons = (said, _loads(agreed), agreed.left_out) if rule.name == "samples_per_second" else (agreed.left_out,)
        if found := _timed(policy.applied(stored_rule(rule, on_gpu=on_gpu)), measure, agreed, policy, reasons):
            yield found


def _loads(agreed: Agreement[RunRecord]) -> str:
    """Return how busy the machine was on either side, where the records say it."""
    loads = [[run.load for run in side if run.load is not None] for side in (agreed.base, agreed.head)]
    return f"load of the machine {' and '.join(f'{statistics.median(side):.1f}' for side in loads)}" if all(loads) else ""


def _agreed(
    rule: MetricRule, base: Sequence[RunRecord], head: Sequence[RunRecord], keys: Callable[[RunRecord], NamedKeys]
) -> Agreement[RunRecord] | Finding:
    """Return the runs that may be compared, or the finding that says why none may."""
    ours, theirs = ([record for record in side if not record.is_mixed] for side in (base, head))
    for name, side in (("base", ours), ("head", theirs)):
        if not side:
            return plain_finding(rule, "not-comparable", f"every run of {name} was resumed on another machine, and its numbers are of both")
    agreed = agree(ours, theirs, keys)
    if agreed.differences:
        counts = len(base), len(head)
        return plain_finding(rule, "not-comparable", "measured under other keys", counts=counts, differences=agreed.differences)
    return agreed


def _measures(base: Sequence[RunRecord]) -> Iterator[tuple[MetricRule, _Measure]]:
    yield _throughput(base), lambda record: record.throughput.samples_per_second
    for name in dict.fromkeys(name for record in base for name, _ in record.throughput.phase_milliseconds):
        yield rule_of(f"phase_milliseconds.{name}"), _phase(name)
    yield rule_of("startup_seconds"), lambda record: record.timing.startup_seconds


def _throughput(records: Sequence[RunRecord]) -> MetricRule:
    return rule_of("samples_per_second", records[0].unit)


def _phase(name: str) -> _Measure:
    return lambda record: dict(record.throughput.phase_milliseconds).get(name, math.nan)


def _timed(rule: MetricRule, measure: _Measure, agreed: Agreement[RunRecord], policy: Policy, reasons: Sequence[str]) -> Finding | None:
    """Return the finding of one measure; None where base has none."""
    ours, theirs = ([v for r in side if math.isfinite(v := _or_nan(measure(r)))] for side in (agreed.base, agreed.head))
    if not ours:
        return None
    if not theirs:
        return plain_finding(rule, "missing", f"head has no {rule.label}", counts=(len(ours), 0))
    return compare_groups(rule, ours, theirs, policy, reasons=reasons)


def _or_nan(value: float) -> float:
    """Return NaN where nothing was measured."""
    return value if value > 0 and math.isfinite(value) else math.nan


_COUNTS: dict[str, Callable[[RunRecord], float]] = {
    "flops_per_iteration": lambda record: record.work.flops_per_iteration or math.nan,  # 0 is not counted
    "generator_steps": lambda record: record.work.generator_steps,
    "samples_seen": lambda record: record.work.samples_seen,
}


def _compare_counts(base: Sequence[RunRecord], head: Sequence[RunRecord], policy: Policy) -> Iterator[Finding]:
    """Yield the findings of what is the same on every machine, of a cell's complete runs, one for each seed."""
    for rule, count in _counted(base, head):
        if found := compare_values(policy.applied(rule), [count(r) for r in base], [count(r) for r in head]):
            yield found
    if found := compare_hashes(policy.applied(RULES["data_hash"]), {"the data": _data(base)}, {"the data": _data(head)}):
        yield found
    if found := _trajectory(base, head, policy):
        yield found


def _counted(base: Sequence[RunRecord], head: Sequence[RunRecord]) -> Iterator[tuple[MetricRule, Callable[[RunRecord], float]]]:
    for module in dict.fromkeys(name for record in (*base, *head) for name in record.work.parameters):
        yield rule_of(f"{module}_parameters"), _parameters(module)
    for name, count in _COUNTS.items():
        yield rule_of(name, base[0].unit), count


def _parameters(module: str) -> Callable[[RunRecord], float]:
    return lambda record: record.work.parameters.get(module, math.nan)


def _data(records: Sequence[RunRecord]) -> str:
    return " ".join(sorted({record.dataset_hash for record in records}))


def _trajectory(base: Sequence[RunRecord], head: Sequence[RunRecord], policy: Policy) -> Finding | None:
    """Return whether the first losses are the same bits; that they are not says something only under the same keys."""
    rule = policy.applied(RULES["trajectory_hash"])
    found = compare_hashes(rule, _trajectories(base), _trajectories(head))
    if found is None or found.state == "unchanged":
        return found
    agreed = agree(base, head, machine_and_software)
    if agreed.differences:
        return plain_finding(rule, "not-comparable", "losses differ in their bits between machines", differences=agreed.differences)
    return compare_hashes(rule, _trajectories(agreed.base), _trajectories(agreed.head))


def _same_code(base: Sequence[RunRecord], head: Sequence[RunRecord]) -> str:
    """Return that both sides ran one code, where versions, sources and, for every seed they share, data, counts and losses say so."""
    codes, (ours, theirs) = (
        {(run.ganbench_version, run.plugins) for run in (*base, *head)},
        ({run.seed: (run.dataset_hash, run.work) for run in side} for side in (base, head)),
    )
    shared = ours.keys() & theirs.keys()
    is_same = len(codes) == 1 and shared and all(ours[seed] == theirs[seed] for seed in shared)
    return "same code: the plugins' sources, losses and counts are equal" if is_same else ""


def _trajectories(records: Sequence[RunRecord]) -> dict[str, str]:
    return {f"seed {record.seed}": record.work.trajectory_hash for record in records}
