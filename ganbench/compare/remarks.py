"""What a reader of a comparison of records must know besides its findings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from ganbench.compare.cells import Cell, Match
from ganbench.compare.speed import is_mixed
from ganbench.results.record import RunRecord

_HASH_DIGITS = 8


def remarks_on(match: Match, name: str) -> Iterator[str]:
    """Yield one line for each thing about a cell.

    Args:
        match: the cell on both sides.
        name: what it is called.
    """
    for side, cell in (("base", match.base), ("head", match.head)):
        if cell is not None:
            yield from (f"{name}: {side} {text}" for text in _of_side(cell.runs))
    if match.base is not None and match.head is not None and not match.differences:
        yield from (f"{name}: {text}" for text in _of_both(match.base, match.head))


def _of_side(runs: Sequence[RunRecord]) -> Iterator[str]:
    finished = [run for run in runs if run.status in ("complete", "diverged")]
    for seed, count in Counter(run.seed for run in finished).items():
        if count > 1:
            newest = [run for run in finished if run.seed == seed][-1]
            yield f"has {count} runs of seed {seed}; quality is that of the newest, {newest.run_id}"
    for run in runs:
        if run.status in ("interrupted", "running"):
            yield f"run {run.run_id} is {run.status} and left out"
        if is_mixed(run):
            yield f"run {run.run_id} was resumed on another machine; its speed and memory are left out"
    for plugin, versions in _sources(runs).items():
        if len(versions) > 1:
            yield f"mixes {len(versions)} sources of {plugin}: {', '.join(versions)}"


def _of_both(base: Cell, head: Cell) -> Iterator[str]:
    ours, theirs = _sources(base.runs), _sources(head.runs)
    for plugin in ours:
        if plugin in theirs and not set(ours[plugin]) & set(theirs[plugin]) and _versions(ours[plugin]) & _versions(theirs[plugin]):
            yield f"{plugin} says the same version on both sides and has other sources, so a tree was edited: {_say(ours, theirs, plugin)}"
    for path, side in [(p, "base") for p in _only_in(base, head)] + [(p, "head") for p in _only_in(head, base)]:
        yield f"only {side} has the setting {path}; the other side is older and takes what it did then"


def _sources(runs: Sequence[RunRecord]) -> dict[str, list[str]]:
    """Return for each plugin its versions with the beginning of the hash of its sources."""
    found: dict[str, list[str]] = {}
    for run in runs:
        for plugin in run.plugins:
            version = f"{plugin.distribution} {plugin.version} {plugin.source_hash[:_HASH_DIGITS]}".rstrip()
            versions = found.setdefault(f"{plugin.kind} {plugin.name}", [])
            if version not in versions:
                versions.append(version)
    return found


def _versions(sources: Sequence[str]) -> set[tuple[str, ...]]:
    return {tuple(source.split()[:2]) for source in sources}


def _say(ours: dict[str, list[str]], theirs: dict[str, list[str]], plugin: str) -> str:
    return f"{', '.join(ours[plugin])} / {', '.join(theirs[plugin])}"


def _only_in(one: Cell, other: Cell) -> list[str]:
    theirs = dict(other.settings)
    return [path for path, _ in one.settings if path not in theirs]
