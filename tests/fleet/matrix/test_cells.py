"""From TOML and flags to cells: products, ranges, what is excluded and included, names, shards, and what is refused."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganbench.errors import UsageError
from ganbench.fleet.matrix.definition import read_definition, with_flags
from ganbench.fleet.matrix.wanted import WantedCell, expand, read_shard, shard


def cells_of(*axes: str, **flags: Any) -> tuple[WantedCell, ...]:
    """Return the cells of some -a flags."""
    return expand(with_flags(None, axes=axes, **flags))


def names(cells: Sequence[WantedCell]) -> list[str]:
    """Return their names."""
    return [cell.name for cell in cells]


@pytest.fixture
def write(tmp_path: Path) -> Any:
    """Return a function that writes a definition and reads it."""

    def make(text: str, name: str = "losses.toml") -> Any:
        path = tmp_path / name
        path.write_text(text)
        return read_definition(path)

    return make


def test_the_last_axis_is_the_fastest() -> None:
    """A range has both of its ends, and may stand beside other values."""
    cells = cells_of("plugin=dcgan,dcgan-32", "seed=0..2,7")
    assert names(cells) == [f"{plugin} seed={seed}" for plugin in ("dcgan", "dcgan-32") for seed in (0, 1, 2, 7)]
    assert cells[4].plugin == "dcgan-32"
    assert cells[4].settings == (("training.seed", 0),)


def test_a_path_is_an_axis_and_a_setting_stands_below_it() -> None:
    """Every cell has the settings and the options of all."""
    (first, _) = cells_of("plugin=dcgan", "training.d_steps=1,2", settings=["kimg=2", "training.d_steps=9"], options=["latent_dim=8"])
    assert dict(first.settings) == {"training.total_kimg": "2", "training.d_steps": "1"}
    assert first.options == (("latent_dim", "8"),)
    assert first.name == "dcgan d_steps=1"


def test_a_last_part_that_two_paths_share_is_written_out() -> None:
    """So that a name says which one it means."""
    (cell,) = cells_of("plugin=dcgan", "evaluation.every_kimg=1", "checkpoint.every_kimg=2", "evaluation.batch_size=3")
    assert cell.name == "dcgan evaluation.every_kimg=1 checkpoint.every_kimg=2 evaluation.batch_size=3"


def test_a_file_has_axes_settings_includes_and_excludes(write: Any) -> None:
    """An exclusion means what agrees in all its settings; what is included is never excluded."""
    definition = write(
        """
        [axes]
        plugin = ["dcgan", "dcgan-32"]
        training.d_steps = [1, 2]
        [settings]
        kimg = 0.5
        evaluation.metrics = ["fd100_digits"]
        [[exclude]]
        plugin = "dcgan-32"
        training.d_steps = [2, 3]
        [[include]]
        training.d_steps = 2
        plugin = "dcgan-32"
        seed = [4, 5]
        exclusive = true
        """
    )
    cells = expand(definition)
    assert definition.name == "losses"
    assert names(cells) == [
        "dcgan d_steps=1",
        "dcgan d_steps=2",
        "dcgan-32 d_steps=1",
        "dcgan-32 d_steps=2 seed=4",
        "dcgan-32 d_steps=2 seed=5",
    ]
    assert [cell.exclusive for cell in cells] == [False, False, False, True, True]
    assert dict(cells[0].settings)["evaluation.metrics"] == ["fd100_digits"]


def test_including_a_cell_again_only_changes_how_it_runs(write: Any) -> None:
    """One cell, in the place that the product gives it."""
    text = '[axes]\nplugin = "dcgan"\nseed = "0..1"\n[[include]]\nseed = 0\nplugin = "dcgan"\nexclusive = true\n'
    assert [(cell.name, cell.exclusive) for cell in expand(write(text))] == [("dcgan seed=0", True), ("dcgan seed=1", False)]


def test_a_flag_replaces_an_axis_of_the_file(write: Any) -> None:
    """Includes stay."""
    definition = write('[axes]\nplugin = "dcgan"\nseed = "0..9"\n[[include]]\nplugin = "dcgan-32"\n')
    assert names(expand(with_flags(definition, axes=["seed=3"]))) == ["dcgan seed=3", "dcgan-32"]


def test_the_name_of_a_matrix_of_flags_depends_on_them_alone() -> None:
    """A second call finds the folder."""
    made = [with_flags(None, axes=axes).name for axes in (["plugin=dcgan", "seed=0..1"], ["plugin=dcgan", "seed=0,1"], ["plugin=dcgan"])]
    assert made[0] == made[1] != made[2]


@given(st.integers(1, 40), st.integers(1, 12))
def test_shards_are_parts_of_the_whole(count: int, parts: int) -> None:
    """Every cell is in exactly one, and their sizes differ by one at most."""
    cells = cells_of("plugin=dcgan", f"seed=0..{count - 1}")
    shards = [shard(cells, number, parts) for number in range(1, parts + 1)]
    assert sorted(names([cell for one in shards for cell in one])) == sorted(names(cells))
    assert max(map(len, shards)) - min(map(len, shards)) <= 1


@pytest.mark.parametrize("text", ["0/3", "4/3", "1", "1/0", "a/b", "1/2/3"])
def test_a_shard_that_is_none_is_refused(text: str) -> None:
    """From 1 to n."""
    with pytest.raises(UsageError, match="--shard must be i/n"):
        read_shard(text)


@pytest.mark.parametrize(
    ("axes", "message"),
    [
        ((), "the matrix has no axis"),
        (("seed=0..1",), "the matrix names no plugin"),
        (("plugin",), "-a wants NAME=VALUE"),
        (("plugin=",), "the axis plugin has no value"),
        (("plugin=dcgan", "sed=1"), "unknown setting 'sed'; did you mean 'seed'"),
        (("plugin=dcgan", "d_steps=1"), "unknown setting 'd_steps'; did you mean 'training.d_steps'"),
        (("plugin=dcgan", "training.latent=1"), "unknown setting 'training.latent'"),
        (("plugin=dcgan", "seed=5..1"), "a range must rise"),
        (("plugin=dcgan", "seed=1", "training.seed=2"), "training.seed is given twice"),
    ],
)
def test_an_axis_that_means_nothing_is_refused(axes: Sequence[str], message: str) -> None:
    """A mistake in the definition is no row."""
    with pytest.raises(UsageError, match=message):
        cells_of(*axes)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[axis]\nplugin = 1", "unknown key 'axis.plugin'; did you mean 'axes'"),
        ("axes = 1", "unknown key 'axes'"),
        ("include = 1", "include must be tables"),
        ("[[include]]", "the table is empty"),
        ("exclusive = 1", "exclusive must be true or false"),
        ('name = "a/b"', "name must be letters"),
        ("[axes]\nseed = []", "the axis seed has no value"),
        ("[axes", "is not valid TOML"),
    ],
)
def test_a_file_that_means_nothing_is_refused(write: Any, text: str, message: str) -> None:
    """With the place."""
    with pytest.raises(UsageError, match=message):
        write(text)


def test_a_matrix_without_a_cell_is_refused(write: Any) -> None:
    """Everything excluded is a mistake."""
    definition = write('[axes]\nplugin = "dcgan"\n[[exclude]]\nplugin = "dcgan"\n')
    with pytest.raises(UsageError, match="has no cell; everything is excluded"):
        expand(definition)
