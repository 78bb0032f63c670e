"""What a comparison says: one finding for each metric of each cell, and all of them together with the exit code. Plain data."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Literal

from ganbench.record.record import Difference

EXIT_OK, EXIT_GATE_FAILED, EXIT_BASE_BROKEN, EXIT_NOT_COMPARABLE, EXIT_NOTHING = 0, 1, 3, 4, 5
SCHEMA_VERSION = 2
"""The version of :class:`Comparison` as JSON has it. 2 added the outcome, what changed, and what is known of quality."""
State = Literal["regressed", "improved", "unchanged", "inconclusive", "not-comparable", "missing", "broken", "new"]
Outcome = Literal["passed", "failed", "undecided", "broken", "new", "interrupted", "not-comparable", "nothing"]
"""Broken: a side cannot be run; new: base has no such plugin; undecided: something gated is open, and nothing failed."""
Quality = Literal["", "untested", "equal", "tested"]
"""What is known of the quality of what was trained: equal where it follows from equal steps and an equal evaluation; empty: not asked."""
Tier = Literal["deterministic", "memory", "throughput", "quality", "time-to-quality"]
Direction = Literal["lower", "higher", "equal"]
"""What is better; with ``equal`` any change is a regression."""
Gate = Literal["fail", "warn", "off"]
"""What a regression does: it fails the command, it is a warning, or it is only told."""
Kind = Literal["paired", "stored"]


@dataclass(frozen=True, kw_only=True, slots=True)
class NullRatio:
    """Base against base: what the machine makes of a change of nothing."""

    change: float
    """Relative: 0.01 is one percent more."""
    low: float
    high: float
    num_pairs: int
    between_processes: bool
    """Whether each ratio is of two processes of base; else of two halves of one, which shows drift but not what differs between starts."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """What is known of one metric of one cell. Changes are relative and of the metric itself: -0.1 images/s is 10 percent slower."""

    metric: str
    """``samples_per_second``, ``fd5k_digits``; ``run`` where it is about the cell as a whole."""
    label: str
    unit: str
    tier: Tier
    direction: Direction
    gate: Gate
    state: State
    cell: str = ""
    """What was run, for people; empty where there is only one thing."""
    cell_id: str = ""
    """The same as a digest, which stays when other cells come and go."""
    reason: str = ""
    """Why it is not decided, or what else must be known."""
    base: float | str | None = None
    """Median of base's values, or the value where it is a hash. None where there is none."""
    head: float | str | None = None
    num_base: int = 0
    """Runs, or valid process pairs."""
    num_head: int = 0
    change: float | None = None
    """Relative change from base to head; infinite where base is 0 or half of head's runs diverged."""
    scale: float | None = None
    """What changes are relative to, for a metric that touches zero; None where they are to base."""
    low: float | None = None
    """Lower end of the interval; where it is open -1, or infinite with a scale."""
    high: float | None = None
    """Upper end of the interval; infinite where it is open."""
    confidence: float | None = None
    """How sure the interval is: 0.95, or more where there are several looks. None where the interval is the range of all values."""
    threshold: float = 0.0
    """A regression or an improvement is larger than this."""
    p_value: float | None = None
    """Two-sided, adjusted for the looks."""
    adjusted_p: float | None = None
    """After Holm's correction over the gated metrics of the comparison; None for a metric that is not gated."""
    smallest_p: float = 0.0
    """The smallest p that so many runs can give, whatever they measure."""
    smallest_visible: float | None = None
    """The smallest relative change that would have been told from none with a probability of 80 percent. None where no change could."""
    null: NullRatio | None = None
    not_worse: bool = False
    """Whether a worsening past the threshold is ruled out: the worse end of the interval lies within it."""
    differences: tuple[Difference, ...] = ()
    """Why it is not comparable; of a cell that is missing, how the one of its name differs that head has instead."""
    base_values: tuple[float, ...] = ()
    """One for each run, or the median of each process pair."""
    head_values: tuple[float, ...] = ()

    @property
    def fails(self) -> bool:
        """Whether it fails the gate, whether strict or not."""
        return self.gate == "fail" and self.state in ("regressed", "missing", "broken")

    @property
    def is_open(self) -> bool:
        """Whether it is gated and yet undecided: a warning, and with ``strict`` a failure. Once a worsening is ruled out it is not."""
        return self.gate == "fail" and (self.state == "not-comparable" or (self.state == "inconclusive" and not self.not_worse))


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """The whole verdict of one call."""

    schema_version: int
    kind: Kind
    base: str
    """What base is called."""
    head: str
    machine: str
    """Where it was measured, in words; several machines are separated by semicolons."""
    alpha: float
    strict: bool
    findings: tuple[Finding, ...]
    """Cell by cell, in the order of the cells."""
    outcome: Outcome
    changes: tuple[Difference, ...] = ()
    """What differs between base and head whatever was measured, the heaviest first. ``key`` is setting, parameters, operators, losses,
    schedule, evaluation, data, plugin, version or requirement, and ``field`` says which one."""
    quality: Quality = ""
    new: tuple[str, ...] = ()
    """Cells and metrics that only head has."""
    notes: tuple[str, ...] = ()
    """What a reader must know: duplicates, edited sources, runs that were left out."""
    exit_code: int = 0

    @property
    def failures(self) -> tuple[Finding, ...]:
        """Why the gate fails; empty where it does not."""
        return tuple(f for f in self.findings if f.fails or (self.strict and f.is_open))

    @property
    def counts(self) -> dict[State, int]:
        """How many findings there are of each state."""
        return dict(Counter(f.state for f in self.findings))
