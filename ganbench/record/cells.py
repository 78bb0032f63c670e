"""A cell is what was run, apart from the seed and the code under test; its runs are replicates. Which cell of base is which of head.

Two settings make the same cell if they agree wherever both say something: a newer version may have a setting that an older record lacks.
Nothing is guessed beyond that. A cell under another name is one that is missing and one that is new.

Runs that differ in their seed only: which they are, and which of them a mean is over.

Replicates agree in name, data, hardware, software and work, code included. That is narrower than a cell of a comparison, which allows other
code: what a cell holds on one side may be several rows here, and a row never holds two cells.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from ganbench.config.model import part_of
from ganbench.record.record import Difference, Key, RunRecord, Scalar, Status

_CODE = ".code"
"""How the fields of the work key end that say which code was used: the one difference that is allowed."""
_ID_DIGITS = 12


@dataclass(frozen=True, kw_only=True, slots=True)
class CellRuns:
    """The runs of one cell on one side, the oldest first."""

    settings: tuple[tuple[str, Scalar], ...]
    """Sorted by name."""
    runs: tuple[RunRecord, ...]

    @property
    def digest(self) -> str:
        """First 12 hex digits of sha256 over the settings."""
        return hashlib.sha256(json.dumps(self.settings).encode()).hexdigest()[:_ID_DIGITS]

    @property
    def family(self) -> tuple[Scalar, Scalar]:
        """Name and dataset."""
        return self.runs[0].name, self.runs[0].dataset


@dataclass(frozen=True, kw_only=True, slots=True)
class Match:
    """A cell of base and the same cell of head; one of them is None where the other side lacks it."""

    base: CellRuns | None
    head: CellRuns | None
    differences: tuple[Difference, ...] = ()
    """Why the two cannot be compared, or how what head has instead differs."""

    @property
    def either(self) -> CellRuns:
        """Base's cell, or head's where base has none."""
        cell = self.base or self.head
        assert cell is not None
        return cell


def cells_of(records: Iterable[RunRecord]) -> tuple[CellRuns, ...]:
    """Group records by what was run; a record that is given twice counts once."""
    unique = {(r.run_id, r.host, r.created, r.keys.work.digest, r.keys.software.digest): r for r in records}
    groups: dict[tuple[tuple[str, Scalar], ...], list[RunRecord]] = {}
    for record in sorted(unique.values(), key=lambda r: (r.created, r.run_id)):
        groups.setdefault(_settings(record), []).append(record)
    return tuple(CellRuns(settings=settings, runs=tuple(runs)) for settings, runs in groups.items())


def match_cells(base: Sequence[CellRuns], head: Sequence[CellRuns]) -> tuple[Match, ...]:
    """Return the matches in the order of base's cells, then what only head has.

    The only two cells of a call are one match, with the fields in which they differ. Where there are more, a cell that base lost names the
    fields in which it differs from the only cell of its name and dataset that head has instead.
    """
    partners = {i: j for i, cell in enumerate(base) for j, other in enumerate(head) if cell.settings == other.settings}
    partners |= _unique_pairs(base, head, partners, _agree)
    unlike = _unique_pairs(base, head, partners, lambda a, b: a.family == b.family)
    if len(base) == len(head) == 1 and not partners:
        return (Match(base=base[0], head=head[0], differences=_differences(base[0], head[0])),)
    matches = [_match(cell, i, head, partners, unlike) for i, cell in enumerate(base)]
    return (*matches, *(Match(base=None, head=cell) for j, cell in enumerate(head) if j not in partners.values()))


def names_of(cells: Iterable[CellRuns]) -> dict[str, str]:
    """Return for each digest a name for people: the model and the data, with the settings that tell it from others of that name."""
    unique = {cell.digest: cell for cell in cells}
    names = {}
    for digest, cell in unique.items():
        siblings = [dict(other.settings) for other in unique.values() if other.family == cell.family]
        own = dict(cell.settings)
        telling = [
            f"{path.removeprefix('training.')}={own[path]}" for path in own if any(other.get(path) != own[path] for other in siblings)
        ]
        names[digest] = " ".join((*map(str, cell.family), *telling))
    return names


def _settings(record: RunRecord) -> tuple[tuple[str, Scalar], ...]:
    """Return what the user chose, and what followed from it; without seed, code and data's content."""
    places, work = _places(record), dict(_work(record).fields)
    chosen = {path: _scalar(value) for path, value in record.config.items() if part_of(path) in ("work", "machine") and path not in places}
    chosen |= {path: value for path, value in work.items() if not path.endswith(_CODE) and (path != "data.hash" or places)}
    if "training.device" in chosen:
        chosen["training.device"] = str(chosen["training.device"]).partition(":")[0]
    return tuple(sorted({**chosen, "name": record.name, **({} if places else {"dataset": record.dataset})}.items()))


