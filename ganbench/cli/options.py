"""The options of ``ganbench run``, under the headings that a stranger looks for; and what other commands' options are made with."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click import option

from ganbench.cli.completion import complete_columns, complete_plugins, complete_words
from ganbench.cli.main import switched_off
from ganbench.config.model import KERNELS, RUNNERS
from ganbench.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from ganbench.report.document import Document

_F = TypeVar("_F", bound=Callable[..., Any])
_Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]
_PATH = click.Path(path_type=Path)
TRUST_OPTION: _Decorator = option("--trust-files", is_flag=True, help="Run plugin files named by a stored configuration.")
REPORTER_OPTION: _Decorator = option(
    "--reporter",
    "reporters",
    multiple=True,
    metavar="NAME",
    shell_complete=complete_plugins("reporter"),
    help="Tell a plugin what happens; -o NAME.KEY=VALUE for its options.",
)
COLUMN_OPTIONS = (
    option("--columns", metavar="A,B,C", shell_complete=complete_columns, help="Only these columns, in this order, whatever the format."),
    option("--all-columns", is_flag=True, help="All columns, however wide the table gets."),
    option("--explain", is_flag=True, help="Say what each column means."),
)
"""What a table shows: for :func:`shaped`."""
_RUN_GROUPS: dict[str, Sequence[_Decorator]] = {
    "What is trained": [
        option(
            "--plugin", metavar="NAME", shell_complete=complete_plugins("model"), help="Architecture or recipe; dist:NAME, ./file.py:Name."
        ),
        option("--loss", metavar="NAME", shell_complete=complete_plugins("loss"), help="Adversarial loss.  [default: logistic]"),
        option("--dataset", metavar="NAME", shell_complete=complete_plugins("dataset"), help="Dataset.  [default: digits]"),
        option(
            "--augment",
            metavar="NAME",
            shell_complete=complete_plugins("augmentation"),
            help="What all that the discriminator sees goes through.  [default: none]",
        ),
        option("-o", "options", multiple=True, metavar="KEY=VALUE", help="Option of a plugin; or loss.KEY, dataset.KEY, kd.KEY."),
        option("--force", is_flag=True, default=None, help="Run a refused pair; with --resume: changed sources."),
        TRUST_OPTION,
        option("-p", "off", multiple=True, metavar="no:NAME", callback=switched_off, help="Switch a plugin off."),
    ],
    "How long, with which numbers": [
        option("--kimg", metavar="N", help="Budget in thousands of real samples.  [default: the dataset's or the recipe's, else 100]"),
        option("--batch-size", metavar="N", help="Real samples in a discriminator step.  [default: 64]"),
        option("--seed", metavar="N", help="Seed of weights, latents and data order.  [default: 0]"),
        option("--precision", metavar="P", shell_complete=complete_words("fp32", "bf16"), help="fp32 or bf16.  [default: fp32]"),
        option("--deterministic", is_flag=True, default=None, help="Only deterministic algorithms; on a CPU they are so anyway."),
    ],
    "On what": [
        option(
            "--device",
            metavar="DEV",
            shell_complete=complete_words("auto", "cpu", "cuda"),
            help="auto, cpu, cuda or cuda:N.  [default: auto]",
        ),
        option(
            "--runner",
            metavar="R",
            shell_complete=complete_words("auto", *RUNNERS),
            help="auto, eager, cuda_graph or compile.  [default: auto]",
        ),
        option(
            "--kernels",
            metavar="K",
            shell_complete=complete_words("auto", *KERNELS),
            help="Fused ops: auto, triton or ref.  [default: auto]",
        ),
        option("--threads", metavar="N", help="CPU threads; 0 measures the best count.  [default: 0]"),
        option("--data-root", type=click.Path(), metavar="DIR", help="Folder of datasets.  [env: GANBENCH_DATA]"),
    ],
    "What is measured": [
        option("--metric", "metrics", multiple=True, metavar="NAME", help="fid10k, fd5k_digits, ...  [default: the dataset's]"),
        option("--no-eval", is_flag=True, help="Measure speed only."),
        option("--extractor-weights", type=click.Path(), metavar="FILE", help="Weights of the Inception network."),
    ],
    "Every other setting": [
        option("--config", "config_file", type=_PATH, metavar="FILE", help="Settings from a TOML file, such as a run's config.toml."),
        option("--set", "settings", multiple=True, metavar="A.B=C", help="Any setting by its path; --dry-run shows them all."),
        option("--dry-run", is_flag=True, help="Print the resolved configuration with the origin of each value."),
    ],
    "The run directory": [
        option("--out", type=_PATH, metavar="DIR", help="New or empty.  [default: results/runs/TIME-NAME-DATASET-sSEED]"),
        option("--resume", type=_PATH, metavar="RUN", help="Go on with an unfinished run; -o and --set say where files lie now."),
    ],
    "Output": [
        option("--json", "as_json", is_flag=True, help="Print the record as JSON on stdout, and nothing else there."),
        REPORTER_OPTION,
        option("--quiet", is_flag=True, help="No progress on stderr."),
        option("--debug", is_flag=True, help="Show tracebacks and debug messages."),
    ],
}


def add_options(options: Sequence[_Decorator]) -> Callable[[_F], _F]:
    """Return a decorator that adds options to a command's function."""

    def add_all(function: _F) -> _F:
        for add in reversed(options):
            function = add(function)  # type: ignore[assignment]
        return function

    return add_all


