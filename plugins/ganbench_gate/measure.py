"""Pairs one after another, up to the look at which everything is decided or the time is over."""

from __future__ import annotations

import dataclasses
import json
import os
import random
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganbench import Comparison, Difference, Finding, Launch, NotComparable, Policy, encode, refuse_missing_gpu
from ganbench_gate.accept import Accept
from ganbench_gate.changes import Resolved, differences, renamed_option, resolve_sides
from ganbench_gate.failed_sides import failed_finding, is_new, new_finding, run_finding
from ganbench_gate.findings import conclude_pairs, machine_of
from ganbench_gate.intended import excused, intended_changes, notes_of
from ganbench_gate.known_names import refuse_names, unknown_names
from ganbench_gate.lockstep import BASE, HEAD, NULL, PairPlan, PairResult, SideResult, run_alone, run_pair
from ganbench_gate.paired import next_look
from ganbench_gate.seeds import SeedPlan, choose_kimg, judge_seeds, train_seeds
from ganbench_gate.side import Refusal, Side, SidesFailed, make_launch, make_resolve_launch

_FEWEST_PAIRS = 2
_DATASET = "dataset.name"
_FROZEN = "frozen."
_PARAMETERS = "_parameters"


@dataclass(frozen=True, kw_only=True, slots=True)
class AbPlan:
    """Two sides, and how long they are measured."""

    base: Side
    head: Side
    policy: Policy
    pair: PairPlan
    seconds: float
    """For all pairs; one that is running is finished, and two are always run."""
    threads: int = 1
    off: tuple[str, ...] = ()
    with_null: bool = False
    """Whether each pair has a second base process."""
    seed: int = 0
    """Decides who is started first, and whose block comes first."""
    others: tuple[Finding, ...] = ()
    """Findings of something else than the pairs, which are decided with theirs."""
    accepts: tuple[Accept, ...] = ()
    """Changes that are intended, of any cell."""
    first: str = ""
    """Why there is no base at all; base is then never run."""
    seeds: SeedPlan | None = None
    """What is trained for quality when the pairs are done; None for nothing."""
    checkout: Path | None = None
    """The checkout of the current directory, whose code must not slip into a side with another tree."""


