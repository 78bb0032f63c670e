"""From series to a verdict: which steps there are, which are for the worse, new, intended, undone.

A step lies in the *newest part* of a series if its first point, which is the first commit of the new level, is one of the newest
:data:`NEWEST` points. It fails the command if it lies there, is for the worse, is not accepted, and was not undone: the newest level is
still worse than the level before the step by more than the threshold. What must stay equal is undone by being as before that step, or as
before an earlier one that nobody accepted: a change and its reversal are both undone. Older steps are told only: they were failures when
they were new.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from ganbench import Difference, MetricRule, NothingToCompare, describe_machine
from ganbench_gate.accept import Accept
from ganbench_gate.history import UNKNOWN
from ganbench_gate.series import Point, Series
from ganbench_gate.steps import MIN_POINTS, MIN_SIDE, Step, find_changes, find_steps

NEWEST = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class TrendPoint:
    """One commit."""

    commit: str
    time: str
    """UTC, ISO 8601."""
    value: float
    """Median of its runs; NaN where half of them diverged."""
    runs: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class TrendStep:
    """One change of level, in the metric's own terms."""

    index: int
    """Where the new level begins: the index of its first point; where values have noise it is right to a few points."""
    commit: str
    time: str
    before: float
    """Median of the level before."""
    after: float
    change: float
    """Relative, of the metric itself: -0.1 images/s is 10 percent slower. NaN where runs diverged."""
    state: Literal["worse", "better"]
    """A change of what must stay equal is worse."""
    p_value: float
    is_newest: bool
    """Whether it lies in the newest part of the series."""
    undone: bool
    """Whether the newest level is no longer worse than the level before the step."""
    accepted: str
    """The reason why it is intended; empty where nobody said so."""
    differences: tuple[Difference, ...]
    """Which software changed with it."""
    fails: bool
    """Whether it fails the command."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TrendSeries:
    """One metric of one cell on one machine."""

    machine: str
    hardware_key: str
    cell: str
    cell_id: str
    metric: str
    label: str
    unit: str
    tier: str
    direction: str
    threshold: float
    evaluation_key: str
    points: tuple[TrendPoint, ...]
    steps: tuple[TrendStep, ...]
    reason: str
    """Why no step could be looked for; empty where it could."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Trend:
    """All series of a history."""

    schema: str = "ganbench-trend"
    schema_version: int = 1
    history: str
    newest: int
    """How many points are the newest part of a series."""
    series: tuple[TrendSeries, ...]
    notes: tuple[str, ...]
    exit_code: int

    @property
    def failures(self) -> tuple[tuple[TrendSeries, TrendStep], ...]:
        """The steps that fail the command, each with its series."""
        return tuple((series, step) for series in self.series for step in series.steps if step.fails)


def follow(
    all_series: Sequence[Series], accepts: Sequence[Accept] = (), *, history: str = "", newest: int = NEWEST, metrics: Sequence[str] = ()
) -> Trend:
    """Return the trend of a history.

    Args:
        all_series: what :func:`ganbench_gate.series.series_of` returned.
        accepts: intended changes.
        history: what the history is called.
        newest: how many points are the newest part of a series.
        metrics: names of those that are wanted; empty for all.
    """
    used: set[Accept] = set()
    anchors = [(one, step) for one in all_series for step in _found(one)]
    series = tuple(_follow(one, accepts, newest, used, anchors) for one in all_series if not metrics or one.rule.name in metrics)
    unused = [a for a in accepts if a not in used and (not metrics or a.metric in metrics)]
    notes = [f"an accepted change fits no step: {a.metric} of {a.cell} from {a.before} to {a.after}" for a in unused]
    return Trend(
        history=history,
        newest=newest,
        series=series,
        notes=tuple(notes),
        exit_code=_exit_code(series),
    )


def _exit_code(series: Iterable[TrendSeries]) -> int:
    looked_at = [one for one in series if not one.reason]
    if not looked_at:
        return NothingToCompare.exit_code
    return int(any(step.fails for one in looked_at for step in one.steps))


_Anchors = Sequence[tuple[Series, Step]]
"""Every step of every series, which may be what an entry means where it excuses a step of another one."""


def _found(series: Series) -> tuple[Step, ...]:
    """Return the steps of a series; none where none can be looked for."""
    values = [series.worsening(point.value) for point in series.points]
    return () if _why_not(series.rule, values) else _steps(series, values)


