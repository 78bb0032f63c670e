"""What is said where a side cannot be run: head is broken, base is broken, base has nothing of the kind yet, or the request is wrong."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping

from ganbench import Finding, MetricRule, Policy, State, UsageError, plain_finding, rule_of
from ganbench_gate.lockstep import BASE, HEAD, NULL
from ganbench_gate.side import Refusal

_SILENT = "gave no answer"
"""What is said of a process that was waited for in vain."""
_USAGE = {("unknown", "unknown"), ("refused", "refused"), ("refused", "unknown"), ("unknown", "refused"), ("broken", "refused")}
"""What base and head say where the request does not do for either."""


def is_new(refusals: Mapping[str, Refusal]) -> bool:
    """Tell whether base lacks the plugin, and head has said nothing against it."""
    return _kinds(refusals) == ("unknown", "")


def new_finding(base: Refusal, what: str, policy: Policy) -> Finding:
    """Return that base has nothing to compare with, and that head runs.

    Args:
        base: what it says.
        what: head has run.
        policy: of the user.
    """
    why = _said(base).partition(";")[0]
    return run_finding("new", f"there is nothing to compare with yet ({why}); head runs {what}", policy)


def failed_finding(refusals: Mapping[str, Refusal], policy: Policy, *, one_code: bool = False) -> Finding:
    """Return what it means that some sides cannot be run.

    Args:
        refusals: by role.
        policy: of the user.
        one_code: whether the sides are two configurations, so that what one of them refuses is the user's.

    Raises:
        UsageError: neither side takes what is asked, or one configuration does not do.
    """
    base, head = (refusals.get(role) for role in (BASE if BASE in refusals else NULL, HEAD))
    for one in (base, head):
        if one and one_code and one.kind != "broken":
            raise UsageError(_said(one))
    if base and head and _kinds(refusals) in _USAGE:
        ours, theirs = _said(base), _said(head)
        is_first = base.kind == "unknown" and "; " not in ours  # says nothing of what could be mended
        raise UsageError(theirs if is_first or ours == theirs else f"neither side can be run; base says: {ours}; head says: {theirs}")
    if base and head and all(_SILENT in one.message for one in (base, head)):
        why = "neither side gave an answer in time: the machine is too busy, or both hang; nothing is known of head"
        silent = run_finding("broken", why, policy)
        return dataclasses.replace(silent, gate="warn")
    if head:
        also = f"; base cannot be run either: {_said(base)}" if base else ""
        lacks = "no longer has what base has: " if head.kind == "unknown" and not base else ""
        return run_finding("broken", f"{_broken('head', head, lacks)}{also}", policy)
    assert base is not None
    if base.kind == "refused":
        return run_finding("not-comparable", f"base does not take what head takes: {_said(base)}", policy)
    broken = run_finding("broken", f"{_broken('base', base)}; nothing is known of head", policy)
    return dataclasses.replace(broken, gate="warn")  # it says nothing against head


def run_finding(state: State, reason: str, policy: Policy) -> Finding:
    """Return a finding about the sides as such."""
    rule: MetricRule = policy.applied(rule_of("run"))
    return plain_finding(rule, state, reason)


def _broken(role: str, refusal: Refusal, lacks: str = "") -> str:
    said = refusal.message if refusal.message.startswith(role) else f"{role} {lacks or 'cannot be run: '}{_said(refusal)}"
    last = refusal.last_words[-1:]
    return _ABSOLUTE.sub("", "; it said last: ".join((said, *last)))


def _said(refusal: Refusal) -> str:
    """Return the message without the name of the error's class."""
    name, colon, rest = refusal.message.partition(": ")
    return rest if colon and name.isidentifier() and name in _OWN_ERRORS else refusal.message


_OWN_ERRORS = ("PluginError", "ConfigError", "UnsuitableError", "DataError", "WeightsError", "UsageError")


_ABSOLUTE = re.compile(r"(?<![\w:/.])/(?:[^\s/:'\"(),]+/)+(?=[^\s/:'\"(),]+/[^\s/:'\"(),]+)")
"""The beginning of a path from the root, up to its last two parts: where a tree lies is nothing that a reader of a verdict knows."""


def _kinds(refusals: Mapping[str, Refusal]) -> tuple[str, str]:
    """Return what base and head say; a second base process is base."""
    kinds = {role: one.kind for role, one in refusals.items()}
    return kinds.get(BASE, kinds.get(NULL, "")), kinds.get(HEAD, "")
