"""The options of ``ganbench ci``, under headings; most of them are those of ``ganbench ab``."""

from __future__ import annotations

from pathlib import Path

import click
from click import option

from ganbench.cli.ab_options import MEASURING_OPTIONS, RUN_OPTIONS, Decorator, add_options
from ganbench.cli.run_options import GroupedCommand
from ganbench.cli.verdict import VERDICT_OPTIONS

DEFAULT_OUT = Path("ganbench-ci")
_PATH = click.Path(path_type=Path)
_NUM_POLICY = 4
"""The options of the policy come before those of the output."""

_GROUPS: dict[str, tuple[Decorator, ...]] = {
    "What is trained": RUN_OPTIONS,
    "What fails": (
        option("--gpu", is_flag=True, help="A GPU of one's own: a regression of speed or memory fails too."),
        *VERDICT_OPTIONS[:_NUM_POLICY],
    ),
    "How it is measured": MEASURING_OPTIONS,
    "Quality": (
        option("--baseline", metavar="RUNS", help="Finished runs, or baseline:NAME, that head's quality is held against."),
        option("--runs", metavar="RUNS", help="Finished runs of head, as ganbench matrix makes them; commas between several."),
        option("--history", type=_PATH, default=".ganbench", show_default=True, metavar="DIR", help="Of baselines and accept.toml."),
    ),
    "Output": (
        option("--out", type=_PATH, default=DEFAULT_OUT, show_default=True, metavar="DIR", help="Folder of the files below."),
        *VERDICT_OPTIONS[_NUM_POLICY:],
    ),
}

ci_options = add_options([add for group in _GROUPS.values() for add in group])


class CiCommand(GroupedCommand):
    """The command, with its own headings."""

    groups = _GROUPS
