"""PacGAN's table 1: sizes and conventions of the source, seeds that do not know of each other, and a step that is a plain loop's."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from ganbench.testing.recorded_graph import RecordedGraphs
from ganbench.training.graph_runner import GraphRunner
from ganbench_pacgan import PacGANOptions
from ganbench_pacgan.cell import CellRun, flops_per_step, reverse_kl
from ganbench_pacgan.networks import StackedBatchNorm, pack
from ganbench_pacgan.step import StackedGANs
from ganbench_pacgan.streams import NUM_REFRESHING, NUM_SCORED, Streams
from ganbench_pacgan.table1 import build
from ganbench_reproduce.experiment import ExperimentSetup
from ganbench_toy.distributions import Modes, grid25, ring8

SMALL: dict[str, Any] = {
    "num_samples": 64,
    "batch_size": 8,
    "generator_width": 12,
    "discriminator_width": 6,
    "maxout_pieces": 3,
    "learning_rate": 1e-3,
}


def options(**changes: Any) -> PacGANOptions:
    return PacGANOptions(**{**SMALL, **changes})


def start(seeds: tuple[int, ...] = (0, 1, 2), packing: int = 2, modes: Modes | None = None, **changes: Any) -> CellRun:
    """Return a small cell before its first step."""
    setup = ExperimentSetup(cell=f"grid-{packing}", seeds=seeds, device=torch.device("cpu"))
    return CellRun(setup, options(**changes), modes or grid25(), packing)


def go(run: CellRun, steps: int) -> None:
    """Train for some steps, pausing after each."""
    for _ in range(steps):
        run.advance(lambda: True)


def weights(gans: StackedGANs) -> dict[str, Tensor]:
    """Return every parameter and average, clones."""
    return {f"{n}.{k}": v.clone() for n, m in gans.modules().items() for k, v in m.state_dict().items()}


class Maxout(nn.Module):
    """The source's LinearMaxout behind its linear layer."""

    def __init__(self, pieces: int) -> None:
        super().__init__()
        self.pieces = pieces

    def forward(self, x: Tensor) -> Tensor:
        return x.unflatten(1, (self.pieces, -1)).max(1).values


def plain_networks(gans: StackedGANs, seed: int, chosen: PacGANOptions) -> tuple[nn.Sequential, nn.Sequential]:
    """Return torch's own layers with the weights of one seed."""
    layers: list[nn.Module] = []
    for linear, norm in zip(gans.generator.linears, gans.generator.norms, strict=True):
        layers += [_plain(linear, seed), nn.BatchNorm1d(norm.scale.shape[1], eps=1e-4, momentum=None, track_running_stats=False), nn.ReLU()]
    generator = nn.Sequential(*layers, _plain(gans.generator.head, seed))
    layers = []
    for linear in gans.discriminator.linears:
        layers += [_plain(linear, seed), Maxout(chosen.maxout_pieces)]
    return generator, nn.Sequential(*layers, _plain(gans.discriminator.head, seed))


def _plain(linear: Any, seed: int) -> nn.Linear:
    made = nn.Linear(linear.weight.shape[1], linear.weight.shape[2], bias=linear.bias is not None)
    with torch.no_grad():
        made.weight.copy_(linear.weight[seed].T)
        if linear.bias is not None:
            made.bias.copy_(linear.bias[seed, 0])
    return made


def train_plainly(
    generator: nn.Sequential, discriminator: nn.Sequential, real: Tensor, latents: Tensor, chosen: PacGANOptions
) -> tuple[float, float]:
    """Train one model as an article would write it; both updates from the same forward pass. Return the last losses."""
    betas = (chosen.beta1, 0.999)
    adams = [torch.optim.Adam(n.parameters(), lr=chosen.learning_rate, betas=betas, eps=1e-8) for n in (generator, discriminator)]
    for packs, z in zip(real, latents, strict=True):  # [B, 2 m], [m, B, 2]
        fake = torch.cat([generator(one) for one in z], dim=1)
        real_logits, fake_logits = discriminator(packs), discriminator(fake)
        discriminator_loss = F.softplus(-real_logits).mean() + F.softplus(fake_logits).mean()
        generator_loss = F.softplus(-fake_logits).mean()
        for network, loss in ((generator, generator_loss), (discriminator, discriminator_loss)):
            for parameter, gradient in zip(
                network.parameters(), torch.autograd.grad(loss, list(network.parameters()), retain_graph=True), strict=True
            ):
                parameter.grad = gradient
        for adam in adams:
            adam.step()
    return discriminator_loss.item(), generator_loss.item()


