"""``ganbench ci``: what a CI job should ask of a change, in one call with one exit code."""

from __future__ import annotations

import dataclasses
import itertools
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ganbench import Invocation, NothingToCompare, UsageError, WorkerFailed, add_options, deliver, outputs_of, policy_of
from ganbench_gate.ab import CHECKED, check_request, measure, plan_of
from ganbench_gate.accept import ACCEPT_FILE, accepts_of
from ganbench_gate.history import DEFAULT_HISTORY
from ganbench_gate.known_names import refuse_unknown_names
from ganbench_gate.options import CI_GROUPS, CiCommand
from ganbench_gate.several import together

if TYPE_CHECKING:
    from ganbench import Comparison
    from ganbench_gate.measure import AbPlan, Measurement

_SECONDS = 200.0
"""For all pairs: with the frozen samples and the start, a free runner with two cores is done in about five minutes."""
FILES = {"json": "verdict.json", "markdown": "verdict.md", "junit": "verdict.xml", "github-benchmark": "benchmark.json"}
"""Kinds of output and the files that hold them; ``benchmark.json`` becomes ``benchmark-bigger.json`` and ``benchmark-smaller.json``."""
SAMPLES = "samples.json"
"""Every block of every process; ``samples-PLUGIN.json`` of each where there are several plugins."""
_COMMIT_DIGITS = 9
_ENDED = 130
"""The exit code of a call that was ended from outside: no further plugin is begun."""


@click.command("ci", cls=CiCommand, context_settings={"default_map": {"seconds": _SECONDS}})
@click.argument("sides", nargs=-1, metavar="[BASE] [HEAD]")
@add_options([add for group in CI_GROUPS.values() for add in group])
@click.pass_obj
def command(invocation: Invocation, /, sides: tuple[str, ...], **flags: Any) -> int:
    """Gate a change: compare HEAD with BASE in everything that a CI job can find out in about five minutes.

    BASE is by default the commit that the change began at: in a pull request on GitHub the merge base with the branch that it goes to, else
    the commit before. HEAD is the checkout as it is. Both can be git refs or folders, as for ganbench ab.

    \b
    ganbench ci --plugin dcgan
    ganbench ci main --plugin dcgan --plugin wgan-gp --gpu
    ganbench ci --plugin dcgan --baseline baseline:main --runs results/head
    ganbench ci . . --plugin dcgan --gate throughput=fail --inject-slowdown 25%
    ganbench ci v1.0 main --plugin dcgan --each

    \b
    What is compared                                         fails   with --gpu
    counts of one step: parameters, operators, FLOPs, bytes  yes     yes
    every metric on the frozen samples (to 0.1 %)            yes     yes
    images per second, in lock-step with BASE (to 5 %)       told    yes
    peak memory (to 5 %)                                     told    yes
    quality of --runs against --baseline (to 10 %)           yes     yes

    A change that is intended is an entry [[accept]] of DIR/accept.toml with metric, cell, from, to and reason, as ganbench trend has it; it
    holds wherever exactly this change is found, so after a squash or a rebase too.

    With --each every commit after BASE, up to that of HEAD, is held against the one before it: a verdict each, in a folder of its own below
    that of --out, and in the end a table of all. Of a merge that is what it brought in.

    The folder of --out gets verdict.json, verdict.md, verdict.xml (JUnit), benchmark-bigger.json and benchmark-smaller.json (for
    github-action-benchmark), samples.json (every measurement) and, where exact values failed, accept.toml: the entries that would accept
    them. On GitHub the verdict is added to the step's summary.

    Exit codes: 0 nothing that is gated regressed, or base has nothing to compare with yet; 1 something did, or head cannot be run; 2 usage;
    3 base cannot be run; 4 base does not take what head takes; 5 there are no runs; 130 interrupted. The files are written all the same.
    """
    off = (*invocation.off, *flags["off"])
    if flags.pop("each"):
        return _walk(sides, flags, off)
    return _gate(sides, flags, off).exit_code


