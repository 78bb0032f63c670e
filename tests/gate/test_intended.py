"""Which entries of the accept file count in a pull request."""

from __future__ import annotations

from ganbench_gate.accept import Accept
from ganbench_gate.intended import Intended, intended_changes

COMMITS = ("3f2a9c1" + "0" * 33, "77aa88b" + "1" * 33)


def entry(**changes: str) -> Accept:
    """Return an entry, with some of its fields replaced."""
    return Accept(**{"metric": "op_count", "cell": "dcgan digits", "commit": "3f2a9c1", "reason": "fused, see #41", **changes})


def test_an_entry_holds_while_its_commit_is_part_of_the_change() -> None:
    """With the reason that a reviewer has read; the first entry of a metric counts."""
    found = intended_changes([entry(), entry(reason="again"), entry(metric="checkpoint_bytes")], COMMITS, "dcgan")
    assert found == (Intended(metric="op_count", reason="fused, see #41"), Intended(metric="checkpoint_bytes", reason="fused, see #41"))


def test_an_entry_of_another_commit_or_cell_does_not_hold() -> None:
    """After the merge the commit is below the merge base, and the metric is gated again."""
    assert intended_changes([entry()], COMMITS[1:], "dcgan") == ()
    assert intended_changes([entry(cell="dcgan-64 synthetic")], COMMITS, "dcgan") == ()
    assert intended_changes([entry()], (), "dcgan") == ()
