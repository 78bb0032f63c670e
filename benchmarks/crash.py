"""Kill runs, or take their audience away, at random moments, and compare every bit with a run that was left alone.

``python benchmarks/crash.py audience --count 200`` takes away what a run prints to: pipes are closed, the disk fills up, the terminal goes,
SIGHUP comes. The run must complete, or stop with a checkpoint and exit code 130 where a signal asked it to; resumed, it is the same.

``python benchmarks/crash.py kills --count 1000`` sends SIGKILL to runs of ten configurations, up to seven times each until it is through.

Moments come from ``--seed``. ``results/crash/audience.jsonl`` and ``kills.jsonl`` get a line for each run, and the table beside them is
written anew; called again, the command goes on where it was ended. The exit code is 1 where a bit was lost or a file was left behind.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import pty
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ganbench.record.machine import hardware_key

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "crash"))

from forked import Child, ForkServer, differences  # noqa: E402

DIGITS = ("--batch-size", "8", "-o", "dataset.resolution=8", "--metric", "fd200_digits")
NARROW = ("-o", "generator_width=4", "-o", "discriminator_width=4", "-o", "latent_dim=8")
PLAIN = (*DIGITS, *NARROW, "--plugin", "dcgan")
CONFIGURATIONS: dict[str, tuple[float, tuple[str, ...]]] = {
    "dcgan": (0.12, PLAIN),
    "dcgan, conditional, DiffAugment": (0.12, (*PLAIN, "-o", "conditional=true", "--augment", "diffaugment")),
    "dcgan, Wasserstein, clipped, RMSprop, two steps of D": (
        0.3,
        (
            *(*PLAIN, "--loss", "wasserstein", "-o", "weight_clip=0.01", "--set", "training.d_steps=2"),
            *("--set", "generator_optimizer.kind=rmsprop", "--set", "discriminator_optimizer.kind=rmsprop"),
            *("--set", "discriminator_optimizer.schedule=linear"),
        ),
    ),
    "mlp on ring8": (
        0.3,
        (
            *("--plugin", "mlp", "--dataset", "ring8", "-o", "dataset.num_samples=2000", "--batch-size", "16"),
            *("-o", "generator_widths=16,16", "-o", "discriminator_widths=16,16", "--metric", "modes500_points"),
        ),
    ),
    "wgan-gp-conv": (0.12, (*DIGITS, *NARROW, "--plugin", "wgan-gp-conv", "--set", "training.d_steps=2")),
    "sngan-projection": (0.12, (*DIGITS, *NARROW, "--plugin", "sngan-projection", "--set", "training.d_steps=2")),
    "biggan": (
        0.1,
        (
            "--metric",
            "fd200_digits",
            *DIGITS[:2],
            *NARROW[:4],
            "--plugin",
            "biggan",
            "--set",
            "training.d_steps=1",
            "-o",
            "dataset.resolution=16",
        ),
    ),
    "progan": (
        0.15,
        ("--plugin", "progan", "--dataset", "digits", "--batch-size", "8", "-o", "max_channels=4", "--metric", "fd200_digits"),
    ),
    "pix2pix": (
        0.1,
        (
            *("--plugin", "pix2pix", "--dataset", "digits", "-o", "dataset.resolution=8", "--batch-size", "4"),
            *("-o", "width=4", "-o", "discriminator_width=4", "-o", "patch_layers=1", "--no-eval"),
        ),
    ),
    "cyclegan": (
        0.1,
        (
            *("--plugin", "cyclegan", "--dataset", "digits", "-o", "dataset.resolution=8", "--batch-size", "4", "-o", "width=4"),
            *("-o", "discriminator_width=4", "-o", "patch_layers=1", "-o", "num_blocks=1", "-o", "pool_size=6", "--no-eval"),
        ),
    ),
}
"""By name: thousands of real samples, and what is said on the command line."""
MOST_KILLS = 7
"""Of one run."""
SMALL_DISK = "64k"
TABLES = {
    "kills": ("SIGKILL at random moments", "configuration", "kills"),
    "audience": ("What a run prints to is lost at random moments", "loss", "losses"),
}


class Yard:
    """A folder for runs, the server that starts them, and what each configuration comes to when it is left alone.

    Args:
        folder: empty.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.server = ForkServer(folder / "cache")
        self._names = itertools.count()
        self._alone: dict[str, tuple[Path, float]] = {}

    def start(self, *argv: str, **options: Any) -> Child:
        """Start a command line."""
        name = f"child{next(self._names)}"
        pid = self.server.ask({"argv": list(argv), "folder": str(self.folder), "name": name, **options})["pid"]
        return Child(self.server, pid, self.folder / name)

    def finish(self, *argv: str) -> None:
        """Run a command line to its end, which must be a good one."""
        child = self.start(*argv)
        if child.wait() != 0:
            raise RuntimeError(f"{' '.join(argv)} ended with {child.code}: {child.stderr}")

    def alone(self, configuration: str) -> tuple[Path, float]:
        """Return a run that nobody disturbed, and the seconds that it takes with a warm cache."""
        if configuration not in self._alone:
            name = f"alone{len(self._alone)}"
            self.finish(*arguments_of(configuration), "--out", f"{name}-first")
            began = time.monotonic()
            self.finish(*arguments_of(configuration), "--out", name)
            self._alone[configuration] = self.folder / name, time.monotonic() - began
        return self._alone[configuration]

    def flaws(self, name: str, configuration: str) -> list[str]:
        """Return the bits that a finished run lost, and the files that it has and should not have."""
        whole, _ = self.alone(configuration)
        lost = [f"lost: {one}"[:300] for one in differences(self.folder / name, whole)]
        found, expected = _files(self.folder / name), _files(whole)
        return lost + [f"stale: {one}" for one in sorted(found - expected)] + [f"lost: {one}" for one in sorted(expected - found)]

    def clear(self, name: str) -> None:
        """Forget a run and what was printed."""
        shutil.rmtree(self.folder / name, ignore_errors=True)
        for path in self.folder.glob("child*"):
            path.unlink()