def _walk(sides: tuple[str, ...], flags: dict[str, Any], off: tuple[str, ...]) -> int:
    """Gate each commit against the one before it, print a table of all, and return the exit code of the worst.

    Raises:
        UsageError: a flag is of one verdict only, or a side is no commit.
        NothingToCompare: there is no commit between the sides.
    """
    from ganbench import print_document
    from ganbench_gate.each import CommitVerdict, each_document, worst_exit_code
    from ganbench_gate.trees import commit_subject, commits_between, default_base, is_commit

    if taken := [name for name, value in (("-o", flags["outputs"]), ("--json", flags["as_json"]), ("--runs", flags["runs"])) if value]:
        raise UsageError(f"{taken[0]} is of one verdict, and --each gives several", hint="each commit has its own folder below --out")
    _check(sides, flags)
    base = sides[0] if sides else default_base(Path.cwd(), os.environ).commit
    for side in (base, *sides[1:]):
        if not is_commit(Path.cwd(), side):
            raise UsageError(f"{side!r} is no commit, branch or tag of the checkout", hint="--each walks the commits between two of them")
    commits = commits_between(Path.cwd(), base, sides[1] if len(sides) > 1 else "WORKTREE")[::-1]
    if not commits:
        raise NothingToCompare(f"there is no commit after {base}", hint="--each takes git refs of the checkout in the current folder")
    rows = []
    names = [commit[:_COMMIT_DIGITS] for commit in commits]
    for before, commit in itertools.pairwise((f"{names[0]}^", *names)):
        comparison = _gate((before, commit), {**flags, "out": flags["out"] / commit}, off)
        rows.append(CommitVerdict(commit=commit, subject=commit_subject(Path.cwd(), commit), comparison=comparison))
        if comparison.exit_code == _ENDED:
            break
    print_document(each_document(rows, num_commits=len(commits)))
    return worst_exit_code(rows)


def _gate(sides: tuple[str, ...], flags: dict[str, Any], off: tuple[str, ...]) -> Comparison:
    """Gate one change in all plugins that are asked for, and write its files."""
    out: Path = flags["out"]
    plugins = dict.fromkeys(flags["plugins"] or (None,))
    plans = [_plan(sides, {**flags, "plugin": plugin}, off) for plugin in plugins]
    for plan in plans[1:]:
        check_request(plan)
    _make_folder(out)
    written = {**flags, "outputs": (*(f"{kind}={out / name}" for kind, name in FILES.items()), *flags["outputs"])}
    outputs_of(written)
    plans[0] = _with_quality(plans[0], flags)
    comparisons = []
    for number, plan in enumerate(plans):
        further = (lambda measurement, plan=plan: _score_frozen(measurement, plan, flags, off)) if number == 0 else None
        samples = out / (f"samples-{_file_name(plan.head.plugin)}.json" if len(plans) > 1 else SAMPLES)
        comparisons.append(measure(plan, samples, further))
        if comparisons[-1].exit_code == _ENDED:
            break
    whole = together(comparisons, [plan.policy for plan in plans], [plan.head.plugin for plan in plans])
    whole = _with_proposal(whole, out / ACCEPT_FILE, flags["history"] / ACCEPT_FILE)
    deliver(whole, {**written, **CHECKED})
    return whole


def _with_proposal(comparison: Comparison, path: Path, accepted: Path) -> Comparison:
    """Write the entries that would accept what failed, and say where they are; what an earlier verdict proposed goes.

    Raises:
        StorageError: the file cannot be written.
    """
    from ganbench import storage_errors
    from ganbench_gate.intended import proposed_entries

    entries = proposed_entries(comparison.findings)
    with storage_errors(path):
        if not entries:
            path.unlink(missing_ok=True)
            return comparison
        path.write_text(entries, encoding="utf-8")
    note = f"if this is intended: give the entry in {path} its reason, and put it into {accepted}"
    return dataclasses.replace(comparison, notes=(*comparison.notes, note))


def _file_name(plugin: str) -> str:
    """Return what a plugin is called in the name of a file."""
    return re.sub(r"[^\w.-]+", "-", plugin).strip("-.")


