"""The options of ``ganbench ab`` and ``ganbench ci``: what is trained, and how it is measured. Each tuple is in the order of the help."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click
from click import option

from ganbench.cli.complete import plugin_names, words
from ganbench.cli.main import switched_off

F = TypeVar("F", bound=Callable[..., Any])
Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]
_PATH = click.Path(path_type=Path)
_POSITIVE = click.FloatRange(min=0, min_open=True)

RUN_OPTIONS: tuple[Decorator, ...] = (
    option("--plugin", metavar="NAME", shell_complete=plugin_names("model"), help="Architecture or recipe."),
    option("--loss", metavar="NAME", shell_complete=plugin_names("loss"), help="Adversarial loss."),
    option("--dataset", metavar="NAME", shell_complete=plugin_names("dataset"), help="Dataset."),
    option("--option", "options", multiple=True, metavar="KEY=VALUE", help="Option of a plugin, as -o of ganbench run."),
    option("--batch-size", metavar="N", help="Real images in a discriminator step."),
    option("--precision", metavar="P", shell_complete=words("fp32", "bf16"), help="fp32 or bf16."),
    option("--device", metavar="DEV", shell_complete=words("auto", "cpu", "cuda"), help="auto, cpu, cuda or cuda:N."),
    option("--runner", metavar="R", shell_complete=words("auto", "eager", "cuda_graph", "compile"), help="How a step is executed."),
    option("--kernels", metavar="K", shell_complete=words("auto", "triton", "ref"), help="Fused ops: auto, triton or ref."),
    option("-p", "off", multiple=True, metavar="no:NAME", callback=switched_off, help="Switch a plugin off."),
    option("--set", "settings", multiple=True, metavar="A.B=C", help="Any setting by its path."),
    option("--config", "config_file", type=_PATH, metavar="FILE", help="Settings of both sides from a TOML file."),
    option("--data-root", metavar="DIR", help="Folder of datasets."),
)
"""What decides what is trained, under the names that ``ganbench run`` has for it."""

SETTING_OPTIONS: tuple[Decorator, ...] = (
    option("--base-set", "base_settings", multiple=True, metavar="A.B=C", help="A setting of base only."),
    option("--head-set", "head_settings", multiple=True, metavar="A.B=C", help="A setting of head only."),
)
SAMPLES_OPTION: Decorator = option("--samples", type=_PATH, metavar="FILE", help="Keep every block of every process as JSON.")

MEASURING_OPTIONS: tuple[Decorator, ...] = (
    option("--pairs", type=click.IntRange(min=2), metavar="N", help="Exactly so many.  [default: 5, and 8 or 12 while undecided]"),
    option("--seconds", type=_POSITIVE, default=300.0, show_default=True, help="For all pairs; none is begun that would take longer."),
    option("--pair-seconds", type=_POSITIVE, default=6.0, show_default=True, help="Of blocks in a pair."),
    option("--threads", type=click.IntRange(1, 1024), default=1, show_default=True, help="CPU threads of each process."),
    option("--seed", type=click.IntRange(min=0), metavar="N", help="Of weights, data, and who is started first.  [default: 0]"),
    option("--null", "with_null", is_flag=True, help="A second base process in each pair: what no change looks like. Twice the time."),
    option("--isolated", is_flag=True, help="An environment of its own for each tree, by its pyproject.toml."),
    option("--inject-slowdown", default="0%", metavar="10%", help="Slow head down on purpose: the gate must then fail."),
)


def add_options(options: Sequence[Decorator]) -> Callable[[F], F]:
    """Return a decorator that adds options to a command's function."""

    def add_all(function: F) -> F:
        for add in reversed(options):
            function = add(function)  # type: ignore[assignment]
        return function

    return add_all
