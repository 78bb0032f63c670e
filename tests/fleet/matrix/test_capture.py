"""The log of a worker: bounded, with both ends, and no trouble for anybody."""

from __future__ import annotations

from pathlib import Path

from ganbench.fleet.worker import Printed


def test_little_is_kept_as_it_is(tmp_path: Path) -> None:
    """In the order in which it came; a second attempt goes on behind it."""
    for text in (b"one\n", b"two\n"):
        capture = Printed(tmp_path / "logs" / "a.log")
        capture.add(text[:2])
        capture.add(text[2:])
        capture.close()
    assert (tmp_path / "logs" / "a.log").read_bytes() == b"one\ntwo\n"


def test_of_much_the_ends_are_kept(tmp_path: Path) -> None:
    """With the number of bytes between them."""
    capture = Printed(tmp_path / "a.log", head=10, tail=6)
    for _ in range(100):
        capture.add(b"0123456789")
    capture.close()
    assert (tmp_path / "a.log").read_bytes() == b"0123456789\n[984 bytes left out]\n456789"


def test_what_just_fits_is_not_cut(tmp_path: Path) -> None:
    """The end begins where the beginning stops."""
    capture = Printed(tmp_path / "a.log", head=10, tail=6)
    capture.add(b"0123456789abc")
    capture.close()
    assert (tmp_path / "a.log").read_bytes() == b"0123456789abc"


def test_the_last_lines_are_short_and_printable(tmp_path: Path) -> None:
    """Also where a progress bar writes over its line, or bytes are no text."""
    capture = Printed(tmp_path / "a.log")
    capture.add(b"first\n\n10%\r20%\rbad \xff\x1b[31m red\n" + b"y" * 1000 + b"\n")
    lines = capture.last_lines(3)
    assert lines[0] == "20%"
    assert lines[1].isprintable()
    assert lines[2] == "y" * 300


def test_of_a_crash_the_innermost_frames_are_told(tmp_path: Path) -> None:
    """They come first in the report of Python's fault handler."""
    capture = Printed(tmp_path / "a.log")
    capture.add(b"before\nFatal Python error: Segmentation fault\n" + b"".join(b"frame %d\n" % n for n in range(50)))
    assert capture.last_lines(3) == ("Fatal Python error: Segmentation fault", "frame 0", "frame 1")


def test_a_log_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    """The lines are there all the same."""
    (tmp_path / "logs").write_text("a file")
    capture = Printed(tmp_path / "logs" / "a.log")
    capture.add(b"text\n")
    capture.close()
    assert capture.last_lines() == ("text",)
