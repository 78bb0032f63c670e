"""``ganbench ab``: two sides in lock-step on this machine, and a verdict."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ganbench.cli.ab_options import MEASURING_OPTIONS, RUN_OPTIONS, SAMPLES_OPTION, SETTING_OPTIONS, add_options
from ganbench.cli.main import Invocation
from ganbench.cli.verdict import deliver, outputs_of, policy_of, verdict_options
from ganbench.errors import UsageError

if TYPE_CHECKING:
    from ganbench.ab.measure import AbPlan
    from ganbench.compare import Comparison, Policy


@click.command("ab")
@click.argument("sides", nargs=-1, metavar="[BASE] [HEAD]")
@add_options((*RUN_OPTIONS, *SETTING_OPTIONS, *MEASURING_OPTIONS, SAMPLES_OPTION))
@verdict_options
@click.pass_obj
def command(invocation: Invocation, /, sides: tuple[str, ...], **flags: Any) -> int:
    """Compare the speed of HEAD with that of BASE on this machine: both run in turns, a block at a time, in pairs of processes.

    BASE and HEAD are git refs of the checkout in the current directory, folders with a checkout, WORKTREE (or .) for the checkout as it is,
    or TOML files with two configurations of the code that runs here. HEAD is WORKTREE by default. Without both, --base-set and --head-set
    say what differs.

    \b
    ganbench ab main --plugin dcgan
    ganbench ab v1.0 HEAD --plugin dcgan-64 --dataset synthetic -o junit=speed.xml
    ganbench ab --plugin dcgan --base-set training.keep_memory=false
    ganbench ab HEAD HEAD --plugin dcgan --inject-slowdown 10%

    Parameters, operators, FLOPs, sizes, data and the first losses of both sides are compared too; between two configurations they are only
    told. Paths in settings are meant from the root of a side's tree.

    Exit codes: 0 no gated metric regressed, 1 one did, 2 usage, 3 a process failed, 4 the sides are not comparable.
    """
    outputs_of(flags)
    _check_folder(flags["samples"])
    plan = plan_of(sides, flags, off=(*invocation.off, *flags["off"]))
    return deliver(measure(plan, flags["samples"]), flags)


def plan_of(sides: tuple[str, ...], flags: dict[str, Any], off: tuple[str, ...]) -> AbPlan:
    """Return what is measured, and how.

    Raises:
        UsageError: a flag, a ref, a file or a folder is wrong.
    """
    from ganbench.ab.lockstep import PairPlan
    from ganbench.ab.measure import AbPlan
    from ganbench.ab.trees import top_level
    from ganbench.cli.ab_sides import configurations_differ, read_sides

    policy = policy_of(flags, **({"looks": (flags["pairs"],)} if flags["pairs"] else {}))
    slowdown = _fraction(flags["inject_slowdown"])
    base, head = read_sides(sides, flags)
    return AbPlan(
        base=base,
        head=dataclasses.replace(head, slowdown=slowdown),
        policy=_only_told(policy) if configurations_differ(base, head) else policy,
        pair=PairPlan(pair_seconds=flags["pair_seconds"]),
        seconds=flags["seconds"],
        threads=flags["threads"],
        off=off,
        with_null=flags["with_null"],
        seed=flags["seed"] or 0,
        checkout=top_level(Path.cwd()),
    )


def measure(plan: AbPlan, samples: Path | None) -> Comparison:
    """Return the verdict; the samples are kept whatever happens."""
    from ganbench.ab.measure import Measurement
    from ganbench.ab.samples import samples_json
    from ganbench.cli.status_line import StatusLine
    from ganbench.results.atomic import write_text

    with StatusLine() as line, last_words_shown():
        measurement = Measurement(plan, line.say)
        try:
            return measurement.run()
        finally:
            if samples is not None and measurement.pairs:
                text = samples_json(plan.base, plan.head, measurement.pairs, machine=measurement.machine, seed=plan.seed)
                write_text(samples, text)


@contextlib.contextmanager
def last_words_shown() -> Iterator[None]:
    """Print what a process said last before it failed."""
    from ganbench.ab.process import WorkerFailed

    try:
        yield
    except WorkerFailed as error:
        for said in error.last_words:
            click.echo(f"  | {said}", err=True)
        raise


def _only_told(policy: Policy) -> Policy:
    """Return the policy for two configurations: that their counts differ is what the user asked for."""
    return dataclasses.replace(policy, gates={"deterministic": "off", **policy.gates})


def _fraction(text: str) -> float:
    """Read ``10%``."""
    try:
        value = float(text.removesuffix("%")) / 100
    except ValueError:
        value = -1.0
    if not text.endswith("%") or not 0 <= value <= 10:
        raise UsageError(f"--inject-slowdown must be a percentage between 0% and 1000% (got {text!r})")
    return value


def _check_folder(path: Path | None) -> None:
    """Find out before minutes have passed."""
    if path is not None and not path.absolute().parent.is_dir():
        raise UsageError(f"--samples {path}: there is no folder {path.absolute().parent}", hint="make it first")