def _files(run: Path) -> set[str]:
    """Return the names of a run's files; a checkpoint's hash changes with the seconds that it holds."""
    return {re.sub(r"-[0-9a-f]{16}\.pt$", ".pt", str(path.relative_to(run))) for path in run.rglob("*")}


@contextlib.contextmanager
def yard() -> Iterator[Yard]:
    """Make a yard in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        made = Yard(Path(folder))
        try:
            yield made
        finally:
            made.server.close()


def arguments_of(configuration: str) -> tuple[str, ...]:
    """Return a small run that evaluates, draws and saves often."""
    kimg, arguments = CONFIGURATIONS[configuration]
    often = (
        "--set",
        f"evaluation.every_kimg={kimg / 3}",
        "--set",
        f"checkpoint.every_kimg={kimg * 0.15}",
        "--set",
        "evaluation.grid_size=2",
    )
    return ("run", *arguments, "--kimg", str(kimg), "--seed", "3", "--threads", "1", "--quiet", *often)


def kill(made: Yard, dice: random.Random, index: int, most: int) -> dict[str, Any]:
    """Kill one run until it is through, at most so many times; return what came of it."""
    configuration = list(CONFIGURATIONS)[index % len(CONFIGURATIONS)]
    name, moments = f"run{index}", []
    _, seconds = made.alone(configuration)
    while not (made.folder / name / "record.json").exists():
        is_begun = (made.folder / name / "config.toml").exists()
        again = ("run", "--resume", name, "--quiet") if is_begun else (*arguments_of(configuration), "--out", name)
        child = made.start(*again)
        if len(moments) < most:
            moment = dice.uniform(0, seconds)
            time.sleep(moment)
            child.signal(signal.SIGKILL)
        code = child.wait()
        if code == -signal.SIGKILL:
            moments.append(round(moment, 3))
        elif code != 0:
            return {"of": configuration, "hits": len(moments), "flaws": [f"exit code {code}: {child.stderr[-300:]}"]}
    flaws = made.flaws(name, configuration)
    made.clear(name)
    return {"of": configuration, "hits": len(moments), "moments": moments, "flaws": flaws}


class Stage:
    """Where one run prints, and how that is taken away.

    Args:
        made: where the run is.
        disk: a small mounted disk, or None where none can be mounted.
    """

    def __init__(self, made: Yard, disk: Path | None) -> None:
        self._made, self._disk = made, disk
        self._open: list[int] = []

    def pipes(self, *numbers: int) -> tuple[dict[str, Any], Callable[[Child], None]]:
        """Let some of stdout (1) and stderr (2) be pipes, which are closed."""
        streams: dict[str, str | None] = {}
        for number in numbers:
            path = self._made.folder / f"child-pipe{number}"
            path.unlink(missing_ok=True)
            os.mkfifo(path)
            self._open.append(os.open(path, os.O_RDONLY | os.O_NONBLOCK))
            streams[str(number)] = str(path)
        return {"streams": streams}, lambda child: self.close()

    def full_disk(self) -> tuple[dict[str, Any], Callable[[Child], None]]:
        """Let both be a file on a disk that another file fills; from the start where no disk can be mounted."""
        if self._disk is None:
            return {"streams": {"1": "/dev/full", "2": "/dev/full"}}, lambda child: None
        log, ballast = self._disk / "log.txt", self._disk / "ballast"
        for path in (log, ballast):
            path.unlink(missing_ok=True)

        def fill(child: Child) -> None:
            with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
                while True:
                    file.write(bytes(1024))

        return {"streams": {"1": str(log), "2": str(log)}}, fill

    def never_there(self) -> tuple[dict[str, Any], Callable[[Child], None]]:
        """Start it without stdout and stderr, as a daemon may be."""
        return {"streams": {"1": None, "2": None}}, lambda child: None

    def terminal(self, *, ignore: bool) -> tuple[dict[str, Any], Callable[[Child], None]]:
        """Let it sit at a terminal that goes; one that was told to outlive that ignores SIGHUP."""
        master, slave = pty.openpty()
        os.set_blocking(master, False)
        self._open += [master, slave]
        request = {"terminal": os.ttyname(slave), "ignore": [signal.SIGHUP] if ignore else []}
        return request, lambda child: self.close()

    def hang_up(self, times: int) -> tuple[dict[str, Any], Callable[[Child], None]]:
        """Send SIGHUP, as a shell does that ends."""

        def send(child: Child) -> None:
            for _ in range(times):
                child.signal(signal.SIGHUP)
                time.sleep(0.002)

        return {}, send

    def log_removed(self, name: str) -> tuple[dict[str, Any], Callable[[Child], None]]:
        """Remove the run's own log under it."""
        return {}, lambda child: (self._made.folder / name / "log.txt").unlink(missing_ok=True)

    def drain(self) -> None:
        """Read what was printed, so that nobody waits for us."""
        for descriptor in self._open:
            with contextlib.suppress(OSError):
                if not os.get_blocking(descriptor):
                    os.read(descriptor, 1 << 16)

    def close(self) -> None:
        """Take pipes and terminals away."""
        for descriptor in self._open:
            os.close(descriptor)
        self._open.clear()


