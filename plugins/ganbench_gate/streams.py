"""The worker's end of the protocol of :mod:`ganbench.fleet.worker`, for scripts that run in a tree of any version: read by its path, and
equal to what this version's workers use, which a test holds.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable
from typing import Any, TextIO

Say = Callable[[dict[str, Any]], None]


def private_streams() -> tuple[TextIO, Say]:
    """Return the orders and what says an answer; whatever else reads or prints in this process gets nothing, and stderr."""
    orders = os.fdopen(os.dup(0), "r", encoding="utf-8")
    answers = os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)

    def say(answer: dict[str, Any]) -> None:
        line = memoryview(json.dumps(answer).encode() + b"\n")
        with contextlib.suppress(OSError):  # whom it works for has gone
            while line:
                line = line[os.write(answers, line) :]

    return orders, say
