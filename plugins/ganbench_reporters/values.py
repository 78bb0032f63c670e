"""What events say, in the words of every such tool: numbers by name at a step, and files of samples."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from ganbench import Evaluated, Event, Progressed, Saved, Started

KINDS = {".png": "image", ".gif": "image", ".webp": "image", ".jpg": "image", ".wav": "audio", ".txt": "text"}
"""What a file of samples shows, by its suffix; others are of no use to these tools."""


def step_of(event: Event) -> int:
    """Return the step of an event: real samples seen, as everywhere in ganbench."""
    if isinstance(event, Evaluated):
        return event.evaluation.samples_seen
    return event.samples_seen if isinstance(event, (Progressed, Saved)) else 0


def numbers_of(event: Event) -> dict[str, float]:
    """Return what an event has measured by name.

    ``training/generator_loss`` and its like are means over an interval, ``quality/fd5k_digits`` is a metric, and ``real/fd5k_digits``
    is the same metric of real samples against real ones, which a perfect generator would have.
    """
    if isinstance(event, Progressed):
        speed = {"speed/samples_per_second": event.samples_per_second, "speed/training_seconds": event.training_seconds}
        return {**{f"training/{name}": value for name, value in event.statistics.items()}, **speed}
    if not isinstance(event, Evaluated):
        return {}
    values = event.evaluation.values
    real = {f"real/{value.name}": value.floor for value in values if value.floor is not None}
    return {**{f"quality/{value.name}": value.value for value in values}, **real}


def settings_of(event: Started) -> Mapping[str, str]:
    """Return the resolved configuration by path, each value as text."""
    return {path: ", ".join(map(str, value)) if isinstance(value, list) else str(value) for path, value in event.config.items()}


def samples_of(event: Event) -> tuple[str, Path] | None:
    """Return the kind and the path of a file of samples that has been written; None for other events, and where it has gone since."""
    if not isinstance(event, Saved) or event.what != "samples":
        return None
    kind = KINDS.get(event.path.suffix.lower(), "")
    return (kind, event.path) if kind and os.path.isfile(event.path) else None