def _follow(series: Series, accepts: Sequence[Accept], newest: int, used: set[Accept], anchors: _Anchors) -> TrendSeries:
    rule, values = series.rule, [series.worsening(point.value) for point in series.points]
    reason, steps = _why_not(rule, values), tuple(step for one, step in anchors if one is series)
    reasons = [_reason(step, series, accepts, used, anchors) for step in steps]
    return TrendSeries(
        machine=describe_machine(series.hardware),
        hardware_key=series.hardware.digest,
        cell=series.cell,
        cell_id=series.cell_id,
        metric=rule.name,
        label=rule.label,
        unit=rule.unit,
        tier=rule.tier,
        direction=rule.direction,
        threshold=rule.threshold,
        evaluation_key=series.evaluation_key,
        points=tuple(_point(point) for point in series.points),
        steps=tuple(_step(i, steps, reasons, series, newest) for i in range(len(steps))),
        reason=reason,
    )


def _why_not(rule: MetricRule, values: Sequence[float]) -> str:
    """Return why no step can be looked for."""
    fewest = 2 if _is_exact(rule) else MIN_POINTS
    return f"{len(values)} of {fewest} commits" if len(values) < fewest else ""


def _is_exact(rule: MetricRule) -> bool:
    return rule.tier == "deterministic"


def _steps(series: Series, values: Sequence[float]) -> tuple[Step, ...]:
    find = find_changes if _is_exact(series.rule) else find_steps
    return find(values, threshold=series.rule.limit(series.scale))


def _step(number: int, steps: Sequence[Step], reasons: Sequence[str], series: Series, newest: int) -> TrendStep:
    step = steps[number]
    rule, point = series.rule, series.points[step.index]
    before, after = _own(step.before, series), _own(step.after, series)
    unit = before if series.scale is None else series.scale
    is_worse = step.after > step.before or rule.direction == "equal"
    is_newest, undone = step.index >= len(series.points) - newest, _is_undone(number, steps, reasons, series)
    return TrendStep(
        index=step.index,
        commit=point.commit,
        time=point.moment.isoformat(),
        before=before,
        after=after,
        change=(after - before) / unit if math.isfinite(step.before) and math.isfinite(step.after) else math.nan,
        state="worse" if is_worse else "better",
        p_value=step.p_value,
        is_newest=is_newest,
        undone=undone,
        accepted=reasons[number],
        differences=_differences(series.points[step.index - 1], point),
        fails=is_worse and is_newest and not undone and not reasons[number],
    )


def _is_undone(number: int, steps: Sequence[Step], reasons: Sequence[str], series: Series) -> bool:
    before, now = steps[number].before, steps[-1].after
    if series.rule.direction == "equal":
        earlier = [step.before for step, reason in zip(steps[:number], reasons, strict=False) if not reason]
        return now in (before, *earlier)
    return before == now or now - before <= series.rule.limit(series.scale)


def _reason(step: Step, series: Series, accepts: Sequence[Accept], used: set[Accept], anchors: _Anchors) -> str:
    """Return why a step is intended: an entry says its two values, or those of another metric at the same commit, which it comes with."""
    here = [one for one in accepts if one.is_of((series.cell, series.cell_id))]
    fitting = [one for one in here if _is_meant(one, step, series)]
    beside = [(its, other) for other, its in anchors if other.cell_id == series.cell_id and _meet(step, series, its, other)]
    fitting += [one for one in here if series.rule.name in one.also and any(_is_meant(one, *other) for other in beside)]
    used.update(fitting)
    return fitting[0].why if fitting else ""


def _is_meant(accept: Accept, step: Step, series: Series) -> bool:
    values = [_own(level, series) for level in (step.before, step.after)]
    return accept.metric == series.rule.name and accept.is_change(*values, tolerance=series.rule.threshold)


def _meet(step: Step, series: Series, other_step: Step, other: Series) -> bool:
    """Tell whether two steps are one change: where values have noise the place of a step is uncertain, so its neighbours mean it too."""
    return bool(_commits_at(step, series) & _commits_at(other_step, other) - {UNKNOWN})


def _commits_at(step: Step, series: Series) -> set[str]:
    around = 0 if _is_exact(series.rule) else MIN_SIDE
    return {point.commit for point in series.points[max(0, step.index - around) : step.index + around + 1]}


def _own(level: float, series: Series) -> float:
    """Return the metric's own value of a level, which is that of one of the points; NaN where runs diverged."""
    return next(point.value for point in series.points if series.worsening(point.value) == level)


def _differences(before: Point, after: Point) -> tuple[Difference, ...]:
    """Return the fields of the software in which the runs on both sides differ."""
    ours, theirs = before.records[-1].keys.software, after.records[0].keys.software
    return tuple(Difference(key="software", field=field, base=base, head=head) for field, base, head in ours.differences(theirs))


def _point(point: Point) -> TrendPoint:
    return TrendPoint(
        commit=point.commit,
        time=point.moment.isoformat(),
        value=point.value,
        runs=tuple(record.run_id for record in point.records),
    )
