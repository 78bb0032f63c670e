"""What is shown or pasted does no harm, whatever a folder is called."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from ganbench.errors import did_you_mean
from ganbench.record.directory import RunDirectory
from ganbench.text import quoted, resume_command, shortened

NAMES = [
    "run",
    "a'b\"c$(touch owned)",
    "with space",
    "-dash",
    "new\nline",
    "`touch owned`",
    "\x1b]0;x\x07",
    "é",
    "back\\slash\n'",
    "bad\udcff",
]


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_a_pasted_path_is_the_path(tmp_path: Path, name: str) -> None:
    """bash takes the word for exactly this file, and runs nothing."""
    done = subprocess.run(("bash", "-c", f"printf %s {quoted(Path(name))}"), cwd=tmp_path, capture_output=True, check=True)
    assert done.stdout.removeprefix(b"./" if name.startswith("-") else b"") == name.encode("utf-8", "surrogateescape")
    assert quoted(Path(name)).isprintable()
    assert not (tmp_path / "owned").exists()


def test_the_hint_of_a_run_can_be_pasted(tmp_path: Path) -> None:
    """Wherever one is given, it is this command."""
    assert resume_command(Path("results/runs/x")) == "ganbench run --resume results/runs/x"
    assert resume_command(Path("a b"), "--force") == "ganbench run --resume 'a b' --force"
    (tmp_path / "a $(b)").mkdir()
    (tmp_path / "a $(b)" / "config.toml").touch()
    with pytest.raises(Exception, match=r"--resume '.*a \$\(b\)'`"):
        RunDirectory.check_free(tmp_path / "a $(b)")


def test_only_what_is_absurd_is_shortened() -> None:
    """Any path that a system has is left alone; so is a long sentence."""
    sentence = " ".join(["word"] * 500)
    assert shortened(sentence) == sentence
    assert shortened("x" * 400) == "x" * 400
    text = shortened(f"no run 'a{'b' * 5000}c'")
    assert len(text) < 400
    assert text.startswith("no run 'abbb")
    assert text.endswith("bbbc'")
    assert "(5,004 characters)" in text


def test_a_hint_lists_as_many_names_as_one_reads() -> None:
    """The rest is counted; a few are listed whole, and a near one is named alone."""
    many = [f"name-{number:02}" for number in range(45)]
    assert did_you_mean("zzz", many) == f"known: {', '.join(many[:40])} and 5 more"
    assert did_you_mean("zzz", many[:40]) == f"known: {', '.join(many[:40])}"
    assert did_you_mean("name-44x", many) == "did you mean 'name-44'?"
    assert did_you_mean("zzz", []) == "none is available"
