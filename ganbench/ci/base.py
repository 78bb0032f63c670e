"""What a CI job compares with: the merge base with the branch that a pull request goes to, else the commit before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ganbench.ab.trees import WORKING_TREE, git, top_level
from ganbench.errors import NothingToCompare, UsageError

TARGET_VARIABLE = "GITHUB_BASE_REF"
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
    target = environment.get(TARGET_VARIABLE, "").strip()
    return _merge_base(top, target) if target else _commit_before(top)


def commits_between(folder: Path, base: str, head: str) -> tuple[str, ...]:
    """Return the commits that head has and base has not, the newest first; none where one of them is no commit.

    Args:
        folder: somewhere in the checkout.
        base: a git ref.
        head: a git ref, or ``WORKTREE`` for the commit that lies checked out.
    """
    ends = ["HEAD" if text in WORKING_TREE else text for text in (base, head)]
    if any(text.startswith(("-", "/", "~", ".")) for text in ends):
        return ()
    return tuple((git(folder, "rev-list", f"{ends[0]}..{ends[1]}", "--") or "").split())


def _merge_base(top: Path, target: str) -> Base:
    branch = next((name for name in (f"origin/{target}", target) if _commit(top, name)), None)
    if branch is None:
        raise UsageError(f"{TARGET_VARIABLE} is {target!r}, and the checkout in {top} has no such branch", hint=_DEEPER)
    commit = git(top, "merge-base", branch, "HEAD")
    if not commit:
        raise UsageError(f"HEAD and {branch} have no commit in common in {top}", hint=_DEEPER)
    return Base(commit=commit, why=f"merge base with {branch}")


def _commit_before(top: Path) -> Base:
    commit = _commit(top, "HEAD~1")
    if commit:
        return Base(commit=commit, why="commit before HEAD")
    if git(top, "rev-parse", "--is-shallow-repository") == "true":
        raise UsageError(f"the history of the checkout in {top} is cut off before HEAD~1", hint=_DEEPER)
    raise NothingToCompare(f"{top} has no commit before {'HEAD' if _commit(top, 'HEAD') else 'the first one'}", hint="give BASE")


def _commit(top: Path, ref: str) -> str | None:
    return git(top, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}") or None