LOSSES: dict[str, Callable[[Stage, str], tuple[dict[str, Any], Callable[[Child], None]]]] = {
    "the pipe of stderr is closed": lambda stage, name: stage.pipes(2),
    "the pipe of stdout is closed": lambda stage, name: stage.pipes(1),
    "both pipes are closed": lambda stage, name: stage.pipes(1, 2),
    "the disk of the output is full": lambda stage, name: stage.full_disk(),
    "neither stream was ever there": lambda stage, name: stage.never_there(),
    "the terminal goes": lambda stage, name: stage.terminal(ignore=False),
    "the terminal goes, SIGHUP is ignored": lambda stage, name: stage.terminal(ignore=True),
    "SIGHUP": lambda stage, name: stage.hang_up(1),
    "SIGHUP three times": lambda stage, name: stage.hang_up(3),
    "log.txt is removed": lambda stage, name: stage.log_removed(name),
}
STOPPING = ("the terminal goes", "SIGHUP", "SIGHUP three times")
"""Losses that ask the run to stop; after all others it must complete."""


def lose(made: Yard, dice: random.Random, index: int, disk: Path | None) -> dict[str, Any]:
    """Take one run's audience away; return what came of it."""
    loss = list(LOSSES)[index % len(LOSSES)]
    configuration = ("dcgan", "mlp on ring8")[index // len(LOSSES) % 2]
    name, stage = f"run{index}", Stage(made, disk)
    _, seconds = made.alone(configuration)
    request, take_away = LOSSES[loss](stage, name)
    moment = dice.uniform(0, seconds)
    try:
        child = made.start(*(word for word in arguments_of(configuration) if word != "--quiet"), "--out", name, **request)
        deadline = time.monotonic() + moment
        while time.monotonic() < deadline:
            stage.drain()
            time.sleep(0.005)
        take_away(child)
        code = child.wait()
    finally:
        stage.close()
    line = {"of": loss, "hits": 1, "configuration": configuration, "moment": round(moment, 3), "code": code}
    run = made.folder / name
    right = (0, 130) if loss in STOPPING else (0,)
    if loss in STOPPING and (not run.exists() or (run / "record.json").exists()):
        right = (*right, -signal.SIGHUP)  # a program that has not begun, or has done its work, dies of it as any other does
    flaws = [] if code in right else [f"exit code {code}"]
    if code == 130 and run.exists() and not list(run.glob("checkpoints/*.pt")):
        flaws.append("stopped without a checkpoint")
    if code != 0 and not flaws and not (run / "record.json").exists():
        made.finish(*(("run", "--resume", name, "--quiet") if run.exists() else (*arguments_of(configuration), "--out", name)))
    if not flaws:
        flaws = [one for one in made.flaws(name, configuration) if one != "lost: log.txt" or loss != "log.txt is removed"]
    made.clear(name)
    return line | {"flaws": flaws}


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[Path | None]:
    """Mount a small disk, or yield None where that is not allowed."""
    folder.mkdir()
    mount = shutil.which("mount")
    command = (str(mount), "-t", "tmpfs", "-o", f"size={SMALL_DISK}", "tmpfs", str(folder))
    if mount is None or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        yield None
        return
    try:
        yield folder
    finally:
        subprocess.run(("umount", "-l", str(folder)), check=True)


def main() -> None:
    """Do what is missing, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=TABLES)
    parser.add_argument("--count", type=int, required=True, help="how many kills or losses in all")
    parser.add_argument("--seed", type=int, default=20261128)
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "crash", metavar="DIR")
    parser.add_argument("--minutes", type=float, default=1e9, help="begin nothing more after so many")
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    path = chosen.out / f"{chosen.what}.jsonl"
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []
    until, measured = time.monotonic() + 60 * chosen.minutes, commit()  # now: the results that it writes are changes too
    with yard() as made, small_disk(made.folder / "disk") as disk:
        while (hits := sum(line["hits"] for line in lines)) < chosen.count and time.monotonic() < until:
            index = next(number for number in itertools.count() if number not in {line["index"] for line in lines})
            dice = random.Random(f"{chosen.seed} {index}")
            line = (
                kill(made, dice, index, min(MOST_KILLS, chosen.count - hits)) if chosen.what == "kills" else lose(made, dice, index, disk)
            )
            lines.append({"index": index, "commit": measured, "machine": machine(), **line})
            with path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(lines[-1], separators=(",", ":")) + "\n")
            print(f"{time.strftime('%H:%M:%S')} {hits + line['hits']} {line['of']}: {'; '.join(line['flaws']) or 'same'}", flush=True)
            path.with_suffix(".md").write_text(table(chosen.what, lines), encoding="utf-8")
    sys.exit(any(line["flaws"] for line in lines))


def table(what: str, lines: list[dict[str, Any]]) -> str:
    """Return the results in markdown."""
    title, column, noun = TABLES[what]
    hits, runs, lost, stale, other, codes = (Counter[str]() for _ in range(6))
    for line in lines:
        hits[line["of"]] += line["hits"]
        runs[line["of"]] += 1
        for flaw in line["flaws"]:
            (lost if flaw.startswith("lost") else stale if flaw.startswith("stale") else other)[line["of"]] += 1
        codes[f"{line['of']} {line.get('code')}"] += 1
    with_codes, ended = what == "audience", " completed at once | stopped with a checkpoint | died with no work under way |"
    machines, commits = (", ".join(dict.fromkeys(line[of] for line in lines)) for of in ("machine", "commit"))
    text = [
        f"# {title}",
        "",
        f"`python benchmarks/crash.py {what}`: {sum(hits.values())} {noun} in {len(lines)} runs, "
        f"{sum(lost.values())} bits, values or files lost, {sum(stale.values())} stale files, {sum(other.values())} wrong endings.",
        f"Measured on {machines}, at commit {commits}.",
        "",
        f"| {column} | runs | {noun} |{ended if with_codes else ''} lost | stale | wrong endings |",
        f"| --- |{' ---: |' * (8 if with_codes else 5)}",
    ]
    for of in hits:
        endings = f" {codes[f'{of} 0']} | {codes[f'{of} 130']} | {codes[f'{of} -1']} |" if with_codes else ""
        text.append(f"| {of} | {runs[of]} | {hits[of]} |{endings} {lost[of]} | {stale[of]} | {other[of]} |")
    return "\n".join(text) + "\n"


def machine() -> str:
    """Return the processor, and how much of it this process may use."""
    facts = dict(hardware_key("cpu").fields)
    return f"{facts['cpu']} ({facts['cpu_cores']} of {os.cpu_count()} cores)"


def commit() -> str:
    """Return what is measured."""
    done = subprocess.run(("git", "describe", "--always", "--dirty"), cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


if __name__ == "__main__":
    main()
