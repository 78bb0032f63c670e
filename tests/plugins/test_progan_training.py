"""ProGAN's iteration: all stages to 32x32, what changes between them, and resuming anywhere to the same bits."""

from __future__ import annotations

import io
from typing import Any

import pytest
import torch
from random_images import context_on_random_images
from torch import Tensor

from ganbench import ConfigError
from ganbench.config.resolve import Layer, resolve
from ganbench.plugin.manager import PluginManager
from ganbench.testing.recorded_graph import RecordedGraphs
from ganbench.training.algorithm import execute
from ganbench.training.graph_runner import GraphRunner
from ganbench.training.runner import make_runner
from ganbench_progan.algorithm import ProgressiveAlgorithm

MANAGER = PluginManager()
CPU = torch.device("cpu")
TOTAL = 160
"""Real images of a run: ten parts of 16 at 32x32, of which four are left for the last resolution."""


def make(
    settings: dict[str, Any] | None = None, labels: Tensor | None = None, resolution: int = 32, **options: str
) -> ProgressiveAlgorithm:
    """Build the algorithm of a tiny ProGAN on 40 random images, as a run does."""
    chosen = {
        "training.batch_size": 8,
        "architecture.options.shrink_batch": True,
        "training.total_kimg": TOTAL / 1000,
        "training.ema_halflife_kimg": 0.05,
        **(settings or {}),
    }
    config = resolve(MANAGER, "progan", [Layer(origin="test", settings=chosen)], {"max_channels": "4", **options}).config
    count = 40 if resolution < 1024 else 8
    return ProgressiveAlgorithm(context_on_random_images(MANAGER, config, resolution=resolution, count=count, labels=labels))


def train(algorithm: ProgressiveAlgorithm, iterations: int, start: int = 0) -> None:
    """Run iterations as the trainer does."""
    seen = images_before(algorithm, start)
    for i in range(start, start + iterations):
        algorithm.set_progress(seen)
        execute(algorithm, i)
        seen += algorithm.samples_shown(i)


def images_before(algorithm: ProgressiveAlgorithm, iteration: int) -> int:
    return sum(algorithm.samples_shown(i) for i in range(iteration))


def weights(algorithm: ProgressiveAlgorithm) -> dict[str, Tensor]:
    """Return every parameter and buffer of every network."""
    return {f"{n}.{k}": v.clone() for n, m in algorithm.modules().items() for k, v in m.state_dict().items()}


def differing(a: dict[str, Tensor], b: dict[str, Tensor]) -> list[str]:
    assert a.keys() == b.keys()
    return [name for name in a if not torch.equal(a[name], b[name])]


SCHEDULE = (
    [(4, 1.0, 8)] * 2
    + [(8, 0.0, 8), (8, 0.5, 8)]
    + [(8, 1.0, 8)] * 2
    + [(16, 0.0, 8), (16, 0.5, 8)]
    + [(16, 1.0, 8)] * 2
    + [(32, a / 4, 4) for a in range(4)]
    + [(32, 1.0, 4)] * 16
)
"""Resolution, alpha and batch of each iteration: 16 images are 2 iterations of 8, or 4 of 4."""


@pytest.mark.slow
def test_it_reaches_32x32_through_all_its_stages() -> None:
    """The discriminator sees real and generated images of each stage's resolution; everything moves, nothing breaks."""
    algorithm = make()
    before = weights(algorithm)
    seen: list[tuple[int, float, int]] = []
    discriminator: Any = algorithm.modules()["discriminator"]
    shapes: set[tuple[int, int]] = set()

    def watch(_: Any, arguments: tuple[Tensor, ...]) -> None:
        shapes.add((arguments[0].shape[-1], len(arguments[0])))

    discriminator.register_forward_pre_hook(watch)
    images = 0
    for i in range(len(SCHEDULE)):
        shapes.clear()
        algorithm.set_progress(images)
        execute(algorithm, i)
        ((resolution, batch),) = shapes
        seen.append((resolution, discriminator.alpha.item(), batch))
        images += algorithm.samples_shown(i)
    assert seen == SCHEDULE
    assert images == TOTAL == algorithm.state_dict()["sampler"]["position"]
    after = weights(algorithm)
    assert all(bool(value.isfinite().all()) for value in after.values())
    assert algorithm.trajectory().isfinite().all()
    still = {name for name in before if torch.equal(before[name], after[name])}
    assert still == {"generator.alpha", "discriminator.alpha", "generator_ema.alpha"}


