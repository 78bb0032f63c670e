"""Refs, folders and the working tree of a repository that the test makes."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ganbench.errors import UsageError
from ganbench_gate.changes import requirements_of
from ganbench_gate.trees import Tree, find_tree, top_level


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=Test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false")
    return subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a repository with two commits; ``v1`` is the first."""
    monkeypatch.setenv("GANBENCH_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "repository"
    (folder / "package").mkdir(parents=True)
    git(folder, "init", "--quiet", "--initial-branch=main")
    for number in (1, 2):
        (folder / "package" / "code.py").write_text(f"version = {number}\n")
        git(folder, "add", ".")
        git(folder, "commit", "--quiet", "-m", f"version {number}")
        git(folder, "tag", f"v{number}")
    return folder


def code(tree: Tree) -> str:
    return (tree.folder / "package" / "code.py").read_text()


def test_a_ref_is_its_commits_files(repository: Path) -> None:
    """The old version's files, called by the ref and the commit, wherever in the checkout one stands."""
    tree = find_tree("v1", repository / "package")
    assert code(tree) == "version = 1\n"
    assert tree.name == f"v1 ({git(repository, 'rev-parse', 'v1')[:9]})"
    assert tree.notes == ()


def test_a_commit_is_not_named_twice(repository: Path) -> None:
    """A hash is its own name."""
    commit = git(repository, "rev-parse", "--short", "v1")
    assert find_tree(commit, repository).name == commit


def test_the_repository_stays_as_it_was(repository: Path) -> None:
    """No work tree is registered, and neither index nor files change."""
    (repository / "package" / "code.py").write_text("version = 3\n")
    git(repository, "add", ".")
    before = git(repository, "status", "--porcelain=v2"), git(repository, "worktree", "list")
    find_tree("v1", repository)
    assert (git(repository, "status", "--porcelain=v2"), git(repository, "worktree", "list")) == before
    assert code(find_tree("WORKTREE", repository)) == "version = 3\n"


def test_a_commit_is_written_once(repository: Path) -> None:
    """Two refs to one commit share a folder, and nothing else lies beside it."""
    git(repository, "branch", "old", "v1")
    assert find_tree("v1", repository).folder == find_tree("old", repository).folder
    assert len(list(find_tree("v1", repository).folder.parent.iterdir())) == 1


def edit(folder: Path) -> None:
    """Change a file and leave its size and its time as they are."""
    path = folder / "package" / "code.py"
    before = path.stat()
    path.write_text("version = 7\n")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def replace_by_a_link(folder: Path) -> None:
    """Have the package be another one that lies elsewhere."""
    (folder / "package").rename(folder.parent / "elsewhere")
    (folder / "package").symlink_to(folder.parent / "elsewhere")
    edit(folder)


def add_bytecode(folder: Path) -> None:
    """Python runs it in place of the source that it says it was made from."""
    (folder / "package" / "__pycache__").mkdir()
    (folder / "package" / "__pycache__" / "code.cpython-311.pyc").write_bytes(b"evil")


FORGERIES: dict[str, Callable[[Path], object]] = {
    "an edited file": edit,
    "a file that is gone": lambda folder: (folder / "package" / "code.py").unlink(),
    "a file that Python runs at its start": lambda folder: (folder / "sitecustomize.py").write_text("evil"),
    "a file that git ignores": lambda folder: [(folder / name).write_text("*\n") for name in (".gitignore", "torch.py")],
    "bytecode": add_bytecode,
    "a link in place of a folder": replace_by_a_link,
    "a folder in place of a file": lambda folder: [
        (folder / "package/code.py").unlink(),
        (folder / "package/code.py/a").mkdir(parents=True),
    ],
    "another repository": lambda folder: (folder / "inner" / ".git").mkdir(parents=True),
    "a script that may be executed": lambda folder: (folder / "package" / "code.py").chmod(0o755),
}


def files_of(folder: Path) -> dict[str, tuple[str, bool]]:
    """Return content and executable bit of every file, and every link and folder."""
    paths = sorted(folder.rglob("*"))
    return {str(p.relative_to(folder)): (p.read_text() if p.is_file() else str(p.is_symlink()), os.access(p, os.X_OK)) for p in paths}


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES)
def test_a_tree_in_the_cache_is_what_git_says_before_it_is_used(repository: Path, forge: Callable[[Path], object]) -> None:
    """Whoever can write to the cache would else decide what is measured, and run as whoever measures."""
    folder = find_tree("v1", repository).folder
    genuine = files_of(folder)
    forge(folder)
    assert files_of(folder) != genuine
    assert find_tree("v1", repository).folder == folder
    assert files_of(folder) == genuine