@pytest.mark.parametrize(("packing", "discriminator"), [(1, 405_201), (2, 407_201), (4, 411_201)])
def test_the_networks_have_the_source_s_parameter_counts(packing: int, discriminator: int) -> None:
    """2-400-400-400-400-2 without hidden biases but with scales and shifts; three layers of 200 units with 5 pieces."""
    made = StackedGANs(PacGANOptions(), packing, torch.zeros(1, 100_000, 2 * packing), Streams("ring-1", (0,)))
    counts = {name: sum(p.numel() for p in module.parameters()) for name, module in made.modules().items()}
    norms = 4 * 2 * 400
    assert counts == {"generator": 2 * 400 + 3 * 400 * 400 + norms + 400 * 2 + 2, "discriminator": discriminator}


def test_the_weights_begin_as_in_the_source() -> None:
    """N(0, 0.02), biases and shifts 0, scales 1; logits near 0, and hidden units of unit variance."""
    made = StackedGANs(PacGANOptions(), 1, torch.zeros(2, 100_000, 2), Streams("ring-1", (0, 1)))
    for linear in (*made.generator.linears, *made.discriminator.linears):
        assert linear.weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert made.discriminator.linears[0].bias.abs().max() == 0
    points = made.generator(torch.randn(2, 1, 500, 2))
    assert 0.1 < points.std() < 1.0
    assert made.discriminator(pack(points)).abs().max() < 0.1


@pytest.mark.parametrize("packing", [1, 3])
def test_batch_norm_is_torch_s_for_each_seed_and_each_batch_of_a_pack(packing: int) -> None:
    """Batches of one pack are normalised apart, as the source generates them apart."""
    norm, x = StackedBatchNorm(2, 5), torch.randn(2, packing, 7, 5) * 3 + 1
    with torch.no_grad():
        norm.scale.uniform_(0.5, 2)
        norm.shift.uniform_(-1, 1)
    y = norm(x)
    for seed in range(2):
        for slot in range(packing):
            expected = F.batch_norm(x[seed, slot], None, None, norm.scale[seed], norm.shift[seed], training=True, eps=1e-4)
            torch.testing.assert_close(y[seed, slot], expected, rtol=1e-4, atol=1e-5)


def test_the_averages_are_of_the_mean_and_the_biased_standard_deviation() -> None:
    """Blocks' convention: epsilon is inside, 5 % of this step, the mean over the batches of a pack; evaluation divides by it."""
    norm, x = StackedBatchNorm(2, 5), torch.randn(2, 3, 7, 5) * 3 + 1
    norm(x)
    std = (x.var(2, correction=0) + 1e-4).sqrt()  # [S, m, F]
    torch.testing.assert_close(norm.average_mean, 0.05 * x.mean(2).mean(1))
    torch.testing.assert_close(norm.average_std, 0.95 + 0.05 * std.mean(1))
    norm.eval()
    torch.testing.assert_close(norm(x), (x - norm.average_mean[:, None, None]) / norm.average_std[:, None, None])


