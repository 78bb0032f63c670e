"""Every promise that a plugin makes, as tests for its author.

One line in a test file of yours runs them all, one test for each promise::

    from ganbench.testing import promises

    test_my_gan = promises("my-gan")

``ganbench plugins check my-gan`` does the same from the command line, and ``pytest -p ganbench.testing.pytest_plugin --promises my-gan``
without a file. :func:`check` returns the outcomes as values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ganbench.testing.check import check, find_subjects, promises
from ganbench.testing.promise import Broken, NotClaimed, Outcome, Promise, Subject, promise, promises_of

if TYPE_CHECKING:
    from ganbench.testing.recorded_graph import RecordedGraphs
    from ganbench.testing.trial import Trial

__all__ = [
    "Broken",
    "NotClaimed",
    "Outcome",
    "Promise",
    "RecordedGraphs",
    "Subject",
    "Trial",
    "check",
    "find_subjects",
    "promise",
    "promises",
    "promises_of",
]


def __getattr__(name: str) -> Any:
    """Import on first use what needs torch, so that a plugin's name that is misspelt is told at once."""
    if name == "RecordedGraphs":
        from ganbench.testing.recorded_graph import RecordedGraphs

        return RecordedGraphs
    if name == "Trial":
        from ganbench.testing.trial import Trial

        return Trial
    raise AttributeError(f"module 'ganbench.testing' has no attribute {name!r}")
