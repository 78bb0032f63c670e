"""What a run says while it works: plain lines, the live line, and the order of both."""

from __future__ import annotations

import io
import logging
from pathlib import Path

import pytest

from ganbench.cli.run import _logging
from ganbench.record.events import Message, Progressed, Started
from ganbench.report import live_run as progress
from ganbench.report.live_run import LineScreen, _duration, _LiveScreen, make_screen


class Terminal(io.StringIO):
    """A standard error that says it is a terminal."""

    def isatty(self) -> bool:
        """Say so."""
        return True


def use_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Put a terminal of 100 columns in the place of stderr; not a fixture, because pytest's capture takes it back before the test."""
    stream = Terminal()
    monkeypatch.setattr("sys.stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return stream


def at(images: int) -> Progressed:
    """Return the progress of a run of 8 kimg."""
    return Progressed(
        samples_seen=images,
        total_samples=8000,
        generator_steps=images // 8,
        training_seconds=6.5,
        samples_per_second=1234.5,
        eta_seconds=75.0,
        statistics={"discriminator_loss": 0.5, "generator_loss": 2.25},
    )


def started(directory: Path) -> Started:
    """Return the start of a run in a directory."""
    return Started(directory=directory, name="dcgan", dataset="digits", seed=0, config={}, description="dcgan on digits", resumed=False)


def screen(*, quiet: bool = False) -> LineScreen:
    """Return the screen that suits the standard error of the moment."""
    return make_screen(quiet=quiet)


def test_a_pipe_gets_a_line_every_ten_seconds(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The first at once; nothing between."""
    clock = iter([100.0, 109.9, 110.0, 119.0, 121.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    with screen() as lines:
        lines(started(tmp_path))
        for images in (1000, 2000, 3000, 4000, 5000):
            lines(at(images))
    printed = capsys.readouterr().err.splitlines()
    assert printed[0] == f"run directory: {tmp_path}"
    assert [line.split()[0] for line in printed[2:]] == ["1.0", "3.0", "5.0"]
    assert " ".join(printed[2].split()) == "1.0 / 8.0 kimg 1,234 img/s D 0.500 G 2.250 1:15 left"


def test_a_warning_never_comes_before_the_run_directory(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is held back until then."""
    with screen() as lines:
        lines.message("warning: 3 files left out")
        assert capsys.readouterr().err == ""
        lines(started(tmp_path))
        lines(Message(text="warning: later"))
    expected = [f"run directory: {tmp_path}", "warning: 3 files left out", "dcgan on digits", "warning: later"]
    assert capsys.readouterr().err.splitlines() == expected


def test_a_warning_is_not_lost_where_the_run_never_starts(capsys: pytest.CaptureFixture[str]) -> None:
    """It may be what explains the error."""
    with screen(quiet=True) as lines:
        lines.message("warning: 3 files left out")
    assert capsys.readouterr().err == "warning: 3 files left out\n"


def test_a_download_is_announced_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody waits without knowing for what, but for those who asked for quiet."""
    screen().notice("downloading 91 MiB")
    screen(quiet=True).notice("downloading again")
    assert capsys.readouterr().err == "downloading 91 MiB\n"


def test_a_terminal_gets_one_live_line_that_disappears(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With position, speed, losses and time left; the cursor is shown again, also after an error."""
    terminal = use_terminal(monkeypatch)
    lines = screen()
    assert isinstance(lines, _LiveScreen)
    lines.__enter__()
    lines(started(tmp_path))
    lines(at(4000))
    lines.say("above the live line")
    lines.__exit__(RuntimeError, RuntimeError("no more"), None)
    printed = terminal.getvalue()
    assert printed.startswith(f"run directory: {tmp_path}\n")
    assert "4.0 / 8.0 kimg" in printed
    assert "1,234 img/s  D 0.500  G 2.250  1:15 left" in printed
    assert "above the live line" in printed
    assert printed.rindex("\x1b[?25h") > printed.rindex("\x1b[?25l")
    assert printed.endswith("\x1b[2K")


def test_no_color_leaves_the_live_line_without_colours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cursor still moves; no colour is set."""
    terminal = use_terminal(monkeypatch)
    for no_color in ("", "1"):
        monkeypatch.setenv("NO_COLOR", no_color)
        terminal.seek(0)
        terminal.truncate()
        with screen() as lines:
            lines(started(tmp_path))
            lines(at(4000))
        assert any(colour in terminal.getvalue() for colour in ("\x1b[3", "\x1b[9")) is (no_color == "")


@pytest.mark.parametrize("name", ["dumb", "unknown"])
def test_a_terminal_that_cannot_move_its_cursor_gets_plain_lines(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a pipe does; else it would show nothing for minutes."""
    terminal = use_terminal(monkeypatch)
    monkeypatch.setenv("TERM", name)
    with screen() as lines:
        lines(at(4000))
    assert not isinstance(lines, _LiveScreen)
    assert "4.0 / 8.0 kimg" in terminal.getvalue()
    assert "\x1b" not in terminal.getvalue()


def test_quiet_shows_neither_lines_nor_a_live_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even on a terminal."""
    terminal = use_terminal(monkeypatch)
    with screen(quiet=True) as lines:
        lines(started(tmp_path))
        lines(at(4000))
    assert terminal.getvalue() == ""


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0:00"), (75, "1:15"), (3600, "1:00:00"), (float("inf"), "?"), (float("nan"), "?")])
def test_a_duration_reads_like_a_clock(seconds: float, text: str) -> None:
    """Also where nothing is known yet."""
    assert _duration(seconds) == text


def test_what_plugins_log_reaches_the_screen_by_its_weight(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Downloads as they begin, warnings as one line, the details and other libraries' warnings not at all."""
    with screen() as lines, _logging(debug=False, screen=lines):
        lines(started(tmp_path))
        logging.getLogger("ganbench.download").info("downloading %s", "mnist")
        logging.getLogger("ganbench.cli").info("a detail")
        logging.getLogger("ganbench_datasets.folder").warning("2 files\nleft out")
        logging.getLogger("py.warnings").warning("deprecated")
    assert capsys.readouterr().err.splitlines()[2:] == ["downloading mnist", "warning: 2 files left out"]
