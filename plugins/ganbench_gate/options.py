"""The options of ``ganbench ab`` and ``ganbench ci``, under the headings that a stranger looks for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from click import option

from ganbench import OUTPUT_OPTIONS, POLICY_OPTIONS, GroupedCommand, NumberRange, complete_plugins, complete_words, switched_off

_Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]
_PATH = click.Path(path_type=Path)
_POSITIVE = NumberRange(min=0, min_open=True)
PLUGIN_OPTION: _Decorator = option("--plugin", metavar="NAME", shell_complete=complete_plugins("model"), help="Architecture or recipe.")
RUN_OPTIONS: tuple[_Decorator, ...] = (
    PLUGIN_OPTION,
    option("--loss", metavar="NAME", shell_complete=complete_plugins("loss"), help="Adversarial loss."),
    option("--dataset", metavar="NAME", shell_complete=complete_plugins("dataset"), help="Dataset."),
    option("--option", "options", multiple=True, metavar="KEY=VALUE", help="Option of a plugin, as -o of ganbench run."),
    option("--batch-size", metavar="N", help="Real samples in a discriminator step."),
    option("--precision", metavar="P", shell_complete=complete_words("fp32", "bf16"), help="fp32 or bf16."),
    option("--device", metavar="DEV", shell_complete=complete_words("auto", "cpu", "cuda"), help="auto, cpu, cuda or cuda:N."),
    option(
        "--runner", metavar="R", shell_complete=complete_words("auto", "eager", "cuda_graph", "compile"), help="How a step is executed."
    ),
    option("--kernels", metavar="K", shell_complete=complete_words("auto", "triton", "ref"), help="Fused ops: auto, triton or ref."),
    option("-p", "off", multiple=True, metavar="no:NAME", callback=switched_off, help="Switch a plugin off."),
    option("--set", "settings", multiple=True, metavar="A.B=C", help="Any setting by its path."),
    option("--config", "config_file", type=_PATH, metavar="FILE", help="Settings of both sides from a TOML file."),
    option("--trust-files", is_flag=True, help="Run plugin files that this file names."),
    option("--data-root", metavar="DIR", help="Folder of datasets."),
)
"""What decides what is trained, under the names that ``ganbench run`` has for it."""
SETTING_OPTIONS: tuple[_Decorator, ...] = (
    option("--base-set", "base_settings", multiple=True, metavar="A.B=C", help="A setting of base only."),
    option("--head-set", "head_settings", multiple=True, metavar="A.B=C", help="A setting of head only."),
)
SAMPLES_OPTION: _Decorator = option("--samples", type=_PATH, metavar="FILE", help="Keep every block of every process as JSON.")
MEASURING_OPTIONS: tuple[_Decorator, ...] = (
    option("--pairs", type=click.IntRange(min=2), metavar="N", help="Exactly so many.  [default: 5, and 8 or 12 while undecided]"),
    option("--seconds", type=_POSITIVE, default=300.0, show_default=True, help="For all pairs; none is begun that would take longer."),
    option("--pair-seconds", type=_POSITIVE, default=6.0, show_default=True, help="Of blocks in a pair."),
    option("--threads", type=click.IntRange(1, 1024), default=1, show_default=True, help="CPU threads of each process."),
    option("--seed", type=click.IntRange(min=0), metavar="N", help="Of weights, data, and who is started first.  [default: 0]"),
    option("--null", "with_null", is_flag=True, help="A second base process in each pair: what no change looks like. Twice the time."),
    option(
        "--quality",
        type=click.IntRange(min=4),
        metavar="N",
        help="Train N seeds of each side too, in turns: is head worse?",
    ),
    option("--kimg", type=_POSITIVE, metavar="KIMG", help="Budget of each of them.  [default: the plugin's, or what --seconds allows]"),
    option("--isolated", is_flag=True, help="An environment of its own for each tree, by its pyproject.toml."),
    option("--inject-slowdown", default="0%", metavar="10%", help="Slow head down on purpose: the gate must then fail."),
)
_DEFAULT_OUT = Path("ganbench-ci")
CI_GROUPS: dict[str, tuple[_Decorator, ...]] = {
    "What is trained": (
        option(
            "--plugin",
            "plugins",
            multiple=True,
            metavar="NAME",
            shell_complete=complete_plugins("model"),
            help="Architecture or recipe; several are measured one after another.",
        ),
        *(add for add in RUN_OPTIONS if add is not PLUGIN_OPTION),
    ),
    "What fails": (
        option("--gpu", is_flag=True, help="A GPU of one's own: a regression of speed or memory fails too."),
        *POLICY_OPTIONS,
    ),
    "How it is measured": (
        *MEASURING_OPTIONS,
        option("--each", is_flag=True, help="Each commit between BASE and HEAD against the one before it; a verdict each."),
    ),
    "Quality": (
        option("--baseline", metavar="RUNS", help="Finished runs, or baseline:NAME, that head's quality is held against."),
        option("--runs", metavar="RUNS", help="Finished runs of head, as ganbench matrix makes them; commas between several."),
        option("--history", type=_PATH, default=".ganbench", show_default=True, metavar="DIR", help="Of baselines and accept.toml."),
    ),
    "Output": (
        option("--out", type=_PATH, default=_DEFAULT_OUT, show_default=True, metavar="DIR", help="Folder of the files below."),
        *OUTPUT_OPTIONS,
    ),
}


class CiCommand(GroupedCommand):
    """The command, with its own headings."""

    groups = CI_GROUPS