class Measurement:
    """The pairs of one call.

    Args:
        plan: what to measure.
        say: told what is going on, in one line.
    """

    def __init__(self, plan: AbPlan, say: Callable[[str], None]) -> None:
        self._plan, self.say = plan, say
        self._rng = random.Random(plan.seed)
        self.pairs: list[PairResult] = []
        self._changes: tuple[Difference, ...] = ()
        self._failed: tuple[Finding, ...] = ()
        self._further: tuple[Finding, ...] = ()
        self._notes: tuple[str, ...] = ()
        self._parameters: set[str] = set()
        self._dataset = str(plan.head.settings.get(_DATASET, ""))
        self.last_words: tuple[str, ...] = ()
        """What a process that failed printed last."""

    def run(self) -> Comparison:
        """Measure and return the verdict, also where a side cannot be run, or base has no such plugin.

        Raises:
            UsageError: neither side takes what is asked.
        """
        try:
            self.resolve()
            comparison = self._run()
            return self._with_quality(self._plan.seeds) if self._plan.seeds else comparison
        except SidesFailed as error:
            return self._without(error.refusals)
        except NotComparable as error:
            self._failed = (run_finding("not-comparable", error.what, self._plan.policy),)
        return self.conclude()

    def resolve(self) -> None:
        """Ask both sides what they would run, before anything is built, and keep how they differ.

        Raises:
            SidesFailed: one of them will not run it.
        """
        self.say("asking both sides what they would run")
        plan = self._plan
        for side in (plan.base, plan.head):
            refuse_missing_gpu(str(side.settings.get("training.device", "auto")))
        sides = {HEAD: plan.head} if plan.first else {BASE: plan.base, HEAD: plan.head}
        launches = {
            role: make_resolve_launch(role, side, off=plan.off, others=self._trees_but(side), evaluates=plan.seeds is not None)
            for role, side in sides.items()
        }
        answers = resolve_sides(launches, {role: side.tree for role, side in sides.items()})
        refusals = {role: answer for role, answer in answers.items() if isinstance(answer, Refusal)}
        resolved = {role: answer for role, answer in answers.items() if isinstance(answer, Resolved)}
        for role, one in resolved.items():
            if one.borrowed:
                refusals[role] = Refusal(kind="unknown", message=f"its tree has no {', '.join(one.borrowed)} of its own")
        if HEAD in refusals and BASE in resolved and (renamed := renamed_option(resolved[BASE], refusals[HEAD])):
            refusals[HEAD] = Refusal(kind="refused", message=renamed)
        if plan.first:
            refusals[BASE] = Refusal(kind="unknown", message=plan.first)
        if refusals:
            raise SidesFailed(refusals)
        self._dataset = str(resolved[HEAD].configuration.get(_DATASET, ""))
        self._changes = differences(resolved[BASE], resolved[HEAD])

    def _without(self, refusals: Mapping[str, Refusal]) -> Comparison:
        """Return the verdict where a side cannot be run; where base has nothing of the kind yet, head is tried alone."""
        policy = self._plan.policy
        self.last_words = tuple(line for refusal in refusals.values() for line in refusal.last_words)
        if is_new(refusals):
            try:
                self.say("base has no such plugin; trying head")
                head = run_alone(HEAD, self._launches()[HEAD], self._plan.pair)
                self._failed = (new_finding(refusals[BASE], head.ready["what"], policy),)
            except SidesFailed as error:
                self._failed = (failed_finding(error.refusals, policy),)
        else:
            one_code = self._plan.head.tree is None or self._plan.base.settings != self._plan.head.settings
            self._failed = (failed_finding(refusals, policy, one_code=one_code),)
        return self.conclude()

    @property
    def is_whole(self) -> bool:
        """Whether both sides were measured, as long as was planned."""
        return bool(self.pairs) and not self._failed

    def add(self, findings: Sequence[Finding], notes: Sequence[str]) -> None:
        """Take findings of something else than the pairs, and what must be known of them."""
        self._further, self._notes = (*self._further, *findings), (*self._notes, *notes)

    def interrupted(self, why: str, exit_code: int) -> Comparison:
        """Return the verdict of what there is, marked as unfinished."""
        self._failed = (run_finding("inconclusive", f"the measurement was not finished: {why}", self._plan.policy),)
        return dataclasses.replace(self.conclude(), outcome="interrupted", exit_code=exit_code)

    def _run(self) -> Comparison:
        plan, began = self._plan, time.perf_counter()
        launches, target = self._launches(), plan.policy.looks[0]
        while True:
            while len(self.pairs) < target and self._has_time(began):
                self.say(self._status(target))
                self.pairs.append(run_pair(launches, plan.pair, self._rng, is_first=not self.pairs, check=self._check_code))
            comparison = self.conclude()
            left = plan.seconds - (time.perf_counter() - began)
            further = next_look(comparison, len(self.pairs), plan.policy, seconds_per_pair=self._pair_seconds(), seconds_left=left)
            if not further or len(self.pairs) < target:
                return comparison
            target = further

    def _with_quality(self, seeds: SeedPlan) -> Comparison:
        """Train some seeds of both sides, and return the verdict of all."""
        plan = self._plan
        sides, kimg = {BASE: plan.base, HEAD: plan.head}, choose_kimg(seeds, self.pairs)
        with tempfile.TemporaryDirectory(prefix="ganbench-quality-") as folder:
            records = train_seeds(seeds, sides, Path(folder), self.say, kimg=kimg, threads=plan.threads, off=plan.off)
        self.add(*judge_seeds(records, plan.policy))
        return self.conclude()

    def conclude(self) -> Comparison:
        """Return the verdict of the pairs so far, in which a change that is intended does not fail."""
        policy = self._plan.policy
        comparison = self._conclude(policy, ())
        accepts = [one for one in self._plan.accepts if self._is_own(one)]
        intended = intended_changes(accepts, comparison.findings, comparison.changes)
        if notes := tuple(notes_of(intended, accepts, comparison.findings)):
            comparison = self._conclude(excused(policy, intended), notes)
        unheeded = unknown_names(policy, [found.metric for found in comparison.findings]) if self.is_whole else []
        return dataclasses.replace(
            comparison,
            findings=tuple(self._named(found) for found in comparison.findings),
            notes=(*comparison.notes, *(f"nothing that was compared is called {name}" for name in unheeded)),
        )

    def _conclude(self, policy: Policy, further_notes: tuple[str, ...]) -> Comparison:
        plan = self._plan
        notes = [*dict.fromkeys((*plan.base.notes, *plan.head.notes, *self._notes)), *further_notes]
        if plan.head.slowdown:
            notes.append(f"head was slowed down by {plan.head.slowdown:.0%} on purpose")
        if self.pairs and not self._failed and len(self.pairs) < policy.looks[0]:
            notes.append(f"the time was over after {len(self.pairs)} of {policy.looks[0]} pairs")
        # Findings that were made elsewhere have their gates already.
        others = [dataclasses.replace(found, gate=policy.gates.get(found.metric, found.gate)) for found in (*self._further, *plan.others)]
        return conclude_pairs(
            self.pairs,
            policy,
            base=plan.base.name,
            head=plan.head.name,
            machine=self.machine,
            notes=notes,
            others=(*self._failed, *others),
            changes=self._changes,
        )

    def _is_own(self, accept: Accept) -> bool:
        """Tell whether an entry is about this plugin and this dataset, where that is known."""
        own = self._cell.split()
        return accept.cell.split()[: len(own)] == own

    @property
    def _cell(self) -> str:
        return " ".join(filter(None, (self._plan.head.plugin, self._dataset)))

    def _named(self, found: Finding) -> Finding:
        """Return a finding with plugin and dataset, so that files of several plugins do not mix; frozen samples are of neither."""
        if found.cell or found.metric.startswith(_FROZEN):
            return found
        return dataclasses.replace(found, cell=self._cell)

    @property
    def machine(self) -> str:
        """The machine in words, as far as it is known."""
        return machine_of(self.pairs[0].sides[BASE] if self.pairs else SideResult())

    def _launches(self) -> dict[str, Launch]:
        plan = self._plan
        roles = {BASE: plan.base, HEAD: plan.head} | ({NULL: plan.base} if plan.with_null else {})
        return {
            role: make_launch(role, side, threads=plan.threads, off=plan.off, others=self._trees_but(side)) for role, side in roles.items()
        }

    def _trees_but(self, side: Side) -> list[Path]:
        """Return the folders whose code a side must not run."""
        trees = (self._plan.base.tree, self._plan.head.tree, self._plan.checkout)
        return [tree for tree in dict.fromkeys(trees) if tree is not None and tree != side.tree] if side.tree else []

    def _has_time(self, began: float) -> bool:
        return len(self.pairs) < _FEWEST_PAIRS or time.perf_counter() - began + self._pair_seconds() <= self._plan.seconds

    def _pair_seconds(self) -> float:
        """Return how long a pair takes; the first starts its processes one by one, so it counts only while it is alone."""
        later = [pair.seconds for pair in self.pairs[1:]] or [pair.seconds for pair in self.pairs]
        return sum(later) / len(later) if later else 0.0

    def _status(self, target: int) -> str:
        return f"pair {len(self.pairs) + 1} of {target}"

    def _check_code(self, role: str, ready: Mapping[str, Any]) -> None:
        """Make sure that a side runs its own tree's code.

        Raises:
            UsageError: a gate is of a network that no side has.
            SidesFailed: its tree lacks what is trained, which another tree would fill in.
            NotComparable: it runs no tree's code at all, so that the comparison would be of something else than it says.
        """
        side = self._plan.head if role == HEAD else self._plan.base
        self._parameters |= {name for name in ready if name.endswith(_PARAMETERS)}
        if role == HEAD:
            wanted = [name for name in (*self._plan.policy.gates, *self._plan.policy.thresholds) if name.endswith(_PARAMETERS)]
            refuse_names([name for name in wanted if name not in self._parameters], sorted(self._parameters))
        if side.tree is None:
            return
        borrowed = sorted(set(ready["foreign"]) & set(ready["made_by"]))
        if borrowed:
            raise SidesFailed({role: Refusal(kind="unknown", message=f"its tree has no {', '.join(borrowed)} of its own")})
        is_ganbench = os.path.isfile(side.tree / "ganbench" / "__init__.py")
        if not ready["from_tree"] or (is_ganbench and "ganbench" not in ready["from_tree"]):
            message = f"{role} ({side.name}) runs the code in {ready['ganbench']}, and not that in {side.tree}"
            raise NotComparable(message, hint="is it a checkout of ganbench, or of one of its plugins?")


