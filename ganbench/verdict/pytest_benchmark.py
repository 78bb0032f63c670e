"""Files of pytest-benchmark, compared. The unit is the file: its rounds share one process, and are no independent measurements."""

from __future__ import annotations

import dataclasses
import json
import math
import statistics
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ganbench.errors import UsageError
from ganbench.record.machine import describe_machine
from ganbench.record.record import Key, Scalar
from ganbench.verdict.decide import conclude, plain_finding
from ganbench.verdict.findings import Comparison, Finding
from ganbench.verdict.policy import MetricRule, Policy, stored_rule, time_rule
from ganbench.verdict.unpaired import agree, compare_groups

_METRIC = "seconds_per_round"
_MARKS = ("benchmarks", "machine_info")
_Fields = dict[str, Scalar]


@dataclass(frozen=True, kw_only=True, slots=True)
class Timed:
    """One benchmark of one file."""

    name: str
    """With its file and its parameters."""
    seconds: float
    """Median of the rounds; NaN where there is none that is a time."""
    hardware: Key
    software: Key


def is_benchmark_file(text: bytes) -> bool:
    """Tell whether a text is what ``pytest --benchmark-json`` writes."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(content, dict) and all(mark in content for mark in _MARKS)


def read_benchmarks(text: bytes, source: str) -> tuple[Timed, ...]:
    """Return the benchmarks of a file.

    Args:
        text: what :func:`is_benchmark_file` holds for one.
        source: what to call it in an error.

    Raises:
        UsageError: it lacks what we need, or holds one benchmark twice.
    """
    content = json.loads(text)
    machine = _machine(content["machine_info"], source)
    benchmarks = content["benchmarks"]
    if not isinstance(benchmarks, list) or not all(isinstance(one, dict) for one in benchmarks):
        raise _damaged(source, "benchmarks must be a list of objects")
    read = tuple(_timed(one, machine, source) for one in benchmarks)
    if twice := [name for name, count in Counter(one.name for one in read).items() if count > 1]:
        raise UsageError(f"{source} holds {twice[0]} more than once", hint="give each file of pytest-benchmark by itself")
    return read


def compare_benchmarks(
    base: Sequence[Timed], head: Sequence[Timed], policy: Policy, *, base_name: str = "base", head_name: str = "head"
) -> Comparison:
    """Return the verdict on the time of a round, benchmark by benchmark; each value is of one file.

    Args:
        base: the benchmarks of all of base's files.
        head: the same.
        policy: threshold, gate and alpha.
        base_name: what base is called.
        head_name: what head is called.
    """
    ours, theirs = _by_name(base), _by_name(head)
    findings = {name: _finding(ours[name], theirs.get(name, []), policy) for name in ours} if theirs else {}
    machines = dict.fromkeys(describe_machine(one.hardware) for one in (*base, *head))
    return conclude(
        "stored",
        [dataclasses.replace(found, cell=name, cell_id=Key.of(benchmark=name).digest) for name, found in findings.items()],
        policy,
        base=base_name,
        head=head_name,
        machine="; ".join(machines),
        new=[name for name in theirs if name not in ours] if ours else (),
    )


def _finding(base: Sequence[Timed], head: Sequence[Timed], policy: Policy) -> Finding:
    rule = policy.applied(_rule(base))
    counts = len(base), len(head)
    if not head:
        return plain_finding(rule, "missing", "head has no such benchmark", counts=counts)
    agreed = agree(base, head, lambda timed: (("hardware", timed.hardware), ("software", timed.software)))
    if agreed.differences:
        return plain_finding(rule, "not-comparable", "measured under other keys", counts=counts, differences=agreed.differences)
    ours, theirs = ([one.seconds for one in side if math.isfinite(one.seconds)] for side in (agreed.base, agreed.head))
    if not ours:
        return plain_finding(rule, "inconclusive", "base has no round that is a time", counts=counts)
    if not theirs:
        return plain_finding(rule, "missing", "head has no round that is a time", counts=counts)
    return compare_groups(rule, ours, theirs, policy, reasons=[agreed.left_out])


def _rule(timed: Sequence[Timed]) -> MetricRule:
    return stored_rule(time_rule(_METRIC, "time per round"), on_gpu=bool(dict(timed[0].hardware.fields).get("gpu")))


def _by_name(timed: Sequence[Timed]) -> dict[str, list[Timed]]:
    groups: dict[str, list[Timed]] = {}
    for one in timed:
        groups.setdefault(one.name, []).append(one)
    return groups


def _machine(info: object, source: str) -> tuple[_Fields, _Fields]:
    """Return the fields of the hardware and of the software key."""
    if not isinstance(info, dict):
        raise _damaged(source, "machine_info must be an object")
    cpu = info["cpu"] if isinstance(info.get("cpu"), dict) else {}
    hardware = {"cpu": cpu.get("brand_raw"), "cpu_cores": cpu.get("count"), "machine": info.get("machine")}
    software = {"python": ".".join(str(info.get("python_version", "")).split(".")[:2]), "system": info.get("system")}
    return _scalars(hardware), _scalars({**software, "python_implementation": info.get("python_implementation")})


def _timed(benchmark: Mapping[str, Any], machine: tuple[_Fields, _Fields], source: str) -> Timed:
    """Return a benchmark; what its own ``extra_info`` says of hardware and software belongs to its keys."""
    name, stats, extra = benchmark.get("fullname") or benchmark.get("name"), benchmark.get("stats"), benchmark.get("extra_info")
    if not isinstance(name, str) or not isinstance(stats, dict):
        raise _damaged(source, "a benchmark lacks its fullname or its stats")
    said = [extra.get(key) if isinstance(extra, dict) else None for key in ("hardware", "software")]
    hardware, software = (
        {**(_scalars(more) if isinstance(more, dict) else {}), **fields} for fields, more in zip(machine, said, strict=True)
    )
    return Timed(name=name, seconds=_median(stats), hardware=_key(hardware), software=_key(software))


def _key(fields: _Fields) -> Key:
    return Key(fields=tuple(sorted(fields.items())))


def _damaged(source: str, what: str) -> UsageError:
    return UsageError(f"{source} is damaged: {what}", hint="write it again with `pytest --benchmark-json`")


def _median(stats: Mapping[str, Any]) -> float:
    """Return the median of the rounds that are times; of a file without its rounds what it says itself."""
    rounds = list(_times(stats.get("data") or [stats.get("median")]))
    return statistics.median(rounds) if rounds else math.nan


def _times(values: object) -> Iterator[float]:
    for value in values if isinstance(values, list) else []:
        if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value) and value > 0:
            yield float(value)


def _scalars(values: Mapping[Any, Any]) -> _Fields:
    return {str(name): value for name, value in values.items() if value is None or isinstance(value, (str, int, float, bool))}
