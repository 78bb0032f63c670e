"""StyleGAN2's networks: sizes as published, each layer by its formula, what styles, noise and labels do, and truncation."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from ganbench import BuildContext, ConfigError, Networks
from ganbench.config.resolve import Layer, resolve
from ganbench.plugin.manager import PluginManager
from ganbench_kernels import Downsample2d, Upsample2d, minibatch_stddev
from ganbench_spaces.images import ImageSpace
from ganbench_stylegan2 import StyleGAN2Options
from ganbench_stylegan2.layers import Conv, Dense, StyledConv, ToImage
from ganbench_stylegan2.mapping import on_sphere
from ganbench_stylegan2.networks import build

MANAGER = PluginManager()
LINE = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8
NARROW = {"latent_dim": 6, "mapping_layers": 2, "channel_base": 64, "max_channels": 8}


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def networks(resolution: int = 16, num_classes: int = 0, **options: Any) -> Networks:
    """Build narrow networks."""
    context = BuildContext(space=ImageSpace.square(3, resolution), num_classes=num_classes)
    return build(StyleGAN2Options(**{**NARROW, **options}), context)


def counts(made: Networks) -> tuple[int, ...]:
    return tuple(sum(p.numel() for p in made[name].parameters()) for name in ("generator", "discriminator"))


def active(x: Tensor, bias: Tensor) -> Tensor:
    return math.sqrt(2) * F.leaky_relu(x + bias.view(-1, *[1] * (x.ndim - 2)), 0.2)


@pytest.mark.parametrize(
    ("name", "resolution", "num_classes", "expected"),
    [
        ("stylegan2-1024", 1024, 0, (30_370_060, 29_012_513)),
        ("stylegan2-256", 256, 0, (24_767_458, 24_001_089)),
        ("stylegan2-ada-cifar", 32, 10, (20_215_315, 23_089_664)),
        ("stylegan2-ada-cifar-unconditional", 32, 0, (19_947_539, 20_720_641)),
    ],
)
def test_each_recipe_has_its_parameter_counts(name: str, resolution: int, num_classes: int, expected: tuple[int, int]) -> None:
    """Trap: derived from the layers of NVlabs/stylegan2-ada-pytorch @d72cc7d; those of 256x256 stand in R3GAN's table, those of cifar with
    labels in PyTorch-StudioGAN's log."""
    resolved = resolve(MANAGER, name, [])
    context = BuildContext(space=ImageSpace.square(3, resolution), num_classes=num_classes)
    with torch.device("meta"):
        assert counts(resolved.architecture.build(resolved.config.architecture.options, context)) == expected


def test_the_cifar_count_is_the_sum_of_its_layers() -> None:
    """512 everywhere: styles, convolutions with bias and strength of noise, steps to the image; the discriminator's plain chain."""
    dense, conv, image = 512 * 512 + 512, 512 * 512 * 9 + 512, 512 * 3 + 3
    generator = 2 * dense + 512 * 16 + 7 * (dense + conv + 1) + 4 * (dense + image)
    discriminator = 3 * 512 + 512 + 6 * conv + (513 * 512 * 9 + 512) + (512 * 16 * 512 + 512) + 513
    assert (generator, discriminator) == (19_947_539, 20_720_641)
    labels = 10 * 512 + 512
    assert (generator + labels + 512 * 512, discriminator + labels + 8 * dense + dense - 513) == (20_215_315, 23_089_664)


def test_weights_are_standard_normal_and_scaled_at_run_time() -> None:
    """A mapping layer's are a hundred times as large and scaled back, so that Adam moves it at a hundredth of the rate."""
    plain, slow = Dense(64, 128, active=True), Dense(64, 128, active=True, rate=0.01)
    assert plain.weight.std().item() == pytest.approx(1, rel=0.03)
    assert slow.weight.std().item() == pytest.approx(100, rel=0.03)
    x = torch.randn(5, 64)
    with torch.no_grad():
        slow.bias.fill_(30.0)
        torch.testing.assert_close(slow(x), active(x @ (slow.weight / 100).T / 8, torch.full((128,), 0.3)))
        torch.testing.assert_close(plain(x), active(x @ plain.weight.T / 8, torch.zeros(128)))
        assert plain(x).square().mean().item() == pytest.approx(1, rel=0.2)


def test_a_convolution_of_the_discriminator_is_its_formula() -> None:
    """Filtered at the full rate and then convolved at every other pixel; a gain scales the clamp with it."""
    x = torch.randn(2, 4, 8, 8)
    conv = Conv(4, 6, 3, halved=True, gain=0.5, clamp=1.0)
    torch.nn.init.normal_(conv.bias)
    kernel = torch.outer(LINE, LINE).expand(4, 1, 4, 4)
    filtered = F.conv2d(F.pad(x, (2, 2, 2, 2)), kernel, groups=4)
    wanted = active(F.conv2d(filtered, conv.weight / 6, stride=2), conv.bias).clamp(-1, 1) / 2
    torch.testing.assert_close(conv(x), wanted)
    shortcut = Conv(4, 6, 1, halved=True, active=False, gain=0.5)
    torch.testing.assert_close(shortcut(x), 0.5 * F.conv2d(Downsample2d()(x), shortcut.weight / 2))
    assert shortcut.bias is None


