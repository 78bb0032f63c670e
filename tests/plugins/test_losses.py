"""The losses against their closed forms in float64, and the penalties on discriminators whose gradient is known by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ganbench import LossSpec
from ganbench.config.values import build_options
from ganbench.errors import ConfigError
from ganbench.plugin.manager import PluginManager
from ganbench.training.objective import Judgement, Objective, Seen
from ganbench_losses.penalties import DriftPenalty, GradientPenalty, LocalGradientPenalty, R1Penalty, R2Penalty

MANAGER = PluginManager()


def objective(name: str, **options: Any) -> Objective:
    """Build a loss as a run does."""
    registered = MANAGER.find(LossSpec, name)
    made: Objective = registered.build(build_options(registered.spec.options, options, "loss"))
    return made


def discriminator_loss(made: Objective, real: Tensor, fake: Tensor) -> Tensor:
    """The loss of the pair that a first-party loss returns."""
    loss, _ = made.discriminator_loss(real, fake)
    return loss


def sp(x: Tensor) -> Tensor:
    """The formula of the table, not torch's softplus: max(x, 0) + log1p(exp(-|x|))."""
    return x.clamp_min(0) + torch.log1p(torch.exp(-x.abs()))


def sig(x: Tensor) -> Tensor:
    return 1 / (1 + torch.exp(-x))


def step(condition: Tensor) -> Tensor:
    return condition.to(torch.float64)


Rule = Callable[[Tensor], Tensor]
PairRule = Callable[[Tensor, Tensor], Tensor]
# name: discriminator's loss by pair, its derivatives by real and by fake logit, generator's loss, its derivative
TABLE: dict[str, tuple[PairRule, Rule, Rule, Rule, Rule]] = {
    "logistic": (lambda r, f: sp(-r) + sp(f), lambda r: -sig(-r), sig, lambda f: sp(-f), lambda f: -sig(-f)),
    "minimax": (lambda r, f: sp(-r) + sp(f), lambda r: -sig(-r), sig, lambda f: -sp(f), lambda f: -sig(f)),
    "hinge": (
        lambda r, f: (1 - r).clamp_min(0) + (1 + f).clamp_min(0),
        lambda r: -step(r < 1),
        lambda f: step(f > -1),
        lambda f: -f,
        lambda f: -torch.ones_like(f),
    ),
    "least-squares": (
        lambda r, f: ((r - 1) ** 2 + f**2) / 2,
        lambda r: r - 1,
        lambda f: f,
        lambda f: (f - 1) ** 2 / 2,
        lambda f: f - 1,
    ),
    "wasserstein": (
        lambda r, f: f - r,
        lambda r: -torch.ones_like(r),
        lambda f: torch.ones_like(f),
        lambda f: -f,
        lambda f: -torch.ones_like(f),
    ),
}


@pytest.fixture(params=[(64,), (8, 1, 3, 3)], ids=["flat", "patch"])
def logits(request: pytest.FixtureRequest) -> tuple[Tensor, Tensor]:
    """Real and fake logits, large ones too, that sit on no kink."""
    generator = torch.Generator().manual_seed(0)
    real, fake = (torch.randn(request.param, generator=generator, dtype=torch.float64) * 5 for _ in range(2))
    real.view(-1)[:2] = torch.tensor([40.0, -40.0])
    fake.view(-1)[:2] = torch.tensor([-700.0, 700.0])
    return real.requires_grad_(), fake.requires_grad_()