_SCHEMA_VERSION = 1


def samples_json(base: Side, head: Side, pairs: Sequence[PairResult], *, machine: str, seed: int) -> str:
    """Return the document: what was run, and every block of every process in the order of time.

    Args:
        base: what base ran.
        head: what head ran.
        pairs: in the order in which they ran.
        machine: in words.
        seed: of the order in which the processes were started.
    """
    document = {
        "schema_version": _SCHEMA_VERSION,
        "machine": machine,
        "seed": seed,
        "base": _side(base),
        "head": _side(head),
        "pairs": [_pair(pair) for pair in pairs],
    }
    return json.dumps(encode(document), allow_nan=False) + "\n"


def _side(side: Side) -> dict[str, Any]:
    settings = {path: value if isinstance(value, (int, float, bool)) else str(value) for path, value in side.settings.items()}
    return {"name": side.name, "plugin": side.plugin, "settings": settings, "options": dict(side.options), "slowdown": side.slowdown}


def _pair(pair: PairResult) -> dict[str, Any]:
    return {
        "spawn_order": list(pair.spawn_order),
        "steps_per_block": pair.steps_per_block,
        "seconds": pair.seconds,
        "sides": {
            name: {"samples_per_second": side.samples_per_second, "ready": side.ready, "facts": side.facts}
            for name, side in pair.sides.items()
        },
    }
