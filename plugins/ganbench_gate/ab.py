"""``ganbench ab``: two sides in lock-step on this machine, and a verdict."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ganbench import (
    OUTPUT_OPTIONS,
    POLICY_OPTIONS,
    Invocation,
    UsageError,
    add_options,
    deliver,
    outputs_of,
    policy_of,
    read_pairs,
    read_settings,
    say,
    settings_of_flags,
)
from ganbench_gate.known_names import refuse_unknown_names
from ganbench_gate.options import MEASURING_OPTIONS, RUN_OPTIONS, SAMPLES_OPTION, SETTING_OPTIONS
from ganbench_gate.side import Side
from ganbench_gate.trees import find_tree, isolated_python

if TYPE_CHECKING:
    from ganbench import Comparison, Policy
    from ganbench_gate.measure import AbPlan, Measurement


@click.command("ab")
@click.argument("sides", nargs=-1, metavar="[BASE] [HEAD]")
@add_options((*RUN_OPTIONS, *SETTING_OPTIONS, *MEASURING_OPTIONS, SAMPLES_OPTION, *POLICY_OPTIONS, *OUTPUT_OPTIONS))
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

    Exit codes: 0 no gated metric regressed, or base has nothing to compare with yet; 1 one did, or head cannot be run; 2 usage; 3 base
    cannot be run; 4 base does not take what head takes; 130 interrupted. What was measured until then is in every output.
    """
    outputs_of(flags)
    _check_folder(flags["samples"])
    refuse_unknown_names(policy_of(flags))
    plan = plan_of(sides, flags, off=(*invocation.off, *flags["off"]))
    return deliver(measure(plan, flags["samples"]), {**flags, **CHECKED})


def plan_of(sides: tuple[str, ...], flags: dict[str, Any], off: tuple[str, ...]) -> AbPlan:
    """Return what is measured, and how.

    Raises:
        UsageError: a flag, a ref, a file or a folder is wrong.
    """
    from ganbench_gate.lockstep import PairPlan
    from ganbench_gate.measure import AbPlan
    from ganbench_gate.seeds import SeedPlan
    from ganbench_gate.trees import top_level

    if flags["kimg"] and not flags["quality"]:
        raise UsageError("--kimg is the budget of the runs that --quality trains", hint="give --quality N too, or leave --kimg out")
    policy = policy_of(flags, **({"looks": (flags["pairs"],)} if flags["pairs"] else {}))
    slowdown = _fraction(flags["inject_slowdown"])
    base, head = _read_sides(sides, flags)
    return AbPlan(
        base=base,
        head=dataclasses.replace(head, slowdown=slowdown),
        policy=_only_told(policy) if _configurations_differ(base, head) else policy,
        pair=PairPlan(pair_seconds=flags["pair_seconds"]),
        seconds=flags["seconds"],
        threads=flags["threads"],
        off=off,
        with_null=flags["with_null"],
        seed=flags["seed"] or 0,
        seeds=SeedPlan(num_seeds=flags["quality"], kimg=flags["kimg"], seconds=flags["seconds"]) if flags["quality"] else None,
        checkout=top_level(Path.cwd()),
    )


def check_request(plan: AbPlan) -> None:
    """Find out whether a side takes what is asked: what is wrong with the last of several plans is told before the first is measured.

    Raises:
        UsageError: neither side takes it.
    """
    from ganbench import NotComparable
    from ganbench_gate.failed_sides import failed_finding
    from ganbench_gate.measure import Measurement
    from ganbench_gate.side import SidesFailed

    try:
        Measurement(plan, lambda text: None).resolve()
    except SidesFailed as error:
        failed_finding(error.refusals, plan.policy)
    except NotComparable:
        pass  # measuring it will say so


CHECKED: dict[str, Any] = {"gates": (), "thresholds": ()}
"""Flags that were looked at before anything was measured, and lose nothing afterwards."""


