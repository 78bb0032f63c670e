"""docs/architecture.md against the tree: its folders, types, files and contracts are those that there are."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


def rows(heading: str) -> list[list[str]]:
    """Return the cells of the table under a heading, without its head."""
    (section,) = re.findall(rf"^## {heading}\n(.*?)(?=^## |\Z)", PAGE, flags=re.DOTALL | re.MULTILINE)
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_every_folder_has_its_sentence() -> None:
    """And no sentence is about a folder that is gone."""
    folders = {f"`{folder.parent.relative_to(ROOT)}/`" for folder in (ROOT / "ganbench").glob("*/__init__.py")}
    assert {row[0] for row in rows("The folders")} == folders


@pytest.mark.parametrize("row", rows("Eleven types"), ids=lambda row: row[0].strip("`"))
def test_a_central_type_is_where_the_page_says(row: list[str]) -> None:
    """In that file, and public."""
    name, file, _ = row
    module = importlib.import_module(file.strip("`").removesuffix(".py").replace("/", "."))
    found = getattr(module, name.strip("`"))
    assert found.__module__ == module.__name__
    assert getattr(importlib.import_module("ganbench"), name.strip("`")) is found


def test_there_are_eleven() -> None:
    """As the heading says."""
    assert len(rows("Eleven types")) == 11


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`((?:ganbench|plugins|kernels|benchmarks|results|tests)/[\w./-]*)`", PAGE))))
def test_every_file_of_the_walks_exists(path: str) -> None:
    """A map with a street that is gone leads astray."""
    assert (ROOT / path).exists()


def test_the_picture_has_every_folder() -> None:
    """The picture and the table show one house."""
    picture = PAGE.split("```")[1]
    assert all(row[0].strip("`/").removeprefix("ganbench/") in picture for row in rows("The folders"))


def test_the_figures_are_those_of_the_script() -> None:
    """Within a twentieth, so that not every line that is added is a change of the page; the walks take processes, and their aims stand."""
    spec = importlib.util.spec_from_file_location("house", ROOT / "benchmarks" / "house.py")
    assert spec is not None
    assert spec.loader is not None
    house = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(house)
    measured, same_names = house.measure(house.core_files())
    told = {name.partition(":")[0]: [int(number.replace(",", "")) for number in numbers] for name, *numbers in rows("Figures")}
    assert {name: aim for name, (_, aim) in told.items()} == house.AIMS
    for name, (today, _) in told.items():
        assert today == pytest.approx(measured.get(name, today), rel=0.05)
    assert not same_names
