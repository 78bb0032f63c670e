"""Which entries of the accept file hold in a comparison."""

from __future__ import annotations

import dataclasses

import pytest

from ganbench import Difference, Finding, Policy, plain_finding, rule_of
from ganbench_gate.accept import ABSENT, Accept
from ganbench_gate.intended import excused, intended_changes, notes_of, proposed_entries

ENTRY = Accept(metric="op_count", cell="dcgan digits", before=205, after=300, reason="fused", where="#41")
WIDTH = Accept(metric="architecture.options.width", cell="dcgan digits", before=64, after=96, reason="wider", also=("op_count",))
CHANGES = (Difference(key="setting", field="architecture.options.width", base=64, head=96),)


def count(base: float, head: float) -> Finding:
    """Return what is found of the number of operators."""
    return dataclasses.replace(plain_finding(rule_of("op_count"), "regressed", ""), base=base, head=head)


@pytest.mark.parametrize(("base", "head", "held"), [(205, 300, (ENTRY,)), (205, 301, ()), (300, 300, ()), (300, 205, ())])
def test_an_entry_holds_where_both_values_are_found(base: float, head: float, held: tuple[Accept, ...]) -> None:
    """Before and after a squash alike; once base has the new value nothing is excused any more."""
    assert intended_changes([ENTRY], [count(base, head)], ()) == held


def test_one_entry_of_a_setting_excuses_what_follows_from_it() -> None:
    """And no metric that it does not name; the user's own gate is the strongest."""
    assert intended_changes([WIDTH], [count(205, 301)], CHANGES) == (WIDTH,)
    assert intended_changes([WIDTH], [count(205, 301)], ()) == ()
    policy = excused(Policy(), [WIDTH])
    assert policy.applied(rule_of("op_count")).gate == "warn"
    assert policy.applied(rule_of("flops_per_iteration")).gate == "fail"
    assert excused(Policy(gates={"op_count": "fail"}), [WIDTH]).applied(rule_of("op_count")).gate == "fail"


def test_the_reader_is_told_what_holds_and_what_went_elsewhere() -> None:
    """An entry that was written for 300 operators says nothing for 301."""
    assert list(notes_of([ENTRY], [ENTRY], [count(205, 300)])) == ["intended: op_count from 205 to 300: fused (#41)"]
    (note,) = notes_of([], [ENTRY], [count(205, 310)])
    assert note == "not as accepted: op_count was to go from 205 to 300, and goes to 310"


def test_what_has_no_values_cannot_be_accepted_by_them() -> None:
    """Head that does not repeat itself goes from nothing to nothing: such an entry would excuse whatever came later."""
    unsteady = dataclasses.replace(plain_finding(rule_of("data_hash"), "regressed", ""), metric="repeatability", cell="dcgan digits")
    entry = Accept(metric="repeatability", cell="dcgan digits", before=ABSENT, after=ABSENT, reason="threads")
    assert proposed_entries([unsteady]) == ""
    assert "repeatability" not in proposed_entries([dataclasses.replace(count(205, 300), cell="dcgan digits"), unsteady])
    assert intended_changes([entry], [unsteady], ()) == ()
