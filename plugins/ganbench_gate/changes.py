"""What differs between base and head whatever is measured: both are asked in a process of their own before anything is built."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ganbench import Difference, Launch, Worker, WorkerFailed
from ganbench_gate.side import Refusal
from ganbench_gate.toml import parse_toml

_TIMEOUT_SECONDS = 120.0
_OPTION = ".options."
"""Between the section of a plugin and the name of its option."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Resolved:
    """What one side would run, as far as its version can say it."""

    configuration: Mapping[str, Any] = field(default_factory=dict)
    """Every value by its path."""
    origins: Mapping[str, str] = field(default_factory=dict)
    """Where a value came from, by its path; one that is absent has its default."""
    metrics: tuple[str, ...] = ()
    plugins: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """``distribution``, ``version`` and ``source_hash`` of each, by kind and name."""
    versions: Mapping[str, str] = field(default_factory=dict)
    """Of Python, of the libraries, and of what the distributions of the plugins require."""
    borrowed: tuple[str, ...] = ()
    """Packages of the plugins that lie in the other side's tree."""
    requirements: Mapping[str, str] = field(default_factory=dict)
    """What the tree itself demands, by name."""


def resolve_sides(launches: Mapping[str, Launch], trees: Mapping[str, Path | None]) -> dict[str, Resolved | Refusal]:
    """Ask all sides at once what they would run.

    Args:
        launches: how to start the process that is asked, by role.
        trees: the sources of each; None for the code that runs here.
    """
    workers: dict[str, Worker] = {}
    try:
        for role, launch in launches.items():
            workers[role] = Worker(launch)
        return {role: _answer_of(worker, trees[role], workers.values()) for role, worker in workers.items()}
    finally:
        for worker in workers.values():
            worker.close()


def _answer_of(worker: Worker, tree: Path | None, beside: Collection[Worker]) -> Resolved | Refusal:
    try:
        answer = worker.answer("resolved", _TIMEOUT_SECONDS, beside=beside)
    except WorkerFailed as error:
        return Refusal(kind="broken", message=error.what, last_words=error.last_words)
    if "refusal" in answer:
        return Refusal(kind=answer["refusal"], message=answer["message"], options=tuple(answer.get("options", ())))
    tables = {name: answer.get(name, {}) for name in ("configuration", "origins", "plugins", "versions")}
    metrics, borrowed = (tuple(answer.get(name, ())) for name in ("metrics", "borrowed"))
    return Resolved(**tables, metrics=metrics, borrowed=borrowed, requirements=requirements_of(tree) if tree else {})


def requirements_of(tree: Path) -> dict[str, str]:
    """Return what a tree demands, by the name of the distribution: of its ``pyproject.toml`` and its ``requirements*.txt``."""
    lines: list[str] = []
    with contextlib.suppress(OSError, ValueError, AttributeError):
        lines += parse_toml((tree / "pyproject.toml").read_text(encoding="utf-8")).get("project", {}).get("dependencies", [])
    for file in sorted(tree.glob("requirements*.txt")):
        with contextlib.suppress(OSError, ValueError):
            lines += [line.partition("#")[0] for line in file.read_text(encoding="utf-8").splitlines()]
    split = [re.match(r"\s*([\w.-]+(?:\[[^]]*\])?)\s*(.*)", line) for line in lines if isinstance(line, str)]
    return {one[1]: one[2].strip() or "any" for one in split if one and not one[1].startswith("-")}


def differences(base: Resolved, head: Resolved) -> tuple[Difference, ...]:
    """Return what differs before anything is built: settings first, then what is demanded, and with which versions both run."""
    return (
        *_unlike("setting", base.configuration, head.configuration),
        *_unlike("requirement", base.requirements, head.requirements),
        *_unlike("version", base.versions, head.versions),
    )


def renamed_option(base: Resolved, head: Refusal) -> str:
    """Return which options of base head has no longer, and which it has instead; empty where that is not why it refuses."""
    before, after = ({path for path in paths if _OPTION in path} for paths in (base.configuration, head.options))
    if not after or not before - after:
        return ""
    gone, come = (", ".join(path.partition(_OPTION)[2] for path in sorted(paths)) for paths in (before - after, after - before))
    return f"it no longer has the option {gone}{f', and has {come} instead' if come else ''}"


def _unlike(key: str, base: Mapping[str, Any], head: Mapping[str, Any]) -> Iterator[Difference]:
    """Yield the fields that differ; where a side says nothing at all nothing is known of it, but for what a tree demands."""
    known = key == "requirement" or (base and head)
    for name in dict.fromkeys((*base, *head)) if known else ():
        if base.get(name) != head.get(name):
            yield Difference(key=key, field=name, base=base.get(name), head=head.get(name))
