"""ADA: each transformation in a closed form, the filter, the rule of its strength, and that this survives resume and capture."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from random_images import context_on_random_images
from torch import Tensor

from ganbench import AugmentationSpec, BuildContext, ConfigError, PluginError
from ganbench.config.resolve import Layer, resolve
from ganbench.config.values import build_options
from ganbench.plugin.manager import PluginManager
from ganbench.testing.recorded_graph import RecordedGraphs
from ganbench.training.algorithm import execute
from ganbench.training.graph_runner import GraphRunner
from ganbench_augmentations.ada import ADA, recoloured
from ganbench_augmentations.draws import Draws, inverse_of_blits, inverse_of_geometry, of_colours, rotation, scale, shift
from ganbench_augmentations.warp import SYM6, low_pass, warp
from ganbench_r3gan.algorithm import R3GANAlgorithm
from ganbench_spaces.images import ImageSpace

MANAGER = PluginManager()
CPU = torch.device("cpu")
SIZE = 16


def images(channels: int = 3, count: int = 4, size: int = SIZE) -> Tensor:
    return torch.rand(count, channels, size, size, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 2 - 1


def stream(seed: int = 1) -> Callable[[int], Tensor]:
    random = torch.Generator().manual_seed(seed)
    return lambda count: torch.rand(count, generator=random, dtype=torch.float64)


def ada(channels: int = 3, size: int = SIZE, **options: str) -> ADA:
    """Build it as a run does."""
    registered = MANAGER.find(AugmentationSpec, "ada")
    context = BuildContext(space=ImageSpace.square(channels, size))
    made: ADA = registered.build(build_options(registered.spec.options, options, "augmentation"), context)
    return made


class Chosen(Draws):
    """Does one kind of transformation, the n-th that is asked for, with numbers that are given."""

    def __init__(self, kind: int, *numbers: float) -> None:
        super().__init__(stream(), 1, torch.ones(()))
        self._turn, self._numbers = kind, list(numbers)

    def _next(self) -> Tensor:
        return torch.tensor([self._numbers.pop(0)], dtype=torch.float64)

    def perhaps(self, value: Tensor, otherwise: float, probability: Tensor | None = None) -> Tensor:
        self._turn -= 1
        return value if self._turn == -1 else torch.full_like(value, otherwise)

    def uniform(self, low: float, high: float) -> Tensor:
        return self._next()

    def whole(self, number: int) -> Tensor:
        return self._next()

    def normal(self, deviation: float) -> Tensor:
        return self._next()


def test_the_filter_is_orthonormal() -> None:
    """What makes resampling there and back the identity: inner products with even shifts, and a sum of sqrt(2)."""
    taps = torch.tensor(SYM6, dtype=torch.float64)
    assert float(taps.sum()) == pytest.approx(math.sqrt(2), abs=1e-12)
    products = [float((taps[lag:] * taps[: len(taps) - lag]).sum()) for lag in range(0, 12, 2)]
    assert products == pytest.approx([1.0, 0, 0, 0, 0, 0], abs=1e-12)


@pytest.mark.parametrize("channels", [1, 3])
def test_without_strength_images_stay_as_they_are(channels: int) -> None:
    """The map is the identity, and so is filtering twice."""
    x = images(channels)
    torch.testing.assert_close(ada(channels)(x, stream()), x, rtol=0, atol=1e-6)  # p itself is in float32
    torch.testing.assert_close(warp(x, torch.eye(3, dtype=torch.float64).expand(4, 3, 3), low_pass()), x, rtol=0, atol=1e-10)


def blob(x: Tensor, y: Tensor) -> Tensor:
    """Return a smooth picture without any symmetry."""
    return torch.exp(-((x - 3) ** 2 + (y + 2) ** 2 / 2) / 18) + 0.5 * torch.exp(-((x + 4) ** 2 + (y - 5) ** 2) / 12)


def places(size: int = 32) -> tuple[Tensor, Tensor]:
    along = torch.arange(size, dtype=torch.float64) - (size - 1) / 2
    return along[None, :].expand(size, -1), along[:, None].expand(-1, size)


MAPS = {
    "mirrored": lambda one: scale(-one, one),
    "quarter": lambda one: rotation(one * math.pi / 2),
    "shifted": lambda one: shift(3 * one, -2 * one),
    "turned": lambda one: rotation(0.4 * one),
    "smaller": lambda one: scale(1.2 * one, 1.2 * one),
    "stretched and turned": lambda one: scale(0.8 * one, 1.1 * one) @ rotation(-0.7 * one) @ shift(0.3 * one, 1.6 * one),
}


@pytest.mark.parametrize("name", MAPS)
def test_a_picture_is_taken_from_where_its_map_says(name: str) -> None:
    """Against the picture itself, as a function of the plane, at the mapped places."""
    inverse = MAPS[name](torch.ones(1, dtype=torch.float64))
    x, y = places()
    first, second = inverse[0, 0], inverse[0, 1]
    wanted = blob(first[0] * x + first[1] * y + first[2], second[0] * x + second[1] * y + second[2])
    found = warp(blob(x, y)[None, None], inverse, low_pass())[0, 0]
    inner = slice(6, -6)
    torch.testing.assert_close(found[inner, inner], wanted[inner, inner], rtol=0, atol=0.03)


def test_whole_shifts_move_pixels_and_borders_are_mirrored() -> None:
    """To the bit of rounding inside; beyond the border comes what lies before it, without the border again."""
    x = images(1)
    found = warp(x, shift(*torch.tensor([[3.0, -2.0]] * 4, dtype=torch.float64).T), low_pass())
    torch.testing.assert_close(found[:, :, 8:-3, 3:-8], x[:, :, 6:-5, 6:-5], rtol=0, atol=1e-10)
    for by in (3, 9, 40):
        moved = warp(x, shift(*torch.tensor([[float(by), 0.0]] * 4, dtype=torch.float64).T), low_pass())
        there = [(SIZE - 1) - abs((c + by) % (2 * SIZE - 2) - (SIZE - 1)) for c in range(SIZE)]
        torch.testing.assert_close(moved, x[..., there], rtol=0, atol=1e-10)


@pytest.mark.parametrize(
    ("kind", "numbers", "wanted"),
    [
        (0, [1.0, 0, 0, 0], [[-1.0, 0, 0], [0, 1, 0], [0, 0, 1]]),
        (1, [0.0, 1, 0, 0], [[0.0, -1, 0], [1, 0, 0], [0, 0, 1]]),
        (2, [0.0, 0, 0.1, -0.06], [[1.0, 0, -2], [0, 1, 1], [0, 0, 1]]),
    ],
    ids=["mirror", "quarter", "shift"],
)
def test_blits_are_the_published_ones(kind: int, numbers: list[float], wanted: list[list[float]]) -> None:
    """Mirrored, turned by a quarter, shifted by round(0.1 * 16) and round(-0.06 * 16) pixels; what is asked for is the inverse."""
    found = inverse_of_blits(Chosen(kind, *numbers), SIZE, SIZE)
    torch.testing.assert_close(found[0], torch.tensor(wanted, dtype=torch.float64), rtol=0, atol=1e-10)


@pytest.mark.parametrize(
    ("kind", "numbers", "wanted"),
    [
        (0, [math.log(2), 0, 0, 0, 0, 0], lambda one: scale(one / 2, one / 2)),
        (1, [0, 0.3, 0, 0, 0, 0], lambda one: rotation(0.3 * one)),
        (2, [0, 0, math.log(2), 0, 0, 0], lambda one: scale(one / 2, 2 * one)),
        (3, [0, 0, 0, -0.3, 0, 0], lambda one: rotation(-0.3 * one)),
        (4, [0, 0, 0, 0, 0.25, -0.1], lambda one: shift(-4 * one, 1.6 * one)),
    ],
    ids=["scale", "before", "stretch", "behind", "shift"],
)
def test_the_geometry_is_the_published_one(kind: int, numbers: list[float], wanted: Callable[[Tensor], Tensor]) -> None:
    """Factors are lognormal; a stretch keeps the area; shifts are parts of the size."""
    found = inverse_of_geometry(Chosen(kind, *numbers), SIZE, SIZE)
    torch.testing.assert_close(found, wanted(torch.ones(1, dtype=torch.float64)))


def grey_of(x: Tensor) -> Tensor:
    return x.mean(dim=1, keepdim=True)


COLOURS: dict[str, tuple[int, list[float], Callable[[Tensor], Tensor]]] = {
    "brightness": (0, [0.3, 0, 0, 0, 0], lambda x: x + 0.3),
    "contrast": (1, [0, math.log(1.5), 0, 0, 0], lambda x: 1.5 * x),
    "lightness": (2, [0, 0, 1, 0, 0], lambda x: x - 2 * grey_of(x)),
    "a third of the hues": (3, [0, 0, 0, 2 * math.pi / 3, 0], lambda x: x.roll(1, dims=1)),
    "saturation": (4, [0, 0, 0, 0, math.log(0.5)], lambda x: grey_of(x) + 0.5 * (x - grey_of(x))),
}


@pytest.mark.parametrize("name", COLOURS)
def test_colours_are_the_published_ones(name: str) -> None:
    """Each as it is on images; a turn by 120 degrees carries red to green, green to blue, blue to red."""
    kind, numbers, wanted = COLOURS[name]
    x = images(count=1)
    torch.testing.assert_close(recoloured(x, of_colours(Chosen(kind, *numbers))), wanted(x))


def test_a_grey_image_has_no_hue_and_no_saturation() -> None:
    """It is what a colour image of three equal channels becomes, which the axis of greys keeps."""
    x, colours = images(1), of_colours(Draws(stream(), 4, torch.ones(())))
    torch.testing.assert_close(recoloured(x, colours), recoloured(x.expand(-1, 3, -1, -1), colours).mean(1, keepdim=True))
    for kind, numbers in ((3, [0.0, 0, 0, 1.1, 0]), (4, [0.0, 0, 0, 0, 0.7])):
        torch.testing.assert_close(recoloured(x[:1], of_colours(Chosen(kind, *numbers))), x[:1])


def test_each_kind_is_done_with_the_probability() -> None:
    """Of 20,000 images; of the two rotations at least one, and above 1 all are done."""
    draws = Draws(stream(), 20_000, torch.tensor(0.3))
    one = torch.ones(20_000, dtype=torch.float64)
    assert float(draws.perhaps(one, 0.0).mean()) == pytest.approx(0.3, abs=0.015)
    draws.probability = torch.tensor(1.7)
    assert bool((draws.perhaps(one, 0.0) == 1).all())
    chances: list[Tensor] = []

    class Asked(Chosen):
        def perhaps(self, value: Tensor, otherwise: float, probability: Tensor | None = None) -> Tensor:
            chances.extend([] if probability is None else [probability])
            return super().perhaps(value, otherwise, probability)

    asked = Asked(99, *[0.0] * 6)
    asked.probability = torch.tensor(0.3)
    inverse_of_geometry(asked, SIZE, SIZE)
    assert [float(c) for c in chances] == pytest.approx([1 - math.sqrt(0.7)] * 2, rel=1e-5)


def test_normal_numbers_are_normal() -> None:
    """Mean, deviation and the fourth moment of 100,000; 0 from the stream gives no infinity."""
    drawn = Draws(stream(), 100_000, torch.ones(())).normal(2.0)
    assert (float(drawn.mean()), float(drawn.std())) == pytest.approx((0.0, 2.0), abs=0.03)
    assert float((drawn / 2).pow(4).mean()) == pytest.approx(3.0, abs=0.1)
    assert Draws(lambda count: torch.zeros(count), 1, torch.ones(())).normal(1.0).isfinite().all()


def test_an_image_does_not_depend_on_the_others() -> None:
    """At full strength, with its own numbers."""
    x, made = images(), ada(strength="1")
    rows = torch.rand(64, 4, generator=torch.Generator().manual_seed(3), dtype=torch.float64)

    def dealing(which: slice) -> Callable[[int], Tensor]:
        remaining = iter(rows)
        return lambda count: next(remaining)[which]

    together = made(x, dealing(slice(None)))
    assert (together - x).abs().mean() > 0.1
    torch.testing.assert_close(made(x[1:2], dealing(slice(1, 2))), together[1:2])


@pytest.mark.slow
def test_it_can_be_differentiated_twice() -> None:
    """The generator learns through it, and R1 is taken at the images before it."""
    x, made = images(1, count=1, size=5).requires_grad_(), ada(1, 5, strength="1")
    assert torch.autograd.gradcheck(lambda t: made(t, stream()), (x,))
    assert torch.autograd.gradgradcheck(lambda t: made(t, stream()).sin(), (x,))


def observed(made: ADA, share: float, updates: int, count: int = 20) -> None:
    """Show it updates whose real logits are positive in this share: a discriminator that overfits so much."""
    logits = torch.where(torch.arange(count) < round(share * count), 3.0, -0.1)
    for _ in range(updates):
        made.observe(logits)


def test_the_strength_follows_the_published_rule() -> None:
    """Every 4 updates by 4 batches over 500 kimg: up while the mean sign is above 0.6, down below, not at 0.6, never below 0."""
    made = ada(rise_kimg="8")  # a step is 4 * 20 / 8000
    observed(made, 1.0, 3)
    assert float(made.strength) == 0.0
    observed(made, 1.0, 1)
    assert float(made.strength) == pytest.approx(0.01)
    observed(made, 0.85, 40)  # the mean sign is 0.7
    assert float(made.strength) == pytest.approx(0.11)
    observed(made, 0.80, 40)  # 0.6 to the bit
    assert float(made.strength) == pytest.approx(0.11)
    observed(made, 0.75, 20)  # 0.5: accurate in three of four, and yet below the target
    assert float(made.strength) == pytest.approx(0.06)
    observed(made, 0.0, 400)
    assert float(made.strength) == 0.0
    observed(made, 1.0, 400)
    assert float(made.strength) == pytest.approx(1.0)


def test_the_strength_rises_from_0_to_1_in_500_kimg_whatever_the_batch() -> None:
    """The rule counts images: 500,000 of them, in batches of 500 and of 2,500."""
    for count in (500, 2500):
        made = ada()
        observed(made, 1.0, 500_000 // count, count)
        assert float(made.strength) == pytest.approx(1.0, abs=1e-4)


def test_the_sign_is_the_mean_over_the_interval() -> None:
    """Against the rule in plain Python, on logits of a random walk."""
    made, random, wanted, signs = ada(rise_kimg="2", strength="0.5"), torch.Generator().manual_seed(2), 0.5, []
    for update in range(40):
        logits = torch.randn(8, generator=random) + 1.5 * math.sin(update / 5) + 0.8
        made.observe(logits)
        signs += logits.sign().tolist()
        if update % 4 == 3:
            mean = sum(signs) / len(signs)
            wanted = max(wanted + (1 if mean > 0.6 else -1 if mean < 0.6 else 0) * len(signs) / 2000, 0.0)
            signs = []
    assert float(made.strength) == pytest.approx(wanted, abs=1e-6)


def test_a_fixed_or_scheduled_strength_does_not_follow_the_signs() -> None:
    """The other ways to use it: R3GAN's rises along half a cosine."""
    fixed = ada(target="none", strength="0.3")
    observed(fixed, 1.0, 40)
    assert float(fixed.strength) == pytest.approx(0.3)
    rising = ada(target="none", final_strength="0.55", ramp_kimg="0.1")
    for seen, wanted in ((0, 0.0), (50, 0.275), (100, 0.55), (500, 0.55)):
        rising.set_progress(seen)
        assert float(rising.strength) == pytest.approx(wanted)


