"""``ganbench runs``: which runs there are, and which may go. Nothing that is unfinished or in use is removed."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ganbench import UsageError, add_options, complete_runs

if TYPE_CHECKING:
    from ganbench import Document, RunRecord

_STATUSES = ("complete", "diverged", "failed", "interrupted", "running", "unreadable")
_FILTERS = (
    click.option("--name", "name", metavar="TEXT", help="Only those whose name has TEXT in it."),
    click.option("--dataset", "dataset", metavar="TEXT", help="Only those of such data."),
    click.option(
        "--status",
        "status",
        metavar="S",
        type=click.Choice(_STATUSES),
        help="Only those: complete, diverged, failed, interrupted, running or unreadable.",
    ),
    click.option("--older-than", "older_than", metavar="AGE", help="Only those that began longer ago: 12h, 30d, 8w."),
)
_REMOVAL = (
    click.option("--dry-run", is_flag=True, help="Say what would go, and remove nothing."),
    click.option("--yes", is_flag=True, help="Do not ask."),
)
_HOURS = {"h": 1, "d": 24, "w": 7 * 24}


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundRun:
    """A run on the disk."""

    path: Path
    record: RunRecord | None
    """None where it cannot be read."""
    reason: str
    """Why it cannot; empty otherwise."""
    num_bytes: int
    checkpoint_bytes: int
    kept_because: str
    """Why it must not be removed: unfinished, in use, unreadable; empty for a finished run that nobody works on."""

    @property
    def status(self) -> str:
        """What became of it."""
        return "unreadable" if self.record is None else self.record.status

    @property
    def family(self) -> tuple[str, str, int]:
        """What its repetitions share."""
        assert self.record is not None
        return self.record.name, self.record.dataset, self.record.seed


@click.group("runs", no_args_is_help=True)
def command() -> None:
    """List runs, remove some, or thin them out.

    RUNS are run folders, folders of runs, globs or run ids; all below ./results/runs where none is given.
    """


@command.command("list")
@click.argument("runs", nargs=-1, shell_complete=complete_runs)
@add_options(_FILTERS)
@click.option("--format", "form", type=click.Choice(("terminal", "markdown", "csv", "json")), default="terminal", show_default=True)
def list_command(runs: tuple[str, ...], form: str, **filters: Any) -> None:
    """List runs with their age, status and size.

    \b
    ganbench runs list --status diverged
    ganbench runs list --older-than 30d --name dcgan
    """
    from ganbench import print_document

    found = find(runs, filters)
    if not found:
        raise UsageError("no run is like that", hint="`ganbench runs list` shows all")
    print_document(_document(found), form)


@command.command("rm")
@click.argument("runs", nargs=-1, required=True, shell_complete=complete_runs)
@add_options(_FILTERS)
@add_options(_REMOVAL)
def remove_command(runs: tuple[str, ...], dry_run: bool, yes: bool, **filters: Any) -> int:
    """Remove finished runs for good.

    \b
    ganbench runs rm results/runs/RUN
    ganbench runs rm results/runs --status diverged --dry-run

    An unfinished run stays, and so does one that a process works on.
    """
    found = find(runs, filters)
    _say_kept(found)
    return _remove([one for one in found if not one.kept_because], dry_run=dry_run, yes=yes, only_checkpoints=False)


@command.command("prune")
@click.argument("runs", nargs=-1, shell_complete=complete_runs)
@add_options(_FILTERS)
@click.option("--keep", type=click.IntRange(min=1), metavar="N", help="Keep the newest N of each name, dataset and seed.")
@click.option("--checkpoints", "only_checkpoints", is_flag=True, help="Remove the checkpoints alone: records, samples and logs stay.")
@add_options(_REMOVAL)
def prune_command(runs: tuple[str, ...], keep: int | None, only_checkpoints: bool, dry_run: bool, yes: bool, **filters: Any) -> int:
    """Thin out finished runs.

    \b
    ganbench runs prune --keep 3
    ganbench runs prune --older-than 30d --checkpoints

    Without --keep every finished run that the filters name goes; one of --keep, --checkpoints and the filters is needed. What has lost its
    checkpoints still stands in tables, but cannot be evaluated or sampled again.
    """
    if keep is None and not only_checkpoints and not any(filters.values()):
        raise UsageError("prune what? Give --keep N, --checkpoints or a filter", hint="--dry-run shows what would go")
    found = find(runs, filters)
    _say_kept(found)
    chosen = [one for one in found if not one.kept_because]
    if keep is not None:
        chosen = list(_but_the_newest(chosen, keep))
    if only_checkpoints:
        chosen = [one for one in chosen if one.checkpoint_bytes]
    return _remove(chosen, dry_run=dry_run, yes=yes, only_checkpoints=only_checkpoints)


def find(names: Sequence[str], filters: dict[str, Any]) -> list[FoundRun]:
    """Return the runs that the user means, the oldest first.

    Raises:
        UsageError: a name that is no run, or a filter that cannot be read.
        NothingToCompare: there is no run at all.
    """
    from ganbench import Unreadable, find_runs, load_runs

    before = _before(filters["older_than"])
    paths = [path for path in find_runs(names) if os.path.isdir(path)]
    found = []
    for path, loaded in zip(paths, load_runs(paths), strict=True):
        record, reason = (None, loaded.reason) if isinstance(loaded, Unreadable) else (loaded, "")
        one = FoundRun(
            path=path,
            record=record,
            reason=reason,
            num_bytes=_size(path),
            checkpoint_bytes=_size(path / "checkpoints"),
            kept_because=_why_kept(path, record),
        )
        if _fits(one, filters, before):
            found.append(one)
    return sorted(found, key=lambda one: (one.record.created if one.record else "", one.path.name))


def _why_kept(path: Path, record: RunRecord | None) -> str:
    from ganbench import RunDirectory

    directory = RunDirectory(path)
    if directory.is_active:
        return "a process works on it"
    if path.is_symlink():
        return "it is a link"
    if not directory.is_finished:
        return "it is not finished"
    return "" if record is not None else "its record cannot be read"


def _before(age: str | None) -> str:
    """Return the moment that ``--older-than`` means, as records write it; empty for none."""
    if age is None:
        return ""
    match = re.fullmatch(r"(\d{1,5})([hdw])", age.strip())
    if match is None:
        raise UsageError(f"--older-than wants a number of hours, days or weeks, as in 12h, 30d, 8w (got {age!r})")
    moment = datetime.now(timezone.utc) - timedelta(hours=int(match[1]) * _HOURS[match[2]])
    return moment.isoformat(timespec="seconds")


def _fits(one: FoundRun, filters: dict[str, Any], before: str) -> bool:
    record = one.record
    if filters["status"] and one.status != filters["status"]:
        return False
    if record is None:
        return not (filters["name"] or filters["dataset"] or before)
    return (
        (filters["name"] or "").lower() in record.name.lower()
        and (filters["dataset"] or "").lower() in record.dataset.lower()
        and (not before or record.created < before)
    )


def _but_the_newest(found: Sequence[FoundRun], keep: int) -> Iterator[FoundRun]:
    """Yield all but the newest of each name, dataset and seed; ``found`` is the oldest first."""
    families: dict[tuple[str, str, int], list[FoundRun]] = {}
    for one in found:
        families.setdefault(one.family, []).append(one)
    for family in families.values():
        yield from family[:-keep]


def _size(folder: Path) -> int:
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(place, name)).st_size  # noqa: PTH118
    return total


def _say_kept(found: Sequence[FoundRun]) -> None:
    from ganbench import say

    for one in found:
        if one.kept_because:
            say(f"ganbench: {one.path} stays: {one.kept_because}")


def _remove(chosen: Sequence[FoundRun], *, dry_run: bool, yes: bool, only_checkpoints: bool) -> int:
    """Say what goes, ask, and remove it.

    Raises:
        UsageError: nobody is there to be asked.
    """
    from ganbench import print_document, say

    if not chosen:
        say("ganbench: nothing to remove")
        return 0
    total = sum(one.checkpoint_bytes if only_checkpoints else one.num_bytes for one in chosen)
    of_what = "the checkpoints of " if only_checkpoints else ""
    what = f"{of_what}{len(chosen)} run{'' if len(chosen) == 1 else 's'}, {_mib(total)}"
    print_document(_document(chosen))
    if dry_run:
        say(f"ganbench: --dry-run: {what} would go")
        return 0
    if not yes:
        if not sys.stdin.isatty():
            raise UsageError(f"{what} would go, and nobody is there to be asked", hint="--yes does not ask, --dry-run removes nothing")
        if not click.confirm(f"Remove {what} for good?", err=True):
            say("ganbench: nothing was removed")
            return 0
    removed = [one for one in chosen if _remove_one(one, only_checkpoints)]
    say(f"ganbench: removed {of_what}{len(removed)} of {len(chosen)} runs")
    return 0 if len(removed) == len(chosen) else 3


def _remove_one(one: FoundRun, only_checkpoints: bool) -> bool:
    """Remove a run, or its checkpoints, while nobody else can take it; tell why where that is not possible."""
    from ganbench import GanbenchError, RunLock, say

    lock = RunLock(one.path / ".lock")
    try:
        lock.acquire()
        try:
            if only_checkpoints:
                for file in (one.path / "checkpoints").glob("*.pt"):
                    file.unlink()
            else:
                shutil.rmtree(one.path)
        finally:
            lock.release()
    except GanbenchError as error:
        say(f"ganbench: {one.path} stays: {error}")
        return False
    except OSError as error:
        say(f"ganbench: {one.path} stays: {error.strerror or error}")
        return False
    return True


def _document(found: Sequence[FoundRun]) -> Document:
    from ganbench import Cell, Column, Document, Row, Section

    columns = (
        Column(id="run", heading="run", kind="name"),
        Column(id="status", heading="status", kind="state"),
        Column(id="mib", heading="size"),
        Column(id="kind", heading="kind", kind="text"),
        Column(id="kimg", heading="kimg"),
        Column(id="checkpoints_mib", heading="checkpoints"),
        Column(id="created", heading="began", kind="text"),
        Column(id="model", heading="model", kind="text"),
        Column(id="dataset", heading="dataset", kind="text"),
        Column(id="seed", heading="seed"),
        Column(id="stays", heading="stays", kind="text"),
        Column(id="folder", heading="folder", kind="text", in_text=False),
    )
    return Document(sections=(Section(title="", columns=columns, rows=tuple(Row(tuple(_cells(one, Cell))) for one in found)),))


def _cells(one: FoundRun, cell: Any) -> Iterator[Any]:
    record = one.record
    yield cell(one.path.name, value=one.path.name)
    yield cell(one.status, value=one.status, tone={"complete": "good", "running": "going"}.get(one.status, "doubtful"))
    yield cell(_mib(one.num_bytes), value=one.num_bytes / 2**20)
    yield cell("" if record is None else record.kind, value=None if record is None else record.kind)
    seen = record.work.samples_seen if record is not None else 0
    yield cell(f"{seen / 1000:.4g}" if seen else "", value=seen / 1000 if seen else None)
    yield cell(_mib(one.checkpoint_bytes) if one.checkpoint_bytes else "", value=one.checkpoint_bytes / 2**20)
    for text in (
        ("", "", "", "")
        if record is None
        else (record.created.partition("+")[0].replace("T", " "), record.name, record.dataset, str(record.seed))
    ):
        yield cell(text, value=text or None)
    yield cell(one.kept_because, value=one.kept_because or None)
    yield cell(str(one.path), value=str(one.path))


def _mib(num_bytes: int) -> str:
    mib = num_bytes / 2**20
    return f"{mib / 1024:.3g} GiB" if mib >= 1024 else f"{mib:.3g} MiB"