def _places(record: RunRecord) -> frozenset[str]:
    """Return the options of a record's dataset that say where its files lie: those which its work key leaves out.

    Where there are some, what was trained on is the content of the files, not their names, which the dataset is called by.
    """
    work = dict(record.keys.work.fields)
    return frozenset(path for path in record.config if path.startswith("dataset.options.") and path not in work)


def _work(record: RunRecord) -> Key:
    """Return the work key without the settings that an older version counted among the work and this one does not."""
    return Key.of(**{path: value for path, value in record.keys.work.fields if path not in record.config or part_of(path) == "work"})


def _scalar(value: Scalar | list[str]) -> Scalar:
    return ",".join(value) if isinstance(value, list) else value


def _agree(one: CellRuns, other: CellRuns) -> bool:
    theirs = dict(other.settings)
    return all(theirs.get(path, value) == value for path, value in one.settings)


def _unique_pairs(
    base: Sequence[CellRuns], head: Sequence[CellRuns], taken: dict[int, int], fits: Callable[[CellRuns, CellRuns], bool]
) -> dict[int, int]:
    """Return which free cells fit each other and nothing else."""
    pairs = [
        (i, j)
        for i, cell in enumerate(base)
        if i not in taken
        for j, other in enumerate(head)
        if j not in taken.values() and fits(cell, other)
    ]
    ours, theirs = Counter(i for i, _ in pairs), Counter(j for _, j in pairs)
    return {i: j for i, j in pairs if ours[i] == theirs[j] == 1}


def _match(cell: CellRuns, index: int, head: Sequence[CellRuns], partners: dict[int, int], unlike: dict[int, int]) -> Match:
    if index in partners:
        return Match(base=cell, head=head[partners[index]])
    return Match(base=cell, head=None, differences=_differences(cell, head[unlike[index]]) if index in unlike else ())


def _differences(base: CellRuns, head: CellRuns) -> tuple[Difference, ...]:
    ours, theirs = dict(base.settings), dict(head.settings)
    fields = [field for field in sorted(ours | theirs) if ours.get(field) != theirs.get(field)]
    return tuple(Difference(key="work", field=field, base=ours.get(field), head=theirs.get(field)) for field in fields)


_STATUSES: tuple[Status, ...] = ("complete", "diverged", "failed", "interrupted", "running")
_CODE_DIGITS = 8
_EVERY = "evaluation.every_kimg"


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
        return tuple(run for run in self.runs if run.status == "complete" and not run.is_mixed)

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
        dataset = "" if _places(record) else record.dataset
        row = rows.setdefault((dataset, record.name, keys.hardware, keys.software, _work(record), _cadence(record)), {})
        row[record.run_id, record.host, record.created] = record
    ordered = (sorted(row.values(), key=lambda run: (run.seed, run.created, run.run_id)) for row in rows.values())
    return tuple(Replicates(runs=tuple(runs)) for runs in ordered)


def tell_apart(rows: Sequence[Replicates]) -> tuple[str, ...]:
    """Return for each row the settings that tell it from others of the same name, data and loss; empty for one without such."""
    settings = {id(row.example): _settings_that_tell(row.example) for row in rows}
    return tuple(_telling(row.example, [other.example for other in rows], settings) for row in rows)