NARROW = {"width": "8", "latent_dim": "4", "blocks": "1", "group_channels": "4"}


def algorithm(**options: str) -> R3GANAlgorithm:
    """Build an algorithm that trains with it on random images."""
    layer = Layer(origin="test", settings={"training.batch_size": 8, "training.total_kimg": 0.2})
    config = resolve(MANAGER, "r3gan", [layer], NARROW).config
    chosen = {"target": "-0.99", "rise_kimg": "0.1", "strength": "0.25", **options}  # every other step moves it, one way or the other
    return R3GANAlgorithm(context_on_random_images(MANAGER, config, resolution=8, augment=ada(1, 8, **chosen)))


def train(made: R3GANAlgorithm, iterations: range) -> None:
    for i in iterations:
        made.set_progress(8 * i)
        execute(made, i)


def everything(made: R3GANAlgorithm) -> dict[str, Tensor]:
    return {f"{n}.{k}": v.clone() for n, m in made.modules().items() for k, v in m.state_dict().items()}


def differing(a: dict[str, Tensor], b: dict[str, Tensor]) -> list[str]:
    return [name for name in a if not torch.equal(a[name], b[name])]


def test_a_resumed_run_has_the_same_bits() -> None:
    """Its strength and what it has counted in the middle of an interval among them."""
    whole, first, resumed = algorithm(), algorithm(), algorithm()
    train(whole, range(10))
    train(first, range(5))
    resumed.load_state_dict(copy.deepcopy(first.state_dict()))
    train(resumed, range(5, 10))
    assert differing(everything(whole), everything(resumed)) == []
    assert float(whole.modules()["augmentation"].strength) != 0.25  # type: ignore[arg-type]


