"""pix2pix's iteration and tasks: the losses of the paper and its sources, what is hidden, and what it is evaluated on."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from ganbench import ConfigError, Dataset
from ganbench.config.resolve import Layer, resolve
from ganbench.plugin.manager import PluginManager
from ganbench.run.build import build
from ganbench.run.plan import plan_run
from ganbench_spaces.images import ImageSpace, image_source
from ganbench_translation.paired_algorithm import PairedAlgorithm
from ganbench_translation.pix2pix import draw_pairs, targets_of
from ganbench_translation.pix2pix_options import Pix2PixOptions
from ganbench_translation.tasks import Inpainting, Pairs, make_task

MANAGER = PluginManager()
SMALL: dict[str, Any] = {
    "dataset.name": "synthetic",
    "dataset.options.resolution": 16,
    "dataset.options.channels": 2,
    "dataset.options.num_images": 30,
    "architecture.options.width": 4,
    "architecture.options.discriminator_width": 4,
    "training.batch_size": 4,
    "training.device": "cpu",
}


def make(name: str = "pix2pix", **settings: Any) -> PairedAlgorithm:
    """Build the algorithm as a run does, with dropout off; ``architecture__options__width=4`` sets that path."""
    chosen = {**SMALL, **{path.replace("__", "."): value for path, value in settings.items()}}
    chosen["evaluation.metrics"] = ()
    algorithm: Any = build(plan_run(MANAGER, name, [Layer(origin="test", settings=chosen)]), MANAGER).algorithm
    for module in algorithm.modules().values():
        module.eval()
    return algorithm


def pair(algorithm: PairedAlgorithm) -> tuple[Tensor, Tensor, Tensor]:
    """Return inputs, targets and the generator's images."""
    algorithm.phases()[0].stage()
    inputs, targets = algorithm._task(algorithm.take("images"), lambda n: algorithm.draw("task", n))
    return inputs, targets, algorithm.generate(inputs)


def cross_entropy(logits: Tensor, target: float) -> Tensor:
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, target))


def test_the_losses_are_the_sources() -> None:
    """Half of both cross-entropies; the generator's cross-entropy and 100 times the L1 distance (pix2pix_model.py)."""
    ours = make()
    inputs, targets, made = pair(ours)
    d = ours.modules()["discriminator"]
    real, fake = d(torch.cat([inputs, targets], dim=1)), d(torch.cat([inputs, made], dim=1))
    expected = (cross_entropy(real, 1) + cross_entropy(fake, 0)) / 2
    torch.testing.assert_close(ours.discriminator_loss(inputs, targets, made)[0], expected)
    expected = cross_entropy(fake, 1) + 100 * F.l1_loss(made, targets)
    torch.testing.assert_close(ours.generator_loss(inputs, targets, made), expected)


def test_losses_of_several_scales_add_up_and_features_are_matched() -> None:
    """pix2pixHD: losses summed over the scales; 4 / layers of each layer's L1 distance, averaged over the scales, times 10."""
    options = {"architecture__options__num_scales": 2, "loss__name": "least-squares", "architecture__options__feature_weight": 10.0}
    ours: Any = make(**options)
    inputs, targets, made = pair(ours)
    d = ours.modules()["discriminator"]
    real, fake = d.judge(torch.cat([inputs, targets], dim=1)), d.judge(torch.cat([inputs, made], dim=1))
    squares = [((r - 1).square().mean() + f.square().mean()) / 2 for (r, _), (f, _) in zip(real, fake, strict=True)]
    torch.testing.assert_close(ours.discriminator_loss(inputs, targets, made)[0], (squares[0] + squares[1]) / 2)
    distance = torch.tensor(0.0)
    for (_, of_real), (_, of_fake) in zip(real, fake, strict=True):
        for r, f in zip(of_real, of_fake, strict=True):
            distance = distance + 4 / len(of_real) / 2 * F.l1_loss(f, r)
    adversarial = sum(((f - 1).square().mean() / 2 for f, _ in fake), torch.tensor(0.0))
    expected = adversarial + 10 * distance + 100 * F.l1_loss(made, targets)
    torch.testing.assert_close(ours.generator_loss(inputs, targets, made), expected)


def test_matched_features_give_the_discriminator_no_gradient() -> None:
    """Real features are constants, and the discriminator is frozen in the generator's update."""
    options = {"architecture__options__num_scales": 2, "architecture__options__feature_weight": 10.0}
    ours: Any = make(**options)
    inputs, targets, made = pair(ours)
    with ours.frozen("discriminator"):
        ours.generator_loss(inputs, targets, made).backward()
    assert all(p.grad is None for p in ours.modules()["discriminator"].parameters())
    assert all(p.grad is not None for p in ours.modules()["generator"].parameters())


def uniform(seed: int) -> Any:
    random = torch.Generator().manual_seed(seed)
    return lambda n: torch.rand(n, generator=random)


