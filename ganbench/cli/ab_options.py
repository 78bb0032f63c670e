"""The options of ``ganbench ab``: what is trained, and how it is measured."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from ganbench.cli.complete import plugin_names, words
from ganbench.cli.main import switched_off

F = TypeVar("F", bound=Callable[..., Any])
_PATH = click.Path(path_type=Path)


def run_options(function: F) -> F:
    """Add what decides what is trained, under the names that ``ganbench run`` has for it."""
    option = click.option
    for add in (
        option("--data-root", metavar="DIR", help="Folder of datasets."),
        option("--config", "config_file", type=_PATH, metavar="FILE", help="Settings of both sides from a TOML file."),
        option("--set", "settings", multiple=True, metavar="A.B=C", help="Any setting by its path."),
        option("-p", "off", multiple=True, metavar="no:NAME", callback=switched_off, help="Switch a plugin off."),
        option("--kernels", metavar="K", shell_complete=words("auto", "triton", "ref"), help="Fused ops: auto, triton or ref."),
        option("--runner", metavar="R", shell_complete=words("auto", "eager", "cuda_graph", "compile"), help="How a step is executed."),
        option("--device", metavar="DEV", shell_complete=words("auto", "cpu", "cuda"), help="auto, cpu, cuda or cuda:N."),
        option("--precision", metavar="P", shell_complete=words("fp32", "bf16"), help="fp32 or bf16."),
        option("--batch-size", metavar="N", help="Real images in a discriminator step."),
        option("--option", "options", multiple=True, metavar="KEY=VALUE", help="Option of a plugin, as -o of ganbench run."),
        option("--dataset", metavar="NAME", shell_complete=plugin_names("dataset"), help="Dataset."),
        option("--loss", metavar="NAME", shell_complete=plugin_names("loss"), help="Adversarial loss."),
        option("--plugin", metavar="NAME", shell_complete=plugin_names("model"), help="Architecture or recipe."),
    ):
        function = add(function)
    return function


def measuring_options(function: F) -> F:
    """Add how it is measured."""
    option, positive = click.option, click.FloatRange(min=0, min_open=True)
    for add in (
        option("--inject-slowdown", default="0%", metavar="10%", help="Slow head down on purpose: the gate must then fail."),
        option("--isolated", is_flag=True, help="An environment of its own for each tree, by its pyproject.toml."),
        option("--samples", type=_PATH, metavar="FILE", help="Keep every block of every process as JSON."),
        option("--null", "with_null", is_flag=True, help="A second base process in each pair: what no change looks like. Twice the time."),
        option("--seed", type=click.IntRange(min=0), metavar="N", help="Of weights, data, and who is started first.  [default: 0]"),
        option("--threads", type=click.IntRange(1, 1024), default=1, show_default=True, help="CPU threads of each process."),
        option("--pair-seconds", type=positive, default=6.0, show_default=True, help="Of blocks in a pair."),
        option("--seconds", type=positive, default=300.0, show_default=True, help="For all pairs; none is begun that would take longer."),
        option("--pairs", type=click.IntRange(min=2), metavar="N", help="Exactly so many.  [default: 5, and 8 or 12 while undecided]"),
        option("--head-set", "head_settings", multiple=True, metavar="A.B=C", help="A setting of head only."),
        option("--base-set", "base_settings", multiple=True, metavar="A.B=C", help="A setting of base only."),
    ):
        function = add(function)
    return function