def test_a_genuine_tree_is_left_alone(repository: Path) -> None:
    """Another call may be running its files."""
    path = find_tree("v1", repository).folder / "package" / "code.py"
    before = path.stat()
    find_tree("v1", repository)
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_what_killed_calls_left_in_the_cache_goes(repository: Path) -> None:
    """An index and an unfinished tree of the day before yesterday; those of a call that is running stay."""
    home = find_tree("v1", repository).folder.parent
    for age, name in ((0, "now"), (2, "old")):
        (home / f".123456789-{name}").mkdir()
        (home / f".index-{name}").touch()
        for path in (home / f".123456789-{name}", home / f".index-{name}"):
            os.utime(path, (time.time() - age * 86400,) * 2)
    find_tree("v1", repository)
    assert {path.name for path in home.glob(".*")} == {".123456789-now", ".index-now"}


@pytest.mark.parametrize("text", ["WORKTREE", "."])
def test_a_changed_working_tree_says_so(repository: Path, text: str) -> None:
    """What is measured is no commit, so a note says how many files differ."""
    clean = find_tree(text, repository)
    assert clean.notes == ()
    (repository / "package" / "code.py").write_text("version = 3\n")
    (repository / "new.py").write_text("")
    changed = find_tree(text, repository / "package")
    assert changed.folder == repository
    assert changed.name == clean.name.replace(")", ", changed)")
    assert changed.notes == ("working tree differs from its commit in 2 files",)


def test_a_folder_is_taken_as_it_is(repository: Path, tmp_path: Path) -> None:
    """A checkout elsewhere, and one that git does not know."""
    (tmp_path / "plain").mkdir()
    assert find_tree(str(tmp_path / "plain"), repository) == Tree(folder=tmp_path / "plain", name=str(tmp_path / "plain"))
    assert find_tree("../repository", repository).folder == repository


def test_a_ref_goes_before_a_folder_of_its_name(repository: Path) -> None:
    """A branch is not hidden by a folder; a folder is meant by ``./``."""
    git(repository, "branch", "package", "v1")
    assert code(find_tree("package", repository)) == "version = 1\n"
    assert find_tree("./package", repository).folder == repository / "package"


@pytest.mark.parametrize("text", ["v9", "./nowhere", "--help", "v1:package"])
def test_what_is_neither_is_refused(repository: Path, text: str) -> None:
    """One line with what was got and what is allowed."""
    with pytest.raises(UsageError, match=r"is no folder.*give a commit, branch, tag, folder or WORKTREE"):
        find_tree(text, repository)


def test_git_variables_of_a_hook_do_not_mislead(repository: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Called from a hook, git would look into the hook's repository."""
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    assert top_level(repository) == repository
    assert code(find_tree("v1", repository)) == "version = 1\n"


def test_outside_a_checkout_refs_are_refused(tmp_path: Path) -> None:
    """There is nothing that a ref could be of."""
    with pytest.raises(UsageError, match="is not in a git checkout"):
        find_tree("main", tmp_path)


def test_a_pyproject_that_cannot_be_parsed_demands_nothing(tmp_path: Path) -> None:
    """A stranger's file must not end the comparison."""
    for text in ("dependencies = [", "a = " + "[" * 10_000, ".".join("a" * 20_000) + " = 1", "project = 1"):
        (tmp_path / "pyproject.toml").write_text(text)
        (tmp_path / "requirements.txt").write_text("torch>=2.11  # the oldest\n")
        assert requirements_of(tmp_path) == {"torch": ">=2.11"}
