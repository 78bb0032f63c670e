"""Nobody listens: a closed pipe, a full disk, streams that were never there. The exit code is what the work came to."""

from __future__ import annotations

import io
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest

from ganbench.cli.main import main
from ganbench.fleet.worker import stop_signals
from ganbench.record.record import RunRecord
from ganbench.record.serialise import to_json
from ganbench.report.stream import GuardedStream, guarded_streams, print_text, say

ROOT = Path(__file__).parents[2]
LOST = "ganbench: the output could not be written: "


@pytest.fixture
def shell(tmp_path: Path, make_record: Callable[..., RunRecord]) -> Callable[..., Any]:
    """Return a caller of a line of bash, in which $G is ganbench, in a folder with the run ``t0``."""
    (tmp_path / "t0").mkdir()
    (tmp_path / "t0" / "record.json").write_text(to_json(make_record()))
    (tmp_path / "t0" / "config.toml").touch()
    paths = os.pathsep.join(str(path) for path in (ROOT, ROOT / "plugins", ROOT / "kernels"))
    caller = tmp_path / "g"  # bash parts $G at its spaces, and the interpreter's path may hold one
    caller.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m ganbench "$@"\n')
    caller.chmod(0o755)
    environment = os.environ | {"G": str(caller), "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}

    def call(line: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(("bash", "-c", line), cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300, check=False)

    return call


@pytest.mark.slow(keep=4)
@pytest.mark.parametrize(
    ("line", "code", "words"),
    [
        ("$G show t0 >&-", 3, LOST + "it is closed"),
        ("$G table t0 >/dev/full", 3, LOST + "No space left on device"),
        ("$G plugins list >/dev/full", 3, LOST + "No space left on device"),
        ("$G show nope 2>/dev/full", 2, ""),
        ("$G show nope 2>&-", 2, ""),
        ("$G show nope >&- 2>&- <&-", 2, ""),
        ("$G show t0 2>/dev/full >/dev/null", 0, ""),
        ("$G table t0 2>&- >/dev/null", 0, ""),
        ("$G plugins list | (exec 0<&-; sleep 1); exit ${PIPESTATUS[0]}", 0, ""),
        ("$G table t0 | (exec 0<&-; sleep 1); exit ${PIPESTATUS[0]}", 0, ""),
        ("$G nonsense 2>&1 | (exec 0<&-; sleep 1); exit ${PIPESTATUS[0]}", 2, ""),
    ],
)
def test_a_command_ends_as_its_work_does(shell: Callable[..., Any], line: str, code: int, words: str) -> None:
    """Only where printing was all there was to do, and nobody left of his own will, is it a failure; one line says so."""
    done = shell(line)
    assert (done.returncode, done.stderr.strip()) == (code, words)


@pytest.mark.slow
@pytest.mark.parametrize("streams", [">/dev/full", ">&- 2>&- <&-"])
def test_a_run_completes_without_an_audience(shell: Callable[..., Any], streams: str) -> None:
    """A whole process, to the exit of its interpreter; tests/crash/test_audience.py has more losses, of forked ones."""
    small = "--kimg 0.05 --batch-size 8 --no-eval --threads 1 -o generator_widths=8 -o discriminator_widths=8 --out run"
    done = shell(f"$G run --plugin mlp --dataset ring8 -o dataset.num_samples=500 {small} {streams}")
    assert done.returncode == 0, done.stderr
    assert shell("test -f run/record.json").returncode == 0
    assert "Traceback" not in done.stderr
    assert done.stderr.count(LOST) == (streams == ">/dev/full")


class _Deaf(io.StringIO):
    """A stream whose reader has gone for some reason."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def write(self, text: str) -> int:
        raise self.error

    def isatty(self) -> bool:
        raise self.error


@pytest.mark.parametrize("error", [BrokenPipeError(32, "Broken pipe"), OSError(5, "Input/output error"), ValueError("closed file")])
def test_a_guarded_stream_raises_nothing_and_knows_why(error: Exception) -> None:
    """For whoever prints: we, click, rich, a plugin, a traceback."""
    stream = GuardedStream(_Deaf(error))
    print("a plugin prints", file=stream)
    click.echo("click prints", file=stream)
    stream.writelines(["a", "b"])
    assert stream.isatty() is False
    assert isinstance(stream.lost, OSError)
    assert isinstance(stream.lost, BrokenPipeError) == isinstance(error, BrokenPipeError)


@pytest.mark.parametrize(("code", "lost", "expected"), [(None, 28, 3), (0, 28, 0), (1, 28, 1), (None, 32, 0), (1, 32, 1)])
def test_a_verdict_stands_whoever_reads_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], code: int | None, lost: int, expected: int
) -> None:
    """A command that decides has decided; the line on stderr is for a disk that is full, not for a reader that has seen enough."""

    @click.command("show")
    def command() -> int | None:
        click.echo("a table")
        return code

    monkeypatch.setattr("ganbench.cli.show.command", command)
    monkeypatch.setattr("sys.stdout", _Deaf(OSError(lost, os.strerror(lost))))
    assert main(["show"]) == expected
    assert capsys.readouterr().err.startswith(LOST if lost == 28 else "") is True


def test_another_broken_pipe_is_no_verdict(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """click ends the process with 1 for any of them, which reads: a gate failed."""

    @click.command("show")
    def command() -> None:
        raise BrokenPipeError(32, "Broken pipe")

    monkeypatch.setattr("ganbench.cli.show.command", command)
    assert main(["show"]) == 3
    assert "has gone" in capsys.readouterr().err


def test_no_file_gets_the_number_of_a_closed_stream(tmp_path: Path) -> None:
    """What a library prints to descriptor 2 would stand in the middle of a checkpoint."""
    code = (
        "import os, sys; from ganbench.report.stream import guarded_streams\n"
        "with guarded_streams():\n    number = os.open('file', os.O_CREAT | os.O_WRONLY)\n    os.write(2, b'noise')\nos._exit(number)"
    )
    line = f'PYTHONPATH={shlex.quote(str(ROOT))} {shlex.quote(sys.executable)} -c "{code}" <&- >&- 2>&-'
    done = subprocess.run(("bash", "-c", line), cwd=tmp_path, check=False)
    assert done.returncode > 2
    assert (tmp_path / "file").read_bytes() == b""


def test_what_cannot_be_encoded_is_printed_in_ascii() -> None:
    """As print_text has it, for everybody who prints."""
    raw = io.BytesIO()
    stream = GuardedStream(io.TextIOWrapper(raw, encoding="ascii"))
    print("12 ±3 é", file=stream)
    stream.flush()
    assert raw.getvalue() == b"12 +-3 ?\n"
    assert stream.lost is None


def test_a_program_of_ones_own_is_told_of_a_full_disk() -> None:
    """Without the command line there is nobody to say so afterwards; a reader that has gone is no error there either."""
    with pytest.raises(OSError, match="No space"):
        print_text("a table", _Deaf(OSError(28, "No space left on device")))
    print_text("a table", _Deaf(BrokenPipeError(32, "Broken pipe")))


def test_nothing_steers_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """Titles, colours, bells and lines of a stranger's name stay on one line, as question marks."""
    with guarded_streams():
        say("no run in \x1b]0;owned\x07\x1b[31m\x9b2J\u202ex\nmore")
    assert capsys.readouterr().err == "no run in ?]0;owned??[31m?2J?x more\n"


ESCAPES = "\x1b]0;x\x07\x1b[31m"


@pytest.mark.parametrize(
    "arguments",
    [
        ("show", ESCAPES),
        ("table", ESCAPES),
        ("run", "--resume", ESCAPES),
        ("run", "--plugin", "mlp", "-o", f"{ESCAPES}=1", "--dry-run"),
        ("run", "--plugin", ESCAPES),
        ("matrix", ESCAPES),
        ("trend", ESCAPES),
        ("plugins", "show", ESCAPES),
        ("compare", ESCAPES, ESCAPES),
        ("run", "--config", "config.toml"),
        ("run", "--plugin", "mlp", f"--{ESCAPES}"),
        (ESCAPES,),
    ],
    ids=lambda arguments: " ".join(arguments).replace("\x1b", "ESC").replace("\x07", "BEL"),
)
def test_error_lines_are_clean(
    arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line, whatever a name or a key holds."""
    monkeypatch.chdir(tmp_path)
    Path("config.toml").write_text('name = "mlp"\n[training]\n"\\u001bkey" = 1\n')
    assert main(list(arguments)) in (2, 5)  # 5: it reads like a glob
    err = capsys.readouterr().err
    assert err.rstrip("\n").isprintable()
    assert err.startswith("ganbench: ")


def test_warnings_are_clean_where_a_command_has_no_screen(tmp_path: Path) -> None:
    """Found by the fuzzer: what a damaged baseline, or a folder of any name, makes a command warn of goes to stderr as it lies there."""
    code = f"""
import logging
from ganbench.cli.main import main
assert main(["table", "nowhere"]) == 2
logging.getLogger("ganbench.record.baseline").warning("%s", {ESCAPES + "one" + chr(10) + "line"!r})
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == "warning: ?]0;x??[31mone line"


@pytest.mark.parametrize(
    "arguments",
    [("show", "a" * 5000), ("run", "--plugin", "a" * 5000), ("table", "a/" * 2000), ("a" * 5000,), ("matrix", "--jobs", "9" * 5000)],
    ids=lambda arguments: arguments[0][:6],
)
def test_a_long_argument_is_not_repeated_in_full(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    """Its beginning, its end and how long it was."""
    assert main(list(arguments)) == 2
    err = capsys.readouterr().err
    assert len(err) < 1500
    assert "characters)..." in err


@pytest.mark.parametrize(
    "command", [("show", "nope"), ("plugins", "show", "nope"), ("table", "nope"), ("matrix", "nope"), ("trend", "nope")]
)
def test_debug_may_stand_behind_any_command(command: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    """As every unexpected error proposes."""
    assert main([*command, "--debug"]) == 2
    assert "Traceback" in capsys.readouterr().err


def test_a_process_that_outlives_its_terminal_goes_on_doing_so() -> None:
    """``nohup`` ignores SIGHUP; we do not undo that."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert stop_signals() == (signal.SIGINT, signal.SIGTERM)
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        assert stop_signals() == (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)
