"""Runs that differ in their seed only: which they are, and which of them a mean is over.

Replicates agree in name, data, hardware, software and work, code included. That is narrower than a cell of a comparison, which allows other
code: what a cell holds on one side may be several rows here, and a row never holds two cells.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ganbench.metrics.key import Key, Scalar
from ganbench.results.record import MIXED_MACHINES, RunRecord, Status

_STATUSES: tuple[Status, ...] = ("complete", "diverged", "failed", "interrupted", "running")
_CODE_DIGITS = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Replicates:
    """The runs of one row, by seed and then by time; at least one."""

    runs: tuple[RunRecord, ...]

    @property
    def is_single(self) -> bool:
        """Whether there is one run only, which is shown as it is, whatever became of it."""
        return len(self.runs) == 1

    @property
    def counted(self) -> tuple[RunRecord, ...]:
        """The runs that the mean of quality is over: the newest complete one of each seed."""
        if self.is_single:
            return self.runs
        return tuple({run.seed: run for run in self.runs if run.status == "complete"}.values())

    @property
    def timed(self) -> tuple[RunRecord, ...]:
        """The runs that the mean of speed is over: every complete one, a seed that was repeated too, of one machine each."""
        if self.is_single:
            return self.runs
        return tuple(run for run in self.runs if run.status == "complete" and not _is_mixed(run))

    @property
    def example(self) -> RunRecord:
        """A run that stands for all in what they share."""
        return (*self.counted, *self.runs)[0]

    def count(self, *statuses: Status) -> int:
        """Return how many runs have one of some statuses."""
        return sum(run.status in statuses for run in self.runs)

    @property
    def num_collapsed(self) -> int:
        """How many of the complete runs ended far from their best."""
        return sum(run.status == "complete" and run.collapsed for run in self.runs)

    @property
    def seeds(self) -> str:
        """The seeds for people: ``0-4, 7``."""
        return ", ".join(_ranges(sorted({run.seed for run in self.runs})))

    @property
    def status(self) -> str:
        """What became of them: ``complete``, or ``4 complete (1 collapsed), 1 diverged``."""
        if self.is_single:
            return "collapsed" if self.num_collapsed else self.runs[0].status
        counts = {status: self.count(status) for status in _STATUSES if self.count(status)}
        texts = [status if len(counts) == 1 and status == "complete" else f"{number} {status}" for status, number in counts.items()]
        if self.num_collapsed:
            texts[0] += f" ({self.num_collapsed} collapsed)"
        return ", ".join(texts)

    def remarks(self) -> Iterator[str]:
        """Yield what became of each run that is not counted, and which seeds were repeated."""
        for run in self.runs:
            if run.status != "complete":
                reason = run.status_detail or "no reason was recorded"
                yield f"seed {run.seed} {run.status}, not in the mean: {reason}"
        for seed, number in Counter(run.seed for run in self.runs if run.status == "complete").items():
            if number > 1:
                newest = next(run for run in self.counted if run.seed == seed)
                yield f"{number} runs of seed {seed}: quality is that of the newest, {newest.run_id}"


def group_replicates(records: Iterable[RunRecord]) -> tuple[Replicates, ...]:
    """Return the rows of some records, in the order in which their first runs come; a record that is given twice counts once."""
    rows: dict[tuple[Scalar | Key, ...], dict[tuple[str, str, str], RunRecord]] = {}
    for record in records:
        keys = record.keys
        row = rows.setdefault((record.dataset, record.name, keys.hardware, keys.software, keys.work), {})
        row[record.run_id, record.host, record.created] = record
    ordered = (sorted(row.values(), key=lambda run: (run.seed, run.created, run.run_id)) for row in rows.values())
    return tuple(Replicates(runs=tuple(runs)) for runs in ordered)


def tell_apart(rows: Sequence[Replicates]) -> tuple[str, ...]:
    """Return for each row the settings that tell it from others of the same name, data and loss; empty for one without such."""
    return tuple(_telling(row.example, [other.example for other in rows]) for row in rows)


def finite(values: Iterable[float]) -> list[float]:
    """Return the values that are numbers."""
    return [value for value in values if math.isfinite(value)]


def _telling(run: RunRecord, others: Iterable[RunRecord]) -> str:
    own, name = _settings(run), _family(run)
    siblings = [_settings(other) for other in others if _family(other) == name]
    fields = [field for field in own if any(other.get(field) != own[field] for other in siblings)]
    return ", ".join(f"{_name(field)}={_short(field, own[field])}" for field in fields)


def _family(run: RunRecord) -> tuple[Scalar, ...]:
    return run.name, run.dataset, dict(run.keys.work.fields).get("loss.name")


def _settings(run: RunRecord) -> dict[str, Scalar]:
    return {**dict(run.keys.software.fields), **dict(run.keys.work.fields)}


def _name(field: str) -> str:
    """Return ``batch_size`` for ``training.batch_size``, ``latent_dim`` for ``architecture.options.latent_dim``."""
    section, _, name = field.rpartition(".")
    return name if section == "training" or section.endswith(".options") else field


def _short(field: str, value: Scalar) -> str:
    """Return a value in few letters: of a source only the beginning of its hash."""
    text = {None: "none", True: "on", False: "off"}[value] if value is None or isinstance(value, bool) else str(value)
    return text.split()[-1][:_CODE_DIGITS] if field.endswith((".code", ".hash")) and text else text


def _ranges(numbers: Sequence[int]) -> Iterator[str]:
    """Yield ``0-4`` for three numbers or more in a row."""
    start = 0
    for end in range(1, len(numbers) + 1):
        if end == len(numbers) or numbers[end] != numbers[end - 1] + 1:
            run = numbers[start:end]
            yield from [f"{run[0]}-{run[-1]}"] if len(run) > 2 else map(str, run)
            start = end


def _is_mixed(run: RunRecord) -> bool:
    return MIXED_MACHINES in run.notes
