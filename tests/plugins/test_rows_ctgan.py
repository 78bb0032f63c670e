"""CTGAN as its article has it: numbers of parameters, packs, conditions, the penalty over packs, and what must not go wrong."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from zoo_rows import CASES

import ganbench
from ganbench import ArraySource, BuildContext, Dataset
from ganbench.cli.main import main
from ganbench_rows.columns import Category, Mode, Number
from ganbench_rows.conditions import Conditions, draw_by_frequency
from ganbench_rows.ctgan import Generator, build, draw_gumbel
from ganbench_rows.ctgan_step import CTGAN
from ganbench_rows.options import CTGANOptions
from ganbench_rows.space import RowSpace

NUMBER = Number("x", (Mode(0.5, -10.0, 1.0), Mode(0.5, 10.0, 2.0)), (-13.0, 16.0))
KIND = Category("kind", ("a", "b", "c"), (0.9, 0.1, 0.0))
FLAG = Category("flag", ("no", "yes"), (0.5, 0.5))
SPACE = RowSpace((KIND, NUMBER, FLAG))
K, S, W = 5, 7, 8


def stored(count: int = 100) -> torch.Tensor:
    """Return rows: nine tenths of kind a, whose numbers are below 0."""
    kind = (torch.arange(count) % 10 == 9).double()
    number = torch.where(kind > 0, 10.0, -10.0) + torch.linspace(-1, 1, count)
    return torch.stack([kind, number.double(), (torch.arange(count) % 2).double()], dim=1)


def algorithm(**settings: Any) -> CTGAN:
    """Return a small one on iris, as a run builds it."""
    manager = ganbench.PluginManager()
    plain = {"training.device": "cpu", "training.threads": 1, **CASES["ctgan"], **settings}
    planned = ganbench.plan("ctgan", metrics=(), settings=plain, manager=manager)
    found = ganbench.build(planned, manager).algorithm
    assert isinstance(found, CTGAN)
    return found


@pytest.mark.parametrize("packing", [1, 10])
def test_the_networks_have_the_parameters_of_the_articles_layers(packing: int) -> None:
    """Section 4.4 (https://arxiv.org/abs/1907.00503): FC(z + c, 256), FC(z + c + 256, 256), both with batch norm, FC(z + c + 512, row);
    FC(10 row + 10 c, 256), FC(256, 256), FC(256, 1)."""
    made = build(CTGANOptions(), BuildContext(space=SPACE, packing=packing))
    count = {name: sum(p.numel() for p in module.parameters()) for name, module in made.modules.items()}
    asked = 128 + K
    hidden = sum(before * 256 + 256 + 2 * 256 for before in (asked, asked + 256))
    assert count["generator"] == hidden + (asked + 512) * W + W
    assert count["discriminator"] == packing * (W + K) * 256 + 256 + 256 * 256 + 256 + 256 + 1


def test_rows_come_out_as_numbers_modes_and_categories_in_the_tables_order() -> None:
    """A tanh for each number, and each softmax sums to 1."""
    generator = Generator(CTGANOptions(), SPACE)
    inputs = torch.cat([torch.randn(50, 128 + K), draw_gumbel(50, S, torch.Generator().manual_seed(0))], dim=1)
    rows = generator(inputs)
    assert rows.shape == (50, W)
    for start, stop in ((0, 3), (4, 6), (6, 8)):
        assert torch.allclose(rows[:, start:stop].sum(1), torch.ones(50), atol=1e-5)
    logits = generator.logits(inputs)
    assert torch.equal(rows[:, 3], logits[:, 3].tanh())
    kind = ((logits[:, :3] + inputs[:, 133:136]) / 0.2).softmax(1)
    flag = ((logits[:, 6:] + inputs[:, 138:140]) / 0.2).softmax(1)
    assert torch.allclose(rows[:, :3], kind, atol=1e-6)
    assert torch.allclose(rows[:, 6:], flag, atol=1e-6)


def test_the_noise_behind_categories_draws_them_by_their_softmax() -> None:
    """Gumbel-max: the largest of logits and noise is a draw, here of 0.7, 0.2 and 0.1."""
    noise = draw_gumbel(20_000, 3, torch.Generator().manual_seed(0))
    chosen = (torch.tensor([0.7, 0.2, 0.1]).log() + noise).argmax(1)
    shares = torch.bincount(chosen, minlength=3) / 20_000
    assert torch.allclose(shares, torch.tensor([0.7, 0.2, 0.1]), atol=0.01)
    assert noise.mean().item() == pytest.approx(0.5772, abs=0.02)


def test_conditions_follow_the_logarithm_of_frequency_and_real_rows_match_them() -> None:
    """Each column as often, rare values more often than they are, none that nobody has; the row that is shown has what is asked for."""
    rows = stored()
    conditions = Conditions.of(SPACE, rows, torch.device("cpu"))
    assert conditions is not None
    random = torch.Generator().manual_seed(0)
    values = conditions.draw(40_000, random)
    shares = torch.bincount(values, minlength=K) / 40_000
    a, b = math.log(91), math.log(11)
    assert torch.allclose(shares, torch.tensor([a / (a + b), b / (a + b), 0, 0.5, 0.5]) / torch.tensor([2, 2, 1, 2, 2]), atol=0.01)
    chosen = rows[conditions.draw_rows(values, random)]
    places = torch.tensor([0, 1, 2, 0, 1])[values]
    columns = torch.tensor([0, 0, 0, 2, 2])[values]
    assert torch.equal(chosen.gather(1, columns[:, None])[:, 0].long(), places)
    assert torch.equal(conditions.one_hot(values).argmax(1), values)
    assert len(torch.unique(conditions.draw_rows(torch.ones(1000, dtype=torch.int64), random))) == 10


def test_what_is_measured_is_asked_for_by_frequency() -> None:
    """Not by its logarithm: else rare categories would be too many."""
    shares = draw_by_frequency(SPACE, 40_000, torch.Generator().manual_seed(0)).mean(0)
    assert torch.allclose(shares, torch.tensor([0.45, 0.05, 0.0, 0.25, 0.25]), atol=0.01)


def test_the_cross_entropy_is_of_the_column_that_was_asked_for_alone() -> None:
    """By hand, and other columns have no gradient."""
    conditions = Conditions.of(SPACE, stored(), torch.device("cpu"))
    assert conditions is not None
    logits = torch.randn(2, W, generator=torch.Generator().manual_seed(0)).requires_grad_()
    loss = conditions.cross_entropy(logits, torch.tensor([1, 4]))
    by_hand = -(logits[0, :3].log_softmax(0)[1] + logits[1, 6:].log_softmax(0)[1]) / 2
    assert loss.item() == pytest.approx(by_hand.item(), rel=1e-6)
    (gradient,) = torch.autograd.grad(loss, logits)
    assert torch.equal(gradient[0, 3:], torch.zeros(5))
    assert torch.equal(gradient[1, :6], torch.zeros(6))


@pytest.mark.slow
def test_packs_hold_rows_beside_their_own_conditions() -> None:
    """The first pack is the first rows."""
    made = algorithm()
    values = made.draw_values()
    assert values is not None
    assert made.conditions is not None
    rows = made.draw_matching(values)
    packs = made.present(rows, values)
    assert packs.shape == (4, 2 * (made.space.size[0] + 3))
    first = torch.cat([rows[0], made.conditions.one_hot(values)[0], rows[1], made.conditions.one_hot(values)[1]])
    assert torch.equal(packs[0], first)


@pytest.mark.slow
def test_the_gradient_penalty_is_over_packs() -> None:
    """One norm for each pack: a critic that sums all numbers of a pack has the norm of their number, whatever the rows are."""
    made = algorithm()

    class Sum(torch.nn.Module):
        def forward(self, packs: torch.Tensor, labels: object = None) -> torch.Tensor:
            return packs.sum(1)

    made.discriminator = Sum()  # type: ignore[assignment]
    values = made.draw_values()
    real, fake = (made.present(made.draw_matching(values), values) for _ in range(2))
    penalty = made.penalty(real, fake, None, made.uniform)
    assert penalty.item() == pytest.approx(10 * (math.sqrt(real.shape[1]) - 1) ** 2, rel=1e-5)


def test_a_batch_must_be_a_multiple_of_the_pack(tmp_path: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Said before anything is made."""
    out = tmp_path / "run"
    assert main(["run", "--plugin", "ctgan", "--dataset", "iris", "--set", "training.batch_size=25", "--out", str(out)]) == 2
    assert "training.packing must be a divisor of batch_size, which is 25" in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"training.generator_batch_factor": 2}, "training.generator_batch_factor must be 1 for ctgan"),
        ({"training.penalty_every": 4}, "training.penalty_every must be 1 for ctgan"),
        ({"loss.options.gp_weight": 0.0}, "ctgan takes a loss with penalties alone"),
        ({"loss.name": "hinge"}, "ctgan is not trained with the loss 'hinge'"),
        ({"dataset.name": "digits", "dataset.options.max_modes": None}, "or a dataset of rows"),
    ],
)
def test_what_it_cannot_heed_is_refused(settings: dict[str, Any], said: str) -> None:
    """By its name."""
    case = {**CASES["ctgan"], **settings}
    case = {name: value for name, value in case.items() if value is not None}
    manager = ganbench.PluginManager()
    with pytest.raises(ganbench.ConfigError, match=said):
        ganbench.build(ganbench.plan("ctgan", metrics=(), settings=case, manager=manager), manager)


