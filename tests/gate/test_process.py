"""Workers that die, hang, print or flood: each ends in one clear error, and nothing of them is left running."""

from __future__ import annotations

import dataclasses
import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ganbench.fleet.worker import Launch, Worker, WorkerFailed
from ganbench_gate.lockstep import PairPlan, run_pair
from ganbench_gate.side import Refusal, SidesFailed

Fake = Callable[..., Launch]


def fail(fake: Fake, plan: PairPlan, mode: str) -> Refusal:
    """Return what is said of head where it misbehaves."""
    with pytest.raises(SidesFailed) as caught:
        run_pair({"base": fake("base"), "head": fake("head", mode=mode)}, plan, random.Random(0))
    assert list(caught.value.refusals) == ["head"]
    assert caught.value.refusals["head"].kind == "broken"
    return caught.value.refusals["head"]


@pytest.mark.parametrize("when", ["start", "block", "finish"])
def test_a_death_is_told_with_the_last_words(fake: Fake, quick_plan: PairPlan, when: str) -> None:
    """Whenever it happens: the exit code, and the end of its stderr."""
    error = fail(fake, quick_plan, f"die@{when}")
    assert error.message == "head ended with exit code 7 before it had answered"
    assert error.last_words == ("first words", "last words")


def test_a_kill_is_told_as_a_signal(fake: Fake, quick_plan: PairPlan) -> None:
    """The system's memory killer is named as a possible cause."""
    assert fail(fake, quick_plan, "kill@block").message == (
        "head was killed by SIGKILL; the system may have run out of memory before it had answered"
    )


def test_a_hang_is_ended_with_its_children(fake: Fake, quick_plan: PairPlan, tmp_path: Path) -> None:
    """After the time limit the process and what it started are gone."""
    plan = dataclasses.replace(quick_plan, block_timeout=0.5)
    assert fail(fake, plan, "hang@block").message == "head gave no answer for 0 s and was ended"
    assert not processes_in(tmp_path)


def processes_in(folder: Path) -> list[int]:
    """Return the processes whose current directory is a folder, after those that are just ending have ended."""
    for _ in range(1000):
        found = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit() and lives_in(entry, folder)]
        if not found:
            break
        time.sleep(0.005)
    return found


def lives_in(process: Path, folder: Path) -> bool:
    try:
        return (process / "cwd").readlink() == folder
    except OSError:
        return False


@pytest.mark.parametrize("when", ["start", "block"])
def test_garbage_among_the_answers_is_shown(fake: Fake, quick_plan: PairPlan, when: str) -> None:
    """Text where an answer should be ends the pair."""
    assert "head answered with 'Hello, I am a plugin' instead of" in fail(fake, quick_plan, f"garbage@{when}").message


def test_an_endless_line_is_bounded(fake: Fake, quick_plan: PairPlan) -> None:
    """A process that prints without a line's end does not fill the parent's memory."""
    assert "head answered with 'xxxx" in fail(fake, quick_plan, "endless@block").message


def test_a_flood_of_stderr_neither_blocks_nor_stays(fake: Fake) -> None:
    """Megabytes pass through, and the end of them is kept."""
    worker = Worker(fake("head", mode="flood@block"))
    try:
        worker.answer("ready", 60.0)
        assert worker.ask({"run": 1}, "block", 60.0) == {"seconds": 0.01, "images": 64.0}
    finally:
        worker.close()
    assert worker.last_words()[-1] == "the end"
    assert sum(map(len, worker.last_words())) <= 12 * 500


def test_an_error_that_a_worker_reports_is_a_failure(fake: Fake, quick_plan: PairPlan) -> None:
    """A crash while building is not a matter of usage."""
    assert fail(fake, quick_plan, "fail").message == "head failed: RuntimeError: broken"


def test_what_cannot_be_started_is_named(fake: Fake) -> None:
    """An interpreter that is gone is one line."""
    with pytest.raises(WorkerFailed, match="base: /no/such/python cannot be started"):
        Worker(dataclasses.replace(fake("base"), command=("/no/such/python",)))


def test_closing_twice_is_nothing(fake: Fake) -> None:
    """The end of a pair may follow the end of a worker."""
    worker = Worker(fake("base"))
    worker.answer("ready", 60.0)
    worker.close()
    worker.close()
    assert worker.last_words() == ()
