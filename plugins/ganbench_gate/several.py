"""One verdict of several plugins that were measured one after another: one folder, one exit code."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ganbench import Comparison, Policy, Quality

_UNFINISHED = "interrupted"


def together(comparisons: Sequence[Comparison], policies: Sequence[Policy], plugins: Sequence[str]) -> Comparison:
    """Return the verdict of all of them, whose gated metrics are corrected for each other; that of one is itself.

    Args:
        comparisons: one for each plugin that was measured.
        policies: of each; what is intended the findings already hold.
        plugins: the name of each, and of those that were not begun.
    """
    from ganbench import conclude

    first = comparisons[0]
    if len(plugins) == 1:
        return first
    named = list(zip(plugins, comparisons, strict=False))
    notes = dict.fromkeys(f"{plugin}: {note}" for plugin, one in named for note in one.notes)
    whole = conclude(
        first.kind,
        [found for one in comparisons for found in one.findings],
        policies[0],
        base=first.base,
        head=first.head,
        machine="; ".join(dict.fromkeys(one.machine for one in comparisons if one.machine)),
        new=[name for one in comparisons for name in one.new],
        notes=[*notes, *(f"{plugin} was not begun" for plugin in plugins[len(comparisons) :])],
        changes=[dataclasses.replace(change, field=f"{change.field} ({plugin})") for plugin, one in named for change in one.changes],
        quality=_weakest([one.quality for one in comparisons]),
    )
    ended = next((one for one in comparisons if one.outcome == _UNFINISHED), None)
    return dataclasses.replace(whole, outcome=ended.outcome, exit_code=ended.exit_code) if ended else whole


def _weakest(known: Sequence[Quality]) -> Quality:
    """Return what is known of the quality of all: that it is not tested where it is not of one."""
    order: tuple[Quality, ...] = ("untested", "", "equal", "tested")
    return min(known, key=order.index)
