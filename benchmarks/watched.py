"""What it costs a run to be watched: ``python benchmarks/watched.py [--rounds 4] [--out FILE.json]``.

Rounds of the same short run, each in a process of its own, in five states: nobody is told, TensorBoard is told, the run has a live page
that nobody opens, the page is open in headless Chromium, and the last with TensorBoard. Every second round goes backwards, so that a
machine that becomes slower favours none. What is told of each state:

``share of the run``  what the run's own process spends on telling, of all that it spends, in CPU seconds: calls of its listeners in the
    thread that trains, less those of a run that nobody watches (its event log, its screen), and its threads beside that one. This can
    be measured on a busy machine.
``CPU of the run``  all that its process spends for a kimg, against the run of the same round that nobody watches. Caches and other
    guests of the machine are in it.
``samples a second``  by the clock. What server and browser take is in it where cores are few, and stands beside it, in CPU seconds a
    second.

Medians of the rounds, with bootstrap intervals of 95 %. Nothing here asserts a time.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ganbench.record.events import Listeners, Progressed
from ganbench.record.machine import hardware_key
from ganbench_bench.interval import Interval

ROOT = Path(__file__).resolve().parents[1]
ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+/\w+/")
UNWATCHED = "nobody"
STATES: dict[str, tuple[str, ...]] = {
    UNWATCHED: (),
    "tensorboard": ("tensorboard",),
    "live, no page": ("watch",),
    "live, a page": ("watch",),
    "tensorboard and a page": ("tensorboard", "watch"),
}
FROM = 0.3
"""Of a run, where it begins to be measured: by then the page is open, and everything is imported."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """How far a run was, and what its process had spent by then, in seconds."""

    kimg: float
    clock: float
    process: float
    main_thread: float
    telling: float
    """Of the thread that trains, in its listeners."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """What a run took between two readings."""

    samples_per_second: float
    cpu_seconds_per_kimg: float
    """Of all threads of the run's process."""
    telling_seconds_per_kimg: float
    """Of the thread that trains, in its listeners."""
    beside_seconds_per_kimg: float
    """Of the process's other threads."""
    server_share: float
    """CPU seconds a second."""
    browser_share: float
    was_seen: bool
    """Whether a page was open all the time."""


