"""Source trees of the two sides: a commit's files in the cache, the working tree as it is, or a folder.

A commit is written out from the repository's objects into a folder of its own and renamed when it is whole. What lies there already is
held against git's hashes before it is used, since others may write to a cache. Nothing is registered in the user's repository, so nothing
can be left behind in it, and two calls at once do not collide.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ganbench import NothingToCompare, RunFailed, UsageError, storage_errors

try:
    import fcntl
except ImportError:  # Windows: two calls at the same moment may make the same environment
    fcntl = None  # type: ignore[assignment]

_WORKING_TREE = ("WORKTREE", ".")
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
    if text in _WORKING_TREE:
        return _working_tree(top_level(folder) or folder, "working tree")
    is_path = text.startswith((".", "/", "~"))
    top = None if is_path else top_level(folder)
    commit = _git(top, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{text}^{{commit}}") if top else None
    if top and commit:
        return Tree(folder=_written_out(top, commit), name=text if commit.startswith(text) else f"{text} ({commit[:_SHORT]})")
    path = (folder / Path(text).expanduser()).resolve()
    if os.path.isdir(path):
        return _working_tree(path, text)
    where = f"git ref of {top}" if top else f"git ref ({folder} is not in a git checkout)"
    raise UsageError(f"{text!r} is no folder{'' if is_path else f' and no {where}'}", hint="give a commit, branch, tag, folder or WORKTREE")


def top_level(folder: Path) -> Path | None:
    """Return the root of the checkout that a folder lies in; None where there is none."""
    found = _git(folder, "rev-parse", "--show-toplevel")
    return Path(found) if found else None


def _working_tree(folder: Path, name: str) -> Tree:
    """Return a folder as it is, saying so where it differs from its commit."""
    if top_level(folder) != folder.resolve():
        return Tree(folder=folder, name=name)
    commit = _git(folder, "rev-parse", "--verify", "--quiet", "HEAD")
    changed = len((_git(folder, "status", "--porcelain") or "").splitlines())
    state = ", changed" if changed else ""
    notes = (f"{name} differs from its commit in {changed} file{'s' * (changed != 1)}",) if changed else ()
    return Tree(folder=folder, name=f"{name} ({commit[:_SHORT]}{state})" if commit else name, notes=notes)


def _written_out(top: Path, commit: str) -> Path:
    """Return a folder with the files of a commit: written now, or one that is there and holds these files and no others."""
    from ganbench import cache_directory, clear_leftovers

    home = cache_directory() / "trees"
    folder = home / commit
    with storage_errors(folder):
        home.mkdir(parents=True, exist_ok=True)
        clear_leftovers(home)
        if os.path.isdir(folder) and not folder.is_symlink():
            _write(top, commit, folder)
            return folder
        unfinished = Path(tempfile.mkdtemp(prefix=f".{commit[:_SHORT]}-", dir=home))
        try:
            _write(top, commit, unfinished)
            try:
                unfinished.rename(folder)
            except OSError:
                if not os.path.isdir(folder):  # else another call was faster, and its files are the same
                    raise
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    return folder


def _write(top: Path, commit: str, folder: Path) -> None:
    """Make a folder hold a commit's files and nothing else. A file whose content has the hash that git knows is left alone.

    It goes through an index of its own, so that the checkout's is not touched.
    """
    index = folder.parent / f".index-{secrets.token_hex(6)}"
    environment = _environment() | {"GIT_INDEX_FILE": str(index)}
    written = (f"--work-tree={folder}", "checkout-index", "--all", "--force")

    def git(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["git", *arguments], cwd=top, env=environment, capture_output=True, text=True, check=False)

    try:
        listed = git("ls-tree", "-r", "-z", "--name-only", "--full-tree", commit)
        _remove_others(folder, {folder / name for name in filter(None, listed.stdout.split("\0"))})
        read = git("read-tree", commit)
        git(f"--work-tree={folder}", "update-index", "-q", "--really-refresh")  # compares contents; the index has no times yet
        failed = next((done for done in (listed, read, git(*written)) if done.returncode), None)
        if failed:
            raise UsageError(f"commit {commit[:_SHORT]} cannot be written to {folder}: {' '.join(failed.stderr.split())}")
    finally:
        index.unlink(missing_ok=True)


def _remove_others(folder: Path, known: Collection[Path]) -> None:
    """Delete what is none of some files below a folder: Python would run a ``sitecustomize.py`` or a ``.pyc`` that lies there."""
    folders = {parent for path in known for parent in path.parents}
    for here, names, files in os.walk(folder):
        for path in (Path(here, name) for name in (*names, *files)):
            if path in known or (path in folders and os.path.isdir(path) and not path.is_symlink()):
                continue
            if os.path.isdir(path) and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()


def _git(folder: Path, *arguments: str) -> str | None:
    """Return what git prints; None where it fails, or is not installed."""
    try:
        done = subprocess.run(["git", *arguments], cwd=folder, env=_environment(), capture_output=True, text=True, check=False)
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _environment() -> dict[str, str]:
    """Return the environment without what git sets for its hooks, which would point it at another repository."""
    return {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}


_Execute = Callable[[Sequence[str]], None]
_COMPLETE = "complete"


def isolated_python(tree: Path, say: Callable[[str], None], execute: _Execute | None = None) -> str:
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
    if not os.path.isfile(project):
        raise UsageError(f"{tree} has no pyproject.toml, which an isolated environment is made from", hint="leave --isolated out")
    digest = hashlib.sha256(project.read_bytes() + sys.version.encode()).hexdigest()[:16]
    from ganbench import cache_directory

    folder = cache_directory() / "environments" / digest
    python = str(folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python"))
    if os.path.exists(folder / _COMPLETE):
        return python
    with storage_errors(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _alone(folder.parent / f".{digest}.lock"):
            if not os.path.exists(folder / _COMPLETE):  # else another call has made it meanwhile
                say(f"making an environment for {tree.name[:12]}; this downloads its dependencies")
                _make(folder, python, tree, execute or _execute)
    return python


def _make(folder: Path, python: str, tree: Path, run: _Execute) -> None:
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
            if fcntl is not None:
                fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _execute(command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it says nothing"])[-1]
        raise RunFailed(f"{' '.join(command[1:4])} failed: {last}", hint="without --isolated the environment of this process is used")


_TARGET_VARIABLE = "GITHUB_BASE_REF"
"""Set by GitHub in the jobs of a pull request: the branch that it goes to."""
_DEEPER = "check it out with its history (actions/checkout with fetch-depth: 0), or give BASE"


@dataclass(frozen=True, kw_only=True, slots=True)
class Base:
    """A commit, and why it is that one."""

    commit: str
    """40 hex digits."""
    why: str
    """``merge base with origin/main``."""


def default_base(folder: Path, environment: Mapping[str, str]) -> Base:
    """Return the commit that a CI job compares with.

    Args:
        folder: somewhere in the checkout.
        environment: of the job.

    Raises:
        UsageError: there is no checkout, or its history is cut off before that commit.
        NothingToCompare: there is no commit before this one.
    """
    top = top_level(folder)
    if top is None:
        raise UsageError(f"{folder} is not in a git checkout, so that there is no commit to compare with", hint="give BASE and HEAD")
    target = environment.get(_TARGET_VARIABLE, "").strip()
    return _merge_base(top, target) if target else _before_push(top, environment) or _commit_before(top)


def commits_between(folder: Path, base: str, head: str) -> tuple[str, ...]:
    """Return the commits by which head came from base, the newest first, of a merge only itself; none where one of them is no commit.

    Args:
        folder: somewhere in the checkout.
        base: a git ref.
        head: a git ref, or ``WORKTREE`` for the commit that lies checked out.
    """
    ends = ["HEAD" if text in _WORKING_TREE else text for text in (base, head)]
    if any(text.startswith(("-", "/", "~", ".")) for text in ends):
        return ()
    return tuple((_git(folder, "rev-list", "--first-parent", f"{ends[0]}..{ends[1]}", "--") or "").split())


def is_commit(folder: Path, text: str) -> bool:
    """Tell whether a text names a commit of the checkout that a folder lies in, or the checkout as it is."""
    return text in _WORKING_TREE or _commit(folder, text) is not None


def commit_subject(folder: Path, commit: str) -> str:
    """Return the first line of a commit's message."""
    return _git(folder, "show", "--no-patch", "--format=%s", commit, "--") or ""


