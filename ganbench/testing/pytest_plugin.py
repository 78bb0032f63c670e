"""A plugin for pytest that tries every promise of a plugin without a test file.

``pytest -p ganbench.testing.pytest_plugin --promises my-gan``
"""

from __future__ import annotations

import pytest

from ganbench.testing.check import find_subjects
from ganbench.testing.promise import Promise, Subject, promises_of


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--promises``."""
    group = parser.getgroup("ganbench")
    group.addoption(
        "--promises", action="append", default=[], metavar="NAME", help="Try every promise of a ganbench plugin; may be repeated."
    )


def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    """Add a test for each promise."""
    for target in config.getoption("--promises"):
        for subject in find_subjects(target):
            items += [PromiseItem.of(session, one, subject) for one in promises_of(subject.spec)]


class PromiseItem(pytest.Item):
    """One promise of one plugin as a test."""

    promise: Promise
    subject: Subject

    @classmethod
    def of(cls, session: pytest.Session, promise: Promise, subject: Subject) -> PromiseItem:
        """Return the test of a promise."""
        item: PromiseItem = cls.from_parent(session, name=f"{subject.target}-{subject.spec.kind}-{promise.name}")
        item.promise, item.subject = promise, subject
        item.add_marker(pytest.mark.filterwarnings("ignore"))
        return item

    def runtest(self) -> None:
        """Try it."""
        self.promise.keep_or_skip(self.subject)

    def reportinfo(self) -> tuple[str, int | None, str]:
        """Return how the test is called."""
        return f"ganbench plugin {self.subject.target}", None, self.name