@pytest.mark.parametrize("name", TABLE)
def test_the_discriminators_loss_and_gradients_are_the_closed_form(name: str, logits: tuple[Tensor, Tensor]) -> None:
    """A mean over all logits, patches too; nothing overflows."""
    real, fake = logits
    value, by_real, by_fake, _, _ = TABLE[name]
    loss = discriminator_loss(objective(name), real, fake)
    torch.testing.assert_close(loss, value(real, fake).mean(), rtol=1e-12, atol=1e-12)
    gradients = torch.autograd.grad(loss, (real, fake))
    torch.testing.assert_close(gradients[0], by_real(real) / real.numel(), rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(gradients[1], by_fake(fake) / fake.numel(), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", TABLE)
def test_the_generators_loss_and_gradient_are_the_closed_form(name: str, logits: tuple[Tensor, Tensor]) -> None:
    """Of generated logits alone."""
    fake = logits[1]
    _, _, _, value, by_fake = TABLE[name]
    loss = objective(name).generator_loss(fake)
    torch.testing.assert_close(loss, value(fake).mean(), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(torch.autograd.grad(loss, fake)[0], by_fake(fake) / fake.numel(), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", ["logistic", "minimax"])
def test_one_sided_label_smoothing_is_cross_entropy_with_a_soft_real_target(name: str, logits: tuple[Tensor, Tensor]) -> None:
    """Salimans et al. 2016: real images have the target 0.9, generated ones 0; the generator's loss is as it was."""
    real, fake = (x[torch.abs(x) < 30] for x in logits)
    bce = nn.functional.binary_cross_entropy_with_logits
    expected = bce(real, torch.full_like(real, 0.9)) + bce(fake, torch.zeros_like(fake))
    smoothed = objective(name, label_smoothing=0.1)
    torch.testing.assert_close(discriminator_loss(smoothed, real, fake), expected, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(smoothed.generator_loss(fake), objective(name).generator_loss(fake))


def test_least_squares_takes_any_targets(logits: tuple[Tensor, Tensor]) -> None:
    """Mao et al. 2017, equation 8: a = -1, b = 1, c = 0 minimises the Pearson chi-square divergence."""
    real, fake = logits
    made = objective("least-squares", fake_target=-1, real_target=1, generator_target=0)
    torch.testing.assert_close(discriminator_loss(made, real, fake), ((real - 1) ** 2 + (fake + 1) ** 2).mean() / 2)
    torch.testing.assert_close(made.generator_loss(fake), (fake**2).mean() / 2)


@pytest.mark.parametrize("name", TABLE)
def test_the_discriminators_loss_comes_with_the_statistics_of_the_logits(name: str, logits: tuple[Tensor, Tensor]) -> None:
    """So that the trainer need not compute them again; they hold no graph."""
    real, fake = logits
    _, statistics = objective(name).discriminator_loss(real, fake)
    assert not statistics.requires_grad
    expected = [real.mean(), fake.mean(), real.sign().mean(), real.abs().mean(), fake.abs().mean()]
    torch.testing.assert_close(statistics, torch.stack(expected).detach())


softplus, relu = nn.functional.softplus, nn.functional.relu
PLAIN: dict[str, tuple[PairRule, Rule]] = {
    "logistic": (lambda r, f: softplus(-r).mean() + softplus(f).mean(), lambda f: softplus(-f).mean()),
    "minimax": (lambda r, f: softplus(-r).mean() + softplus(f).mean(), lambda f: -softplus(f).mean()),
    "hinge": (lambda r, f: relu(1 - r).mean() + relu(1 + f).mean(), lambda f: -f.mean()),
    "least-squares": (lambda r, f: 0.5 * ((r - 1).square().mean() + f.square().mean()), lambda f: 0.5 * (f - 1).square().mean()),
    "wasserstein": (lambda r, f: f.mean() - r.mean(), lambda f: -f.mean()),
}


@pytest.mark.parametrize("name", PLAIN)
def test_on_a_cpu_a_loss_is_bit_for_bit_what_one_writes_in_pytorch(name: str) -> None:
    """In float32, gradients included: a run of an older version is repeated exactly."""
    generator = torch.Generator().manual_seed(0)
    real, fake = (torch.randn(64, generator=generator).mul(5).requires_grad_() for _ in range(2))
    made, (by_pair, by_fake) = objective(name), PLAIN[name]
    for found, expected in [(discriminator_loss(made, real, fake), by_pair(real, fake)), (made.generator_loss(fake), by_fake(fake))]:
        assert torch.equal(found, expected)
        for x, y in zip(*(torch.autograd.grad(v, (real, fake), allow_unused=True) for v in (found, expected)), strict=True):
            assert (x is None and y is None) or torch.equal(x, y)


def uniform(count: int) -> Tensor:
    """Fixed numbers in [0, 1)."""
    return torch.rand(count, generator=torch.Generator().manual_seed(3), dtype=torch.float64)


def images(seed: int, count: int = 5) -> Tensor:
    return torch.rand(count, 2, 3, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * 2 - 1


class Linear(nn.Module):
    """D(x) = w . x: its gradient is w everywhere."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(images(7, 1)[0])

    def forward(self, x: Tensor) -> Tensor:
        return (x * self.weight).sum(dim=(1, 2, 3))


class Quadratic(Linear):
    """D(x) = sum of w x^2: its gradient at x is 2 w x."""

    def forward(self, x: Tensor) -> Tensor:
        return (x**2 * self.weight).sum(dim=(1, 2, 3))


def test_r1_of_a_linear_discriminator_is_half_gamma_times_its_squared_norm() -> None:
    """Whatever the images are; and its derivative is gamma w."""
    discriminator = Linear()
    penalty = R1Penalty(3.0)(discriminator, images(0), images(1), uniform)
    torch.testing.assert_close(penalty, 1.5 * discriminator.weight.square().sum())
    penalty.backward()
    torch.testing.assert_close(discriminator.weight.grad, 3 * discriminator.weight.detach())


def test_r1_of_a_quadratic_discriminator_is_taken_at_the_real_images() -> None:
    """gamma / 2 times the mean over samples of |2 w x|^2; its derivative is 4 gamma w mean(x^2)."""
    discriminator, real = Quadratic(), images(0)
    penalty = R1Penalty(3.0)(discriminator, real, images(1), uniform)
    weight = discriminator.weight.detach()
    torch.testing.assert_close(penalty, 1.5 * (2 * weight * real).square().sum(dim=(1, 2, 3)).mean())
    penalty.backward()
    torch.testing.assert_close(discriminator.weight.grad, 12 * weight * real.square().mean(dim=0))


def test_r2_is_r1_on_the_generated_images() -> None:
    """Mescheder et al. 2018, equation 10."""
    discriminator, real, fake = Quadratic(), images(0), images(1)
    torch.testing.assert_close(R2Penalty(3.0)(discriminator, real, fake, uniform), R1Penalty(3.0)(discriminator, fake, real, uniform))


def test_dragans_penalty_is_taken_near_the_real_images() -> None:
    """At a random part of the way to real images with uniform noise of half their standard deviation."""
    discriminator, real = Quadratic(), images(0)
    penalty = LocalGradientPenalty(10.0)(discriminator, real, images(1), uniform)
    noise, part = 0.5 * real.std() * uniform(real.numel()).view(real.shape), uniform(5).view(5, 1, 1, 1)
    norms = (2 * discriminator.weight * (real + part * noise)).square().sum(dim=(1, 2, 3)).sqrt()
    torch.testing.assert_close(penalty, 10 * (norms - 1).square().mean())


@pytest.mark.parametrize(("scale", "one_sided"), [(3.0, False), (3.0, True), (0.1, False), (0.1, True)])
def test_the_gradient_penalty_of_a_linear_discriminator_is_known(scale: float, one_sided: bool) -> None:
    """lambda (|w| - 1)^2; one-sided it forgives a norm below 1."""
    discriminator = Linear()
    with torch.no_grad():
        discriminator.weight.mul_(scale / discriminator.weight.norm())
    penalty = GradientPenalty(10.0, one_sided)(discriminator, images(0), images(1), uniform)
    expected = 0.0 if one_sided and scale < 1 else 10 * (scale - 1) ** 2
    torch.testing.assert_close(penalty, torch.tensor(expected, dtype=torch.float64), rtol=1e-9, atol=1e-12)


def test_the_gradient_penalty_is_taken_between_real_and_generated_images() -> None:
    """One position for each sample, on the straight line between its pair; the mean over samples is outside the square."""
    discriminator, real, fake = Quadratic(), images(0), images(1)
    penalty = GradientPenalty(10.0, False)(discriminator, real, fake, uniform)
    position = uniform(5).view(5, 1, 1, 1)
    between = (1 - position) * real + position * fake
    norms = (2 * discriminator.weight * between).square().sum(dim=(1, 2, 3)).sqrt()
    torch.testing.assert_close(penalty, 10 * (norms - 1).square().mean(), rtol=1e-9, atol=1e-12)


def test_the_gradient_penalty_has_a_gradient_where_the_norm_is_zero() -> None:
    """The root has none there; a NaN would end the run."""
    discriminator = Linear()
    nn.init.zeros_(discriminator.weight)
    penalty = GradientPenalty(10.0, False)(discriminator, images(0), images(1), uniform)
    penalty.backward()
    torch.testing.assert_close(penalty.detach(), torch.tensor(10.0, dtype=torch.float64), rtol=1e-5, atol=0.0)
    assert discriminator.weight.grad is not None
    assert torch.isfinite(discriminator.weight.grad).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_where_the_norm_is_zero_the_gradient_penalty_is_the_papers_and_its_gradient_is_zero(dtype: torch.dtype) -> None:
    """lambda (0 - 1)^2, with nothing added under the root; samples with a norm keep the gradient they have alone."""
    discriminator = Quadratic().to(dtype)
    real = images(0, 2).to(dtype)
    real[0] = 0  # where the gradient 2 w x is zero

    def middle(count: int) -> Tensor:
        return torch.full((count,), 0.5, dtype=dtype)

    penalty = GradientPenalty(10.0, False)(discriminator, real[:1], real[:1], middle)
    penalty.backward()
    assert penalty == 10
    assert discriminator.weight.grad is not None
    assert torch.equal(discriminator.weight.grad, torch.zeros_like(discriminator.weight))
    discriminator.zero_grad()
    both, alone = (GradientPenalty(10.0, False)(discriminator, x, x, middle) for x in (real, real[1:]))
    (gradient,) = torch.autograd.grad(both, discriminator.weight)
    torch.testing.assert_close(gradient, torch.autograd.grad(alone, discriminator.weight)[0] / 2)


@pytest.mark.parametrize("penalty", [R1Penalty(1.0), GradientPenalty(10.0, False)], ids=["r1", "gp"])
def test_a_penalty_asks_for_ops_that_can_be_differentiated_twice_and_for_no_gradient_of_a_bias(
    penalty: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The forward pass is under higher_order(), the first derivative under no_param_grads()."""
    inside: list[str] = []
    seen: list[tuple[str, list[str]]] = []

    def scope(name: str) -> Callable[[], Any]:
        @contextmanager
        def entered() -> Iterator[None]:
            inside.append(name)
            yield
            inside.remove(name)

        return entered

    for name in ("higher_order", "no_param_grads"):
        monkeypatch.setattr(f"ganbench_losses.penalties.{name}", scope(name))

    def discriminate(x: Tensor) -> Tensor:
        seen.append(("forward", list(inside)))
        x.register_hook(lambda g: seen.append(("backward", list(inside))))
        return (x**2).sum(dim=(1, 2, 3))

    penalty(discriminate, images(0), images(1), uniform)
    assert seen == [("forward", ["higher_order"]), ("backward", ["no_param_grads"])]


@pytest.mark.slow
@pytest.mark.parametrize("penalty", [R1Penalty(1.0), GradientPenalty(10.0, False)], ids=["r1", "gp"])
@pytest.mark.filterwarnings("ignore")  # of the compilers of some versions of torch
def test_a_penalty_is_the_same_as_one_compiled_region(penalty: Any) -> None:
    """With its parameter gradients; a region cannot be differentiated twice, so the double backward is traced into it."""
    torch._dynamo.reset()
    discriminator, real, fake, position = Quadratic(), images(0), images(1), uniform(5)

    def gradient(real: Tensor, fake: Tensor, position: Tensor) -> Tensor:
        return torch.autograd.grad(penalty(discriminator, real, fake, lambda _: position), discriminator.weight)[0]

    expected = gradient(real, fake, position)
    with torch._dynamo.config.patch(trace_autograd_ops=True):
        found = torch.compile(gradient, backend="aot_eager", fullgraph=True)(real.requires_grad_(), fake, position)
    torch.testing.assert_close(found, expected)


def test_drift_is_the_weighted_mean_square_of_the_real_logits() -> None:
    """Karras et al. 2018, appendix A.1."""
    discriminator = Linear()
    penalty = DriftPenalty(0.001)(discriminator, images(0), images(1), uniform)
    torch.testing.assert_close(penalty, 0.001 * discriminator(images(0)).square().mean())


@pytest.mark.parametrize(
    "penalty",
    [
        R1Penalty(1.0),
        R2Penalty(1.0),
        GradientPenalty(10.0, False),
        GradientPenalty(10.0, True),
        LocalGradientPenalty(1.0),
        DriftPenalty(1.0),
    ],
    ids=lambda p: type(p).__name__,
)
def test_a_penalty_reaches_every_weight_of_a_real_discriminator(penalty: Any) -> None:
    """Trap 12: without create_graph, or with a detach, it would train nothing and say nothing."""
    torch.manual_seed(0)
    head = nn.Linear(4 * 9, 1)
    discriminator = nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), nn.LeakyReLU(0.2), nn.Flatten(), head).double()
    with torch.no_grad():
        head.weight.mul_(20)  # so that the one-sided penalty has something to say
    value = penalty(lambda x: discriminator(x).flatten(), images(0), images(1), uniform)
    assert value.requires_grad
    value.backward()
    for name, parameter in discriminator.named_parameters():
        # A bias shifts logits and, below leaky ReLUs, changes no input gradient: only drift has a gradient there.
        if name.endswith("weight"):
            assert parameter.grad is not None, name
            assert parameter.grad.abs().max() > 0, name


def test_options_choose_the_penalties() -> None:
    """Nothing is added that was not asked for."""
    for name in ("logistic", "minimax", "hinge", "least-squares", "wasserstein", "relativistic", "relativistic-average"):
        plain = objective(name)
        assert (plain.penalties, plain.terms, plain.weight_terms, plain.needs_features) == ((), (), (), False)
        assert [p.name for p in objective(name, r1_gamma=0.1).penalties] == ["r1"]
        whole = objective(name, r2_gamma=1, gp_weight=10, dragan_weight=1, drift=1, feature_matching=1, historical_averaging=1)
        assert [p.name for p in whole.penalties] == ["r2", "gradient-penalty", "dragan", "drift"]
        assert ([t.name for t in whole.terms], len(whole.weight_terms), whole.needs_features) == (["feature-matching"], 1, True)
    assert [p.name for p in objective("wasserstein", gp_weight=10, drift=0.001).penalties] == ["gradient-penalty", "drift"]


@pytest.mark.parametrize(
    ("options", "clip"),
    [
        ({}, 0.01),
        ({"gp_weight": 10}, 0.0),
        ({"r1_gamma": 1}, 0.0),
        ({"drift": 1}, 0.01),
        ({"weight_clip": 0.1}, 0.1),
        ({"weight_clip": 0}, 0.0),
        ({"weight_clip": "none"}, 0.01),
    ],
)
def test_wasserstein_clips_unless_it_has_a_gradient_penalty(options: dict[str, Any], clip: float) -> None:
    """0.01 as in the first paper, nothing as in the second, or what the user says."""
    assert objective("wasserstein", **options).weight_clip == clip


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("logistic", {"label_smoothing": 1}, "label_smoothing must be at least 0 and below 1"),
        ("minimax", {"label_smoothing": -0.1}, "label_smoothing must be at least 0 and below 1"),
        ("hinge", {"r1_gamma": -1}, "r1_gamma must be 0 or more"),
        ("least-squares", {"fake_target": 1}, "real_target must differ from fake_target"),
        ("wasserstein", {"gp_weight": 10, "weight_clip": 0.01}, "weight_clip must be 0 with a gradient penalty"),
        ("wasserstein", {"weight_clip": -0.01}, "weight_clip must be 0 or more"),
        ("relativistic", {"r2_gamma": -1}, "r2_gamma must be 0 or more"),
        ("hinge", {"gp_one_sided": True}, "gp_one_sided must be false without gp_weight"),
        ("hinge", {"feature_matching_alone": True}, "feature_matching_alone must be false without feature_matching"),
    ],
)
def test_an_option_out_of_range_is_refused(name: str, options: dict[str, Any], message: str) -> None:
    """Before anything is trained."""
    with pytest.raises(ConfigError, match=message):
        objective(name, **options)


def test_the_relativistic_losses_are_their_closed_forms(logits: tuple[Tensor, Tensor]) -> None:
    """Jolicoeur-Martineau 2018: over pairs, and against the other batch's mean; the generator's with real and fake exchanged."""
    real, fake = logits
    pairing, average = objective("relativistic"), objective("relativistic-average")
    torch.testing.assert_close(discriminator_loss(pairing, real, fake), sp(fake - real).mean())
    expected = sp(-(real - fake.mean())).mean() + sp(fake - real.mean()).mean()
    torch.testing.assert_close(average.discriminator_loss(real, fake), expected)
    for made, of_discriminator in ((pairing, lambda r, f: discriminator_loss(pairing, r, f)), (average, average.discriminator_loss)):
        assert made.paired_generator_loss is not None
        torch.testing.assert_close(made.paired_generator_loss(real, fake), of_discriminator(fake, real))
        with pytest.raises(ValueError, match="needs real logits"):
            made.generator_loss(fake)


def judged(features: Tensor) -> Judgement:
    return Judgement(features.sum(dim=1), features=features)


def test_feature_matching_is_the_squared_distance_of_mean_features() -> None:
    """Salimans et al. 2016, section 3.1: of the generator's loss, with no gradient into the real features."""
    (term,) = objective("logistic", feature_matching=2.0).terms
    real, fake = (torch.randn(7, 3, generator=torch.Generator().manual_seed(i), dtype=torch.float64).requires_grad_() for i in range(2))
    seen = Seen(real=judged(real), fake=judged(fake))
    assert term.needs_real
    assert term.of_discriminator(seen) is None
    value = term.of_generator(seen)
    assert value is not None
    difference = fake.mean(dim=0) - real.mean(dim=0)
    torch.testing.assert_close(value, 2 * difference.square().sum())
    gradients = torch.autograd.grad(value, (real, fake), allow_unused=True)
    assert gradients[0] is None
    torch.testing.assert_close(gradients[1], (4 * difference / 7).expand(7, 3))


def test_feature_matching_can_stand_alone(logits: tuple[Tensor, Tensor]) -> None:
    """As in the paper: the generator's logits count for nothing then, in a relativistic loss too."""
    for name in ("hinge", "relativistic"):
        made = objective(name, feature_matching=1, feature_matching_alone=True)
        assert made.generator_loss(logits[1]) == 0
        assert made.paired_generator_loss is None


def test_historical_averaging_pulls_to_the_mean_of_all_updates() -> None:
    """Salimans et al. 2016, section 3.3: nothing at first, then the squared distance from the mean; the mean itself is a constant."""
    network = nn.Linear(2, 1, bias=False).double()
    (make,) = objective("hinge", historical_averaging=0.5).weight_terms
    term = make(network, "generator")
    assert term is not None
    assert list(term.state_dict()) == ["mean_0", "count"]
    history = []
    for value in ([1.0, 2.0], [3.0, 2.0], [5.0, -4.0]):
        with torch.no_grad():
            network.weight.copy_(torch.tensor([value]))
        history.append(network.weight.detach().clone())
        loss = term()
        away = history[-1] - torch.stack(history).mean(dim=0)
        torch.testing.assert_close(loss, 0.5 * away.square().sum())
        torch.testing.assert_close(torch.autograd.grad(loss, network.weight)[0], away)
