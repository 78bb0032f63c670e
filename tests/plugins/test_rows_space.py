"""Rows as they are stored, as networks see them and as people do: modes, rounding, the panel of marginals; and the two baselines."""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import stats
from sklearn.mixture import BayesianGaussianMixture

import ganbench
from ganbench import BuildContext
from ganbench.cli.main import main
from ganbench_rows.columns import Category, Mode, Number, find_decimals, fit_modes, fit_number
from ganbench_rows.copula import Marginals, build_copula
from ganbench_rows.panel import draw_marginals
from ganbench_rows.space import RowSpace

RANDOM = np.random.RandomState(0)
TWO_HILLS = np.concatenate([RANDOM.normal(-5, 1, 700), RANDOM.normal(20, 2, 300)])
KIND = Category("kind", ("a", "b", "c"), (0.6, 0.3, 0.1))
SMALL = {
    "training.device": "cpu",
    "training.threads": 1,
    "training.batch_size": 40,
    "training.total_kimg": 0.2,
    "evaluation.every_kimg": 0.1,
    "checkpoint.every_kimg": 0.1,
}


@pytest.mark.slow
def test_modes_are_those_of_scikit_learns_mixture() -> None:
    """Two hills are two modes, with their weights, means and deviations; in the column's units whatever these are."""
    found = fit_modes(TWO_HILLS, 10)
    scale, centre = TWO_HILLS.std(), TWO_HILLS.mean()
    mixture = BayesianGaussianMixture(n_components=10, weight_concentration_prior=1e-3, max_iter=100, random_state=0)
    mixture.fit(((TWO_HILLS - centre) / scale)[:, None])
    kept = sorted(
        float(mean * scale + centre) for mean, weight in zip(mixture.means_[:, 0], mixture.weights_, strict=True) if weight > 5e-3
    )
    assert [mode.mean for mode in found] == pytest.approx(kept, rel=1e-5)
    assert sum(mode.weight for mode in found) == pytest.approx(1)
    low = [mode for mode in found if mode.mean < 5]
    assert sum(mode.weight for mode in low) == pytest.approx(0.7, abs=0.01)
    larger = fit_modes(1000 * TWO_HILLS, 10)
    assert [mode.mean for mode in larger] == pytest.approx([1000 * mode.mean for mode in found], rel=1e-4)


def test_one_mode_standardises() -> None:
    """Mean and deviation of the column."""
    assert fit_modes(TWO_HILLS, 1) == (Mode(1.0, float(f"{TWO_HILLS.mean():.7g}"), float(f"{TWO_HILLS.std():.7g}")),)


def test_networks_see_where_a_number_lies_in_its_mode() -> None:
    """Section 4.2 of the article by hand: (x - mean) / (4 std) and a one-hot mode; categories one-hot."""
    column = Number("x", (Mode(0.5, -10.0, 1.0), Mode(0.5, 10.0, 2.0)), (-12.0, 14.0))
    space = RowSpace((column, KIND))
    seen = space.encode(torch.tensor([[-9.0, 2.0], [14.0, 0.0]]).double())
    assert seen.tolist() == [[0.25, 1, 0, 0, 0, 1], [0.5, 0, 1, 1, 0, 0]]
    assert space.size == (6,)
    assert space.stored_size == (2,)


def test_modes_are_drawn_by_their_probability_once_for_all() -> None:
    """Halfway between two equal hills each is taken by half of the rows, and the same ones again."""
    column = Number("x", (Mode(0.5, -1.0, 1.0), Mode(0.5, 1.0, 1.0)), (-3.0, 3.0))
    space = RowSpace((column, KIND))
    rows = torch.zeros(2000, 2).double()
    arranged = space.arrange(rows)
    assert arranged[:, 1].mean().item() == pytest.approx(0.5, abs=0.05)
    assert torch.equal(arranged, space.arrange(rows))
    assert torch.equal(space.to_network(arranged, torch.tensor([5, 3])), arranged[[5, 3]])


def test_rows_come_back_as_they_were_stored() -> None:
    """Also with modes that were drawn: numbers to their decimals, categories as they are."""
    values = np.array([0.1, 0.25, 3.5, 1234.75, -7.0] * 4)
    column = fit_number("x", values, 3)
    assert column.decimals == 2
    space = RowSpace((column, KIND))
    rows = torch.stack([torch.from_numpy(values), (torch.arange(20) % 3).double()], dim=1)
    assert torch.equal(space.to_stored(space.to_network(space.arrange(rows))), rows)


@pytest.mark.parametrize(("values", "decimals"), [([1.0, 200.0], 0), ([0.5, 2.25], 2), ([math.pi, 1.0], None), ([1e-6, 1.0], 6)])
def test_decimals_are_those_that_all_numbers_get_by_with(values: list[float], decimals: int | None) -> None:
    """Up to six."""
    assert find_decimals(np.array(values)) == decimals


def test_what_are_no_rows_is_refused() -> None:
    """Another width, another type, NaN, a category that is not there."""
    space = RowSpace((fit_number("x", TWO_HILLS, 2), KIND))
    with pytest.raises(ValueError, match=r"rows must be float64 \[N, 2\]"):
        space.check(torch.zeros(3, 3).double())
    with pytest.raises(ValueError, match="rows must be finite"):
        space.check(torch.full((1, 2), math.nan).double())
    with pytest.raises(ValueError, match="column 'kind' must hold places of its 3 categories"):
        space.check(torch.tensor([[1.0, 3.0]]).double())


def bars(png: bytes, colour: tuple[int, int, int]) -> int:
    """Return how many pixels of a picture have a colour."""
    pixels = np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))
    return int((pixels == colour).all(2).sum())


