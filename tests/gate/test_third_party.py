"""The gate before a third party's repository, as ``benchmarks/gate`` makes it: its short branches; results/cpu/third_party.md has all."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

GATE = Path(__file__).resolve().parents[2] / "benchmarks" / "gate"
SHORT = ("broken-import", "ema-lost", "first-adoption")


def branches_module() -> ModuleType:
    spec = importlib.util.spec_from_file_location("branches", GATE / "branches.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["branches"] = module  # where dataclasses look
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def branches(tmp_path_factory):
    """Return the module of the branches, and its repository."""
    module, folder = branches_module(), tmp_path_factory.mktemp("repository")
    module.make_repository(folder)
    return module, folder / "tinygan"


@pytest.mark.slow
def test_every_branch_is_another_tree_and_every_file_can_be_read(branches):
    module, top = branches
    trees = {}
    for branch in module.BRANCHES:
        module.git(top, "checkout", "-q", branch.name)
        for path in (top / "src").rglob("*.py"):
            compile(path.read_text(encoding="utf-8"), str(path), "exec")
        trees[branch.name] = module.git(top, "rev-parse", "HEAD^{tree}")
    same_as_main = {name for name, tree in trees.items() if tree == trees["nothing"]}
    assert same_as_main == {"nothing", "first-adoption"}
    assert len(set(trees.values())) == len(trees) - 1


@pytest.mark.slow
def test_a_branch_that_was_squashed_has_none_of_its_own_commits(branches):
    module, top = branches
    history = module.git(top, "rev-list", "squash-merged-acceptance").split()
    change = module.git(top, "rev-parse", "squash-merged-acceptance-work~1")
    assert change not in history
    assert len(history) == 3


@pytest.mark.slow
@pytest.mark.parametrize("name", SHORT)
def test_a_short_branch_gets_the_verdict_that_is_expected(name, tmp_path):
    command = [sys.executable, GATE / "table.py", "--out", tmp_path / "table.json", "--only", name]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    (row,) = json.loads((tmp_path / "table.json").read_text(encoding="utf-8"))
    assert (done.returncode, row["right"]) == (0, "yes"), row
    assert {"verdict.json", "verdict.md", "verdict.xml"} <= set(row["files"])
