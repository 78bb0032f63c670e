"""Against which commit a CI job compares."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from ganbench.errors import NothingToCompare, UsageError
from ganbench_gate.trees import Base, commits_between, default_base

Commit = Callable[[str], str]
Git = Callable[..., str]
PULL_REQUEST = {"GITHUB_BASE_REF": "main"}


def test_without_a_pull_request_it_is_the_commit_before(commit: Commit) -> None:
    """As in a job for a push, also from a folder further down."""
    first = commit("first")
    commit("second")
    Path("deep").mkdir()
    assert default_base(Path("deep"), {}) == Base(commit=first, why="commit before HEAD")


def test_a_push_of_several_commits_is_held_against_what_was_there_before_it(commit: Commit, tmp_path: Path) -> None:
    """Not only its last commit; a new branch, a commit that is not there and a damaged event leave the commit before."""
    first, second = commit("first"), commit("second")
    commit("third")
    event = tmp_path / "event.json"
    environment = {"GITHUB_EVENT_NAME": "push", "GITHUB_EVENT_PATH": str(event)}
    event.write_text(json.dumps({"before": first}))
    assert default_base(Path(), environment) == Base(commit=first, why="commit before the push")
    for text in (json.dumps({"before": "0" * 40}), json.dumps({"before": "ab" * 20}), "[]", "{"):
        event.write_text(text)
        assert default_base(Path(), environment) == Base(commit=second, why="commit before HEAD")


@pytest.mark.parametrize("merged", [False, True])
def test_in_a_pull_request_it_is_the_merge_base(git: Git, commit: Commit, merged: bool) -> None:
    """What main got in the meantime is no change of the branch; where GitHub has merged main into it, main is the base."""
    start = commit("start")
    git("switch", "--quiet", "-c", "feature")
    commit("feature")
    git("switch", "--quiet", "main")
    latest = commit("meanwhile")
    git("update-ref", "refs/remotes/origin/main", "main")
    git("switch", "--quiet", "feature")
    if merged:
        git("merge", "--quiet", "--no-edit", "main")
    assert default_base(Path(), PULL_REQUEST) == Base(commit=latest if merged else start, why="merge base with origin/main")


def test_a_branch_without_a_remote_will_do(git: Git, commit: Commit) -> None:
    """As where the job is tried at home."""
    start = commit("start")
    git("switch", "--quiet", "-c", "feature")
    commit("feature")
    assert default_base(Path(), PULL_REQUEST) == Base(commit=start, why="merge base with main")


def test_a_shallow_checkout_says_how_to_get_the_history(commit: Commit, tmp_path: Path) -> None:
    """actions/checkout fetches one commit unless it is told otherwise."""
    commit("first")
    commit("second")
    shallow = tmp_path / "shallow"
    subprocess.run(["git", "clone", "--quiet", "--depth=1", f"file://{Path.cwd()}", str(shallow)], check=True)
    with pytest.raises(UsageError, match=r"cut off before HEAD~1; check it out with its history .*fetch-depth: 0"):
        default_base(shallow, {})
    with pytest.raises(UsageError, match=r"GITHUB_BASE_REF is 'release', and the checkout in .* has no such branch"):
        default_base(shallow, {"GITHUB_BASE_REF": "release"})


def test_unrelated_histories_have_no_base(git: Git, commit: Commit) -> None:
    """Rather than comparing with something arbitrary."""
    commit("first")
    git("switch", "--quiet", "--orphan", "feature")
    commit("another first")
    with pytest.raises(UsageError, match="HEAD and main have no commit in common"):
        default_base(Path(), PULL_REQUEST)


def test_the_first_commit_has_nothing_to_compare_with(git: Git, commit: Commit) -> None:
    """Which is no mistake, and has an exit code of its own; a repository without a commit likewise."""
    with pytest.raises(NothingToCompare, match="no commit before the first one"):
        default_base(Path(), {})
    commit("first")
    with pytest.raises(NothingToCompare, match="no commit before HEAD; give BASE"):
        default_base(Path(), {})


def test_a_folder_without_git_is_refused(tmp_path: Path) -> None:
    """With what to do instead."""
    with pytest.raises(UsageError, match=r"not in a git checkout.*give BASE and HEAD"):
        default_base(tmp_path, {})


def test_the_commits_of_a_change_are_those_that_head_adds(git: Git, commit: Commit) -> None:
    """Between a ref and the checkout or another ref, the newest first; folders have none, nor has what git does not know."""
    first, second, third = commit("first"), commit("second"), commit("third")
    assert commits_between(Path(), first, "WORKTREE") == (third, second)
    assert commits_between(Path(), first, second) == (second,)
    assert commits_between(Path(), third, third) == ()
    for base, head in ((".", "."), ("./old", "WORKTREE"), ("nothing", "HEAD"), ("--all", "HEAD")):
        assert commits_between(Path(), base, head) == ()