def _merge_base(top: Path, target: str) -> Base:
    branch = next((name for name in (f"origin/{target}", target) if _commit(top, name)), None)
    if branch is None:
        raise UsageError(f"{_TARGET_VARIABLE} is {target!r}, and the checkout in {top} has no such branch", hint=_DEEPER)
    commit = _git(top, "merge-base", branch, "HEAD")
    if not commit:
        raise UsageError(f"HEAD and {branch} have no commit in common in {top}", hint=_DEEPER)
    return Base(commit=commit, why=f"merge base with {branch}")


def _before_push(top: Path, environment: Mapping[str, str]) -> Base | None:
    """Return what a push found there, however many commits it adds; None where nobody says it, or the checkout lacks it."""
    if environment.get("GITHUB_EVENT_NAME") != "push":
        return None
    try:
        event = json.loads(Path(environment.get("GITHUB_EVENT_PATH", "")).read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    before = event.get("before") if isinstance(event, dict) else None
    commit = _commit(top, before) if isinstance(before, str) and before.strip("0") else None
    return Base(commit=commit, why="commit before the push") if commit and commit != _commit(top, "HEAD") else None


def _commit_before(top: Path) -> Base:
    commit = _commit(top, "HEAD~1")
    if commit:
        return Base(commit=commit, why="commit before HEAD")
    if _git(top, "rev-parse", "--is-shallow-repository") == "true":
        raise UsageError(f"the history of the checkout in {top} is cut off before HEAD~1", hint=_DEEPER)
    raise NothingToCompare(f"{top} has no commit before {'HEAD' if _commit(top, 'HEAD') else 'the first one'}", hint="give BASE")


def _commit(top: Path, ref: str) -> str | None:
    return _git(top, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}") or None