def test_the_evaluated_generator_makes_full_images_at_every_stage() -> None:
    """Pixels are repeated until the resolution is there."""
    algorithm = make()
    z = torch.randn(3, 4)
    for iteration, size in ((0, 4), (3, 8), (7, 16), (20, 32)):
        algorithm.set_progress(images_before(algorithm, iteration))
        with torch.inference_mode():
            images = algorithm.evaluated_modules()["generator"](z, None)
        assert images.shape == (3, 1, 32, 32)
        factor = 32 // size
        assert torch.equal(images, images[:, :, ::factor, ::factor].repeat_interleave(factor, 2).repeat_interleave(factor, 3))
        assert size == 32 or images[0, 0, 0, 0] != images[0, 0, 0, factor]


def test_the_average_grows_with_the_generator() -> None:
    """New layers begin as the generator's own, and are averaged like the others from then on."""
    algorithm = make()
    generator, average = algorithm.modules()["generator"], algorithm.evaluated_modules()["generator"]
    train(algorithm, 2)
    new = [name for name, _ in generator.named_parameters() if name.startswith(("blocks.1", "to_image.1"))]
    own, averaged = dict(generator.named_parameters()), dict(average.named_parameters())
    assert all(torch.equal(own[name], averaged[name]) for name in new)
    train(algorithm, 2, start=2)
    assert not any(torch.equal(own[name], averaged[name]) for name in new)
    assert (average.level, average.fading, average.alpha.item()) == (1, True, 0.5)


RESUMES = {"stable": 1, "fade-begins": 2, "in-a-fade": 3, "fade-ends": 4, "smaller-batch": 11, "last": 15}


@pytest.mark.slow(keep=1)
@pytest.mark.parametrize("point", RESUMES.values(), ids=RESUMES.keys())
def test_a_resumed_run_goes_on_to_the_same_bits(point: int) -> None:
    """From a checkpoint of any moment; the moments of Adam survive it, and begin anew only where a segment does."""
    whole, first, second = make(), make(), make()
    train(whole, point + 3)
    train(first, point)
    file = io.BytesIO()
    torch.save(first.state_dict(), file)
    file.seek(0)
    second.load_state_dict(torch.load(file, weights_only=True))
    train(second, 3, start=point)
    assert differing(weights(whole), weights(second)) == []
    assert torch.equal(whole.trajectory(), second.trajectory())


@pytest.mark.slow
def test_the_same_seed_gives_the_same_trajectory_and_another_seed_another() -> None:
    """Over two stages and a fade."""
    first, second, other = make(), make(), make({"training.seed": 1})
    for algorithm in (first, second, other):
        train(algorithm, 6)
    assert torch.equal(first.trajectory(), second.trajectory())
    assert not torch.equal(first.trajectory(), other.trajectory())


def moments(algorithm: ProgressiveAlgorithm) -> list[Tensor]:
    states = algorithm.state_dict()["optimizers"].values()
    return [tensor.clone() for state in states for one in state["state"].values() for tensor in one.values()]


@pytest.mark.slow
@pytest.mark.parametrize("edge", [2, 4])
def test_adam_begins_anew_where_a_fade_begins_and_where_it_ends(edge: int) -> None:
    """train.py of the source: where floor or ceil of the level of detail changes; not within a segment, and not where the user says so."""
    resetting, keeping = make(), make({}, None, 32, reset_optimizers="false")
    for algorithm in (resetting, keeping):
        train(algorithm, edge)
        before = moments(algorithm)
        assert any(bool(tensor.any()) for tensor in before)
        algorithm.set_progress(images_before(algorithm, edge))
        after = moments(algorithm)
        if algorithm is resetting:
            assert not any(bool(tensor.any()) for tensor in after)
        else:
            assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    train(resetting, 1, start=edge)
    before = moments(resetting)
    resetting.set_progress(images_before(resetting, edge + 1))
    assert all(torch.equal(a, b) for a, b in zip(before, moments(resetting), strict=True))


