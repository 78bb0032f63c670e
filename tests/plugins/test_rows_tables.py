"""Tables become rows: what is read, which types, what is missing, how they are split; one line for each file that cannot be used."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import ganbench
from ganbench.cli.main import main
from ganbench_rows.columns import Category, Number
from ganbench_rows.datasets import build_table
from ganbench_rows.inference import MISSING_CATEGORY, infer
from ganbench_rows.options import TableOptions
from ganbench_rows.reading import RawTable, read_table
from ganbench_rows.space import RowSpace

ROWS = "\n".join(f"{20 + i % 37}.5,{'abc'[i % 3]},{i % 2},{1000 + i * i}" for i in range(40))
TABLE = f"age,town,grade,income\n{ROWS}\n"


def write(folder: Path, text: str, name: str = "people.csv") -> Path:
    """Return a file of this text."""
    path = folder / name
    path.write_bytes(text.encode())
    return path


def table(path: Path, **options: Any) -> ganbench.Dataset:
    """Return the dataset of a file."""
    return build_table(TableOptions(path=str(path), **options), ganbench.DataContext())


def space_of(dataset: ganbench.Dataset) -> RowSpace:
    """Return its space."""
    assert isinstance(dataset.space, RowSpace)
    return dataset.space


def test_types_are_inferred_and_shown(tmp_path: Path) -> None:
    """Texts and few integers are categories, other numbers are numbers; the notes say so."""
    dataset = table(write(tmp_path, TABLE), target="town")
    kinds = [type(column) for column in space_of(dataset).columns]
    assert kinds == [Number, Category, Category, Number]
    assert dataset.name == "table:people"
    first, age, town, grade, _ = dataset.notes
    assert first == "31 rows to train on, 9 to test on; the target is town"
    assert age.startswith("age: numbers from 20.5 to 56.5, ")
    assert town == "town: 3 categories (a, b, c)"
    assert grade == "grade: 2 categories (0, 1)"


def test_the_stored_form_is_the_tables_own_values(tmp_path: Path) -> None:
    """Numbers in their units, also those that float32 cannot hold, and the places of categories; each row is in one split."""
    text = "key,town\n" + "".join(f"{16_777_217 + i},{'ab'[i % 2]}\n" for i in range(20))
    dataset = table(write(tmp_path, text), test_fraction=0.5)
    assert dataset.test is not None
    parts = [split.read(torch.arange(split.num_samples)) for split in (dataset.train, dataset.test)]
    rows = torch.cat(parts)
    assert sorted(rows[:, 0].tolist()) == [16_777_217.0 + i for i in range(20)]
    assert all((int(key) - 16_777_217) % 2 == place for key, place in rows.tolist())


def test_the_split_has_the_targets_shares_and_is_always_the_same(tmp_path: Path) -> None:
    """A fifth of each category, rounded; the hash is the same again."""
    text = "x,kind\n" + "".join(f"{i}.5,{'a' if i < 50 else 'b'}\n" for i in range(60))
    path = write(tmp_path, text)
    first, again = table(path, target="kind"), table(path, target="kind")
    assert first.test is not None
    assert again.test is not None
    assert torch.bincount(first.test.read(torch.arange(12))[:, 1].long()).tolist() == [10, 2]
    assert first.test.content_hash == again.test.content_hash
    assert first.train.content_hash == again.train.content_hash != first.test.content_hash


@pytest.mark.parametrize("text", [f"\ufeff{TABLE}", TABLE.replace(",", ";"), TABLE.replace(",", "\t"), TABLE.replace("\n", "\r\n")])
def test_marks_and_delimiters_change_nothing(text: str, tmp_path: Path) -> None:
    """A byte order mark, another delimiter, the lines of another system."""
    plain, other = read_table(write(tmp_path, TABLE, "plain.csv")), read_table(write(tmp_path, text, "other.csv"))
    assert (other.names, other.columns) == (plain.names, plain.columns)


def test_quoted_fields_may_hold_delimiters_and_lines(tmp_path: Path) -> None:
    """As CSV has it; the line of a later row is that of the file."""
    raw = read_table(write(tmp_path, 'x,y\n1,"a,b\nc"\n2,d\n'))
    assert raw.columns == (("1", "2"), ("a,b\nc", "d"))
    assert raw.where == (3, 4)


def test_what_is_missing_is_filled_by_the_stated_rule(tmp_path: Path) -> None:
    """A missing category is one of its own, numbers are filled; the notes say in how many rows."""
    lines = [f"{i + 0.5},{'ab'[i % 2]}" for i in range(20)]
    lines[3], lines[7] = "NA,a", "7.5,?"
    dataset = table(write(tmp_path, "x,kind\n" + "\n".join(lines)))
    x, kind = space_of(dataset).columns
    assert isinstance(kind, Category)
    assert kind.values == ("a", "b", MISSING_CATEGORY)
    assert isinstance(x, Number)
    assert dataset.notes[1] == "in 2 of 20 rows something is missing: numbers become the train split's median"


def test_a_missing_number_is_the_median_of_the_train_split_alone() -> None:
    """What is held out has no part in it."""
    from ganbench_rows.inference import TypedColumn, TypedTable
    from ganbench_rows.split import make_dataset, split_rows

    values = np.arange(20.0) ** 2
    values[5] = math.nan
    typed = TypedTable((TypedColumn("x", values), TypedColumn("y", np.arange(20.0))))
    train, _ = split_rows(typed, 0.5)
    dataset = make_dataset("t", typed, test_fraction=0.5, max_modes=1)
    assert dataset.test is not None
    source = dataset.train if 5 in train else dataset.test
    rows = source.read(torch.arange(source.num_samples))
    (filled,) = rows[rows[:, 1] == 5, 0].tolist()
    assert filled == np.median(values[train][~np.isnan(values[train])])
    assert filled != np.median(values[~np.isnan(values)])


def test_rows_with_missing_values_may_be_left_out(tmp_path: Path) -> None:
    """With ``missing=drop``."""
    lines = [f"{i + 0.5},{'ab'[i % 2]}" for i in range(20)]
    lines[3] = ",a"
    dataset = table(write(tmp_path, "x,kind\n" + "\n".join(lines)), missing="drop")
    assert dataset.test is not None
    assert dataset.train.num_samples + dataset.test.num_samples == 19
    assert dataset.notes[1] == "1 of 20 rows are left out, because something is missing in them"


@pytest.mark.slow
def test_parquet_is_the_same_table(tmp_path: Path) -> None:
    """Numbers, texts, truth values and nothing, by pyarrow."""
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    columns = {"x": [i + 0.5 for i in range(12)], "kind": ["a", "b", None] * 4, "grown": [True, False] * 6}
    parquet.write_table(pyarrow.table(columns), tmp_path / "t.parquet")
    text = "x,kind,grown\n" + "".join(f"{x},{k or ''},{g}\n" for x, k, g in zip(*columns.values(), strict=True))
    from_parquet, from_csv = table(tmp_path / "t.parquet"), table(write(tmp_path, text, "t.csv"))
    assert from_parquet.train.content_hash == from_csv.train.content_hash
    assert space_of(from_parquet) == space_of(from_csv)


@pytest.mark.slow
def test_few_integers_may_be_declared_categories_and_many_too(tmp_path: Path) -> None:
    """``categories`` names columns that look like numbers."""
    text = "zip,x\n" + "".join(f"{8000 + i % 15},{i}.25\n" for i in range(45))
    path = write(tmp_path, text)
    assert isinstance(space_of(table(path)).columns[0], Number)
    column = space_of(table(path, categories=("zip",))).columns[0]
    assert isinstance(column, Category)
    assert column.values[:2] == ("8000", "8001")


CONSTANT = "x,y\n" + "".join(f"{i}.5,same\n" for i in range(20))
HOLE = "x,y\n" + "".join(f"{i}.5,NA\n" for i in range(20))
BROKEN = [
    ("one-column", "x\n" + "".join(f"{i}\n" for i in range(20)), {}, "people.csv: a table needs two columns or more (got 1: x)"),
    ("constant", CONSTANT, {}, "people.csv: column 'y' is 'same' in every row; leave it out with -o drop=y"),
    ("all-missing", HOLE, {}, "people.csv: column 'y' has no value in any row; leave it out with -o drop=y"),
    ("empty", "", {}, "people.csv is empty; give a CSV file with a header and rows"),
    ("blank", "\n\n", {}, "people.csv is empty; give a CSV file with a header and rows"),
    ("header-alone", "x,y\n", {}, "people.csv: a table needs 10 rows or more (got 0)"),
    ("ragged", TABLE + "1,2\n", {}, "people.csv: line 42 has 2 fields, and the header has 4"),
    ("no-target", TABLE, {"target": "twon"}, "people.csv: target 'twon' is no column; did you mean 'town'?"),
    ("text-in-numbers", TABLE + "old,a,1,7\n", {}, "people.csv: column 'age' holds numbers, and 'old' in line 42; correct it"),
    ("two-names", TABLE.replace("town", "age"), {}, "people.csv: two columns are called 'age'"),
    ("no-name", TABLE.replace("town", ""), {}, "people.csv: column 2 has no name"),
    ("wrong-delimiter", TABLE, {"delimiter": "tab"}, "people.csv: a table needs two columns or more (got 1: age,town,grade,income)"),
    ("open-quote", TABLE + '"1,a,1,7\n', {}, "people.csv: line 42 is no CSV"),
    ("drop-all", TABLE, {"drop": "age,town,grade"}, "people.csv: a table needs two columns or more (got 1: income)"),
    ("dropped-target", TABLE, {"drop": "town", "target": "town"}, "people.csv: the target 'town' is among the columns of drop"),
    ("many-texts", "n,x\n" + "".join(f"name {i},{i}.5\n" for i in range(300)), {}, "people.csv: column 'n' has 300 categories, and 256"),
    ("no-share", TABLE, {"test_fraction": 0.01}, "table:people: test_fraction=0.01 leaves 40 rows to train on and 0 to test on"),
]


@pytest.mark.parametrize(("text", "options", "said"), [pytest.param(*one[1:], id=one[0]) for one in BROKEN])
def test_a_table_that_cannot_be_used_is_one_line(
    text: str, options: dict[str, Any], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the file, the column or the line, and what to do; exit code 2, and nothing is made."""
    path, out = write(tmp_path, text), tmp_path / "run"
    flags = [flag for name, value in options.items() for flag in ("-o", f"dataset.{name}={value}")]
    code = main(["run", "--plugin", "gaussian-copula", "--dataset", "table", "-o", f"path={path}", *flags, "--out", str(out)])
    error = capsys.readouterr().err
    assert code == 2, error
    assert f"ganbench: {said}" in error or f": {said}" in error
    assert len(error.strip().splitlines()) == 1, error
    assert not out.exists()