def test_captured_steps_are_the_eager_ones() -> None:
    """One capture follows the strength, to the bit."""
    eager, captured, graphs = algorithm(), algorithm(), RecordedGraphs()
    runner = GraphRunner(captured, CPU, graphs)
    runner.start()
    captures = graphs.captures
    for i in range(9):
        for made, run in ((eager, lambda i: execute(eager, i)), (captured, runner.run)):
            made.set_progress(8 * i)
            run(i)
    assert differing(everything(eager), everything(captured)) == []
    assert graphs.captures == captures
    assert float(eager.modules()["augmentation"].strength) != 0.25  # type: ignore[arg-type]


def test_it_is_applied_to_real_and_generated_images_in_both_updates_and_hears_of_real_ones() -> None:
    """Trap: images that the discriminator sees as they are, or a rule that follows accuracy."""
    made = algorithm()
    assert made.augment is not None
    shown: list[Tensor] = []
    heard: list[Tensor] = []
    judged: list[Tensor] = []
    made.augment.register_forward_hook(lambda module, inputs, output: shown.append(output))
    made.discriminator.register_forward_pre_hook(lambda module, inputs: judged.append(inputs[0]))
    made.augment.observe = heard.append  # type: ignore[method-assign]
    for phase, views in (("discriminator", 2), ("generator", 2)):  # a relativistic generator looks at real images too
        (found,) = (p for p in made.phases() if p.name.startswith(phase))
        shown.clear()
        judged.clear()
        found.prepare()
        found.run()
        assert len(shown) == views
        assert all(any(one is two for two in shown) for one in judged)
    assert [len(one) for one in heard] == [8]


