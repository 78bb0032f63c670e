"""``ganbench run``: flags to layers of settings, layers to a configuration, and a session that runs it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from ganbench.cli.main import Invocation
from ganbench.cli.options import GroupedCommand, run_options
from ganbench.errors import UsageError

if TYPE_CHECKING:
    from ganbench.plugin.manager import PluginManager
    from ganbench.run.plan import RunPlan


_FLAG_PATHS = {
    "loss": "loss.name",
    "dataset": "dataset.name",
    "augment": "augmentation.name",
    "force": "training.force",
    "kimg": "training.total_kimg",
    "batch_size": "training.batch_size",
    "seed": "training.seed",
    "device": "training.device",
    "precision": "training.precision",
    "runner": "training.runner",
    "kernels": "training.kernels",
    "threads": "training.threads",
    "deterministic": "training.deterministic",
    "data_root": "data.root",
    "extractor_weights": "evaluation.extractor_weights",
}


@click.command("run", cls=GroupedCommand)
@run_options
@click.pass_obj
def command(invocation: Invocation, /, **flags: Any) -> int:
    """Train one configuration by the standard protocol and print its throughput and FID table.

    \b
    ganbench run --plugin dcgan
    ganbench run --plugin dcgan --dataset fashion-mnist --loss hinge --kimg 500 --seed 1
    ganbench run --plugin ./my_gan.py:MyGAN -o latent_dim=64
    ganbench run --resume results/runs/RUN

    The first line on stderr names the run directory; the last line of the output is the result in one sentence.
    """
    from ganbench.plugin.manager import PluginManager

    debug = invocation.debug or flags["debug"]
    _check_environment()
    manager = PluginManager(off=(*invocation.off, *flags["off"]))
    if flags["resume"] is not None:
        return _resume(flags, manager, debug)
    _refuse_contradictions(flags)
    plan = plan_flags(flags, manager)
    if flags["dry_run"]:
        click.echo(plan.describe())
        return 0
    from ganbench.cli.execute import execute_new

    return execute_new(plan, manager, out=flags["out"], quiet=flags["quiet"], as_json=flags["as_json"], debug=debug)


def plan_flags(flags: dict[str, Any], manager: PluginManager) -> RunPlan:
    """Return the run that the flags ask for.

    Raises:
        UsageError: whatever is wrong with them.
    """
    from ganbench.config.resolve import Layer
    from ganbench.config.toml import read_settings
    from ganbench.config.values import read_pairs
    from ganbench.run.plan import plan_run
    from ganbench.spec import ModelSpec

    layers, name = [], flags["plugin"]
    if flags["config_file"] is not None:
        settings = read_settings(flags["config_file"])
        own_name = settings.pop("name", None)
        name = name or own_name or settings.get("architecture.name")
        layers.append(Layer(origin=str(flags["config_file"]), settings=settings))
    if not name:
        known = sorted({r.spec.name for r in manager.specs(ModelSpec)})
        raise UsageError("which GAN? --plugin is missing", hint=f"known: {', '.join(known)}")
    given = {path: flags[flag] for flag, path in _FLAG_PATHS.items() if flags[flag] is not None}
    if flags["metrics"]:
        given["evaluation.metrics"] = tuple(m for one in flags["metrics"] for m in one.split(",") if m)
        if not given["evaluation.metrics"]:
            raise UsageError("--metric names no metric", hint="write one, as in fd5k_digits, or use --no-eval")
    if flags["no_eval"]:
        given["evaluation.metrics"] = ()
    layers.append(Layer(origin="command line", settings=given))
    layers.append(Layer(origin="command line", settings=read_pairs("--set", flags["settings"])))
    return plan_run(manager, str(name), layers, read_pairs("-o", flags["options"]))


def _check_environment() -> None:
    """Refuse a thread count that OpenMP cannot read: each library would guess another, and complain in its own words.

    Raises:
        UsageError: OMP_NUM_THREADS is no number, nor a list of them.
    """
    value = os.environ.get("OMP_NUM_THREADS", "1")
    if not all(part.strip().isdecimal() and int(part) > 0 for part in value.split(",")):
        raise UsageError(f"OMP_NUM_THREADS must be a number of threads, 1 or more (got {value!r})", hint="unset it, or use --threads N")


def _refuse_contradictions(flags: dict[str, Any]) -> None:
    """Refuse flags of which one would have no effect.

    Raises:
        UsageError: there are such.
    """
    if flags["metrics"] and flags["no_eval"]:
        raise UsageError("--metric and --no-eval contradict each other", hint="give one of them")
    if flags["dry_run"] and flags["as_json"]:
        raise UsageError("--dry-run prints TOML, and --json asks for a record", hint="give one of them")


def _resume(flags: dict[str, Any], manager: PluginManager, debug: bool) -> int:
    """Go on with a run; its own config.toml decides everything."""
    allowed = {"resume", "force", "quiet", "as_json", "debug", "off"}
    extra = [p.opts[0] for p in command.params if p.name not in allowed and flags[str(p.name)] not in (None, (), False)]
    if extra:
        raise UsageError(f"--resume takes the run's own configuration; {extra[0]} cannot be given with it", hint="leave it out")
    from ganbench.cli.execute import execute_resumed
    from ganbench.record.directory import RunDirectory

    with RunDirectory.resume(flags["resume"]) as directory:
        own = dict.fromkeys(flags) | {"config_file": directory.config_path, "options": (), "settings": (), "metrics": (), "no_eval": False}
        plan = plan_flags(own, manager)
        return execute_resumed(
            directory, plan, manager, force=bool(flags["force"]), quiet=flags["quiet"], as_json=flags["as_json"], debug=debug
        )