def _plan(sides: tuple[str, ...], flags: dict[str, Any], off: tuple[str, ...]) -> AbPlan:
    """Return what is measured; nothing is written.

    Raises:
        UsageError: a flag, a ref or a file is wrong.
    """
    from ganbench_gate.trees import default_base

    _check(sides, flags)
    base, first = None, ""
    try:
        base = None if sides else default_base(Path.cwd(), os.environ)
    except NothingToCompare as error:
        first = error.what
    sides = (base.commit,) if base else sides or ("WORKTREE",)
    accepts = accepts_of(flags["history"])
    timed = "fail" if flags["gpu"] else "warn"  # a hosted runner measures time beside unknown neighbours
    gates = [f"throughput={timed}", f"memory={timed}", *flags["gates"]]
    given = {"gates": tuple(gates), "base_settings": (), "head_settings": ()}
    device = {"device": flags["device"] or ("cuda" if flags["gpu"] else None)}
    plan = plan_of(sides, {**flags, **given, **device}, off)
    name = f"{base.why} ({base.commit[:9]})" if base else "nothing yet" if first else plan.base.name
    return dataclasses.replace(
        plan,
        first=first,
        accepts=accepts,
        base=dataclasses.replace(plan.base, name=name),
    )


def _check(sides: tuple[str, ...], flags: dict[str, Any]) -> None:
    """Find out what is wrong before anything is looked up.

    Raises:
        UsageError: a side is no code, or a flag cannot be read or lacks its other half.
    """
    if files := [side for side in sides if side.endswith(".toml")]:
        raise UsageError(f"two versions of the code are compared (got {files[0]})", hint="ganbench ab compares configurations")
    policy = policy_of(flags)
    if not flags["runs"]:
        refuse_unknown_names(policy)
    outputs_of(flags)
    if bool(flags["baseline"]) != bool(flags["runs"]):
        given, missing = ("--baseline", "--runs") if flags["baseline"] else ("--runs", "--baseline")
        raise UsageError(f"{given} is given and {missing} is missing", hint="quality is that of --runs against --baseline")
    if flags["history"] != DEFAULT_HISTORY and not os.path.isdir(flags["history"]):
        raise UsageError(f"--history {flags['history']}: there is no such folder", hint="it holds baselines and accept.toml")
    out: Path = flags["out"]
    existing = next(path for path in (out.absolute(), *out.absolute().parents) if os.path.exists(path))
    if not os.path.isdir(existing):
        raise UsageError(f"--out {out}: {existing} is a file", hint="name a folder")


def _make_folder(out: Path) -> None:
    """Make the folder of the output, which git is told to pass over: it must not make the working tree a changed one.

    Raises:
        StorageError: it cannot be made.
    """
    from ganbench import storage_errors

    with storage_errors(out):
        out.mkdir(parents=True, exist_ok=True)
        (out / ".gitignore").write_text("*\n", encoding="ascii")


def _with_quality(plan: AbPlan, flags: dict[str, Any]) -> AbPlan:
    """Return the plan with the findings of the stored runs, where some are given.

    Raises:
        UsageError: they are none, or a gate is of what they do not have.
        NothingToCompare: there is none.
    """
    if not flags["runs"]:
        return plan
    from ganbench_gate.stored_quality import stored_quality

    quality, notes = stored_quality(flags["baseline"], flags["runs"], flags["history"], plan.policy)
    refuse_unknown_names(policy_of(flags), [one.metric for one in quality])
    head = dataclasses.replace(plan.head, notes=(*plan.head.notes, *notes))
    return dataclasses.replace(plan, head=head, others=quality)


def _score_frozen(measurement: Measurement, plan: AbPlan, flags: dict[str, Any], off: tuple[str, ...]) -> None:
    """Add what head's metrics make of the frozen samples; a process that fails at it is a finding too."""
    from ganbench import plain_finding
    from ganbench_gate.frozen import check_frozen_samples, frozen_score_rule

    data_root = flags["data_root"] or os.environ.get("GANBENCH_DATA", "")
    device = str(plan.head.settings.get("training.device", "auto"))
    measurement.say("scoring the frozen samples")
    try:
        frozen = check_frozen_samples(plan.head, plan.policy, threads=plan.threads, device=device, data_root=data_root, off=off)
        measurement.add(frozen.findings, frozen.notes)
    except WorkerFailed as error:
        rule = plan.policy.applied(frozen_score_rule("scores", "scores"))
        measurement.add((plain_finding(rule, "missing", f"they cannot be scored: {error.what}"),), ())
