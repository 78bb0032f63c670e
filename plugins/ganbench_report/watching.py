"""What a live page shows, followed from outside: the folders of runs are looked at again and again, and a run knows nothing of it."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import secrets
import time
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ganbench import RunDirectory, RunRecord, Unreadable, clean
from ganbench_report.cells import Watched, cell_states
from ganbench_report.content import make_content, run_facts
from ganbench_report.inputs import Inputs, PlacedRun
from ganbench_report.pictures import Picture, pictures_of, text_of
from ganbench_report.standing import stamp_of, standing_record, total_samples
from ganbench_report.steered import Command, Shown, send, shown_by, stay

_EVERY_SECONDS, _IDLE_SECONDS = 1.0, 5.0
_SHARE = 50
"""A look that took a CPU a second is followed by the next after 50: watching takes at most a fiftieth of one core."""
_POINTS = 200
"""Of a curve of losses; a run tells no more."""
_RECENT = 10
"""Points of a curve over which the speed of this moment is taken."""
_CHANGING = ("kimg", "steps", "speed", "seconds_per_kimg", "metrics", "curves", "seconds", "wall_seconds")
"""What changes of a run between two evaluations."""


@dataclasses.dataclass(slots=True)
class _Followed:
    """One run, as it was at the last look."""

    path: Path
    stamp: tuple[object, ...] = ()
    record: RunRecord | None = None
    reason: str = ""
    pictures: tuple[Picture, ...] = ()

    @property
    def outline(self) -> tuple[object, ...]:
        """What tables are made of: where it changes, all of a page does."""
        record = self.record
        return (self.reason,) if record is None else (record.status, record.status_detail, len(record.evaluations), record.num_resumes)


@dataclasses.dataclass(frozen=True, slots=True)
class _View:
    """What a page shows; never changed, but followed by another one."""

    version: int
    whole_version: int
    """The version since which nothing but numbers of single runs has changed."""
    content: dict[str, Any]
    run_versions: tuple[int, ...]
    """When each run has changed last."""


class Follower:
    """Follows a run, or all runs of a folder, for any number of pages.

    Nothing is looked at while no page is open. A page is told what has changed since what it knows; for one that takes nothing, nothing is
    kept.

    Args:
        watched: what to follow.
        is_ending: True ends every stream.
    """

    def __init__(self, watched: Watched, is_ending: Callable[[], bool] = lambda: False) -> None:
        self.watched, self._is_ending = watched, is_ending
        self.pages = 0
        self._boot = secrets.token_hex(4)
        self._found: dict[Path, _Followed] = {}
        self._runs: list[_Followed] = []  # those that have a record; a run keeps its number
        self._view = _View(0, 0, {}, ())
        self._changed = asyncio.Event()
        self._looking = asyncio.Lock()
        self._next_look = self._next_stay = 0.0
        self._shown: dict[int, Shown] = {}  # what runs tell of their inside, by their numbers

    async def content(self) -> tuple[str, dict[str, Any]]:
        """Return where the follower is, and everything that a page shows now."""
        await self.look()
        return self._place(), self._view.content

    def picture(self, number: int, name: str) -> Picture | None:
        """Return a picture that pages were told of; None for any other."""
        known = self._runs[number].pictures if 0 <= number < len(self._runs) else ()
        return next((picture for picture in known if picture.path.name == name), None)

    def view(self, number: int) -> Path | None:
        """Return the file in which a run says what it looks like inside; None where it does not."""
        shown = self._shown.get(number)
        return None if shown is None else shown.path

    def command(self, number: int, command: Command) -> str:
        """Tell a run what to do; return why that cannot be, or nothing."""
        if not 0 <= number < len(self._runs):
            return "there is no such run"
        return send(self._runs[number].path, command)

    async def look(self) -> None:
        """Look at the folders if it is time, and wake every page where something is new."""
        async with self._looking:
            if time.monotonic() < self._next_look:
                return
            is_first = not self._view.version
            view, seconds = await asyncio.to_thread(self._timed_look)
            is_active = any(one.stamp[0] for one in self._found.values())
            rest = max(_EVERY_SECONDS if is_active else _IDLE_SECONDS, _SHARE * seconds)
            self._next_look = time.monotonic() + (_EVERY_SECONDS if is_first else rest)
            if view is not None:
                self._view = view
                self._wake()

    async def follow(self) -> None:
        """Look whenever it is time and a page is open, until the end."""
        while not self._is_ending():
            if self.pages:
                self._stay()
                await self.look()
            await asyncio.sleep(0.25)
        self._wake()

    async def tell(self, place: str) -> AsyncIterator[str]:
        """Yield what a page is told, as server-sent events, beginning with what it does not know yet.

        Args:
            place: where the page is; empty, or of another server, where it knows nothing.
        """
        self.pages += 1
        shown: dict[int, Shown] = {}
        try:
            yield "retry: 1000\n\n"
            while not self._is_ending():
                changed = self._changed
                if shown != self._shown:
                    shown = self._shown
                    yield f"event: shown\ndata: {_json({number: one.facts for number, one in shown.items()})}\n\n"
                elif self._view.version and place != self._place():
                    message, place = self.since(place), self._place()
                    yield f"id: {place}\ndata: {message}\n\n"
                else:
                    with contextlib.suppress(asyncio.TimeoutError):
                        await asyncio.wait_for(changed.wait(), 10)
                    if changed is self._changed:
                        yield ": still here\n\n"  # whoever has gone is found out by that
        finally:
            self.pages -= 1

    def since(self, place: str) -> str:
        """Return as JSON what is new since a place: everything where tables have changed, else the numbers of some runs."""
        view = self._view
        boot, _, text = place.partition(".")
        known = int(text) if boot == self._boot and text.isdecimal() and len(text) < 10 else -1
        if known < view.whole_version:
            return _json({"content": view.content})
        changed = [number for number, version in enumerate(view.run_versions) if version > known]
        return _json({"runs": {number: view.content["runs"][number] for number in changed}, "live": view.content["live"]})

    def _stay(self) -> None:
        """Tell runs that somebody watches, and pages where a run looks otherwise now."""
        is_time = time.monotonic() >= self._next_stay
        if is_time:
            self._next_stay = time.monotonic() + _EVERY_SECONDS
        now = {}
        for number, one in enumerate(self._runs):
            if is_time and one.stamp[0]:
                stay(one.path)
            if (shown := shown_by(one.path, self._shown.get(number))) is not None:
                now[number] = shown
        if now != self._shown:
            self._shown = now
            self._wake()

    def _place(self) -> str:
        return f"{self._boot}.{self._view.version}"

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    def _timed_look(self) -> tuple[_View | None, float]:
        """Look, and return also what it took of a CPU: on a busy machine it takes longer by the clock, and no more."""
        began = time.thread_time()
        return self._look(), time.thread_time() - began

    def _look(self) -> _View | None:
        """Read what has changed, and return the next view; None where nothing has."""
        view, is_whole, changed = self._view, not self._view.version, set()
        for path in self.watched.runs():
            one = self._found.setdefault(path, _Followed(path))
            if (stamp := stamp_of(path)) != one.stamp:
                before = one.outline
                self._read(one, stamp)
                is_whole |= one.outline != before
                changed.add(path)
        live = self._live()
        if not is_whole and not changed and live == view.content["live"]:
            return None
        version = view.version + 1
        known = (*view.run_versions, *[version] * (len(self._runs) - len(view.run_versions)))
        versions = [version if one.path in changed else old for one, old in zip(self._runs, known, strict=True)]
        if is_whole:
            return _View(version, version, self._whole(live), tuple(versions))
        runs = [self._refreshed(i, old) if self._runs[i].path in changed else old for i, old in enumerate(view.content["runs"])]
        return _View(version, view.whole_version, {**view.content, "runs": runs, "live": live}, tuple(versions))

    def _read(self, one: _Followed, stamp: tuple[object, ...]) -> None:
        """Read a run; one whose record is damaged while it is watched stays as it was."""
        found = standing_record(one.path)
        one.stamp, one.pictures = stamp, pictures_of(one.path)
        if isinstance(found, Unreadable):
            one.reason = found.reason
            return
        if one.record is None:
            self._runs.append(one)
        one.record, one.reason = found, ""

    def _live(self) -> dict[str, Any]:
        numbers = {one.path.resolve(): number for number, one in enumerate(self._runs)}
        states = {number: one.record.status for number, one in enumerate(self._runs) if one.record}
        cells = cell_states(self.watched, numbers, states)
        return {"watched": clean(str(self.watched.path)), "is_run": self.watched.is_run, "cells": cells}

    def _whole(self, live: dict[str, Any]) -> dict[str, Any]:
        placed = tuple(PlacedRun(record=one.record, path=one.path) for one in self._runs if one.record)
        unreadable = tuple(Unreadable(path=one.path, reason=one.reason) for one in self._found.values() if one.record is None)
        title = placed[0].record.run_id if self.watched.is_run and placed else str(self.watched.path)
        content = make_content(Inputs(runs=placed, unreadable=unreadable, verdicts=()), title=title, moments=0)
        del content["pictures"]
        return {**content, "runs": [{**facts, **self._now(i, facts)} for i, facts in enumerate(content["runs"])], "live": live}

    def _refreshed(self, number: int, old: dict[str, Any]) -> dict[str, Any]:
        one = self._runs[number]
        assert one.record is not None
        facts = run_facts(PlacedRun(record=one.record, path=one.path), "", _POINTS)
        return {**old, **{name: facts[name] for name in _CHANGING}, **self._now(number, facts)}

    def _now(self, number: int, facts: dict[str, Any]) -> dict[str, Any]:
        """Return what only a live page shows of a run."""
        one = self._runs[number]
        assert one.record is not None
        told, curves = None, facts["curves"]
        with contextlib.suppress(OSError):
            told = RunDirectory(one.path).events_path.stat().st_mtime
        live = {
            "total_kimg": total_samples(one.record) / 1000,
            "recent": recent_speed(curves.get("kimg", ()), curves.get("seconds", ())),
            "told": told,
        }
        return {"live": live, "pictures": [_shown(number, picture) for picture in one.pictures]}


def recent_speed(kimg: Sequence[float | None], seconds: Sequence[float | None]) -> float | None:
    """Return samples per second over the last points of a curve; None where these do not say."""
    known = [(k, s) for k, s in zip(kimg, seconds, strict=True) if k is not None and s is not None][-_RECENT:]
    if len(known) < 2 or known[-1][1] <= known[0][1]:
        return None
    return 1000 * (known[-1][0] - known[0][0]) / (known[-1][1] - known[0][1])


def _shown(number: int, picture: Picture) -> dict[str, Any]:
    """Return a picture as a page asks for it; a text, which no address can show there, as it is."""
    shown: dict[str, Any] = {"type": picture.type, "label": picture.label, "kimg": picture.kimg}
    if picture.type.startswith("text/"):
        return {**shown, "text": text_of(picture) or ""}
    return {**shown, "url": f"pictures/{number}/{quote(picture.path.name, safe='')}?{picture.size}"}


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), allow_nan=False)