@pytest.mark.parametrize("packing", [1, 2, 3])
def test_a_step_is_that_of_a_plain_loop_over_one_model(packing: int) -> None:
    """Every seed's weights and losses after five steps, against torch's own layers, optimizer and autograd.

    From larger weights than the source's, whose gradients would be rounding errors in so small a network.
    """
    chosen, run = options(), start(packing=packing)
    with torch.no_grad():
        for linear in (*run.gans.generator.linears, *run.gans.discriminator.linears, run.gans.generator.head, run.gans.discriminator.head):
            linear.weight.mul_(20)
    plain = [plain_networks(run.gans, seed, chosen) for seed in range(3)]
    go(run, 5)
    losses = []
    for seed, networks in enumerate(plain):
        losses.append(train_plainly(*networks, run.gans._real[:5, seed], run.gans._latents[:5, seed], chosen))
        for made, expected in zip(networks, plain_networks(run.gans, seed, chosen), strict=True):
            for own, theirs in zip(linears(made), linears(expected), strict=True):
                torch.testing.assert_close(own.weight, theirs.weight, rtol=1e-3, atol=2e-5)
                if own.bias is not None:
                    torch.testing.assert_close(own.bias, theirs.bias, rtol=1e-3, atol=2e-5)
        norms = [layer for layer in networks[0] if isinstance(layer, nn.BatchNorm1d)]
        for stacked, norm in zip(run.gans.generator.norms, norms, strict=True):
            torch.testing.assert_close(stacked.scale[seed], norm.weight, rtol=1e-3, atol=2e-5)
            torch.testing.assert_close(stacked.shift[seed], norm.bias, rtol=1e-3, atol=2e-5)
    torch.testing.assert_close(run.gans.trajectory()[-1], torch.tensor(losses).mean(0), rtol=1e-3, atol=1e-4)


def linears(network: nn.Sequential) -> list[nn.Linear]:
    return [layer for layer in network if isinstance(layer, nn.Linear)]


def test_the_losses_of_a_step_are_kept() -> None:
    """Means over the seeds: 2 log 2 and log 2 while the logits are near 0."""
    run = start()
    go(run, 2)
    trajectory = run.gans.trajectory()
    assert trajectory.shape == (2, 2)
    torch.testing.assert_close(trajectory[0], torch.tensor([2.0, 1.0]) * torch.tensor(2.0).log(), rtol=0.02, atol=0)


def test_a_seed_does_not_depend_on_the_seeds_beside_it() -> None:
    """Seed 2 alone is seed 2 among three: weights and scores after an epoch."""
    alone, among = start(seeds=(2,)), start(seeds=(0, 1, 2))
    for run in (alone, among):
        assert run.advance(lambda: False)
    others = weights(among.gans)
    for name, value in weights(alone.gans).items():
        torch.testing.assert_close(value[0], others[name][2], rtol=1e-3, atol=1e-5)
    torch.testing.assert_close(alone.gans.points(alone._latents)[0], among.gans.points(among._latents)[2], rtol=1e-3, atol=1e-3)


def test_seeds_differ_and_repeat() -> None:
    """Each seed has its own weights, data and latents, and the same ones every time."""
    first, again = start(), start()
    for run in (first, again):
        go(run, 3)
    for name, value in weights(first.gans).items():
        assert torch.equal(value, weights(again.gans)[name])
    assert not torch.equal(first.gans._packs[0], first.gans._packs[1])
    assert not torch.equal(first.gans._latents[:, 0], first.gans._latents[:, 1])
    assert not torch.equal(first._latents[0], first._latents[1])


@pytest.mark.slow(keep=1)
@pytest.mark.parametrize("steps", [0, 3, 8, 11])
def test_a_loaded_state_goes_on_to_the_same_bits(steps: int) -> None:
    """At the beginning, within an epoch of 8 steps, before its end, and in the second."""
    straight, stopped = start(), start()
    go(straight, steps)
    go(stopped, steps)
    resumed = start()
    resumed.load_state_dict(torch_round_trip(stopped.state_dict()))
    for run in (straight, resumed):
        while run.intervals < 3:
            run.advance(lambda: False)
    assert resumed.steps == straight.steps == 24
    assert resumed.scores() == straight.scores()
    for name, value in weights(straight.gans).items():
        assert torch.equal(value, weights(resumed.gans)[name]), name


def torch_round_trip(state: dict[str, Any]) -> dict[str, Any]:
    """Return what a checkpoint would hold."""
    import io

    buffer = io.BytesIO()
    torch.save(state, buffer)
    buffer.seek(0)
    loaded: dict[str, Any] = torch.load(buffer, weights_only=True)
    return loaded


