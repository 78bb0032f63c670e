"""What a gate or a threshold of ``ab`` and ``ci`` can be of, known before anything is measured: a misspelt one would be off unseen."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import get_args

from ganbench import RULES, Policy, Tier, UsageError, did_you_mean

_OWN = ("memory_growth", "object_growth", "optimizer_numbers", "peak_rss_mib", "repeatability", "startup_seconds", "whole_run")
"""What only pairs of processes tell."""
_FAMILIES = ("phase_milliseconds.", "frozen.", "_parameters")


def unknown_names(policy: Policy, compared: Iterable[str] = (), *, families: tuple[str, ...] = ()) -> list[str]:
    """Return the names of gates and thresholds that nothing has.

    Args:
        policy: of the user.
        compared: metrics besides those that every call has.
        families: beginnings and ends of names of which it is not known yet which there will be.
    """
    known = {*get_args(Tier), *RULES, *_OWN, *compared}
    names = dict.fromkeys((*policy.gates, *policy.thresholds))
    return [name for name in names if name not in known and not (families and (name.startswith(families) or name.endswith(families)))]


def refuse_unknown_names(policy: Policy, compared: Collection[str] = ()) -> None:
    """Refuse a gate or a threshold of what no call has.

    Raises:
        UsageError: there is such.
    """
    refuse_names(unknown_names(policy, compared, families=_FAMILIES), [*get_args(Tier), *RULES, *_OWN, *compared])


def refuse_names(names: Collection[str], known: Collection[str]) -> None:
    """Refuse names, if there are any.

    Raises:
        UsageError: there are.
    """
    for name in names:
        raise UsageError(f"--gate or --threshold {name}: nothing that is compared is called so", hint=did_you_mean(name, sorted(known)))