def test_its_strength_is_told_with_the_losses() -> None:
    """So that it is a line of the events, and on every reporter's screen."""
    made = algorithm()
    train(made, range(2))
    assert made.read_statistics()["strength"] == float(made.modules()["augmentation"].strength)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pipeline": "color"}, "pipeline must be"),
        ({"target": "1"}, r"target must be above -1 and below 1"),
        ({"every": "0"}, "every must be 1 or more"),
        ({"final_strength": "0.5"}, r"target must be none where final_strength is 0.5 \(got 0.6\)"),
        ({"strength": "1.5"}, "strength must be"),
    ],
)
def test_a_wrong_option_is_refused(options: dict[str, str], message: str) -> None:
    """With what is allowed."""
    with pytest.raises(ConfigError, match=message):
        ada(**options)


def test_what_cannot_be_augmented_is_refused() -> None:
    """Images without colours in the usual sense, unless these are left alone, and tiny ones."""
    with pytest.raises(PluginError, match=r"pipeline must be b or bg .* \(got bgc, 2 channels\)"):
        ada(2)
    assert ada(2, pipeline="bg", strength="1")(images(2), stream()).shape == (4, 2, SIZE, SIZE)
    with pytest.raises(PluginError, match=r"ada needs images of 4x4 or more \(got 3x3\)"):
        ada(3, 3)


def test_only_what_the_pipeline_names_is_done() -> None:
    """Blits alone permute and mirror pixels; colours come with c."""
    x = torch.full((4, 3, SIZE, SIZE), 0.25, dtype=torch.float64)
    for pipeline in ("b", "bg"):
        torch.testing.assert_close(ada(pipeline=pipeline, strength="1")(x, stream()), x, rtol=0, atol=1e-6)
    changed: Any = ada(strength="1")(x, stream())
    assert (changed - x).abs().max() > 0.05
