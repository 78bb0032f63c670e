"""Cells against the plugins, in processes that plugins may end: identities, directories, reasons."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from ganbench.errors import UsageError
from ganbench.fleet import resolve_process
from ganbench.fleet.executor import CellRequest
from ganbench.fleet.matrix.plan import plan_cells
from ganbench.fleet.matrix.wanted import WantedCell
from ganbench.plugin.manager import PluginManager


def cell(name: str, plugin: str = "dcgan", **settings: Any) -> WantedCell:
    """Return a cell; a double underscore stands for a dot."""
    return WantedCell(name=name, plugin=plugin, settings=tuple((path.replace("__", "."), value) for path, value in settings.items()))


@pytest.mark.slow
def test_the_identity_is_the_resolved_configuration(tmp_path: Path) -> None:
    """However a value is written; where files lie and how often they are saved does not count."""
    planned = plan_cells(
        [
            cell("a", training__seed="3"),
            cell("b", training__seed=3, loss__name="logistic"),
            cell("c", training__seed=3, checkpoint__keep=5, training__workers=1, data__root="/elsewhere"),
            cell("d", training__seed=4),
            cell("e", training__threads=2, training__device="cpu"),
        ],
        tmp_path,
    )
    assert [one.reason for one in planned] == ["", "the same configuration as a", "the same configuration as a", "", ""]
    assert [one.directory and one.directory.name for one in planned[:2]] == [f"a-{planned[0].id}", None]
    assert (planned[3].threads, planned[4].threads, planned[4].device) == (0, 2, "cpu")
    assert len({planned[index].id for index in (0, 3, 4)}) == 3


@pytest.mark.slow
def test_a_run_is_found_by_its_identity_under_another_name(tmp_path: Path) -> None:
    """The finished one, where there are two."""
    (planned,) = plan_cells([cell("a")], tmp_path)
    for name in ("old", "zombie"):
        (tmp_path / f"{name}-{planned.id}").mkdir()
    (tmp_path / f"old-{planned.id}" / "record.json").write_text("{}")
    (again,) = plan_cells([cell("b")], tmp_path)
    assert again.directory == tmp_path / f"old-{planned.id}"
    assert again.is_finished
    assert not planned.is_finished


@pytest.mark.slow
def test_another_source_is_another_cell(tmp_path: Path) -> None:
    """A finished run of a plugin that has changed since is not taken for this one's."""
    ids = []
    for version in ("1", "2"):
        source = tmp_path / "gan.py"
        source.write_text(f"def build(options, shape):\n    return {version}\n")
        (planned,) = plan_cells([cell("a", f"{source}:build")], tmp_path)
        ids.append(planned.id)
    assert all(ids)
    assert ids[0] != ids[1]


def test_the_spelling_of_a_path_is_no_part_of_a_cell_and_its_content_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Data in a folder, in a file, behind a link, a plugin in a file: the same wherever they lie; one byte, or a name, makes another."""
    for where in ("here", "there"):
        (tmp_path / where / "data" / "deep").mkdir(parents=True)
        for name in ("a.png", "deep/b.png"):
            (tmp_path / where / "data" / name).write_bytes(name.encode())
        (tmp_path / where / "x.npy").write_bytes(b"numbers")
        (tmp_path / where / "gan.py").write_text("def build(options, context):\n    return 1\n")
    (tmp_path / "link").symlink_to(tmp_path / "there" / "data")
    (tmp_path / "there" / "data" / "deep" / "circle").symlink_to(tmp_path / "there" / "data")
    os.mkfifo(tmp_path / "there" / "data" / "pipe.png")

    manager = PluginManager()

    def identity(dataset: str, path: str, plugin: str = "dcgan", **options: str) -> str:
        settings: dict[str, Any] = {f"dataset.options.{name}": value for name, value in {"path": path, **options}.items()} if path else {}
        request = CellRequest(plugin=plugin, settings={"dataset.name": dataset, **settings}, options={}, off=[])
        answer = resolve_process._answer(request, manager)
        assert answer.reason == ""
        return answer.id

    monkeypatch.chdir(tmp_path)
    there = tmp_path / "there"
    same = [
        {identity("folder", path) for path in ("here/data", str(tmp_path / "here" / ".." / "there" / "data"), "link")},
        {identity("array", path) for path in ("here/x.npy", str(there / "x.npy"))},
        {identity("digits", "", f"{folder}/gan.py:build") for folder in ("./here", there)},
        {identity("folder", "nowhere")},
        {identity("array", "here/x.npy", labels="y")},
        {identity("array", "here/x.npy", labels="there/x.npy")},
    ]
    assert [len(ids) for ids in same] == [1] * 6
    assert len(set.union(*same)) == 6
    (tmp_path / "here" / "data" / "a.png").write_bytes(b"A.png")
    (there / "data" / "deep" / "b.png").rename(there / "data" / "deep" / "c.png")
    resolve_process._content.cache_clear()  # of one call of a matrix
    assert len({*same[0], identity("folder", "here/data"), identity("folder", "link")}) == 3
    monkeypatch.setattr(resolve_process, "_MOST_BYTES", 4)
    resolve_process._content.cache_clear()
    large = identity("array", "here/x.npy")
    assert large not in {*same[1], identity("array", str(there / "x.npy"))}
    os.utime(tmp_path / "here" / "x.npy", (1, 1))
    resolve_process._content.cache_clear()
    assert identity("array", "here/x.npy") != large


@pytest.mark.slow
def test_what_cannot_be_resolved_has_a_reason_and_no_directory(tmp_path: Path) -> None:
    """An unknown plugin, an option that it lacks, a value out of range; the cells around it are not touched."""
    planned = plan_cells([cell("a", "nope"), cell("b"), cell("c", architecture__options__x=1), cell("d", training__batch_size=0)], tmp_path)
    assert [one.directory is None for one in planned] == [True, False, True, True]
    assert "unknown architecture or recipe 'nope'" in planned[0].reason
    assert "unknown option architecture.x" in planned[2].reason
    assert "batch_size must be 1 or more" in planned[3].reason
    assert not any(one.crashed for one in planned)


@pytest.mark.slow
def test_a_plugin_file_that_ends_its_process_costs_its_cell(tmp_path: Path) -> None:
    """Or that never comes back; what comes after it is resolved by another process."""
    (tmp_path / "gone.py").write_text("import os\nos._exit(3)\n")
    (tmp_path / "stuck.py").write_text("import time\ntime.sleep(600)\n")
    cells = [cell("a", f"{tmp_path / 'gone.py'}:Gan"), cell("b"), cell("c", f"{tmp_path / 'stuck.py'}:Gan"), cell("d")]
    planned = plan_cells(cells, tmp_path, patience=3)
    assert [one.crashed for one in planned] == [True, False, True, False]
    assert planned[0].reason == planned[2].reason == "its plugins end or block the process that loads them"
    assert planned[1].directory is not None


def test_a_value_that_is_no_setting_is_refused(tmp_path: Path) -> None:
    """TOML has dates, and no setting is one."""
    import datetime

    with pytest.raises(UsageError, match="cell a: a setting must be text"):
        plan_cells([cell("a", training__seed=datetime.date(2026, 1, 1))], tmp_path)