def test_a_file_of_other_bytes_is_one_line(tmp_path: Path) -> None:
    """Not UTF-8, no Parquet, not there."""
    latin = tmp_path / "l.csv"
    latin.write_bytes("größe,x\n".encode("latin-1"))
    with pytest.raises(ganbench.DataError, match=r"^l.csv is not UTF-8 at byte 2; save it as CSV in UTF-8$"):
        read_table(latin)
    pytest.importorskip("pyarrow")
    with pytest.raises(ganbench.DataError, match=r"^l.parquet cannot be read as Parquet \("):
        read_table(write(tmp_path, TABLE, "l.parquet"))
    with pytest.raises(ganbench.DataError, match=r"^table: path is not a file "):
        read_table(tmp_path / "nothing.csv")


def test_parquet_without_pyarrow_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra by its name."""
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(ganbench.DataError, match=r"Parquet files need pyarrow; pip install 'ganbench\[parquet\]'"):
        read_table(write(tmp_path, TABLE, "t.parquet"))


def test_mostly_texts_with_some_numbers_are_categories() -> None:
    """Only a column that is mostly numbers is refused for its texts."""
    raw = RawTable(("a", "b"), (("x", "y", "1") * 4, tuple(map(str, range(12)))), tuple(range(12)), "row")
    assert infer(raw, title="t").columns[0].categories == ("1", "x", "y")
