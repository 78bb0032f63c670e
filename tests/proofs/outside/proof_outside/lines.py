"""A reporter: a line of JSON for each event, of plain values."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from ganbench import Ended, Event, Listener, ReporterContext
from proof_outside import LinesOptions


def build(options: LinesOptions, context: ReporterContext) -> Listener:
    """Return what writes."""
    path = Path(options.file)

    def write(event: Event) -> None:
        told = {"status": event.record.status} if isinstance(event, Ended) else dataclasses.asdict(event)
        with path.open("a") as file:
            file.write(json.dumps({"event": type(event).__name__, **told}, default=str) + "\n")

    return write