@pytest.mark.slow
def test_a_captured_step_repeats_the_eager_one() -> None:
    """A step reads nothing from the host: recorded once and replayed it goes through two epochs as the eager one does."""
    eager, captured = start(), start()
    captured._runner = GraphRunner(captured.gans, torch.device("cpu"), RecordedGraphs())
    captured._runner.start()
    for run in (eager, captured):
        assert [run.advance(lambda: False) for _ in range(2)] == [True, True]
    for name, value in weights(eager.gans).items():
        torch.testing.assert_close(weights(captured.gans)[name], value)


@pytest.mark.slow
def test_an_epoch_shows_each_pack_once() -> None:
    """In another order each time, and always the same packs."""
    run = start()
    seen = []
    for _ in range(2):
        go(run, 1)
        seen.append(run.gans._real.transpose(0, 1).flatten(1, 2).clone())
        run.advance(lambda: False)
    assert not torch.equal(seen[0], seen[1])
    for packs in seen:
        for own, drawn in zip(packs, run.gans._packs, strict=True):
            assert sorted(own.tolist()) == sorted(drawn.tolist())


def test_each_slot_of_the_packs_is_drawn_with_replacement_from_one_set() -> None:
    """About 63 % of the points are in a slot, for a packing of 1 too; two slots are of the same points in another order."""
    packs = Streams("ring-2", (0,)).packs(ring8(), 2, 2000)[0]  # [N, 4]
    slots = [{tuple(point) for point in packs[:, i : i + 2].tolist()} for i in (0, 2)]
    for slot in slots:
        assert len(slot) / 2000 == pytest.approx(0.632, abs=0.03)
    assert 0.5 < len(slots[0] & slots[1]) / len(slots[0]) < 0.75
    assert not torch.equal(packs[:, :2], packs[:, 2:])


def test_a_pack_holds_its_points_one_behind_the_other() -> None:
    """As the source concatenates along the features."""
    points = torch.arange(12.0).view(1, 3, 2, 2)  # [S, m, B, 2]
    assert pack(points).tolist() == [[[0, 1, 4, 5, 8, 9], [2, 3, 6, 7, 10, 11]]]


def test_the_averages_are_refreshed_after_an_epoch() -> None:
    """By 50 batches beside the epoch's 4: of what they began with, 1, there is 0.95 ** 54 left."""
    run = start(seeds=(0,), packing=1, batch_size=64, num_samples=256)
    run.advance(lambda: False)
    norm = run.gans.generator.norms[0]
    z = torch.randn(1, 20_000, 2, generator=torch.Generator().manual_seed(0))
    expected = run.gans.generator.linears[0](z).std(1, correction=0)
    left = 0.95 ** (4 + NUM_REFRESHING)
    torch.testing.assert_close(norm.average_std, left + (1 - left) * expected, rtol=0.05, atol=0.0)
    assert run.gans._latents.shape[0] == 4 + NUM_REFRESHING


def test_the_flops_are_those_of_the_matrix_products() -> None:
    """Of one seed, as torch counts them; with batch norm and the optimizer left out."""
    for packing in (1, 2):
        run = start(seeds=(0,), packing=packing)
        run.gans.draw_epoch()
        with FlopCounterMode(display=False) as counter:
            run.gans.step()
        assert counter.get_total_flops() == flops_per_step(options(), packing)
    assert flops_per_step(PacGANOptions(), 1) == 851_080_000


def test_reverse_kl_counts_every_point_at_its_closest_mode() -> None:
    """Points far from all modes too; 4 modes evenly is log 2 for 8 modes, one mode is log 8, and a NaN is at none."""
    modes = ring8()
    four, one = 0.5 * modes.centres[:4].repeat(5, 1), modes.centres[:1].repeat(20, 1)
    found = reverse_kl(torch.stack([four, one]), modes)
    torch.testing.assert_close(found, torch.tensor([2.0, 8.0]).double().log())
    one[0] = float("nan")
    torch.testing.assert_close(reverse_kl(one[None], modes), torch.tensor([8.0]).double().log())


