"""Intended changes: reviewed entries of the accept file whose commit is among those that head adds.

An entry holds for the pull request that makes the change, because only there its commit lies between base and head; afterwards the same
metric is gated again. ``ganbench trend`` reads the same file.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ganbench_gate.accept import Accept


@dataclass(frozen=True, kw_only=True, slots=True)
class Intended:
    """A metric whose change is no regression here."""

    metric: str
    reason: str


def intended_changes(accepts: Iterable[Accept], commits: Sequence[str], plugin: str) -> tuple[Intended, ...]:
    """Return which metrics may change.

    Args:
        accepts: the entries of the file; each says a metric, a cell, a commit and a reason.
        commits: that head has and base has not.
        plugin: what is trained; the cells of its name are meant.
    """
    found: dict[str, Intended] = {}
    for one in accepts:
        if one.cell.split()[0] == plugin and one.covers(one.metric, (one.cell,), commits, ()):
            found.setdefault(one.metric, Intended(metric=one.metric, reason=one.reason))
    return tuple(found.values())
