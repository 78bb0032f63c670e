"""``kill -9`` at any moment costs time and not one bit: the resumed run equals the one that was left alone."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

SEED = 20261121
CONDITIONAL = ("-o", "conditional=true")
PLAIN = ("-o", "conditional=false")
CLIPPED = (
    *PLAIN,
    *("--loss", "wasserstein", "-o", "weight_clip=0.01", "--set", "training.d_steps=2", "--kimg", "0.9"),
    *("--set", "generator_optimizer.kind=rmsprop", "--set", "discriminator_optimizer.kind=rmsprop"),
    *("--set", "discriminator_optimizer.schedule=linear"),
)
STREAMED = ("--dataset", "folder", "-o", "dataset.channels=1", "--set", "data.resident_limit_mib=0", "--set", "training.workers=1")


class Victim:
    """A configuration, and runs of it that are killed until they are through.

    Args:
        launch: starts a command line.
        arguments: of the run, without ``--out``.
        folder: where the runs go.
    """

    def __init__(self, launch: Callable[..., Any], arguments: tuple[str, ...], folder: Path) -> None:
        self._launch, self._arguments, self._folder = launch, arguments, folder
        self.random = random.Random(SEED)
        self.kills = 0
        began = time.monotonic()
        child = launch(*arguments, "--out", "whole")
        assert child.wait() == 0, child.stderr
        self.seconds = time.monotonic() - began
        self.whole = folder / "whole"

    def start(self, name: str, **options: Any) -> Any:
        """Start a run or go on with it; one that died before its configuration was on the disk is simply started again."""
        if (self._folder / name / "config.toml").exists():
            return self._launch("run", "--resume", name, "--quiet", **options)
        return self._launch(*self._arguments, "--out", name, **options)

    def kill_until_finished(self, name: str, kills: int) -> Path:
        """Kill a run at random moments, at most ``kills`` times, and let it finish."""
        while not (self._folder / name / "record.json").exists():
            child = self.start(name)
            if kills > 0:
                moment = self.random.uniform(0.0, self.seconds)
                time.sleep(moment)
                child.signal(signal.SIGKILL)
                kills -= 1
            code = child.wait()
            assert code in (0, -signal.SIGKILL), child.stderr
            if code != 0:
                self.kills += 1
                print(f"{name}: kill {self.kills} after {moment:.3f} s of {self.seconds:.3f}")
        return self._folder / name


@pytest.fixture
def victim(launch: Callable[..., Any], tiny: tuple[str, ...], tmp_path: Path) -> Callable[..., Victim]:
    """Return the maker of victims: takes what is to be added to the tiny run."""
    return lambda *more: Victim(launch, (*tiny, *more), tmp_path)


def check_kills(runs: Victim, wanted: int, differences: Callable[[Path, Path], list[str]]) -> None:
    """Kill runs until that many kills have hit, and compare each run that got through with the one that was left alone."""
    number = 0
    while runs.kills < wanted:
        number += 1
        assert number <= 3 * wanted, "the kills come too late"
        done = runs.kill_until_finished(f"killed{number}", min(7, wanted - runs.kills))
        assert differences(done, runs.whole) == []


@pytest.mark.parametrize(("arguments", "wanted"), [(PLAIN, 3), (CONDITIONAL, 2), (CLIPPED, 2)], ids=["plain", "conditional", "clipped"])
def test_a_killed_run_goes_on_to_the_same_bits(
    victim: Callable[..., Victim], differences: Callable[[Path, Path], Any], arguments: tuple[str, ...], wanted: int
) -> None:
    """Networks, average, optimizers, random streams, evaluations, pictures and losses of seven kills at random moments."""
    check_kills(victim(*arguments), wanted, differences)


def test_a_killed_run_on_a_streamed_dataset_goes_on_to_the_same_bits(
    victim: Callable[..., Victim], differences: Callable[[Path, Path], Any], pictures: Path
) -> None:
    """What the worker had read ahead is read again, and the lock is free although the orphaned worker may still live."""
    check_kills(victim(*STREAMED, "-o", f"dataset.path={pictures}"), 2, differences)


MOMENTS = {
    "before the configuration is in place": ("pathlib:Path.replace", 1, "before"),
    "after the configuration": ("pathlib:Path.replace", 1, "after"),
    "before the first evaluation": ("ganbench.evaluation.evaluator:Evaluator.evaluate", 1, "before"),
    "after an evaluation": ("ganbench.evaluation.evaluator:Evaluator.evaluate", 2, "after"),
    "after a picture": ("ganbench.run.trainer:save_picture", 2, "after"),
    "between two events": ("ganbench.record.events:EventLog.write", 9, "before"),
    "before the first checkpoint": ("ganbench.run.checkpoint:write_bytes", 1, "before"),
    "with a checkpoint written but not in place": ("ganbench.run.checkpoint:write_bytes", 3, "before"),
    "with a checkpoint in place and too many kept": ("ganbench.run.checkpoint:write_bytes", 3, "after"),
    "while the partial record is in place and the checkpoint is not": ("ganbench.run.trainer:Trainer.write_partial_record", 4, "after"),
    "with everything trained and no record": ("ganbench.record.directory:RunDirectory.finish", 1, "before"),
}


@pytest.fixture(scope="module")
def untouched(fork_server: Any, tiny: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run that nobody killed."""
    folder = tmp_path_factory.mktemp("untouched")
    pid = fork_server.ask({"argv": [*tiny, "--out", "whole"], "folder": str(folder), "name": "child"})["pid"]
    assert fork_server.ask({"wait": pid})["code"] == 0, (folder / "child.err").read_text()
    return folder / "whole"


@pytest.mark.parametrize("moment", MOMENTS)
def test_the_worst_moments_lose_nothing(
    launch: Callable[..., Any],
    tiny: tuple[str, ...],
    tmp_path: Path,
    untouched: Path,
    differences: Callable[[Path, Path], Any],
    moment: str,
) -> None:
    """Killed between two system calls that belong together."""
    function, call, when = MOMENTS[moment]
    child = launch(*tiny, "--out", "run", die={"function": function, "call": call, "when": when})
    assert child.wait() == -signal.SIGKILL, child.stderr
    again = ("run", "--resume", "run", "--quiet") if (tmp_path / "run" / "config.toml").exists() else (*tiny, "--out", "run")
    child = launch(*again)
    assert child.wait() == 0, child.stderr
    assert differences(tmp_path / "run", untouched) == []


def test_a_run_killed_after_its_record_is_finished(
    launch: Callable[..., Any], call: Callable[..., Any], tiny: tuple[str, ...], tmp_path: Path, disk: Callable[[Path], Any]
) -> None:
    """The record makes the run complete; the partial record that was to be removed next changes nothing."""
    child = launch(*tiny, "--out", "run", die={"function": "pathlib:Path.unlink", "call": 6, "when": "before"})
    assert child.wait() == -signal.SIGKILL, child.stderr
    names = {p.name for p in (tmp_path / "run").iterdir()}
    assert {"record.json", "partial_record.json"} <= names
    before = disk(tmp_path / "run")
    again = call("run", "--resume", "run")
    assert again.code == 2
    assert "is finished" in again.stderr
    assert disk(tmp_path / "run") == before