@pytest.mark.parametrize("doubled", [False, True])
def test_a_styled_convolution_is_its_formula(doubled: bool) -> None:
    """Weights of each sample, demodulated; a transposed convolution and the filter where it enlarges; noise, bias, leaky ReLU."""
    size = 8 if doubled else 4
    layer = StyledConv(3, 5, 6, size, doubled=doubled, clamp=None).eval()
    with torch.no_grad():
        layer.noise_strength.fill_(0.3)
        layer.bias.normal_()
    x, w = torch.randn(2, 3, 4, 4), torch.randn(2, 6)
    styles = w @ layer.style.weight.T / math.sqrt(6) + 1
    torch.testing.assert_close(layer.style(w), styles)
    for one, style, found in zip(x, styles, layer(x, w), strict=True):
        own = layer.weight * style[:, None, None]
        own = own / (own.square().sum((1, 2, 3), keepdim=True) + 1e-8).sqrt()
        if doubled:
            y = F.conv_transpose2d(one[None], own.transpose(0, 1), stride=2)
            y = F.conv2d(F.pad(y, (1, 1, 1, 1)), 4 * torch.outer(LINE, LINE).expand(5, 1, 4, 4), groups=5)
        else:
            y = F.conv2d(one[None], own, padding=1)
        torch.testing.assert_close(found, active(y + 0.3 * layer.noise, layer.bias)[0])


def test_noise_is_drawn_while_it_trains_and_fixed_where_it_is_evaluated() -> None:
    """With a strength of 0 at first, so that there is none."""
    layer = StyledConv(3, 5, 6, 4, doubled=False, clamp=None)
    x, w = torch.randn(2, 3, 4, 4), torch.randn(2, 6)
    assert torch.equal(layer(x, w), layer(x, w))
    with torch.no_grad():
        layer.noise_strength.fill_(1.0)
    assert not torch.equal(layer(x, w), layer(x, w))
    layer.eval()
    assert torch.equal(layer(x, w), layer(x, w))


def test_the_step_to_the_image_is_modulated_and_not_demodulated() -> None:
    """It is linear in the style and in the map."""
    layer, x, w = ToImage(4, 3, 6, clamp=None), torch.randn(2, 4, 5, 5), torch.randn(2, 6)
    styles = layer.style(w)
    wanted = torch.einsum("nihw,oi,ni->nohw", x, layer.weight[:, :, 0, 0] / 2, styles)
    torch.testing.assert_close(layer(x, w), wanted)


def test_z_is_on_a_sphere() -> None:
    """Only its direction counts."""
    generator: Any = networks()["generator"]
    z = torch.randn(3, 6)
    torch.testing.assert_close(generator.mapping(5 * z, None), generator.mapping(z, None))
    torch.testing.assert_close(on_sphere(z).square().mean(1), torch.ones(3))


@pytest.mark.parametrize("kind", ["skip", "orig"])
def test_images_are_a_sum_over_resolutions_or_the_last(kind: str) -> None:
    """Of what each block adds, enlarged by the filter; a style goes to a layer of its own."""
    generator: Any = networks(generator_kind=kind)["generator"].eval()
    styles = torch.randn(2, generator.num_layers, 6)
    assert generator.num_layers == 6
    x, images, first = None, None, 0
    for block in generator.blocks:
        x = block.basis.expand(2, -1, -1, -1) if x is None else x
        for layer in block.layers:
            x = layer(x, styles[:, first])
            first += 1
        if block.to_image is not None:
            added = block.to_image(x, styles[:, first])
            images = added if images is None else Upsample2d()(images) + added
    assert sum(block.to_image is not None for block in generator.blocks) == (3 if kind == "skip" else 1)
    torch.testing.assert_close(generator.synthesis(styles), images)


def test_styles_are_mixed_from_a_layer_on() -> None:
    """The first layers keep the first, the finer ones have the other."""
    generator: Any = networks()["generator"].eval()
    z, other = torch.randn(3, 6), torch.randn(3, 6)
    ours, theirs = generator.mapping(z, None), generator.mapping(other, None)
    mixed = generator.styles(z, None, other, torch.tensor(2.0))
    torch.testing.assert_close(mixed, torch.stack([ours, ours, theirs, theirs, theirs, theirs], dim=1))
    torch.testing.assert_close(generator.styles(z, None, other, torch.tensor(6)), generator.styles(z, None))


def test_truncation_draws_evaluated_images_to_the_mean_style() -> None:
    """w + psi (w - mean), with the mean that training has gathered; training itself is not truncated."""
    generator: Any = networks(truncation=0.5, mean_style_decay=0.9)["generator"]
    z = torch.randn(3, 6)
    w = generator.mapping(z, None)
    torch.testing.assert_close(generator.styles(z, None)[:, 0], w)
    torch.testing.assert_close(generator.mean_style, 0.1 * w.mean(0))
    generator.eval()
    torch.testing.assert_close(generator.styles(z, None)[:, 0], generator.mean_style + 0.5 * (w - generator.mean_style))
    torch.testing.assert_close(generator.mean_style, 0.1 * w.mean(0))
    none: Any = networks(truncation=0.0)["generator"].eval()
    assert torch.equal(none(z[:1]), none(z[1:2]))


