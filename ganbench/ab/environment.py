"""An environment of its own for a side, with the dependencies that its ``pyproject.toml`` names; made once for each content of it."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from ganbench.cache import cache_directory
from ganbench.errors import RunFailed, UsageError

Execute = Callable[[Sequence[str]], None]
_COMPLETE = "complete"


def isolated_python(tree: Path, say: Callable[[str], None], execute: Execute | None = None) -> str:
    """Return the interpreter of the environment for a tree, made now unless it is there.

    The tree itself is installed too, for its entry points; its sources are put before that installation when it runs.

    Args:
        tree: with a ``pyproject.toml``.
        say: told what takes long.
        execute: runs a command; for tests.

    Raises:
        UsageError: the tree has no ``pyproject.toml``.
        RunFailed: the environment cannot be made.
    """
    project = tree / "pyproject.toml"
    if not project.is_file():
        raise UsageError(f"{tree} has no pyproject.toml, which an isolated environment is made from", hint="leave --isolated out")
    digest = hashlib.sha256(project.read_bytes() + sys.version.encode()).hexdigest()[:16]
    folder = cache_directory() / "environments" / digest
    python = str(folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python"))
    if (folder / _COMPLETE).exists():
        return python
    say(f"making an environment for {tree.name[:12]}; this downloads its dependencies")
    shutil.rmtree(folder, ignore_errors=True)  # of an attempt that was ended
    folder.parent.mkdir(parents=True, exist_ok=True)
    run = execute or _execute
    run([sys.executable, "-m", "venv", str(folder)])
    run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", str(tree)])
    (folder / _COMPLETE).touch()
    return python


def _execute(command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it says nothing"])[-1]
        raise RunFailed(f"{' '.join(command[1:4])} failed: {last}", hint="without --isolated the environment of this process is used")