def test_perfect_generators_score_the_ceiling() -> None:
    """All modes, 98.89 % of samples, no divergence; and scores come in percent."""
    from ganbench_toy.distributions import sample

    run = start(modes=grid25())
    samples = torch.stack([sample(grid25(), NUM_SCORED, torch.Generator().manual_seed(seed)) for seed in range(3)])
    run.gans.points = lambda latents: samples  # type: ignore[method-assign]
    scores = run.scores()
    assert scores["modes"] == [25.0] * 3
    assert scores["high_quality"] == pytest.approx([98.89] * 3, abs=1.0)
    assert max(scores["reverse_kl"]) < 0.02


@pytest.mark.slow
def test_scoring_changes_nothing() -> None:
    """The same twice, and training goes on as if nobody had asked."""
    asked, unasked = start(), start()
    for run in (asked, unasked):
        run.advance(lambda: False)
    assert asked.scores() == asked.scores()
    for run in (asked, unasked):
        run.advance(lambda: False)
    for name, value in weights(asked.gans).items():
        assert torch.equal(value, weights(unasked.gans)[name])


def test_the_table_has_the_published_cells() -> None:
    """Four of them by default, with the published figures; packings of 3 and 4 are published too, 5 is not."""
    experiment = build(PacGANOptions())
    assert [cell.label for cell in experiment.cells] == ["2D ring, GAN", "2D ring, PacGAN2", "2D grid, GAN", "2D grid, PacGAN2"]
    published = [[(f.value, f.error) for f in cell.published.values()] for cell in experiment.cells]
    assert published[0] == [(6.3, 0.5), (98.2, 0.2), (0.45, 0.09)]
    assert published[3] == [(23.8, 0.7), (91.3, 0.8), (0.13, 0.04)]
    more = build(PacGANOptions(data=("grid",), packings=(3, 4, 5)))
    assert [len(cell.published) for cell in more.cells] == [3, 3, 0]
    assert (experiment.num_seeds, experiment.intervals) == (10, 400)


def test_the_notes_tell_the_ceiling_and_what_is_not_the_protocol() -> None:
    """98.89 % always, and the names and values of changed options where there are any."""
    assert any("98.89 % high quality" in note for note in build(PacGANOptions(packings=(3,))).notes)
    assert not any("not the published protocol" in note for note in build(PacGANOptions(packings=(3,), runner="eager")).notes)
    assert build(replace(PacGANOptions(), epochs=3, beta1=0.5)).notes[0] == "not the published protocol: epochs=3, beta1=0.5"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": 0}, r"epochs must be 1 or more \(got 0\)"),
        ({"maxout_pieces": 0}, r"maxout_pieces must be 1 or more \(got 0\)"),
        ({"packings": ()}, r"packings must be numbers of 1 or more, each once \(got none\)"),
        ({"packings": (0,)}, r"packings must be numbers of 1 or more, each once \(got 0\)"),
        ({"packings": (2, 2)}, r"packings must be numbers of 1 or more, each once \(got 2,2\)"),
        ({"data": ()}, r"data must be ring, grid or both, each once \(got none\)"),
        ({"data": ("ring", "ring")}, r"got ring,ring"),
        ({"num_samples": 150}, r"num_samples must be a multiple of batch_size, 4 batches or more \(got 150 and 100\)"),
        ({"num_samples": 300}, r"got 300 and 100"),
        ({"batch_size": 1}, r"batch_size must be 2 or more"),
        ({"learning_rate": 0.0}, r"learning_rate must be above 0 \(got 0.0\)"),
        ({"beta1": 1.0}, r"beta1 must be at least 0 and below 1 \(got 1.0\)"),
    ],
)
def test_wrong_options_are_refused(changes: dict[str, Any], message: str) -> None:
    """In one line: the field, the value got, what is allowed."""
    with pytest.raises(ValueError, match=message):
        PacGANOptions(**changes)


def test_the_state_holds_no_data() -> None:
    """The seeds say what the data are: a checkpoint is a few times the weights."""
    state = start().state_dict()["gans"]
    assert set(state) == {"modules", "optimizers", "streams", "position"}
    assert (set(state["modules"]), set(state["optimizers"])) == ({"generator", "discriminator"}, {"optimizer"})
    json.dumps(state["position"])
