"""What measures rows, against closed forms and public implementations: columns and pairs, copies, classifiers, likelihood."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import f1_score
from torch import Tensor

from ganbench import SampleSet, UnsuitableError
from ganbench_rows.closest_record import ClosestRecordMetric
from ganbench_rows.columns import Category, Mode, Number
from ganbench_rows.datasets import MIXTURE
from ganbench_rows.density import Density, fit_density
from ganbench_rows.likelihood import LogLikelihoodMetric
from ganbench_rows.marginal_error import MarginalErrorMetric, column_errors, kolmogorov_smirnov, pair_errors
from ganbench_rows.options import TSTROptions
from ganbench_rows.space import RowSpace
from ganbench_rows.tstr import TSTRMetric, make_classifier, tstr

ONE_MODE = (Mode(1.0, 0.0, 1.0),)
X, Y = (Number(name, ONE_MODE, (-3.0, 3.0)) for name in "xy")
KIND = Category("kind", ("a", "b", "c"), (0.5, 0.3, 0.2))
TWO = Category("two", ("no", "yes"), (0.5, 0.5))


def normal(count: int, width: int, seed: int = 0) -> Tensor:
    """Return normal numbers, float64."""
    return torch.randn(count, width, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def sides(space: RowSpace, real: Tensor, fake: Tensor) -> tuple[SampleSet, SampleSet]:
    """Return both sides as a metric is given them."""
    return SampleSet(samples=real, space=space), SampleSet(samples=fake)


@pytest.mark.parametrize("seed", range(3))
def test_columns_of_numbers_have_scipys_statistic(seed: int) -> None:
    """With ties too."""
    real, fake = normal(200, 1, seed)[:, 0], normal(300, 1, seed + 10)[:, 0] * 1.3 + 0.2
    for digits in (6, 1):
        a, b = real.round(decimals=digits), fake.round(decimals=digits)
        assert kolmogorov_smirnov(a, b) == pytest.approx(stats.ks_2samp(a.numpy(), b.numpy()).statistic, abs=1e-12)


def test_columns_of_categories_have_half_the_difference_of_shares() -> None:
    """By hand: (0.5, 0.5, 0) against (0.25, 0.25, 0.5) is 0.5."""
    real, fake = torch.tensor([[0.0], [1.0]]).double(), torch.tensor([[0.0], [1.0], [2.0], [2.0]]).double()
    assert column_errors(RowSpace((KIND,)), real, fake) == [0.5]


def test_pairs_of_numbers_have_half_the_difference_of_correlations() -> None:
    """NumPy's correlations."""
    space = RowSpace((X, Y))
    real, fake = normal(200, 2), normal(200, 2, 1)
    real[:, 1] += real[:, 0]
    by_numpy = [np.corrcoef(rows.numpy().T)[0, 1] for rows in (real, fake)]
    assert pair_errors(space, real, fake) == [pytest.approx(abs(by_numpy[0] - by_numpy[1]) / 2, abs=1e-12)]


def test_pairs_with_categories_are_tables_of_counts() -> None:
    """By NumPy's histogram of bins over the real range, what lies outside at its edge."""
    space = RowSpace((X, KIND))
    real = torch.stack([normal(300, 1)[:, 0], (torch.arange(300) % 3).double()], dim=1)
    fake = torch.stack([2 * normal(200, 1, 1)[:, 0], (torch.arange(200) % 2).double()], dim=1)
    edges = np.linspace(float(real[:, 0].min()), float(real[:, 0].max()), 11)
    tables = []
    for rows in (real, fake):
        numbers = rows[:, 0].numpy().clip(edges[0], edges[-1])
        tables.append(np.histogram2d(numbers, rows[:, 1].numpy(), bins=(edges, np.arange(4) - 0.5))[0] / len(rows))
    assert pair_errors(space, real, fake) == [pytest.approx(np.abs(tables[0] - tables[1]).sum() / 2, abs=1e-12)]


def test_independent_marginals_pass_the_columns_and_not_the_pairs() -> None:
    """The columns of a shuffled table are exact; what tied them is gone."""
    space = RowSpace((X, KIND, TWO))
    kind = (torch.arange(600) % 3).double()
    real = torch.stack([kind + 0.01 * normal(600, 1)[:, 0], kind, (kind > 0).double()], dim=1)
    orders = [torch.randperm(600, generator=torch.Generator().manual_seed(i)) for i in range(3)]
    fake = torch.stack([real[order, i] for i, order in enumerate(orders)], dim=1)
    columns, pairs = MarginalErrorMetric().compute(*sides(space, real, fake))
    assert columns == 0
    assert pairs > 0.3
    assert MarginalErrorMetric().compute(*sides(space, real, real)) == (0, 0)


