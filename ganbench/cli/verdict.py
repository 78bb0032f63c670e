"""What the commands that end in a verdict share: options of the policy and of the output, and printing it everywhere it is wanted."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ganbench.cli.options import COLUMN_OPTIONS, check_columns, shaped
from ganbench.errors import UsageError, did_you_mean
from ganbench.report.stream import say

if TYPE_CHECKING:
    from ganbench.report.outputs import Wish
    from ganbench.verdict.findings import Comparison
    from ganbench.verdict.policy import Policy

_SUMMARY_VARIABLE = "GITHUB_STEP_SUMMARY"

POLICY_OPTIONS = (
    click.option(
        "--undecided",
        type=click.Choice(("pass", "fail")),
        default="pass",
        show_default=True,
        help="Which exit code a call has in which something gated could not be decided.",
    ),
    click.option("--alpha", type=float, default=0.05, show_default=True, help="Probability of any false verdict among the gated metrics."),
    click.option("--threshold", "thresholds", multiple=True, metavar="METRIC=5%", help="From which change on; of a metric, or of a tier."),
    click.option("--gate", "gates", multiple=True, metavar="METRIC=fail|warn|off", help="What a regression does; likewise."),
)
"""What decides how sure a verdict must be, and what fails: for :func:`policy_of`."""
OUTPUT_OPTIONS = (
    click.option("-o", "outputs", multiple=True, metavar="KIND=PATH", help="Write a file too; may be repeated."),
    click.option("--json", "as_json", is_flag=True, help="Print the whole verdict as JSON on stdout, and nothing else there."),
    click.option("--all", "show_all", is_flag=True, help="Show unchanged metrics too."),
    *COLUMN_OPTIONS,
)
"""Where a verdict goes: for :func:`outputs_of` and :func:`deliver`."""


def policy_of(flags: dict[str, Any], **settings: Any) -> Policy:
    """Return the policy that the flags ask for.

    Args:
        flags: what :data:`POLICY_OPTIONS` adds.
        settings: of the policy besides.

    Raises:
        UsageError: a flag that cannot be read, or a value out of range.
    """
    from ganbench.verdict.policy import Policy

    thresholds = {name: _fraction(name, text) for name, text in _assignments("--threshold", "METRIC=5%", flags["thresholds"])}
    gates: dict[str, Any] = dict(_assignments("--gate", "METRIC=fail|warn|off", flags["gates"]))
    try:
        return Policy(alpha=flags["alpha"], strict=flags["undecided"] == "fail", thresholds=thresholds, gates=gates, **settings)
    except ValueError as error:
        raise UsageError(str(error)) from error


def outputs_of(flags: dict[str, Any]) -> tuple[tuple[str, Path], ...]:
    """Return the kinds and paths of ``-o``, before minutes have passed.

    Raises:
        UsageError: an unknown kind, a path where no file can be, or an unknown column.
    """
    from ganbench.report.outputs import KINDS, file_names
    from ganbench.report.verdict import COLUMN_NAMES

    check_columns(flags, COLUMN_NAMES)
    outputs = [(kind, Path(path)) for kind, path in _assignments("-o", "KIND=PATH", flags["outputs"])]
    for kind, path in outputs:
        if kind not in KINDS:
            raise UsageError(f"-o {kind}={path}: there is no kind {kind!r}", hint=did_you_mean(kind, list(KINDS)))
        for file in file_names(kind, path):
            _check_place(f"-o {kind}={path}", file)
    files = [file.absolute() for kind, path in outputs for file in file_names(kind, path)]
    if len(set(files)) < len(files):
        raise UsageError("-o names one file twice", hint="give each its own")
    return tuple(outputs)


def deliver(comparison: Comparison, flags: dict[str, Any]) -> int:
    """Print a verdict, write the files and the step summary, and return the exit code.

    Raises:
        UsageError: a file cannot be written, or a threshold or gate names a metric that nothing has.
        StorageError: the disk is full.
    """
    from ganbench.report.outputs import Wish
    from ganbench.report.stream import stream_width
    from ganbench.verdict.policy import refuse_unheeded

    for option, values in (("--threshold", flags["thresholds"]), ("--gate", flags["gates"])):
        refuse_unheeded(option, (value.partition("=")[0].strip() for value in values), comparison)
    moment = datetime.now(timezone.utc).isoformat(timespec="seconds").partition("+")[0]
    wish = Wish(show_all=flags["show_all"], created=moment, width=stream_width(), shape=lambda document: shaped(document, flags))
    _write_files(comparison, outputs_of(flags), wish)
    _append_summary(comparison, wish)
    _print(comparison, wish, as_json=flags["as_json"])
    return comparison.exit_code


def _write_files(comparison: Comparison, outputs: Sequence[tuple[str, Path]], wish: Wish) -> None:
    from ganbench.record.files import write_output
    from ganbench.report.outputs import render, with_addition

    for kind, path in outputs:
        for addition, text in render(kind, comparison, wish).items():
            write_output(with_addition(path, addition), text, f"-o {kind}={path}")


def _append_summary(comparison: Comparison, wish: Wish) -> None:
    """Add the verdict to a GitHub step's summary, folded but for its first line; that it cannot be written changes no verdict."""
    from ganbench.report.outputs import SUMMARY_BYTES, cut_to, render

    name = os.environ.get(_SUMMARY_VARIABLE)
    if not name:
        return
    try:
        with Path(name).open("ab") as file:
            headline, _, rest = render("markdown", comparison, wish)[""].partition("\n")
            text = "\n" * bool(file.tell()) + f"{headline}\n\n<details><summary>Details</summary>\n{rest}\n</details>\n"
            file.write(cut_to(text, SUMMARY_BYTES - file.tell()).encode())
    except OSError as error:
        say(f"ganbench: the step summary was not written: {error.strerror or error}")


def _print(comparison: Comparison, wish: Wish, *, as_json: bool) -> None:
    from ganbench.record.serialise import to_json
    from ganbench.report.outputs import terminal
    from ganbench.report.stream import has_colour, print_text

    colour = has_colour(sys.stdout)
    text = to_json(comparison) if as_json else terminal(comparison, wish, colour=colour)
    print_text(text, sys.stdout)


def _check_place(option: str, path: Path) -> None:
    folder = path.absolute().parent
    if not os.path.isdir(folder):
        raise UsageError(f"{option}: there is no folder {folder}", hint="make it first")
    if os.path.isdir(path):
        raise UsageError(f"{option}: {path} is a folder", hint="name a file")


def _assignments(option: str, form: str, values: Sequence[str]) -> list[tuple[str, str]]:
    """Read NAME=VALUE arguments."""
    pairs = []
    for value in values:
        name, equals, text = (part.strip() for part in value.partition("="))
        if not (equals and name and text):
            raise UsageError(f"{option} wants {form} (got {value!r})")
        pairs.append((name, text))
    return pairs


def _fraction(name: str, text: str) -> float:
    """Read ``5%`` or ``0.05``; a bare ``5`` could mean either."""
    number, is_percent = text.removesuffix("%").strip(), text.endswith("%")
    try:
        value = float(number) / (100 if is_percent else 1)
    except ValueError:
        raise UsageError(f"--threshold {name} must be a percentage such as 5% (got {text!r})") from None
    if value >= 1 and not is_percent:
        raise UsageError(f"--threshold {name} must be a percentage such as 5%, or a fraction such as 0.05 (got {text!r})")
    return value