def main() -> None:
    """Print what each state costs, and write it where that is wanted."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--plugin", default="dcgan")
    parser.add_argument("--dataset", default="digits")
    parser.add_argument("--kimg", type=float, default=20.0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--states", nargs="+", choices=STATES, default=list(STATES))
    parser.add_argument("--out", type=Path, help="Write the figures as JSON.")
    parser.add_argument("--run", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.run:
        sys.exit(run(Path(given.run[0]), given.run[1:]))
    from playwright.sync_api import sync_playwright

    executable = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    states = [UNWATCHED, *(state for state in given.states if state != UNWATCHED)]
    costs: dict[str, list[Cost]] = {state: [] for state in states}
    with sync_playwright() as driver, tempfile.TemporaryDirectory() as folder:
        browser = driver.chromium.launch(executable_path=executable, args=arguments)
        for number in range(given.rounds):
            for state in reversed(states) if number % 2 else states:
                cost = measure(given, Path(folder) / f"{number}-{states.index(state)}", state, browser)
                costs[state].append(cost)
                print(f"round {number + 1}, {state:22} {line_of(cost)}", flush=True)
        browser.close()
    found = {state: summary(costs[state], costs[UNWATCHED]) for state in states}
    print()
    for state, facts in found.items():
        words = (
            f"share of the run {100 * facts['share']['median']:.2f} %",
            f"CPU of the run {change(facts['cpu_ratio'])}",
            f"samples a second {change(facts['speed_ratio'])}",
            f"server {100 * facts['server_share']:.1f} %, browser {100 * facts['browser_share']:.1f} % of a core",
        )
        print(f"{state:22} {'; '.join(words)}")
    if given.out:
        what = {name: getattr(given, name) for name in ("plugin", "dataset", "kimg", "threads", "rounds")}
        commit = subprocess.run(("git", "describe", "--always", "--dirty"), cwd=ROOT, capture_output=True, text=True, check=False)
        machine = {"commit": commit.stdout.strip(), "machine": dict(hardware_key("cpu").fields)}
        given.out.write_text(json.dumps({**what, **machine, "states": found}, indent=1) + "\n", encoding="utf-8")


def line_of(cost: Cost) -> str:
    """Return the figures of one run in a line."""
    return (
        f"{cost.samples_per_second:7,.0f} samples/s, CPU {1000 * cost.cpu_seconds_per_kimg:7.1f} ms a kimg, of them "
        f"{1000 * cost.telling_seconds_per_kimg:6.2f} in listeners, {1000 * cost.beside_seconds_per_kimg:6.2f} beside training; "
        f"server {100 * cost.server_share:.1f} %, browser {100 * cost.browser_share:.1f} % of a core{', seen' if cost.was_seen else ''}"
    )


def change(ratio: dict[str, float]) -> str:
    """Return a ratio with its interval as a change."""
    low, median, high = (100 * (ratio[name] - 1) for name in ("low", "median", "high"))
    return f"{median:+.1f} % ({low:+.1f} to {high:+.1f})"


def summary(costs: list[Cost], alone: list[Cost]) -> dict[str, Any]:
    """Return the medians of a state, and what it costs against the runs of the same rounds that nobody watched."""
    facts: dict[str, Any] = {
        name: statistics.median(getattr(cost, name) for cost in costs) for name in asdict(costs[0]) if name != "was_seen"
    }
    of = lambda cost: cost.telling_seconds_per_kimg + cost.beside_seconds_per_kimg  # noqa: E731
    pairs = list(zip(costs, alone, strict=True))
    found = {
        "share": [max(of(one) - of(other), 0.0) / one.cpu_seconds_per_kimg for one, other in pairs],
        "cpu_ratio": [one.cpu_seconds_per_kimg / other.cpu_seconds_per_kimg for one, other in pairs],
        "speed_ratio": [one.samples_per_second / other.samples_per_second for one, other in pairs],
    }
    for name, values in found.items():
        interval = Interval.of(values)
        facts[name] = {"median": interval.median, "low": interval.low, "high": interval.high, "values": values}
    return {**facts, "seen": sum(cost.was_seen for cost in costs)}


def run(readings: Path, words: list[str]) -> int:
    """Be a run, and write down at each of its reports what its process has spent.

    Args:
        readings: a line of JSON for each.
        words: of the command line.
    """
    from ganbench.cli.main import main as ganbench

    told, tell = 0.0, Listeners.tell
    with readings.open("w", buffering=1) as file:

        def timed(self: Listeners, event: object, method: str = "__call__") -> None:
            nonlocal told
            began = time.thread_time()
            tell(self, event, method)
            told += time.thread_time() - began
            if isinstance(event, Progressed):
                now = Reading(
                    kimg=event.samples_seen / 1000,
                    clock=time.perf_counter(),
                    process=time.process_time(),
                    main_thread=time.thread_time(),
                    telling=told,
                )
                file.write(f"{json.dumps(asdict(now))}\n")

        Listeners.tell = timed  # type: ignore[method-assign]
        return ganbench(words)


def measure(given: argparse.Namespace, out: Path, state: str, browser: Any) -> Cost:
    """Train once, and return what that took.

    Args:
        given: what is run.
        out: its folder.
        state: who is told.
        browser: opens the page, where the state has one open.
    """
    written = out.with_suffix(".readings")
    command = [sys.executable, __file__, "--run", str(written), "run", "--plugin", given.plugin, "--dataset", given.dataset]
    command += ["--kimg", str(given.kimg), "--threads", str(given.threads), "--no-eval", "--out", str(out)]
    command += [word for name in STATES[state] for word in ("--reporter", name)]
    command += ["-o", f"tensorboard.dir={out}-board"] if "tensorboard" in STATES[state] else []
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    others: list[tuple[float, float, float]] = []
    is_seen: list[bool] = []
    follower = threading.Thread(target=follow, args=(process, out, written, given.kimg, others, is_seen))
    follower.start()
    assert process.stderr is not None
    context, said = None, []
    for line in process.stderr:
        said.append(line)
        if "a page" in state and context is None and (found := ADDRESS.search(line)):
            context = browser.new_context()
            context.new_page().goto(found[0])
    if process.wait() != 0:
        raise RuntimeError("".join(said[-5:]))
    follower.join()
    if context is not None:
        context.close()
    readings = [Reading(**json.loads(line)) for line in written.read_text().splitlines()]
    readings = [one for one in readings if FROM * given.kimg <= one.kimg < given.kimg]
    if len(readings) < 2 or len(others) < 2:
        raise RuntimeError("the run was too short to be measured: give it more --kimg")
    first, last = readings[0], readings[-1]
    kimg = last.kimg - first.kimg
    spent, main_thread = last.process - first.process, last.main_thread - first.main_thread
    (began, *before), (ended, *after) = others[0], others[-1]
    server, browsers = ((late - early) / (ended - began) for early, late in zip(before, after, strict=True))
    return Cost(
        samples_per_second=1000 * kimg / (last.clock - first.clock),
        cpu_seconds_per_kimg=spent / kimg,
        telling_seconds_per_kimg=(last.telling - first.telling) / kimg,
        beside_seconds_per_kimg=max(spent - main_thread, 0.0) / kimg,
        server_share=server,
        browser_share=browsers,
        was_seen=all(is_seen),
    )


def follow(
    process: subprocess.Popen[str], out: Path, written: Path, kimg: float, others: list[tuple[float, float, float]], is_seen: list[bool]
) -> None:
    """Note four times a second, from FROM of the run on, what its page's server and the browser have spent, and whether it is open."""
    while process.poll() is None:
        time.sleep(0.25)
        lines = written.read_text().splitlines(keepends=True) if written.exists() else []
        whole = [line for line in lines if line.endswith("\n")]
        if whole and FROM * kimg <= json.loads(whole[-1])["kimg"] < kimg:
            server = sum(spent_by(pid) for pid in processes() if is_server(pid, out))
            browser = sum(spent_by(pid) for pid in descendants(os.getpid()) if pid != process.pid)
            others.append((time.perf_counter(), server, browser))
            is_seen.append((out / "live" / "watched").exists())


def spent_by(pid: int) -> float:
    """Return the seconds that a process has had of a CPU, with all its threads."""
    total = 0
    for task in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        try:
            total += int(task.read_text().split()[0])
        except (OSError, IndexError):
            continue  # it has ended
    return total / 1e9


def processes() -> Iterator[int]:
    """Yield every process."""
    return (int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal())


def is_server(pid: int, out: Path) -> bool:
    """Tell whether a process serves the page of a run."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return {b"watch", b"--background", str(out).encode()} <= set(words)


def descendants(pid: int) -> list[int]:
    """Return the processes that a process has begun, and theirs."""
    children: dict[int, list[int]] = {}
    for one in processes():
        try:
            stat = Path(f"/proc/{one}/stat").read_text()
        except OSError:
            continue
        children.setdefault(int(stat.rpartition(")")[2].split()[1]), []).append(one)
    found = [pid]
    for one in found:
        found += children.get(one, [])
    return found[1:]


if __name__ == "__main__":
    main()
