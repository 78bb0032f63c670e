"""Residual networks: sizes and plans as published, blocks against their formulas, label heads, and what the recipes fix."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganbench import BuildContext, Judgement, Networks, Seen
from ganbench.config.resolve import Layer, resolve
from ganbench.plugin.manager import PluginManager
from ganbench.run.compatible import _refusals
from ganbench.spec import ArchitectureSpec
from ganbench_resnet import ResNetOptions
from ganbench_resnet.blocks import DiscriminatorBlock, FirstBlock, GeneratorBlock
from ganbench_resnet.class_loss import ClassLoss
from ganbench_resnet.networks import build, discriminator_plan, generator_plan
from ganbench_spaces.images import ImageSpace

MANAGER = PluginManager()
RECIPES = ("sngan", "sngan-projection", "wgan-gp", "acgan")


def networks(resolution: int = 16, image_channels: int = 3, num_classes: int = 0, packing: int = 1, **options: Any) -> Networks:
    """Build with narrow layers unless the widths are given."""
    torch.manual_seed(0)
    narrow = {"latent_dim": 16, "generator_width": 8, "discriminator_width": 8}
    shape = BuildContext(space=ImageSpace.square(image_channels, resolution), num_classes=num_classes, packing=packing)
    return build(ResNetOptions(**{**narrow, **options}), shape)


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def plain_conv(x: Tensor, layer: nn.Module) -> Tensor:
    return F.conv2d(x, layer.weight, layer.bias, padding=layer.kernel_size[0] // 2)  # type: ignore[arg-type, index, operator]


@pytest.mark.parametrize(
    ("name", "generator", "discriminator"),
    [
        ("sngan", 4_276_739, 1_053_824),
        ("sngan-projection", 4_276_739 + 6 * 2 * 256 * 9, 1_053_824 + 10 * 128),
        ("wgan-gp", 1_204_483, 1_053_825),
        ("acgan", 1_204_483 + 6 * 2 * 128 * 9, 1_053_825 + 129 * 10),
    ],
)
def test_recipes_have_the_parameter_counts_of_their_sources(name: str, generator: int, discriminator: int) -> None:
    """Summed over the layers of pfnet-research resnet_32.py and snresnet_32.py, and of igul222 gan_cifar_resnet.py."""
    resolved = resolve(MANAGER, name, [])
    made = resolved.architecture.build(resolved.config.architecture.options, BuildContext(space=ImageSpace.square(3, 32), num_classes=10))
    assert (count(made["generator"]), count(made["discriminator"])) == (generator, discriminator)


def test_mimicrys_discriminator_has_one_parameter_more() -> None:
    """kwotsin/mimicry sngan_32.py gives the last layer a bias; pfnet-research does not."""
    shape = BuildContext(space=ImageSpace.square(3, 32))
    assert count(build(ResNetOptions(generator_width=1), shape)["discriminator"]) == 1_053_825


@pytest.mark.parametrize(
    ("resolution", "base", "generator", "discriminator", "num_halvings"),
    [
        (32, 4, [256, 256, 256, 256], [128, 128, 128, 128], 2),
        (48, 6, [512, 256, 128, 64], [64, 128, 256, 512, 1024], 4),
        (64, 4, [1024, 512, 256, 128, 64], [64, 128, 256, 512, 1024], 5),
        (128, 4, [1024, 1024, 512, 256, 128, 64], [64, 128, 256, 512, 1024, 1024], 5),
    ],
)
def test_the_plans_are_the_published_ones(
    resolution: int, base: int, generator: list[int], discriminator: list[int], num_halvings: int
) -> None:
    """Miyato et al. 2018, tables 4 and 5 (mimicry sngan_48.py), and pfnet-research resnet_64.py, resnet.py, snresnet_64.py, snresnet.py."""
    options = ResNetOptions()
    assert generator_plan(options, resolution) == (base, generator)
    widths, downs = discriminator_plan(options, resolution)
    assert widths == discriminator
    assert downs == [True] * num_halvings + [False] * (len(widths) - num_halvings)


@pytest.mark.parametrize("shape", ["flat", "pyramid"])
@pytest.mark.parametrize(("resolution", "channels"), [(8, 1), (12, 3), (16, 1), (32, 3), (48, 1), (64, 3)])
def test_shapes_fit_at_every_resolution(resolution: int, channels: int, shape: str) -> None:
    """Images in [-1, 1] of the dataset's shape, one logit for each, features of the last layer's length."""
    made = networks(resolution, channels, generator_width=2, discriminator_width=2, shape=shape)
    images = made["generator"](torch.randn(3, made.inputs.dim), None)
    assert images.shape == (3, channels, resolution, resolution)
    assert images.abs().max() <= 1
    judged = made["discriminator"](images, None)
    assert judged.logits.shape == (3,)
    assert judged.features.shape == (3, made["discriminator"].head.in_features)  # type: ignore[union-attr]
    assert judged.class_logits is None


@pytest.mark.parametrize("options", [{}, {"spectral_norm": False, "pooling": "mean"}], ids=["sngan", "wgan-gp"])
def test_the_first_samples_are_neither_flat_nor_saturated(options: dict[str, Any]) -> None:
    """At initialisation: a visible spread about a moderate mean (rectified features add up), logits that differ from image to image."""
    made = networks(16, generator_width=64, discriminator_width=64, latent_dim=128, **options)
    with torch.no_grad():
        images = made["generator"](torch.randn(16, 128), None)
        logits = made["discriminator"](images, None).logits
    assert abs(images.mean().item()) < 0.5
    assert 0.3 < images.std().item() < 0.8
    assert images[0].sub(images[1]).abs().mean() > 0.2
    assert logits.abs().max() < 50
    assert logits.std() > 1e-3


def test_weights_are_initialised_as_published() -> None:
    """Glorot uniform, with gain sqrt 2 in the 3x3 convolutions of residual branches; biases 0 (pfnet-research resblocks.py)."""
    made = networks(16, generator_width=64, discriminator_width=64, latent_dim=64, spectral_norm=False)
    gains = {}
    for name, layer in [*made["generator"].named_modules(prefix="g"), *made["discriminator"].named_modules(prefix="d")]:
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            fan_in, fan_out = nn.init._calculate_fan_in_and_fan_out(layer.weight)
            gains[name] = layer.weight.abs().max().item() / (6 / (fan_in + fan_out)) ** 0.5
            assert not layer.bias.any()
    residual = {name for name in gains if name.endswith(("conv_in", "conv_out"))}
    assert len(residual) == 2 * (2 + 4)
    for name, gain in gains.items():
        assert gain == pytest.approx(2**0.5 if name in residual else 1.0, rel=0.05)


def test_a_generator_block_is_its_formula() -> None:
    """As in the paper, with the 1x1 convolution behind the upsampling and no activation in place (trap 4)."""
    torch.manual_seed(0)
    block = GeneratorBlock(3, 5, num_classes=0).double()
    x = torch.randn(4, 3, 4, 4, dtype=torch.float64)
    before = x.clone()

    def norm_relu(norm: Any, h: Tensor) -> Tensor:
        return F.relu(F.batch_norm(h, None, None, norm.weight, norm.bias, training=True))

    h = plain_conv(F.interpolate(norm_relu(block.norm_in, x), scale_factor=2), block.conv_in)
    wanted = plain_conv(norm_relu(block.norm_out, h), block.conv_out) + plain_conv(F.interpolate(x, scale_factor=2), block.skip)
    assert_agrees(block, block(x, None), wanted)
    assert torch.equal(x, before)


def test_the_first_block_is_its_formula() -> None:
    """No activation before the first convolution; pooling, then 1x1 convolution beside it."""
    torch.manual_seed(0)
    block = FirstBlock(3, 5).double()
    x = torch.randn(4, 3, 4, 4, dtype=torch.float64)
    h = plain_conv(F.relu(plain_conv(x, block.conv_in)), block.conv_out)
    assert_agrees(block, block(x), F.avg_pool2d(h, 2) + plain_conv(F.avg_pool2d(x, 2), block.skip))


@pytest.mark.parametrize(("after", "downsample"), [(3, False), (5, False), (3, True)])
def test_a_discriminator_block_is_its_formula(after: int, downsample: bool) -> None:
    """With pooling behind the 1x1 convolution; the first ReLU leaves the input alone, which the skip needs (trap 4)."""
    torch.manual_seed(0)
    block = DiscriminatorBlock(3, after, downsample=downsample, norm="none").double()
    x = torch.randn(4, 3, 4, 4, dtype=torch.float64)
    before = x.clone()
    h = plain_conv(F.relu(plain_conv(F.relu(x), block.conv_in)), block.conv_out)
    h = h + (x if block.skip is None else plain_conv(x, block.skip))
    assert_agrees(block, block(x), F.avg_pool2d(h, 2) if downsample else h)
    assert torch.equal(x, before)
    assert (block.skip is None) == (after == 3 and not downsample)


def assert_agrees(block: nn.Module, ours: Tensor, wanted: Tensor) -> None:
    """Compare values, and the gradients of every parameter."""
    torch.testing.assert_close(ours, wanted)
    parameters = list(block.parameters())
    pairs = zip(torch.autograd.grad(ours.square().sum(), parameters), torch.autograd.grad(wanted.square().sum(), parameters), strict=True)
    for a, b in pairs:
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize(("norm", "kind"), [("layer", nn.GroupNorm), ("batch", nn.BatchNorm2d)])
def test_a_norm_stands_before_each_relu_behind_the_first_block(norm: str, kind: type[nn.Module]) -> None:
    """Gulrajani et al. 2017, section 4: layer norm over a whole sample where there is one."""
    blocks: Any = networks(16, discriminator_norm=norm)["discriminator"].blocks
    norms = [sum(isinstance(m, kind) for m in block.modules()) for block in blocks]
    assert norms == [0, 2, 2, 2]
    assert all(m.num_groups == 1 for m in blocks.modules() if isinstance(m, nn.GroupNorm))


def test_pooling_is_a_sum_or_a_mean() -> None:
    """Trap 5: SNGAN adds the last feature map up, WGAN-GP averages it; 4x4 pixels here."""
    summing, averaging = (networks(16, pooling=pooling, spectral_norm=False)["discriminator"] for pooling in ("sum", "mean"))
    images = torch.randn(2, 3, 16, 16)
    torch.testing.assert_close(summing(images).features, 16 * averaging(images).features)
    pooling = {name: resolve(MANAGER, name, []).config.architecture.options.pooling for name in RECIPES}  # type: ignore[attr-defined]
    assert pooling == {"sngan": "sum", "sngan-projection": "sum", "wgan-gp": "mean", "acgan": "mean"}


@pytest.mark.parametrize(("norm", "refused"), [("batch", True), ("layer", False), ("none", False)])
def test_batch_norm_in_a_wgan_gp_critic_is_refused(norm: str, refused: bool) -> None:
    """Trap 2: the penalty takes gradients by sample."""
    resolved = resolve(MANAGER, "wgan-gp", [Layer(origin="test", settings={"architecture.options.discriminator_norm": norm})])
    spec = resolved.architecture.spec
    assert isinstance(spec, ArchitectureSpec)
    objective = resolved.loss.build(resolved.config.loss.options)
    found = list(_refusals(resolved.config, spec, networks(discriminator_norm=norm), objective, Judgement(torch.zeros(2))))
    assert bool(found) == refused
    assert all("gradient-penalty takes gradients by sample, and the discriminator has batch norm" in f.reason for f in found)


@pytest.mark.parametrize("name", RECIPES)
def test_recipes_train_as_their_sources(name: str) -> None:
    """Traps 13 and 15: 128 generated beside 64 real images, five critic steps, Adam (0, 0.9) with eps 1e-8, linear decay to 0."""
    config = resolve(MANAGER, name, []).config
    training = config.training
    assert (training.batch_size, training.generator_batch_factor, training.d_steps, training.ema_halflife_kimg) == (64, 2, 5, 0.0)
    for optimizer in (config.generator_optimizer, config.discriminator_optimizer):
        assert (optimizer.kind, optimizer.learning_rate, optimizer.beta1, optimizer.beta2) == ("adam", 2e-4, 0.0, 0.9)
        assert (optimizer.eps, optimizer.schedule) == (1e-8, "linear")
    iterations = training.total_kimg * 1000 / (training.batch_size * training.d_steps)
    assert iterations == (50_000 if name.startswith("sngan") else 100_000)
    assert training.dequantise == (config.loss.name == "wasserstein")


def test_the_discriminator_can_be_differentiated_twice() -> None:
    """R1 and WGAN-GP need it, through spectral norm too; in evaluation mode, so that the vectors stand still."""
    discriminator = networks(8, 1, discriminator_width=2)["discriminator"].double().eval()
    x = torch.randn(2, 1, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(1)).requires_grad_()
    # A quadratic on top, because piecewise linear layers alone have no second derivative.
    function: Callable[[Tensor], Tensor] = lambda images: discriminator(images, None).features.square()  # noqa: E731
    with torch.no_grad():
        assert function(x).abs().max() > 0
    assert torch.autograd.gradcheck(function, x, fast_mode=True)
    assert torch.autograd.gradgradcheck(function, x, fast_mode=True)


def test_labels_decide_what_a_conditional_network_says() -> None:
    """Through conditional batch norm once its gains differ, and through the projection; unless labels are not wanted."""
    made = networks(16, num_classes=4)
    assert made.inputs.labels
    images = torch.randn(1, 3, 16, 16).expand(2, -1, -1, -1)
    made["discriminator"].eval()
    judged = made["discriminator"](images, torch.tensor([0, 3]))
    embedding = made["discriminator"].projection.weight  # type: ignore[union-attr]
    difference = ((embedding[0] - embedding[3]) * judged.features[0]).sum()  # type: ignore[index, operator]
    torch.testing.assert_close(judged.logits[0] - judged.logits[1], difference)
    assert difference.abs() > 1e-3
    plain = networks(16, num_classes=4, conditional=False)
    assert not plain.inputs.labels
    assert plain["discriminator"](images, torch.tensor([0, 3])).logits.diff().abs() < 1e-5
    assert not networks(16).inputs.labels


def test_the_classifier_head_comes_with_its_loss() -> None:
    """AC-GAN: class logits beside logits that do not look at labels, and the term with the options' weights."""
    made = networks(16, num_classes=4, label_head="classifier", class_weight=2.0, generator_class_weight=0.5)
    judged = made["discriminator"](torch.randn(3, 3, 16, 16), torch.tensor([0, 1, 2]))
    assert judged.class_logits.shape == (3, 4)
    (term,) = made.terms
    seen = Seen(fake=judged, real=judged, fake_labels=torch.tensor([3, 3, 3]), real_labels=torch.tensor([0, 1, 2]))
    expected = F.cross_entropy(judged.class_logits, torch.tensor([0, 1, 2]))
    torch.testing.assert_close(term.of_discriminator(seen), 2 * expected)
    torch.testing.assert_close(term.of_generator(seen), 0.5 * F.cross_entropy(judged.class_logits, torch.tensor([3, 3, 3])))
    assert not term.needs_real
    assert networks(16, num_classes=4).terms == ()
    assert networks(16, label_head="classifier").terms == ()