def test_a_constant_column_of_numbers_has_no_correlation() -> None:
    """And no NaN."""
    real, fake = normal(50, 2), normal(50, 2, 1)
    fake[:, 0] = 1.0
    assert all(math.isfinite(error) for error in pair_errors(RowSpace((X, Y)), real, fake))


def test_copies_are_found_and_fresh_rows_are_as_near_as_held_out_ones() -> None:
    """Copies: ratio 0, off by 1, all copied. Fresh rows of the same density: about 1, none copied. Noise: far."""
    space = RowSpace((X, Y))
    train, fresh = normal(500, 2), normal(500, 2, 1)
    assert ClosestRecordMetric().compute(*sides(space, train, train[:100])) == (1, 0, 1)
    off, ratio, copied = ClosestRecordMetric().compute(*sides(space, train, fresh))
    assert ratio == pytest.approx(1, abs=0.15)
    assert off == abs(ratio - 1)
    assert copied == 0
    assert ClosestRecordMetric().compute(*sides(space, train, 20 * fresh))[1] > 5


def test_distances_are_in_deviations_and_a_category_counts_one() -> None:
    """Against brute force; the unit of a column does not matter."""
    space = RowSpace((X, KIND))
    train = torch.stack([100 * normal(60, 1)[:, 0], (torch.arange(60) % 3).double()], dim=1)
    fake = torch.stack([100 * normal(40, 1, 1)[:, 0], (torch.arange(40) % 2).double()], dim=1)
    scale = train[:, 0].std()

    def nearest(row: Tensor, others: list[Tensor]) -> float:
        return min(math.hypot(float(row[0] - o[0]) / float(scale), float(row[1] != o[1])) for o in others)

    among = torch.tensor([nearest(train[i], [*train[:i], *train[i + 1 :]]) for i in range(60)])
    away = torch.tensor([nearest(row, list(train)) for row in fake])
    ratio = ClosestRecordMetric().compute(*sides(space, train, fake))[1]
    assert ratio == pytest.approx(float(away.median() / among.median()), rel=1e-6)


def test_a_table_of_twins_is_refused() -> None:
    """There is nothing to compare with."""
    rows = torch.ones(10, 1).double()
    with pytest.raises(UnsuitableError, match="more than half of them are there twice"):
        ClosestRecordMetric().compute(*sides(RowSpace((X,)), rows, rows))


@pytest.mark.slow
def test_tstr_is_the_classifiers_own_accuracy_and_f1() -> None:
    """By scikit-learn alone, on the same numbers."""
    space = RowSpace((X, Y, KIND), target="kind")
    tables = []
    for seed in (0, 1):
        kind = (torch.arange(300) % 3).double()
        tables.append(torch.cat([normal(300, 2, seed) + kind[:, None], kind[:, None]], dim=1))
    trained_on, tested_on = tables
    centre, scale = trained_on[:, :2].numpy().mean(0), trained_on[:, :2].numpy().std(0)
    forest = RandomForestClassifier(random_state=0).fit((trained_on[:, :2].numpy() - centre) / scale, trained_on[:, 2].numpy())
    said = forest.predict((tested_on[:, :2].numpy() - centre) / scale)
    accuracy, f1 = tstr(space, trained_on, tested_on, TSTROptions())
    assert accuracy == (said == tested_on[:, 2].numpy()).mean()
    assert f1 == pytest.approx(f1_score(tested_on[:, 2].numpy(), said, average="macro"))
    assert 0.5 < accuracy < 1


@pytest.mark.parametrize("classifier", ["forest", "adaboost", "tree", "logistic"])
def test_every_classifier_learns_what_can_be_learnt(classifier: str) -> None:
    """Categories apart are told apart, in numbers and in a category; and the same again gives the same."""
    options = TSTROptions(classifier=classifier)  # type: ignore[arg-type]
    space = RowSpace((X, TWO, KIND), target="kind")
    kind = (torch.arange(150) % 3).double()
    rows = torch.stack([10.0 * (kind == 1) + 0.1 * normal(150, 1)[:, 0], (kind == 2).double(), kind], dim=1)
    assert tstr(space, rows[:90], rows[90:], options) == (1, 1)
    assert make_classifier(options).get_params()["random_state"] == 0


def test_a_generator_of_one_category_is_scored_and_not_an_error() -> None:
    """Its classifier says that category of everything."""
    space = RowSpace((X, KIND), target="kind")
    real = torch.stack([normal(30, 1)[:, 0], (torch.arange(30) % 3).double()], dim=1)
    fake = torch.stack([normal(30, 1)[:, 0], torch.zeros(30).double()], dim=1)
    accuracy, f1 = TSTRMetric().compute(*sides(space, real, fake))
    assert accuracy == pytest.approx(1 / 3)
    assert f1 == pytest.approx((2 * (1 / 3) / (4 / 3)) / 3)


