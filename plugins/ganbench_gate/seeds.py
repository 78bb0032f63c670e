"""``--quality N``: train N seeds of each side in turns, and say whether head is worse by more than the margin.

The two runs of a seed follow each other, and who comes first changes from seed to seed, so that what changes on the machine changes for
both. The statistics are those of stored runs: exact ranks over the seeds, and a run that diverged is the worst of all.
"""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ganbench import Finding, Policy, RunRecord, StoredRun, Worker, WorkerFailed, compare_quality, load
from ganbench_gate.lockstep import BASE, HEAD, PairResult
from ganbench_gate.side import Refusal, Side, SidesFailed, launch_script

FEWEST_SEEDS = 4
"""Ranks of three against three can never be significant."""
_SHARE = 0.8
"""Of its share of the time a run trains this much; the rest are its start and its evaluation."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SeedPlan:
    """What is trained for quality."""

    num_seeds: int
    kimg: float | None = None
    """Budget of each run; None for the plugin's own, or as much of it as fits the time."""
    seconds: float = 300.0
    """For all runs, where nobody gave the budget."""


def choose_kimg(plan: SeedPlan, pairs: Sequence[PairResult]) -> float | None:
    """Return the budget of each run; None for the plugin's own, where it fits or where nobody knows how fast the sides are.

    Args:
        plan: how many seeds, and how long.
        pairs: that were measured before.
    """
    if plan.kimg is not None or not pairs:
        return plan.kimg
    speed = min(statistics.median(pairs[0].sides[role].samples_per_second) for role in (BASE, HEAD))
    fits = _SHARE * plan.seconds / (2 * plan.num_seeds) * speed / 1000
    whole = min((pairs[0].sides[role].fingerprint.get("kimg", fits) for role in (BASE, HEAD)), default=fits)
    return float(f"{min(fits, whole):.2g}")


def train_seeds(
    plan: SeedPlan,
    sides: Mapping[str, Side],
    folder: Path,
    say: Callable[[str], None],
    *,
    kimg: float | None,
    threads: int,
    off: Sequence[str] = (),
) -> dict[str, list[RunRecord]]:
    """Return the finished runs of each side, one for each seed.

    Args:
        plan: how many seeds.
        sides: by role.
        folder: where the runs go; it is absent or empty.
        say: told what is going on.
        kimg: budget of each run; None for the plugin's own.
        threads: CPU threads of each process.
        off: plugins that are switched off.

    Raises:
        SidesFailed: a run died, hung or could not be built.
    """
    records: dict[str, list[RunRecord]] = {role: [] for role in (BASE, HEAD)}
    for seed in range(plan.num_seeds):
        for role in (BASE, HEAD) if seed % 2 == 0 else (HEAD, BASE):
            say(f"quality: seed {seed + 1} of {plan.num_seeds}, {role}")
            records[role].append(_train(role, sides[role], folder / role / f"seed-{seed}", seed, kimg, threads, off).record)
    return records


def _train(role: str, side: Side, folder: Path, seed: int, kimg: float | None, threads: int, off: Sequence[str]) -> StoredRun:
    folder.parent.mkdir(parents=True, exist_ok=True)
    budget = {} if kimg is None else {"training.total_kimg": kimg, "evaluation.every_kimg": kimg}
    job = {
        "plugin": side.plugin,
        "settings": {**side.settings, **budget, "training.seed": seed, "training.threads": threads},
        "options": dict(side.options),
        "off": list(off),
        "threads": threads,
        "folder": str(folder.resolve()),
    }
    worker = None
    try:
        worker = Worker(launch_script(f"{role}, seed {seed}", side, Path(__file__).with_name("seed_process.py"), job, threads=threads))
        worker.answer("run", _TIMEOUT_SECONDS)
    except WorkerFailed as error:
        raise SidesFailed({role: Refusal(kind="broken", message=error.what, last_words=error.last_words)}) from error
    finally:
        if worker is not None:
            worker.close()
    return load(folder)


_TIMEOUT_SECONDS = 24 * 3600.0


def judge_seeds(records: Mapping[str, Sequence[RunRecord]], policy: Policy) -> tuple[tuple[Finding, ...], tuple[str, ...]]:
    """Return the finding of each metric, and one line on what such a test can see.

    Args:
        records: of each side, one for each seed.
        policy: the margin and how sure it must be.
    """
    base, head = records[BASE], records[HEAD]
    found = tuple(dataclasses.replace(one, reason=_told(one)) for one in compare_quality(base, head, policy))
    budget = f"{head[0].work.samples_seen / 1000:g} kimg"
    return found, tuple(f"quality: {len(base)} seeds a side of {budget} each; {one.label}: {_power(one)}" for one in found)


def _told(one: Finding) -> str:
    """Return the reason with what is known of a worsening where that is more than the state says."""
    ruled_out = f"not worse by more than the margin of {one.threshold:.0%}" if one.not_worse and one.state == "inconclusive" else ""
    return "; ".join(filter(None, (one.reason, ruled_out)))


def _power(one: Finding) -> str:
    if one.smallest_visible is None:
        return f"the margin is {one.threshold:.0%}, and these values show no spread by which to say what would be seen"
    return f"the margin is {one.threshold:.0%}, and a worsening of {one.smallest_visible:.1%} would be seen 4 times in 5"
