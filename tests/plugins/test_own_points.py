"""Points of one's own, from a CSV file: read as they are, fitted by a stated rule, and refused by file and line."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ganbench import ConfigError, DataContext, DataError, Dataset
from ganbench_toy.options import OwnPointsOptions
from ganbench_toy.own import build, read_points

LINES = [f"{i},{i * i}" for i in range(20)]


def put(folder: Path, *lines: str, end: str = "\n") -> Path:
    path = folder / "my.csv"
    path.write_bytes("".join(f"{line}{end}" for line in lines).encode())
    return path


def dataset(path: Path, **options: object) -> Dataset:
    return build(OwnPointsOptions(path=str(path), **options), DataContext())  # type: ignore[arg-type]


def test_a_file_is_its_points_and_not_how_they_are_written(tmp_path: Path) -> None:
    """A header, blank lines, another delimiter and a byte order mark change no bit of the data, and so not their hash."""
    plain = dataset(put(tmp_path, *LINES))
    for lines in (
        ["x,y", *LINES],
        ["\ufeffa;b", *[line.replace(",", ";") for line in LINES]],
        [line.replace(",", "\t ") for line in LINES],
    ):
        assert dataset(put(tmp_path, *lines, end="\r\n\r\n")).train.content_hash == plain.train.content_hash
    assert dataset(put(tmp_path, "0,1", *LINES[1:])).train.content_hash != plain.train.content_hash
    assert (plain.name, plain.space.name) == ("points:my", "points")


def test_points_are_held_out_and_fitted_by_the_train_split(tmp_path: Path) -> None:
    """Mean 0 and root mean square distance 1, without a change of shape; every point of the file is in one split."""
    fitted, plain = dataset(put(tmp_path, *LINES)), dataset(put(tmp_path, *LINES), scale="none")
    assert fitted.test is not None
    assert plain.test is not None
    train, test = (split.read(torch.arange(split.num_samples)).flatten(1) for split in (fitted.train, fitted.test))
    torch.testing.assert_close(train.mean(0), torch.zeros(2), atol=1e-6, rtol=0)
    assert float(train.square().sum(1).mean()) == pytest.approx(1)
    raw_train, raw_test = (split.read(torch.arange(split.num_samples)).flatten(1) for split in (plain.train, plain.test))
    assert sorted(torch.cat([raw_train, raw_test]).tolist()) == [[i, i * i] for i in range(20)]
    assert (len(train), len(test)) == (18, 2)
    centre = raw_train.mean(0)
    size = (raw_train - centre).square().sum(1).mean().sqrt()
    torch.testing.assert_close(test * size + centre, raw_test)
    x, y = centre.tolist()
    assert fitted.notes == (
        f"18 points to train on, 2 to test on; a point of the run is one of the file less ({x:g}, {y:g}), divided by {size:g}",
    )
    assert plain.notes == ("18 points to train on, 2 to test on",)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["x,y", "", *LINES[:9]], "my.csv has 9 points, and 10 are the least"),
        ([*LINES, "1,2,3"], "my.csv, line 21: a point is two numbers, x and y (got 3 fields)"),
        (["x y", *LINES], "my.csv, line 1: a point is two numbers, x and y (got 1 field)"),
        (["x,1", *LINES], "my.csv, line 1: 'x' is no number"),
        (["x,y", "x,y", *LINES], "my.csv, line 2: 'x' is no number"),
        ([*LINES, "1,1_0"], "my.csv, line 21: '1_0' is no number"),
        (["nan,1", *LINES], "my.csv, line 1: a point must be finite, and nearer than 1e+18 (got nan, 1)"),
        ([*LINES, "1,-1e999"], "my.csv, line 21: a point must be finite, and nearer than 1e+18 (got 1, -inf)"),
        ([*LINES, '1,"2'], "my.csv, line 21: no CSV (unexpected end of data)"),
        (["0.1,0.1"] * 20, "my.csv: all points lie in one place"),
    ],
)
def test_anything_else_is_refused_in_one_line(tmp_path: Path, lines: list[str], message: str) -> None:
    """Which file, which line, and what is the matter."""
    with pytest.raises(DataError) as caught:
        dataset(put(tmp_path, *lines))
    assert str(caught.value).partition(";")[0] == message
    assert "\n" not in str(caught.value)


def test_what_is_no_file_of_text_is_refused(tmp_path: Path) -> None:
    """A folder, nothing at all, bytes; and an option that is left out."""
    (tmp_path / "a.csv").write_bytes(b"1,2\n\xff\xfe")
    for path, message in (
        (tmp_path, "points: path is not a file"),
        (tmp_path / "no.csv", "not a file"),
        (tmp_path / "a.csv", "not UTF-8 at byte 4"),
    ):
        with pytest.raises(DataError, match=message):
            read_points(path)
    with pytest.raises(DataError, match=r"test_fraction=0\.95 holds out 19 of 20 points"):
        dataset(put(tmp_path, *LINES), test_fraction=0.95)
    with pytest.raises((ConfigError, ValueError), match="path must name a CSV file"):
        OwnPointsOptions(path="")