def test_a_central_hole_is_in_the_middle() -> None:
    """8 of 16 pixels: what is hidden is 0 in the image and 1 in the plane; the target is the whole image."""
    task = Inpainting(image_channels=2, resolution=16, side=8, random=False)
    images = torch.rand(3, 2, 16, 16) + 0.5
    inputs, targets = task(images, uniform(0))
    assert targets is images
    hidden = torch.zeros(16, 16)
    hidden[4:12, 4:12] = 1
    assert torch.equal(inputs[:, 2], hidden.expand(3, 16, 16))
    assert torch.equal(inputs[:, :2], images * (1 - hidden))


def test_random_holes_are_squares_of_one_size_anywhere() -> None:
    """Every position is taken, equal numbers give equal holes, and rows and columns are drawn apart."""
    task = Inpainting(image_channels=1, resolution=8, side=3, random=True)
    hidden = task.hidden(2000, torch.device("cpu"), uniform(0))[:, 0]
    assert hidden.sum(dim=(1, 2)).tolist() == [9] * 2000
    first_rows, first_columns = (hidden.any(dim=dim).long().argmax(dim=1) for dim in (2, 1))
    counts = torch.bincount(first_rows * 6 + first_columns, minlength=36)
    assert len(counts) == 36
    assert counts.min() > 25  # 55 expected, four standard deviations below
    assert torch.equal(hidden, task.hidden(2000, torch.device("cpu"), uniform(0))[:, 0])


@pytest.mark.parametrize(("size", "side"), [(0.5, 8), (0.01, 1), (0.99, 15), (0.25, 4)])
def test_the_hole_is_a_fraction_of_the_resolution(size: float, side: int) -> None:
    """One pixel at least, and something is left to see."""
    task = make_task(Pix2PixOptions(hole_size=size), ImageSpace.square(1, 16))
    assert isinstance(task, Inpainting)
    assert task.side == side


def test_pairs_are_halves_of_the_channels_in_either_direction() -> None:
    """The first three channels to the last three, or back."""
    images = torch.randn(2, 6, 4, 4)
    inputs, targets = Pairs(half_channels=3, backward=False)(images, uniform(0))
    assert torch.equal(inputs, images[:, :3])
    assert torch.equal(targets, images[:, 3:])
    backward = Pairs(half_channels=3, backward=True)(images, uniform(0))
    assert torch.equal(backward[0], targets)
    assert torch.equal(backward[1], inputs)


def dataset(channels: int) -> Dataset:
    random = torch.Generator().manual_seed(2)
    splits = [torch.randint(0, 256, (n, channels, 8, 8), dtype=torch.uint8, generator=random) for n in (12, 5)]
    return Dataset(name="made", train=image_source(splits[0]), test=image_source(splits[1]))


def test_inpainting_is_evaluated_on_held_out_images_and_compared_with_whole_ones() -> None:
    """The same stream gives the same images and holes."""
    made, task = dataset(1), Inpainting(image_channels=1, resolution=8, side=4, random=True)
    inputs, targets = draw_pairs(task, made, 7, torch.Generator().manual_seed(4))
    again, _ = draw_pairs(task, made, 7, torch.Generator().manual_seed(4))
    assert torch.equal(inputs, again)
    assert made.test is not None
    held = {tuple(image.flatten().tolist()) for image in made.test.read(torch.arange(5))}
    assert {tuple(((image + 1) * 127.5).round().to(torch.uint8).flatten().tolist()) for image in targets} == held
    assert targets_of(task, made) is made


def test_pairs_are_compared_with_their_target_halves() -> None:
    """In one channel of two."""
    made = dataset(2)
    found = targets_of(Pairs(half_channels=1, backward=False), made)
    assert found.space.size[0] == 1
    assert torch.equal(found.train.read(torch.arange(12)), made.train.read(torch.arange(12))[:, 1:])
    assert found.test is not None
    back = targets_of(Pairs(half_channels=1, backward=True), made)
    assert torch.equal(back.train.read(torch.arange(12)), made.train.read(torch.arange(12))[:, :1])


def test_settings_that_it_cannot_heed_are_refused() -> None:
    """Before anything is trained."""
    with pytest.raises(ConfigError, match=r"training.d_steps must be 1 for pix2pix \(got 5\)"):
        make(training__d_steps=5)
    with pytest.raises(ConfigError, match="pix2pix takes a loss without penalties, terms and clipping"):
        make(loss__options__r1_gamma=1.0, training__force=True)
    with pytest.raises(ConfigError, match="pix2pix is not trained with the loss 'minimax'"):
        make(loss__name="minimax")


def test_the_recipe_is_the_sources() -> None:
    """Facades, from labels to photographs: batches of one, 200 epochs of 400, the rate constant for half of them."""
    config = resolve(MANAGER, "pix2pix-256", []).config
    options: Any = config.architecture.options
    assert (config.training.batch_size, config.training.total_kimg, options.direction) == (1, 80.0, "backward")
    for optimizer in (config.generator_optimizer, config.discriminator_optimizer):
        assert (optimizer.beta1, optimizer.learning_rate, optimizer.schedule_start_kimg) == (0.5, 2e-4, 40.0)
    config = resolve(MANAGER, "cyclegan-256", []).config
    assert (config.loss.name, config.training.batch_size, config.training.total_kimg) == ("least-squares", 1, 266.8)
