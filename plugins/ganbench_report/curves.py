"""The curves of a run: what its events say of losses, and what its record says of metrics."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ganbench import RunDirectory, RunRecord, read_events

_FIXED = ("time", "event", "samples_seen", "generator_steps", "training_seconds")
_DIGITS = 5


def statistics_of(run: Path, most: int) -> dict[str, Any]:
    """Return the curves of the statistics in a run's events: ``kimg``, ``seconds``, and the values of each by its name.

    Args:
        run: its folder; one without events has no curves.
        most: points of a curve; of more, neighbours are averaged.
    """
    events = [event for event in read_events(RunDirectory(run).events_path, "progress") if _number(event.get("samples_seen")) is not None]
    if not events:
        return {}
    names = dict.fromkeys(name for event in events for name in event if name not in _FIXED)
    groups = _groups(events, most)
    values = {name: [_mean(group, name) for group in groups] for name in names}
    return {
        "kimg": [_short(group[-1]["samples_seen"] / 1000) for group in groups],
        "seconds": [_short(_number(group[-1].get("training_seconds"))) for group in groups],
        "values": {name: column for name, column in values.items() if any(value is not None for value in column)},
    }


def metrics_of(record: RunRecord) -> list[dict[str, Any]]:
    """Return the history of each metric of a run under each evaluation key, with real against real and the places of best and final."""
    seconds = {evaluation.samples_seen: evaluation.training_seconds for evaluation in record.evaluations}
    found = []
    for name, key in dict.fromkeys((value.name, value.evaluation_key) for one in record.evaluations for value in one.values):
        history = [(seen, value) for seen, value in record.history(name) if value.evaluation_key == key]
        final, values = history[-1][1], [value for _, value in history]
        trained = [value for seen, value in history if seen > 0] or values
        best = min(trained, key=lambda v: (math.isnan(v.value), -v.value if v.higher_is_better else v.value))
        found.append(
            {
                "name": name,
                "key": key,
                "label": final.label,
                "higher": final.higher_is_better,
                "kimg": [seen / 1000 for seen, _ in history],
                "seconds": [seconds[seen] for seen, _ in history],
                "values": [finite(value.value) for value in values],
                "spreads": [finite(value.spread) for value in values],
                "best": values.index(best),
                "floor": None if final.floor is None else finite(final.floor),
                "floors": [finite(min(final.floor_splits)), finite(max(final.floor_splits))] if final.floor_splits else [],
            }
        )
    return found


def finite(value: float) -> float | None:
    """Return a number as JSON has it: None for what is not finite."""
    return value if math.isfinite(value) else None


def _groups(events: Sequence[Mapping[str, Any]], most: int) -> list[Sequence[Mapping[str, Any]]]:
    """Return neighbours together, at most ``most`` groups of about the same size."""
    count = min(len(events), max(most, 1))
    ends = [round((i + 1) * len(events) / count) for i in range(count)]
    return [events[start:end] for start, end in zip([0, *ends[:-1]], ends, strict=True)]


def _mean(group: Sequence[Mapping[str, Any]], name: str) -> float | None:
    values = [value for event in group if (value := _number(event.get(name))) is not None]
    return _short(sum(values) / len(values)) if values else None


def _number(value: object) -> float | None:
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value) else None


def _short(value: float | None) -> float | None:
    """Return a number with as many digits as a plot needs."""
    return None if value is None or not math.isfinite(value) else float(f"{value:.{_DIGITS}g}")
