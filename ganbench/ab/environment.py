"""An environment of its own for a side, with the dependencies that its ``pyproject.toml`` names; made once for each content of it."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from ganbench.cache import cache_directory
from ganbench.errors import RunFailed, UsageError
from ganbench.results.atomic import storage_errors

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
        StorageError: its folder cannot be written.
    """
    project = tree / "pyproject.toml"
    if not project.is_file():
        raise UsageError(f"{tree} has no pyproject.toml, which an isolated environment is made from", hint="leave --isolated out")
    digest = hashlib.sha256(project.read_bytes() + sys.version.encode()).hexdigest()[:16]
    folder = cache_directory() / "environments" / digest
    python = str(folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python"))
    if (folder / _COMPLETE).exists():
        return python
    with storage_errors(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _alone(folder.parent / f".{digest}.lock"):
            if not (folder / _COMPLETE).exists():  # else another call has made it meanwhile
                say(f"making an environment for {tree.name[:12]}; this downloads its dependencies")
                _make(folder, python, tree, execute or _execute)
    return python


def _make(folder: Path, python: str, tree: Path, run: Execute) -> None:
    shutil.rmtree(folder, ignore_errors=True)  # of an attempt that was ended
    run([sys.executable, "-m", "venv", str(folder)])
    before = _built(tree)
    try:
        run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", str(tree)])
    finally:
        for left in _built(tree) - before:
            shutil.rmtree(left, ignore_errors=True)
    (folder / _COMPLETE).touch()


def _built(tree: Path) -> set[Path]:
    """Return what setuptools leaves beside the sources that it builds from."""
    return {path for pattern in ("build", "*.egg-info") for path in tree.glob(pattern)}


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Wait for another call that makes the same environment."""
    with path.open("w") as file:
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _execute(command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it says nothing"])[-1]
        raise RunFailed(f"{' '.join(command[1:4])} failed: {last}", hint="without --isolated the environment of this process is used")
