"""Tables whose rows are ordinary runs: those that ship can be planned as they stand, and one is trained."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

import ganbench
from ganbench.cli.main import main
from ganbench.config.values import build_options
from ganbench.plugin.manager import PluginManager
from ganbench_reproduce import ReproductionSpec
from ganbench_reproduce.experiment import ExperimentColumn, ExperimentSetup, PublishedFigure
from ganbench_reproduce.recipe_table import RecipeRow, RecipeTable
from ganbench_reproduce.record import Score

MANAGER = PluginManager()
TABLES = (
    "ctgan-tables",
    "moving-digits",
    "r3gan-stacked-digits",
    "seqgan-oracle",
    "unrolled-ring",
    "vae-elbo",
    "veegan-2d",
    "wavegan-spoken-digits",
)
WITH_FIGURES = {"veegan-2d": {"ring-gan", "ring-unrolled", "grid-gan", "grid-unrolled"}}
"""The rows beside which published figures stand."""


@pytest.mark.parametrize("name", TABLES)
def test_each_row_is_a_run_with_the_columns_of_the_table(name: str) -> None:
    """Its recipe, settings and metrics resolve, and each column is a number that one of the metrics gives."""
    registered = MANAGER.find(ReproductionSpec, name)
    table = registered.build(build_options(registered.spec.options, {}, name))
    assert isinstance(table, RecipeTable)
    for row in table._rows.values():
        plan = ganbench.plan(row.plugin, settings={**row.settings, "evaluation.metrics": table._metrics}, manager=MANAGER)
        given = {quantity.name for metric in plan.metrics for quantity in metric.quantities}
        assert set(table._quantities.values()) <= given
    assert all("not checked here" in table.notes[0] for _ in table.cells)
    assert {cell.name for cell in table.cells if cell.published} == WITH_FIGURES.get(name, set())


@pytest.mark.parametrize(
    ("name", "option", "words"),
    [
        ("seqgan-oracle", "rows=mle,mle", "rows must be one or more, each once"),
        ("ctgan-tables", "tables=iris,iris", "tables must be one or more, each once"),
        ("vae-elbo", "latents=0", "latents must be 1 or more"),
        ("moving-digits", "rows=tgan", "tgan"),
        ("unrolled-ring", "steps=-1", "steps must be numbers of 0 or more, each once (got -1)"),
        ("veegan-2d", "data=ring,ring", "data must be one or more, each once (got ring,ring)"),
        ("r3gan-stacked-digits", "digits=4", "digits must be between 2 and 3"),
    ],
)
def test_a_wrong_row_is_refused(name: str, option: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In one line, before anything is built."""
    assert main(["reproduce", name, "-o", option, "--out", str(tmp_path / "a")]) == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "a").exists()


def small_table() -> RecipeTable:
    """Two rows of points, of other budgets."""
    settings = {"dataset.name": "ring8", "training.batch_size": 32}
    rows = [
        RecipeRow(name=name, label=name, plugin="mlp", settings={**settings, "training.total_kimg": kimg})
        for name, kimg in (("few", 0.64), ("more", 1.28))
    ]
    columns = {ExperimentColumn(name="modes", label="modes"): "modes200_points"}
    return RecipeTable(rows, ("modes200_points",), columns, ("a note",))


def test_each_row_is_trained_to_its_own_budget() -> None:
    """A twentieth at a time: 20 steps of 32 are 0.64 kimg, and the other row has twice as many."""
    table, device = small_table(), torch.device("cpu")
    for name, steps in (("few", 1), ("more", 2)):
        run = table.start(ExperimentSetup(cell=name, seeds=(0, 1), device=device))
        assert run.facts.steps_per_interval == steps
        assert run.advance(lambda: False)
        assert (run.steps, run.intervals) == (steps, 1)
        assert len(run.scores()["modes"]) == 2