@pytest.mark.slow
def test_replayed_phases_grow_as_eager_ones_do() -> None:
    """Captured anew for each segment, and alpha moves between replays: the same bits as the eager run."""
    eager, captured = make(resolution=16), make(resolution=16)
    graphs = RecordedGraphs()
    runner = GraphRunner(captured, CPU, graphs)
    runner.start()
    seen = 0
    for i in range(12):
        captured.set_progress(seen)
        runner.run(i)
        seen += captured.samples_shown(i)
    train(eager, 12)
    assert differing(weights(eager), weights(captured)) == []
    assert graphs.captures == 5 * len(captured.phases())


def test_compiling_is_refused() -> None:
    """What is compiled has one stage in it."""
    with pytest.raises(ConfigError, match=r"training\.runner is 'compile', and ProgressiveAlgorithm allows auto, eager, cuda_graph"):
        make_runner("compile", make(), CPU)


LABELS = torch.arange(40) % 5
VARIANTS: dict[str, tuple[dict[str, Any], Tensor | None, dict[str, str]]] = {
    "conditional": ({}, LABELS, {}),
    "bf16": ({"training.precision": "bf16"}, None, {}),
    "logistic-loss": ({"loss.name": "logistic"}, None, {}),
    "shared-fakes": ({"training.shared_fakes": True}, None, {}),
    "two-to-one": ({"training.d_steps": 2, "training.generator_batch_factor": 2}, None, {}),
    "lazy-penalty": ({"training.penalty_every": 2}, None, {}),
    "no-growing": ({}, None, {"start_resolution": "16"}),
    "no-fade": ({}, None, {"fade_kimg": "0"}),
}


@pytest.mark.slow(keep=2)
@pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS.keys())
def test_variants_train_through_the_stages(variant: tuple[dict[str, Any], Tensor | None, dict[str, str]]) -> None:
    """Finite, moving, and at full resolution in the end."""
    settings, labels, options = variant
    algorithm = make({"training.total_kimg": 0.12, **settings}, labels, 16, **options)
    before = weights(algorithm)
    images = iteration = 0
    while images < 112:
        algorithm.set_progress(images)
        execute(algorithm, iteration)
        images += algorithm.samples_shown(iteration)
        iteration += 1
    assert images == algorithm.state_dict()["sampler"]["position"]
    assert all(bool(value.isfinite().all()) for value in weights(algorithm).values())
    moved = set(differing(before, weights(algorithm)))
    assert {"generator.blocks.2.0.weight", "generator.to_image.2.weight", "discriminator.from_image.2.weight"} <= moved
    assert (algorithm.modules()["generator"].level, algorithm.trajectory().isfinite().all().item()) == (2, True)


def test_the_class_loss_reaches_both_networks() -> None:
    """With another weight, the first update of either network is another."""
    plain, weighted = (make({}, LABELS, class_weight=weight) for weight in ("0", "1"))
    for algorithm in (plain, weighted):
        train(algorithm, 1)
    losses = [a.trajectory()[0] for a in (plain, weighted)]
    assert losses[1][0] > losses[0][0] + 1
    assert losses[1][1] != losses[0][1]


def test_learning_rates_are_raised_at_1024_only() -> None:
    """config.py of the source: 0.001, and 0.0015 at 1024x1024 on one GPU; a schedule keeps its shape."""
    algorithm = make({"generator_optimizer.schedule": "linear"}, None, 1024, channel_base="512", max_channels="1", latent_dim="1")

    def rates(images_seen: int) -> list[float]:
        algorithm.set_progress(images_seen)
        return [state["param_groups"][0]["lr"].item() for state in algorithm.state_dict()["optimizers"].values()]

    assert rates(0) == pytest.approx([1e-3, 1e-3])
    assert rates(TOTAL // 2) == pytest.approx([5e-4, 1e-3])
    assert rates(TOTAL * 9 // 10) == pytest.approx([1.5e-4, 1.5e-3])