def test_a_table_without_categories_has_no_conditions() -> None:
    """Rows come from the sampler, and the generator is asked for nothing."""
    space = RowSpace((NUMBER, Number("y", (Mode(1.0, 0.0, 1.0),), (-1.0, 1.0))))
    made = build(CTGANOptions(), BuildContext(space=space, packing=10))
    rows = torch.stack([torch.linspace(-10, 10, 20), torch.linspace(-1, 1, 20)], dim=1).double()
    dataset = Dataset(name="t", train=ArraySource(rows, space=space))
    inputs = made.inputs.draw(4, torch.Generator().manual_seed(0), dataset=dataset)
    assert inputs.shape == (4, 128 + 3)
    assert made["generator"](inputs, None).shape == (4, 5)
    assert Conditions.of(space, rows, torch.device("cpu")) is None


@pytest.mark.slow
def test_without_conditions_it_trains_too() -> None:
    """``condition=false`` is the article's ablation."""
    made = algorithm(**{"architecture.options.condition": False})
    assert made.draw_values() is None
    made.stage_real()
    assert made.draw_matching(None).shape == (8, made.space.size[0])


@pytest.mark.slow
def test_a_row_depends_on_what_is_asked_and_on_nothing_beside_it() -> None:
    """Evaluated alone it is the row that it is in a batch: the noise is an input, and batch norms are fixed."""
    made = algorithm()
    asked = made.networks.inputs.draw(6, torch.Generator().manual_seed(0), dataset=made.dataset)
    with torch.inference_mode():
        together, alone = made.sample(asked, None), made.sample(asked[2:3], None)
    assert torch.allclose(together[2:3], alone, atol=1e-6)


@pytest.mark.slow
def test_it_is_trained_on_the_train_split_alone() -> None:
    """What the classifier is tested on is never shown: rows that are shown are train rows."""
    made = algorithm()
    train = made.dataset.train.read(torch.arange(made.dataset.train.num_samples))
    assert torch.equal(made.rows, made.space.arrange(train))
    values = made.draw_values()
    shown = made.draw_matching(values)
    assert bool((shown[:, None] == made.rows[None]).all(2).any(1).all())
