"""Every promise that a plugin makes, as tests for its author.

One line in a test file of yours runs them all, one test for each promise::

    from ganbench.testing import promises

    test_my_gan = promises("my-gan")

``ganbench plugins check my-gan`` does the same from the command line, and ``pytest -p ganbench.testing.pytest_plugin --promises my-gan``
without a file. :func:`check` returns the outcomes as values.
"""

from __future__ import annotations

from ganbench.testing.check import check, find_subjects, promises
from ganbench.testing.promise import Broken, NotClaimed, Outcome, Promise, Subject, promise, promises_of
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