def test_an_interval_is_a_share_of_the_steps_where_steps_show_more_samples_later() -> None:
    """SeqGAN's rounds show many texts each, its likelihood one batch: a twentieth of the steps, and not of the first kind of step."""
    settings = {
        "architecture.options.likelihood_kimg": 6.4,
        "architecture.options.discriminator_kimg": 0.64,
        "dataset.options.num_texts": 256,
        "training.total_kimg": 12.8,
    }
    row = RecipeRow(name="seqgan", label="SeqGAN", plugin="seqgan-small", settings=settings)
    table = RecipeTable([row], ("nll_gen",), {ExperimentColumn(name="nll_gen", label="NLL-gen"): "nll_gen"}, ())
    run = table.start(ExperimentSetup(cell="seqgan", seeds=(0,), device=torch.device("cpu")))
    plan = ganbench.plan("seqgan-small", settings={**settings, "evaluation.metrics": ("none",)})
    algorithm = ganbench.build(plan, PluginManager()).algorithm
    steps = samples = 0
    while samples < 12_800:
        samples, steps = samples + algorithm.samples_shown(steps), steps + 1
    assert algorithm.samples_shown(steps) > algorithm.samples_shown(0)
    assert run.facts.steps_per_interval == -(-steps // 20)


def test_the_rows_of_a_loss_table_differ_in_the_loss_alone() -> None:
    """GAN or relativistic, R1 or both; two digits are told by the extractor of pairs, three by that of a thousand modes."""
    registered = MANAGER.find(ReproductionSpec, "r3gan-stacked-digits")
    for digits, extractor in (("2", "stacked-pairs"), ("3", "stacked-digits")):
        table = registered.build(build_options(registered.spec.options, {"digits": digits}, "r3gan-stacked-digits"))
        configs = [ganbench.plan(row.plugin, settings=dict(row.settings), manager=MANAGER).config for row in table._rows.values()]
        losses = [(one.loss.name, one.loss.options.r1_gamma, one.loss.options.r2_gamma) for one in configs]
        assert losses == [("relativistic", 0.5, 0.5), ("logistic", 0.5, 0.5), ("relativistic", 0.5, 0.0), ("logistic", 0.5, 0.0)]
        assert {one.architecture.name for one in configs} == {"r3gan"}
        assert table._metrics == (f"modes26k_{extractor}", f"fd5k_{extractor}")


def test_a_figure_without_an_interval_stands_alone() -> None:
    """It has a difference, and neither lies in anything nor at a distance."""
    column = ExperimentColumn(name="modes", label="modes")
    score = Score.of(column, (7.0, 8.0), PublishedFigure(value=7.6))
    assert score.difference == pytest.approx(-0.1)
    assert (score.is_inside, score.distance) == (None, None)


@pytest.mark.slow
def test_a_little_of_veegans_table_is_trained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A GAN and one that looks ahead, beside what is published."""
    flags = ["-o", "data=ring", "-o", "rows=gan,unrolled", "-o", "kimg=10.24", "--budget", "0.05", "--seeds", "1", "--threads", "1"]
    assert main(["reproduce", "veegan-2d", *flags, "--device", "cpu", "--json", "--out", str(tmp_path / "table")]) == 0
    record = json.loads(capsys.readouterr().out)
    rows = {cell["name"]: {score["column"]: score for score in cell["scores"]} for cell in record["cells"]}
    assert [rows[name]["modes"]["published"]["value"] for name in ("ring-gan", "ring-unrolled")] == [1.0, 7.6]
    assert [rows[name]["high_quality"]["published"]["error"] for name in rows] == [None, None]
    assert all(0 <= rows[name]["modes"]["mean"] <= 8 for name in rows)


@pytest.mark.slow
def test_a_little_of_a_table_is_trained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """CTGAN and a baseline on irises: a classifier trained on the copula's rows knows irises at once."""
    flags = ["-o", "tables=iris", "-o", "rows=ctgan,gaussian-copula", "--budget", "0.05", "--seeds", "2", "--threads", "1"]
    assert main(["reproduce", "ctgan-tables", *flags, "--device", "cpu", "--json", "--out", str(tmp_path / "table")]) == 0
    record = json.loads(capsys.readouterr().out)
    rows = {cell["name"]: {score["column"]: score["mean"] for score in cell["scores"]} for cell in record["cells"]}
    assert rows["gaussian-copula-iris"]["tstr"] > 0.6
    assert set(rows["ctgan-iris"]) == {"tstr", "tstr_f1", "marginal", "pair", "closest", "copied"}