def measure(plan: AbPlan, samples: Path | None, further: Callable[[Measurement], None] | None = None) -> Comparison:
    """Return the verdict, whatever happens: of what there was until a process failed, or somebody ended the call.

    Args:
        plan: what is measured.
        samples: the file of every block; None for none.
        further: measures something else when the pairs are done.

    Raises:
        UsageError: neither side takes what is asked.
    """
    from ganbench import GanbenchError, Interrupted, StatusLine, StopSignal, write_text
    from ganbench_gate.measure import Measurement, samples_json

    with StatusLine() as line:
        measurement = Measurement(plan, line.say)
        try:
            with StopSignal().listening():
                comparison = measurement.run()
                if further is not None and measurement.is_whole:
                    further(measurement)
                    comparison = measurement.conclude()
            return comparison
        except KeyboardInterrupt:
            return measurement.interrupted("it was ended from outside", Interrupted.exit_code)
        except UsageError:
            raise
        except GanbenchError as error:
            return measurement.interrupted(error.what, error.exit_code)
        finally:
            for said in measurement.last_words:
                say(f"  | {said}")
            if samples is not None and measurement.pairs:
                text = samples_json(plan.base, plan.head, measurement.pairs, machine=measurement.machine, seed=plan.seed)
                write_text(samples, text)


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
    if path is not None and not os.path.isdir(path.absolute().parent):
        raise UsageError(f"--samples {path}: there is no folder {path.absolute().parent}", hint="make it first")


def _read_sides(sides: tuple[str, ...], flags: Mapping[str, Any]) -> tuple[Side, Side]:
    """Return base and head.

    Raises:
        UsageError: they cannot be read, or are the same by oversight.
    """
    if len(sides) > 2:
        raise UsageError(f"two sides are compared (got {len(sides)})")
    differ = flags["base_settings"] or flags["head_settings"]
    if not sides and not differ:
        raise UsageError("BASE is missing", hint="give a git ref, a folder or a TOML file, or --base-set and --head-set")
    if len(sides) == 1 and sides[0].endswith(".toml"):
        raise UsageError("HEAD is missing", hint="give a second TOML file")
    texts = (*sides, "WORKTREE")[:2] if sides else ("", "")
    if flags["isolated"] and all(not text or text.endswith(".toml") for text in texts):
        raise UsageError("--isolated has a meaning only with a git ref or a folder", hint="leave it out, or name the two versions")
    base = _side(texts[0], flags, "--base-set", flags["base_settings"])
    head = _side(texts[1], flags, "--head-set", flags["head_settings"])  # before minutes pass, in which a ref may move
    return (_isolated(base), _isolated(head)) if flags["isolated"] else (base, head)


def _side(text: str, flags: Mapping[str, Any], own_option: str, own: tuple[str, ...]) -> Side:
    """Return one side.

    Args:
        text: as the user gave it; empty for the code that runs here.
        flags: for both sides.
        own_option: what the settings of this side are given with.
        own: those settings.
    """
    settings: dict[str, Any] = {}
    name = ""
    for file in (flags["config_file"], Path(text) if text.endswith(".toml") else None):
        if file is not None:
            found = read_settings(file, trust_files=flags["trust_files"])
            name = found.pop("name", "") or found.get("architecture.name", name)
            settings |= found
    name = flags["plugin"] or name
    if not name:
        raise UsageError("which GAN? --plugin is missing", hint="`ganbench plugins list` shows them")
    settings |= settings_of_flags({**flags, "threads": None})  # the plan has them, for both sides
    settings |= read_pairs("--set", flags["settings"]) | read_pairs(own_option, own)
    tree = find_tree(text, Path.cwd()) if text and not text.endswith(".toml") else None
    label = ", ".join(filter(None, (tree.name if tree else text, *own))) or "unchanged"
    made = Side(name=label, plugin=str(name), settings=settings, options=read_pairs("--option", flags["options"]))
    if tree is None:
        return made
    return dataclasses.replace(made, tree=tree.folder, notes=tree.notes)


def _isolated(side: Side) -> Side:
    """Return a side with an environment of its own, where it has a tree."""
    if side.tree is None:
        return side
    return dataclasses.replace(side, python=isolated_python(side.tree, say))


def _configurations_differ(base: Side, head: Side) -> bool:
    """Tell whether something else than the code is compared."""
    return (base.plugin, base.settings, base.options) != (head.plugin, head.settings, head.options)