@pytest.mark.parametrize("kind", ["resnet", "skip", "orig"])
def test_the_discriminator_is_its_formula(kind: str) -> None:
    """A shortcut, the image again at each resolution, or a plain chain; then deviations of groups, a convolution and two linear layers."""
    discriminator: Any = networks(discriminator_kind=kind)["discriminator"]
    images = torch.randn(4, 3, 16, 16)
    x, seen = None, images
    for number, block in enumerate(discriminator.blocks):
        if block.from_image is not None:
            x = block.from_image(seen) if x is None else x + block.from_image(seen)
        assert (block.from_image is not None) == (number == 0 or kind == "skip")
        seen = Downsample2d()(seen)
        y = block.second(block.first(x))
        x = y + block.shortcut(x) if kind == "resnet" else y
    if kind == "skip":
        x = x + discriminator.from_image(seen)
    judged = discriminator(images)
    features = discriminator.dense(discriminator.last(minibatch_stddev(x, group_size=4)).flatten(1))
    torch.testing.assert_close(judged.features, features)
    torch.testing.assert_close(judged.logits, discriminator.head(features)[:, 0])
    assert discriminator.blocks[0].second.gain == (math.sqrt(0.5) if kind == "resnet" else 1.0)


def test_the_discriminator_may_look_at_each_image_alone() -> None:
    """Without deviations of groups, an image's logit does not depend on the batch."""
    images = torch.randn(4, 3, 16, 16)
    alone: Any = networks(stddev_group=0)["discriminator"]
    torch.testing.assert_close(alone(images[:1]).logits, alone(images).logits[:1])
    grouped: Any = networks()["discriminator"]
    assert (grouped(images[:1]).logits - grouped(images).logits[:1]).abs().max() > 1e-4


def test_labels_decide_what_a_conditional_network_says() -> None:
    """An embedding beside z, and an inner product with what the label is mapped to, over the root of its length; without labels neither."""
    made = networks(num_classes=4)
    assert made.inputs.labels
    generator: Any = made["generator"].eval()
    discriminator: Any = made["discriminator"]
    images = generator(torch.randn(1, 6).expand(2, -1), torch.tensor([0, 3]))
    assert (images[0] - images[1]).abs().max() > 1e-3
    judged = discriminator(images, torch.tensor([2, 1]))
    said = discriminator.head(judged.features)
    wanted = (said * discriminator.mapping(None, torch.tensor([2, 1]))).sum(1) / math.sqrt(said.shape[1])
    torch.testing.assert_close(judged.logits, wanted)
    for plain in (networks(), networks(num_classes=4, conditional=False)):
        assert not plain.inputs.labels
        assert plain["discriminator"](plain["generator"](torch.randn(2, 6), None), None).logits.shape == (2,)
    with pytest.raises(ValueError, match="conditional needs labels"):
        networks(conditional=True)


@pytest.mark.parametrize(("stages", "wanted"), [(4, [False, True, True]), (1, [False, False, True]), (0, [False] * 3)])
def test_the_finest_maps_are_in_bf16_where_the_run_is(stages: int, wanted: list[bool]) -> None:
    """4x4, styles and images stay in float32; the second derivative is finite."""
    made = networks(bf16_stages=stages)
    generator: Any = made["generator"]
    discriminator: Any = made["discriminator"]
    kinds: list[torch.dtype] = []
    for block in generator.blocks:
        block.register_forward_hook(lambda m, i, o: kinds.append(o[0].dtype))
        block.layers[0].style.register_forward_hook(lambda m, i, o: kinds.append(o.dtype))
    images = torch.randn(2, 3, 16, 16, requires_grad=True)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert generator(torch.randn(2, 6)).dtype == torch.float32
        answer = discriminator(images)
    assert kinds[::2] == [torch.float32] * 3
    assert [kind == torch.bfloat16 for kind in kinds[1::2]] == wanted
    assert answer.logits.dtype == torch.float32
    (gradient,) = torch.autograd.grad(answer.logits.sum(), images, create_graph=True)
    gradient.square().sum().backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in discriminator.parameters())


def test_a_channel_base_below_the_resolution_is_refused() -> None:
    """There would be no channel."""
    with pytest.raises(ValueError, match=r"channel_base must be 128 or more for images of 128x128 \(got 64\)"):
        networks(128)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("architecture.options.truncation", 1.5, "truncation must be"),
        ("architecture.options.path_every", 0, "path_every must be 1 or more"),
        ("architecture.options.discriminator_kind", "residual", "discriminator_kind must be"),
    ],
)
def test_a_wrong_option_is_refused(path: str, value: Any, message: str) -> None:
    """With what is allowed."""
    with pytest.raises(ConfigError, match=message):
        resolve(MANAGER, "stylegan2", [Layer(origin="test", settings={path: value})])