def test_the_class_loss_leaves_out_what_has_no_weight() -> None:
    """The discriminator classifies real images only, and nothing at weight 0."""
    seen = Seen(fake=Judgement(torch.zeros(2), torch.randn(2, 3)), fake_labels=torch.tensor([0, 1]))
    assert ClassLoss(1.0, 0.0).of_generator(seen) is None
    assert ClassLoss(0.0, 1.0).of_generator(seen) is not None


def test_a_packed_discriminator_judges_images_behind_one_another() -> None:
    """PacGAN: twice the channels in, the generator as it was."""
    made = networks(16, 3, packing=2)
    assert made["generator"](torch.randn(2, 16)).shape == (2, 3, 16, 16)
    assert made["discriminator"](torch.randn(2, 6, 16, 16)).logits.shape == (2,)


def test_conditional_without_labels_is_refused() -> None:
    """The message says what to do."""
    with pytest.raises(ValueError, match="conditional needs labels, and this dataset has none; use -o conditional=false"):
        networks(16, conditional=True)


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("latent_dim", 0, "1 or more"),
        ("generator_width", 0, "1 or more"),
        ("discriminator_width", -1, "1 or more"),
        ("class_weight", -0.5, "0 or more"),
        ("generator_class_weight", float("nan"), "0 or more"),
    ],
)
def test_a_wrong_option_is_refused(name: str, value: float, allowed: str) -> None:
    """Field, bound and value."""
    with pytest.raises(ValueError, match=rf"{name} must be {allowed} \(got {value}\)"):
        ResNetOptions(**{name: value})
