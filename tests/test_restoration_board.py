"""The tables under results/boards/restoration are what their records say, and say what is promised of them."""

from __future__ import annotations

import math
import re
from pathlib import Path
from statistics import fmean, stdev

import pytest
from scipy.stats import t

from ganbench import RunRecord, load_runs
from ganbench.cli.main import main
from ganbench.fleet.matrix.definition import read_definition

FOLDER = Path(__file__).parents[1] / "results" / "boards" / "restoration"
METRICS = {"enlarge-x4": "psnr_crop4_y100", "denoise": "psnr_crop0_rgb100"}
README = (FOLDER / "README.md").read_text(encoding="utf-8")
boards = pytest.mark.parametrize("board", METRICS)


def gains(board: str, name: str) -> list[float]:
    """Return by how many decibels each seed's last value lies above the trivial answer's."""
    found = [record for record in load_runs(sorted((FOLDER / board).glob("*/"))) if isinstance(record, RunRecord) and record.name == name]
    last = [{value.name: value.value for value in record.evaluations[-1].values} for record in found]
    return [values[METRICS[board]] - values[f"guess_{METRICS[board]}"] for values in last]


def interval(values: list[float]) -> float:
    """Return half of the 95 % interval of the mean."""
    return float(t.ppf(0.975, len(values) - 1)) * stdev(values) / math.sqrt(len(values))


@boards
def test_a_table_is_rebuilt_by_one_command(board: str, tmp_path: Path) -> None:
    """The command that README.md prints gives the committed file, to the letter."""
    rebuilt = tmp_path / "table.md"
    assert f"ganbench table results/boards/restoration/{board} --sort {METRICS[board]} -o" in README
    assert main(["table", str(FOLDER / board), "--sort", METRICS[board], "-o", str(rebuilt)]) == 0
    assert rebuilt.read_text(encoding="utf-8") == (FOLDER / f"{board}.md").read_text(encoding="utf-8")


@boards
def test_every_cell_of_the_definition_has_its_record(board: str) -> None:
    """Complete, and no record is of anything else."""
    products = read_definition(FOLDER / f"{board}.toml").products
    wanted = sum(math.prod(len(axis.values) for axis in product.axes) for product in products)
    records = load_runs(sorted((FOLDER / board).glob("*/")))
    assert len(records) == wanted
    assert all(isinstance(record, RunRecord) and record.status == "complete" for record in records)


def test_srresnet_is_above_bicubic_by_more_than_was_asked() -> None:
    """0.3 dB of PSNR on luma, below the interval of three seeds, each trained for at most ten minutes."""
    found = gains("enlarge-x4", "srresnet-small")
    assert len(found) == 3
    assert fmean(found) - interval(found) > 0.3
    records = [r for r in load_runs(sorted((FOLDER / "enlarge-x4").glob("*/"))) if isinstance(r, RunRecord) and r.name == "srresnet-small"]
    assert all(record.timing.training_seconds < 600 for record in records)


def test_srgan_lies_below_srresnet_which_is_no_failure() -> None:
    """An adversarial loss is not for PSNR: a gate on that alone would fail a correct run. The page says so."""
    assert fmean(gains("enlarge-x4", "srgan-small")) < fmean(gains("enlarge-x4", "srresnet-small"))
    assert "expected" in README


def test_noise_is_taken_away() -> None:
    """By more than 3 dB."""
    assert min(gains("denoise", "srresnet-small")) > 3


def test_the_readmes_figures_are_the_tables() -> None:
    """Each value of the page's table stands in a table that was made from the records."""
    rows = [line for line in README.splitlines() if line.startswith("|") and ("PSNR" in line or "SSIM" in line)]
    tables = "".join((FOLDER / f"{name}.md").read_text(encoding="utf-8") for name in METRICS)
    figures = [word for line in rows for word in re.findall(r"\d+\.\d+", line.split("|", 3)[3])]
    assert len(figures) == 12
    assert [figure for figure in figures if figure not in tables.replace("0.00031", "0.0003")] == []
