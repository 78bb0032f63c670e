"""Source trees of the two sides: a commit's files in the cache, the working tree as it is, or a folder.

A commit is written out from the repository's objects into a folder of its own and renamed when it is whole. Nothing is registered in the
user's repository, so nothing can be left behind in it, and two calls at once do not collide.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from ganbench.cache import cache_directory
from ganbench.errors import UsageError

WORKING_TREE = ("WORKTREE", ".")
_SHORT = 9


@dataclass(frozen=True, kw_only=True, slots=True)
class Tree:
    """A folder with sources."""

    folder: Path
    name: str
    """``main (44676e1ab)`` or ``working tree (44676e1ab)``."""
    notes: tuple[str, ...] = ()


def find_tree(text: str, folder: Path) -> Tree:
    """Return the tree that an argument means.

    Args:
        text: ``WORKTREE`` or ``.`` for the checkout as it is, a git ref of it, or a folder; what begins with ``.``, ``/`` or ``~`` is one.
        folder: somewhere in the checkout, the current directory as a rule.

    Raises:
        UsageError: it is none of them.
    """
    if text in WORKING_TREE:
        return _working_tree(top_level(folder) or folder, "working tree")
    is_path = text.startswith((".", "/", "~"))
    top = None if is_path else top_level(folder)
    commit = git(top, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{text}^{{commit}}") if top else None
    if top and commit:
        return Tree(folder=_written_out(top, commit), name=text if commit.startswith(text) else f"{text} ({commit[:_SHORT]})")
    path = (folder / Path(text).expanduser()).resolve()
    if path.is_dir():
        return _working_tree(path, text)
    where = f"git ref of {top}" if top else f"git ref ({folder} is not in a git checkout)"
    raise UsageError(f"{text!r} is no folder{'' if is_path else f' and no {where}'}", hint="give a commit, branch, tag, folder or WORKTREE")


def top_level(folder: Path) -> Path | None:
    """Return the root of the checkout that a folder lies in; None where there is none."""
    found = git(folder, "rev-parse", "--show-toplevel")
    return Path(found) if found else None


def _working_tree(folder: Path, name: str) -> Tree:
    """Return a folder as it is, saying so where it differs from its commit."""
    if top_level(folder) != folder.resolve():
        return Tree(folder=folder, name=name)
    commit = git(folder, "rev-parse", "--verify", "--quiet", "HEAD")
    changed = len((git(folder, "status", "--porcelain") or "").splitlines())
    state = ", changed" if changed else ""
    notes = (f"{name} differs from its commit in {changed} file{'s' * (changed != 1)}",) if changed else ()
    return Tree(folder=folder, name=f"{name} ({commit[:_SHORT]}{state})" if commit else name, notes=notes)


def _written_out(top: Path, commit: str) -> Path:
    """Return a folder with the files of a commit, written now unless it is there."""
    home = cache_directory() / "trees"
    folder = home / commit
    if folder.is_dir():
        return folder
    home.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=f".{commit[:_SHORT]}-", dir=home))
    try:
        _write(top, commit, unfinished)
        try:
            unfinished.rename(folder)
        except OSError:
            if not folder.is_dir():  # else another call was faster, and its files are the same
                raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return folder


def _write(top: Path, commit: str, folder: Path) -> None:
    """Write a commit's files through an index of their own, so that the checkout's is not touched."""
    index = folder.parent / f".index-{secrets.token_hex(6)}"
    environment = _environment() | {"GIT_INDEX_FILE": str(index)}
    try:
        for arguments in (("read-tree", commit), (f"--work-tree={folder}", "checkout-index", "--all", "--force")):
            done = subprocess.run(["git", *arguments], cwd=top, env=environment, capture_output=True, text=True, check=False)
            if done.returncode:
                raise UsageError(f"commit {commit[:_SHORT]} cannot be written to {folder}: {' '.join(done.stderr.split())}")
    finally:
        index.unlink(missing_ok=True)


def git(folder: Path, *arguments: str) -> str | None:
    """Return what git prints; None where it fails, or is not installed."""
    try:
        done = subprocess.run(["git", *arguments], cwd=folder, env=_environment(), capture_output=True, text=True, check=False)
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _environment() -> dict[str, str]:
    """Return the environment without what git sets for its hooks, which would point it at another repository."""
    return {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