def _names(columns: str | None) -> tuple[str, ...]:
    return tuple(filter(None, (name.strip() for name in (columns or "").split(","))))


def check_columns(flags: Mapping[str, Any], known: Collection[str], others: str = "") -> None:
    """Refuse a wrong ``--columns`` before any time has passed.

    Args:
        flags: what :data:`COLUMN_OPTIONS` adds.
        known: names of columns.
        others: a regular expression of names that may be there besides.

    Raises:
        UsageError: a name that no column can have, or none at all.
    """
    names = _names(flags["columns"])
    if flags["columns"] is not None and (not names or flags["all_columns"]):
        raise UsageError("--columns wants names with commas between, and no --all-columns beside it")
    for name in names:
        if name not in known and not (others and re.fullmatch(others, name)):
            raise UsageError(f"--columns: no column is called {name!r}", hint=did_you_mean(name, list(known)))


def shaped(document: Document, flags: Mapping[str, Any]) -> Document:
    """Return a document with the columns that :data:`COLUMN_OPTIONS` ask for, and explained where they do.

    Raises:
        UsageError: there is no such column.
    """
    if names := _names(flags["columns"]):
        document = document.with_columns(names)
    is_whole = document.is_whole or flags["all_columns"]
    document = replace(document, options=("--columns a,b,c", "--all-columns", "--explain"), is_whole=is_whole)
    return document.explained() if flags["explain"] else document


class NumberRange(click.FloatRange):
    """A number within bounds. ``nan`` is none: it is not below any bound, and as a limit it would be none either."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read a number."""
        number = super().convert(value, param, ctx)
        if number != number:
            self.fail(f"{value!r} is not a valid {self.name}.", param, ctx)
        return number


class GroupedCommand(click.Command):
    """A command whose help shows its options under headings."""

    groups: Mapping[str, Sequence[Any]] = _RUN_GROUPS
    """Headings and the options below them, in the order in which the command has them."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write one section for each group; what click adds itself comes last."""
        options = [parameter for parameter in self.get_params(ctx) if isinstance(parameter, click.Option)]
        records = [record for option in options if (record := option.get_help_record(ctx)) is not None]
        for title, group in self.groups.items():
            with formatter.section(title):
                formatter.write_dl(records[: len(group)], col_max=26)
            records = records[len(group) :]
        with formatter.section("Help"):
            formatter.write_dl(records, col_max=26)


run_options = add_options([add for group in _RUN_GROUPS.values() for add in group])