@pytest.mark.parametrize(
    ("space", "said"),
    [
        (RowSpace((X, KIND)), "this table names none; name a column with -o dataset.target=NAME"),
        (RowSpace((X, KIND), target="x"), "'x' holds numbers"),
    ],
)
def test_tstr_without_categories_to_predict_is_refused(space: RowSpace, said: str) -> None:
    """Before anything is trained, because real against real is measured first."""
    rows = torch.zeros(4, 2).double()
    with pytest.raises(UnsuitableError, match=said):
        TSTRMetric().compute(*sides(space, rows, rows))


def test_the_known_density_is_scipys() -> None:
    """Of numbers within each kind, times the kind's share."""
    rows = MIXTURE.sample(50, torch.Generator().manual_seed(0))
    for row, found in zip(rows.tolist(), MIXTURE.log_density(rows).tolist(), strict=True):
        kind = int(row[2])
        normal_density = stats.multivariate_normal(MIXTURE.means[kind], MIXTURE.covariances[kind])
        assert found == pytest.approx(math.log(MIXTURE.shares[kind]) + normal_density.logpdf(row[:2]), rel=1e-9)


def test_the_mixture_has_the_likelihood_of_its_entropy() -> None:
    """In closed form: that of the kinds, and of a Gaussian within each."""
    entropy = sum(-p * math.log(p) for p in MIXTURE.shares)
    for share, covariance in zip(MIXTURE.shares, MIXTURE.covariances, strict=True):
        entropy += share * 0.5 * math.log(np.linalg.det(2 * math.pi * math.e * np.array(covariance)))
    rows = MIXTURE.sample(20_000, torch.Generator().manual_seed(1))
    assert float(MIXTURE.log_density(rows).mean()) == pytest.approx(-entropy, abs=0.03)


def test_refitting_finds_the_density_again() -> None:
    """Of many rows, to a few hundredths of a nat; a kind that is missing costs, and the direct likelihood does not see it."""
    space = RowSpace((X, Y, KIND), density=MIXTURE)
    real, fake = (MIXTURE.sample(20_000, torch.Generator().manual_seed(seed)) for seed in (0, 1))
    refitted, direct = LogLikelihoodMetric().compute(*sides(space, real, fake))
    assert refitted == pytest.approx(direct, abs=0.05)
    assert fit_density(fake, 4).means[1] == pytest.approx(MIXTURE.means[1], abs=0.05)
    collapsed = fake[fake[:, 2] == 3]
    poor, rich = LogLikelihoodMetric().compute(*sides(space, real, collapsed))
    assert poor < refitted - 3
    assert rich == pytest.approx(math.log(0.05) - 0.5 * math.log(np.linalg.det(2 * math.pi * math.e * 0.1 * np.eye(2))), abs=0.1)


def test_a_fit_of_one_point_is_finite() -> None:
    """A generator that makes one row has a low likelihood and no error."""
    rows = torch.tensor([[1.0, 2.0, 0.0]]).double().repeat(10, 1)
    found = fit_density(rows, 4).log_density(MIXTURE.sample(10, torch.Generator().manual_seed(0)))
    assert bool(found.isfinite().all())
    assert isinstance(fit_density(rows, 4), Density)


def test_rows_of_unknown_density_are_refused() -> None:
    """And what would do is said."""
    rows = torch.zeros(4, 2).double()
    with pytest.raises(UnsuitableError, match="use --dataset mixture-rows"):
        LogLikelihoodMetric().compute(*sides(RowSpace((X, KIND)), rows, rows))


def test_metrics_of_rows_refuse_other_samples() -> None:
    """Points have no columns."""
    from ganbench_spaces.points import PointSpace

    points = torch.zeros(4, 2, 1, 1)
    for metric in (MarginalErrorMetric(), ClosestRecordMetric(), TSTRMetric(), LogLikelihoodMetric()):
        with pytest.raises(ValueError, match=r"this needs rows of a table \(got points\)"):
            metric.compute(SampleSet(samples=points, space=PointSpace()), SampleSet(samples=points))


@pytest.mark.slow
@pytest.mark.parametrize("metric", ["tstr", "marginal_error", "closest_record", "refit_log_likelihood"])
def test_each_keeps_the_promises_of_a_metric(metric: str) -> None:
    """The author's kit, on rows of a known density."""
    from ganbench.testing import check

    outcomes = check(metric, settings={"dataset.name": "mixture-rows", "dataset.options.num_rows": 400})
    assert [outcome for outcome in outcomes if outcome.state == "broken"] == []
    assert sum(outcome.state == "kept" for outcome in outcomes) >= 8


def test_pairs_are_as_many_as_there_are() -> None:
    """Each pair once."""
    space = RowSpace((X, Y, KIND, TWO))
    rows = torch.cat([normal(50, 2), (torch.arange(50) % 3)[:, None].double(), (torch.arange(50) % 2)[:, None].double()], dim=1)
    assert len(pair_errors(space, rows, rows)) == len(list(itertools.combinations(range(4), 2)))