def short_names(runs: Sequence[RunRecord]) -> tuple[str, ...]:
    """Return for each run what people call it: the model, and as little more as tells it from the others.

    That is its data, its loss (``dcgan hinge``), and the settings in which it is not as most are; of runs that differ in nothing else the
    seed, and a number.
    """
    settings = {id(run): _settings_that_tell(run) for run in runs}
    named: list[str] = [_short_name(run, runs, settings) for run in runs]
    seeds = {name: {run.seed for other, run in zip(named, runs, strict=True) if other == name} for name in named}
    named = [f"{name} seed {run.seed}" if len(seeds[name]) > 1 else name for name, run in zip(named, runs, strict=True)]
    return tuple(f"{name} ({named[:i].count(name) + 1})" if named.count(name) > 1 else name for i, name in enumerate(named))


def _short_name(run: RunRecord, runs: Sequence[RunRecord], settings: dict[int, dict[str, Scalar]]) -> str:
    like, words = [other for other in runs if other.name == run.name], [run.name]
    for own in (lambda one: one.dataset, _loss):
        if len({own(other) for other in like}) > 1:
            words.append(str(own(run)))
        like = [other for other in like if own(other) == own(run)]
    own_settings, others = settings[id(run)], [settings[id(other)] for other in like]
    return " ".join((*words, *(_word(field, own_settings[field]) for field in _deviations(own_settings, others))))


def _deviations(own: dict[str, Scalar], others: Sequence[dict[str, Scalar]]) -> list[str]:
    """Return the fewest fields, about, in which settings are not as usual and that tell them from all others."""
    unusual = [field for field, value in own.items() if value != _usual([other.get(field) for other in others], own[field])]
    unusual.sort(
        key=lambda field: (field.endswith((".code", ".hash")), not field.endswith(".name"), type(own[field]) in (int, float), len(field))
    )
    rest, chosen = [other for other in others if other != own], list[str]()
    while unusual and rest:
        best = max(unusual, key=lambda field: sum(other.get(field) != own[field] for other in rest))
        left = [other for other in rest if other.get(best) == own[best]]
        if len(left) == len(rest):
            break
        rest = left
        chosen.append(best)
    return [field for field in own if field in chosen]


def _usual(values: Sequence[Scalar], own: Scalar) -> Scalar:
    """Return what most have; among equals nothing or ``none``, and else something that is nobody's."""
    counts = Counter(values).most_common()
    most = [value for value, count in counts if count == counts[0][1]]
    plain = [value for value in most if value in (None, "none", False)]
    return most[0] if len(most) == 1 else plain[0] if plain else f"not {own}"


def _word(field: str, value: Scalar) -> str:
    """Return ``diffaugment`` for ``augmentation.name``, and ``batch_size=64`` for other settings."""
    is_name = field.endswith(".name") and value not in (None, "none")
    return str(value) if is_name else f"{_name(field)}={_short_value(field, value)}"


def finite(values: Iterable[float]) -> list[float]:
    """Return the values that are numbers."""
    return [value for value in values if math.isfinite(value)]


def _telling(run: RunRecord, others: Iterable[RunRecord], settings: dict[int, dict[str, Scalar]]) -> str:
    own, name = settings[id(run)], _family(run)
    siblings = [settings[id(other)] for other in others if _family(other) == name]
    fields = [field for field in own if any(other.get(field) != own[field] for other in siblings)]
    return ", ".join(f"{_name(field)}={_short_value(field, own[field])}" for field in fields)


def _family(run: RunRecord) -> tuple[Scalar, ...]:
    return run.name, run.dataset, _loss(run)


def _loss(run: RunRecord) -> Scalar:
    return dict(run.keys.work.fields).get("loss.name")


def _settings_that_tell(run: RunRecord) -> dict[str, Scalar]:
    return {**dict(run.keys.software.fields), **dict(_work(run).fields), _EVERY: _cadence(run)}


def _cadence(run: RunRecord) -> Scalar:
    """Return how often a run was measured: its best value is of so many."""
    return _scalar(run.config.get(_EVERY))


def _name(field: str) -> str:
    """Return ``batch_size`` for ``training.batch_size``, ``latent_dim`` for ``architecture.options.latent_dim``."""
    section, _, name = field.rpartition(".")
    return name if section == "training" or section.endswith(".options") else field


def _short_value(field: str, value: Scalar) -> str:
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
