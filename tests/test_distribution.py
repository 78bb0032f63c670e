"""Version and plugins of a source tree that nobody installed."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import pytest

from ganbench import ModelSpec, distribution
from ganbench.distribution import SourceTree, own_distribution
from ganbench.plugin import manager

ROOT = Path(__file__).parents[1]
PROJECT = '[project]\nname = "ganbench"\nversion = "7.8.9"\n[project.entry-points.ganbench]\nsome = "ganbench_some"\n'


def test_the_source_tree_says_what_its_installation_says() -> None:
    """The same version and the same entry points, each with its distribution."""
    tree, installed = SourceTree(ROOT / "pyproject.toml"), importlib.metadata.distribution("ganbench")
    assert (tree.name, tree.version) == (installed.name, installed.version)
    wanted = {(e.name, e.value) for e in installed.entry_points if e.group in ("ganbench", "ganbench.commands")}
    assert {(e.name, e.value) for e in tree.entry_points} == wanted
    assert {e.dist.version for e in tree.entry_points if e.dist} == {installed.version}


def test_a_source_tree_is_read_where_nothing_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its version is the file's; its folder is where its files lie."""
    monkeypatch.setattr(distribution, "__file__", str(tmp_path / "ganbench" / "distribution.py"))
    monkeypatch.setattr(distribution, "NAME", "not-installed")
    (tmp_path / "pyproject.toml").write_text(PROJECT.replace('"ganbench"', '"not-installed"'))
    assert own_distribution().version == "7.8.9"
    assert own_distribution().locate_file("README.md") == tmp_path / "README.md"
    assert own_distribution().read_text("RECORD") is None


@pytest.mark.parametrize("content", [None, "[project\n", "[tool]\n", '[project]\nname = "other"\nversion = "1"\n'])
def test_a_file_that_is_not_ours_is_no_distribution(content: str | None, tmp_path: Path) -> None:
    """None at all, no TOML, no project, another project's."""
    path = tmp_path / "pyproject.toml"
    if content is not None:
        path.write_text(content)
    with pytest.raises(importlib.metadata.PackageNotFoundError, match="ganbench"):
        SourceTree(path)


def test_the_plugins_of_the_source_tree_are_found_without_an_installation(monkeypatch: pytest.MonkeyPatch) -> None:
    """They belong to ganbench, with its version, as after an installation; one that fails is one line."""
    monkeypatch.setattr(manager, "read_entry_points", lambda groups: [])
    monkeypatch.setattr(distribution, "own_distribution", lambda: SourceTree(ROOT / "pyproject.toml"))
    found = manager.PluginManager()
    dcgan = found.find(ModelSpec, "dcgan")
    assert (dcgan.distribution, dcgan.version) == ("ganbench", importlib.metadata.version("ganbench"))
    assert {s.status for s in found.statuses} == {"ok"}


def test_without_a_distribution_and_without_a_source_tree_there_are_no_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    """And no error: other distributions' plugins would still load."""

    def nowhere() -> importlib.metadata.Distribution:
        raise importlib.metadata.PackageNotFoundError("ganbench")

    monkeypatch.setattr(manager, "read_entry_points", lambda groups: [])
    monkeypatch.setattr(distribution, "own_distribution", nowhere)
    assert manager.PluginManager().registered == []