def test_the_panel_shows_generated_beside_real_and_what_lies_outside() -> None:
    """Equal rows have equal areas; numbers beyond the real range are red."""
    columns = (fit_number("x", TWO_HILLS, 2), KIND)
    real = torch.stack([torch.from_numpy(TWO_HILLS), (torch.arange(1000) % 3).double()], dim=1)
    grey, orange, red = (140, 140, 140), (255, 176, 59), (230, 60, 60)
    same = draw_marginals(columns, real, real)
    assert bars(same, grey) == pytest.approx(bars(same, orange), rel=0.1)
    legend = bars(same, red)
    far = real.clone()
    far[:, 0] += 100
    assert bars(draw_marginals(columns, real, far), red) > legend + 300


def test_a_wide_table_and_long_names_have_a_panel_too() -> None:
    """24 columns at most; names are cut to their room."""
    columns = tuple(fit_number(f"a very long name of the column number {i} of the table", TWO_HILLS, 1) for i in range(30))
    rows = torch.from_numpy(np.stack([TWO_HILLS] * 30, axis=1))
    with Image.open(io.BytesIO(draw_marginals(columns, rows, rows))) as picture:
        assert picture.width == 4 * 236 + 16 + 4
        assert picture.height < 1000


def shown(tied: bool, rows: torch.Tensor, space: RowSpace) -> Marginals:
    """Return a baseline that was shown rows."""
    marginals = Marginals(space, tied)
    scores = marginals.scores(rows)
    marginals.moments.add_(scores.T @ scores)
    marginals.seen.add_(len(rows))
    return marginals


def correlated(count: int = 4000) -> tuple[torch.Tensor, RowSpace]:
    """Return rows of a skewed number, one that follows it, and a category that does not."""
    first = RANDOM.normal(size=count)
    second = 0.8 * first + 0.6 * RANDOM.normal(size=count)
    kind = RANDOM.choice(3, size=count, p=KIND.shares)
    table = np.stack([np.exp(first), second, kind], axis=1)
    return torch.from_numpy(table), RowSpace((fit_number("x", table[:, 0], 5), fit_number("y", table[:, 1], 5), KIND))


@pytest.mark.slow
def test_a_copula_keeps_marginals_and_ties_and_independence_only_marginals() -> None:
    """SciPy's statistics: the quantiles of each column, the rank correlation of 0.8's, and none without ties."""
    rows, space = correlated()
    latents = torch.randn(4000, 3, generator=torch.Generator().manual_seed(0))
    for tied, wanted in ((True, 6 / math.pi * math.asin(0.8 / 2)), (False, 0.0)):
        made = space.quantise(shown(tied, rows, space)(latents))
        for place in (0, 1):
            assert stats.ks_2samp(made[:, place], rows[:, place]).statistic < 0.04
        assert torch.bincount(made[:, 2].long(), minlength=3) / 4000 == pytest.approx(torch.tensor(KIND.shares), abs=0.03)
        assert stats.spearmanr(made[:, 0], made[:, 1]).statistic == pytest.approx(wanted, abs=0.04)


def test_a_copula_that_was_shown_nothing_is_independent() -> None:
    """The identity, before the first row."""
    _, space = correlated(100)
    made = build_copula(None, BuildContext(space=space))["generator"]
    assert isinstance(made, Marginals)
    assert torch.equal(made.correlation(), torch.eye(3).double())


def test_columns_that_determine_each_other_have_a_factor_too() -> None:
    """Two equal columns."""
    values = np.stack([TWO_HILLS, TWO_HILLS], axis=1)
    space = RowSpace(tuple(fit_number(name, TWO_HILLS, 2) for name in "xy"))
    made = shown(True, torch.from_numpy(values), space)
    assert bool(torch.linalg.cholesky(made.correlation()).isfinite().all())


@pytest.mark.slow(keep=1)
@pytest.mark.parametrize("plugin", ["independent-marginals", "gaussian-copula"])
def test_a_run_of_a_table_is_shown_as_any_other(plugin: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The record says the types, `show` prints them, the picture opens, and the table has the metrics."""
    out = tmp_path / "run"
    settings: dict[str, Any] = {**SMALL, "evaluation.metrics": ("marginal_error100", "closest_record100")}
    stored = ganbench.run(plugin, dataset="iris", settings=settings, out=out)
    assert stored.record.status == "complete"
    assert (stored.record.space, stored.record.unit) == ("rows", "rows")
    values = {value.name: value.value for value in stored.record.evaluations[-1].values}
    assert values["marginal_error100"] < 0.2
    assert values["copied100"] < 0.1
    capsys.readouterr()
    assert main(["show", str(out)]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "120 rows to train on, 30 to test on; the target is target" in said
    assert "petal length (cm): numbers from 1.1 to 6.9" in said
    pictures = sorted((out / "samples").iterdir())
    with Image.open(pictures[-1]) as picture:
        assert picture.format == "PNG"
    assert (out / "progress.png").exists()


@pytest.mark.slow
def test_the_target_is_checked_before_the_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A score of patients is no category: one line, and no folder."""
    out = tmp_path / "run"
    assert main(["run", "--plugin", "gaussian-copula", "--dataset", "diabetes", "--metric", "tstr100", "--out", str(out)]) == 2
    said = capsys.readouterr().err
    assert "'target' holds numbers" in said
    assert not out.exists()


@pytest.mark.slow
def test_the_kit_finds_nothing_to_mend_in_the_tables_and_the_space() -> None:
    """`ganbench plugins check` of each."""
    from ganbench.testing import check

    for name in ("iris", "mixture-rows", "rows"):
        outcomes = check(name, settings={"dataset.options.max_modes": 2} if name == "iris" else {})
        assert [outcome for outcome in outcomes if outcome.state == "broken"] == [], name
