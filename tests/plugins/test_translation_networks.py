"""The networks of CycleGAN and pix2pix: sizes as published, shapes at every resolution, and the layers' mathematics."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganbench import BuildContext, Networks
from ganbench_kernels import ConvBiasAct, NormAct
from ganbench_spaces.images import ImageSpace
from ganbench_translation import cyclegan, pix2pix
from ganbench_translation.cyclegan_options import CycleGANOptions
from ganbench_translation.layers import InstanceNormAct, ReflectionPad, _mirrored
from ganbench_translation.patch import MultiScaleDiscriminator, PatchDiscriminator
from ganbench_translation.pix2pix_options import Pix2PixOptions
from ganbench_translation.resnet import ResidualBlock
from ganbench_translation.sizes import RESOLUTIONS
from ganbench_translation.unet import Inpainter, UNet, dropout_levels, num_levels

NARROW = {"width": 4, "discriminator_width": 4}


def cycle(resolution: int = 16, image_channels: int = 3, num_classes: int = 2, **options: Any) -> Networks:
    torch.manual_seed(0)
    context = BuildContext(space=ImageSpace.square(image_channels, resolution), num_classes=num_classes)
    return cyclegan.build(CycleGANOptions(**{**NARROW, **options}), context)


def paired(resolution: int = 16, image_channels: int = 3, **options: Any) -> Networks:
    torch.manual_seed(0)
    context = BuildContext(space=ImageSpace.square(image_channels, resolution))
    return pix2pix.build(Pix2PixOptions(**{**NARROW, **options}), context)


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


@pytest.mark.slow
def test_cyclegan_at_256_has_the_sources_parameter_counts() -> None:
    """11.378 M for resnet_9blocks and 2.765 M for the 70x70 discriminator, as users of junyanz/pytorch-CycleGAN-and-pix2pix report."""
    made = cycle(256, width=64, discriminator_width=64)
    assert (count(made["generator"]), count(made["discriminator"])) == (11_378_179, 2_764_737)
    assert [count(made[f"backward_{name}"]) for name in ("generator", "discriminator")] == [11_378_179, 2_764_737]


@pytest.mark.slow(keep=1)
@pytest.mark.parametrize(
    ("resolution", "channels", "patch_layers", "expected"),
    [
        (256, 3, 3, (54_413_955, 2_768_705)),  # 54.414 M and 2.769 M in a log of the source that a user published
        (256, 1, 3, (54_407_809, 2_764_609)),  # 54.408 M and 2.765 M, the source's issue 1152
        (64, 1, 2, (29_237_889, 662_337)),  # 29.238 M and 0.662 M, the same
    ],
)
def test_pix2pix_has_the_sources_parameter_counts(resolution: int, channels: int, patch_layers: int, expected: tuple[int, int]) -> None:
    """junyanz/pytorch-CycleGAN-and-pix2pix, unet_256 and the same with six levels, n_layers_D 3 and 2."""
    made = paired(resolution, 2 * channels, task="pairs", width=64, discriminator_width=64, patch_layers=patch_layers)
    assert (count(made["generator"]), count(made["discriminator"])) == expected


def test_an_inpainter_has_one_more_input_channel() -> None:
    """The plane that says what is hidden: one more filter plane in the first layer of both networks."""
    made, plain = paired(32, 3), paired(32, 6, task="pairs")
    assert count(made["generator"]) - count(plain["generator"]) == 4 * 4 * 4
    assert count(made["discriminator"]) - count(plain["discriminator"]) == 4 * 4 * 4


@pytest.mark.parametrize("resolution", [r for r in RESOLUTIONS if r <= 256])
@pytest.mark.parametrize("channels", [1, 3])
def test_shapes_fit_at_every_resolution(resolution: int, channels: int) -> None:
    """Images in [-1, 1] of the dataset's context, and a map of logits."""
    options = {"width": 2, "discriminator_width": 2}
    images = torch.rand(2, channels, resolution, resolution) * 2 - 1
    made = cycle(resolution, channels, **options)
    translated = made["generator"](images, None)
    assert translated.shape == images.shape
    assert translated.abs().max() <= 1
    assert made["discriminator"](translated, None).shape[:2] == (2, 1)
    made = paired(resolution, channels, **options)
    inputs = torch.cat([images, torch.zeros(2, 1, resolution, resolution)], dim=1)
    assert made["generator"](inputs, None).shape == images.shape
    assert made["discriminator"](torch.cat([inputs, images], dim=1), None).ndim == 2


@pytest.mark.parametrize(("layers", "pixels"), [(1, 16), (2, 34), (3, 70)])
def test_a_patch_is_as_large_as_published(layers: int, pixels: int) -> None:
    """One logit in the middle depends on 70x70 pixels with three strided convolutions (Isola et al., appendix 6.1.2)."""
    made = PatchDiscriminator(1, width=2, num_layers=layers, norm="instance")
    for module in made.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.constant_(module.weight, 0.1)
    made.stages = nn.ModuleList([stage[0] if isinstance(stage, nn.Sequential) else stage for stage in made.stages])  # norms see it all
    images = torch.zeros(1, 1, 128, 128, requires_grad=True)
    logits = made(images)
    middle = logits.shape[-1] // 2
    (gradient,) = torch.autograd.grad(logits[0, 0, middle, middle], images)
    rows = gradient[0, 0].abs().sum(dim=1).nonzero()
    assert int(rows[-1] - rows[0]) + 1 == pixels


def test_the_first_translations_are_neither_flat_nor_saturated() -> None:
    """At initialisation: zero mean, a visible spread, logits near zero and different from patch to patch."""
    images = torch.rand(4, 3, 64, 64, generator=torch.Generator().manual_seed(1)) * 2 - 1
    made = cycle(64, width=32, discriminator_width=32)
    with torch.no_grad():
        translated, logits = made["generator"](images), made["discriminator"](images)
    assert abs(translated.mean().item()) < 0.2
    assert 0.05 < translated.std().item() < 0.7
    assert logits.abs().max() < 3
    assert logits.std() > 0.01


def test_weights_are_initialised_as_published() -> None:
    """Convolutions N(0, 0.02), batch-norm gains N(1, 0.02), biases 0 (networks.py init_weights)."""
    for made in (cycle(64, width=32, discriminator_width=32), paired(64, width=32, discriminator_width=32)):
        for module in [*made["generator"].modules(), *made["discriminator"].modules()]:
            if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)) and module.weight.numel() > 5000:
                assert module.weight.std().item() == pytest.approx(0.02, rel=0.05)
            if isinstance(module, nn.BatchNorm2d):
                assert module.weight.std().item() == pytest.approx(0.02, rel=0.6)
            bias = getattr(module, "bias", None)
            assert not isinstance(bias, nn.Parameter) or not bias.any()


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_instance_norm_is_torchs(layout: torch.memory_format) -> None:
    """Values and gradients of instance norm and leaky ReLU, for several images."""
    x = torch.randn(3, 4, 5, 5, dtype=torch.float64).to(memory_format=layout).requires_grad_()  # type: ignore[call-overload]
    weight = torch.randn(3, 4, 5, 5, dtype=torch.float64)
    ours, torchs = InstanceNormAct(0.2)(x), F.leaky_relu(F.instance_norm(x), 0.2)
    torch.testing.assert_close(ours, torchs)
    gradients = [torch.autograd.grad((y * weight).sum(), x)[0] for y in (ours, torchs)]
    torch.testing.assert_close(*gradients)


def test_padding_by_slices_is_torchs_reflection() -> None:
    """What a deterministic run on a GPU takes in its place."""
    x = torch.randn(2, 3, 6, 7)
    expected = F.pad(x, (3, 3, 3, 3), mode="reflect")
    assert torch.equal(ReflectionPad(3)(x), expected)
    assert torch.equal(_mirrored(_mirrored(x, 3, 2), 3, 3), expected)


def test_a_residual_block_leaves_its_input_as_it_is() -> None:
    """Trap 4: an activation in place in front of a skip connection would change what is added."""
    block = ResidualBlock(4)
    x = torch.randn(2, 4, 6, 6)
    before = x.clone()
    change = block(x) - x
    assert torch.equal(x, before)
    padded = F.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), block.layers[1].weight, block.layers[1].bias)  # type: ignore[arg-type]
    inner = F.pad(F.instance_norm(padded).relu(), (1, 1, 1, 1), mode="reflect")
    expected = F.instance_norm(F.conv2d(inner, block.layers[4].weight, block.layers[4].bias))  # type: ignore[arg-type]
    torch.testing.assert_close(change, expected, rtol=1e-4, atol=1e-5)


def published_unet(net: UNet, x: Tensor) -> Tensor:
    """The source's nesting, with activations in front of convolutions and none in place; batch norms in evaluation."""

    def norm(layer: Any, x: Tensor) -> Tensor:
        return F.batch_norm(x, layer.running_mean, layer.running_var, layer.weight, layer.bias)

    def block(level: int, x: Tensor) -> Tensor:
        down: Any = net.encoder[level]
        last, first = level == len(net.encoder) - 1, level == 0
        convolution = down if isinstance(down, ConvBiasAct) else down[0]
        y = F.conv2d(x if first else F.leaky_relu(x, 0.2), convolution.weight, stride=2, padding=1)
        y = y if isinstance(down, ConvBiasAct) else norm(down[1], y)
        inner = y if last else torch.cat([y, block(level + 1, y)], dim=1)
        up: Any = net.decoder[level]
        if first:
            return up(inner.relu()).tanh()
        return norm(up[1], up[0](inner.relu()))

    return block(0, x)


@pytest.mark.parametrize("resolution", [8, 28, 32])
def test_the_u_net_is_the_published_one(resolution: int) -> None:
    """Values, and the gradients of all weights: moving the activations behind the norms changes neither."""
    torch.manual_seed(0)
    net = UNet(2, 3, resolution=resolution, width=3, dropout=0.5).double().eval()
    for module in net.modules():
        if isinstance(module, NormAct):
            nn.init.normal_(module.running_mean)  # type: ignore[arg-type]
            nn.init.normal_(module.bias)
    x = torch.randn(2, 2, resolution, resolution, dtype=torch.float64)
    ours, expected = net(x), published_unet(net, x)
    torch.testing.assert_close(ours, expected)
    gradients = [torch.autograd.grad(y.square().sum(), list(net.parameters())) for y in (ours, expected)]
    for mine, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(mine, theirs)


def test_the_depth_goes_by_the_resolution() -> None:
    """Eight halvings at 256 (unet_256), seven at 128 (unet_128), and down to an odd size elsewhere."""
    assert [num_levels(r) for r in (8, 16, 28, 32, 96, 128, 256, 1024)] == [3, 4, 2, 5, 5, 7, 8, 8]
    assert [list(dropout_levels(n)) for n in (8, 7, 6, 4, 3, 2)] == [[4, 5, 6], [4, 5], [4], [2], [1], []]
    dropping = [len([m for m in paired(r)["generator"].modules() if isinstance(m, nn.Dropout)]) for r in (16, 256)]
    assert dropping == [1, 3]


def test_dropout_is_the_generators_noise_in_training_alone() -> None:
    """Two passes differ in training; an evaluated image depends on its input alone."""
    net = paired(16, 1)["generator"]
    x = torch.randn(2, 2, 16, 16)
    x[:, 1] = 1
    assert not torch.equal(net(x), net(x))
    net.eval()
    assert torch.equal(net(x), net(x))


def test_an_inpainter_leaves_what_is_visible() -> None:
    """Bit for bit; what is hidden is the network's."""
    net = Inpainter(3, 2, resolution=8, width=2, dropout=0.0).eval()
    hidden = torch.zeros(1, 1, 8, 8)
    hidden[..., 2:6, 2:6] = 1
    images = torch.rand(1, 2, 8, 8) * (1 - hidden)
    made = net(torch.cat([images, hidden], dim=1))
    assert torch.equal(made * (1 - hidden), images)
    assert (made * hidden).abs().sum() > 0


def test_each_scale_sees_half_the_resolution_of_the_one_before() -> None:
    """Averages of 3x3 pixels, of which those outside do not count (pix2pixHD's networks.py)."""
    made = MultiScaleDiscriminator(1, num_scales=2, width=2, num_layers=1, norm="batch").eval()
    images = torch.randn(2, 1, 32, 32)
    (full, features), (half, _) = made.judge(images)
    smaller = F.avg_pool2d(images, 3, stride=2, padding=1, count_include_pad=False)
    torch.testing.assert_close(full, made.scales[0](images))
    torch.testing.assert_close(half, made.scales[1](smaller))
    assert (full.shape[-1], half.shape[-1], len(features)) == (14, 6, 2)
    assert made(images).shape == (2, 14 * 14 + 6 * 6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"width": 0}, r"width must be 1 or more \(got 0\)"),
        ({"num_blocks": 0}, r"num_blocks must be 1 or more \(got 0\)"),
        ({"pool_size": -1}, r"pool_size must be 0 or more \(got -1\)"),
        ({"cycle_weight": float("nan")}, r"cycle_weight must be 0 or more \(got nan\)"),
        ({"source_class": 1}, r"target_class must differ from source_class \(got 1 for both\)"),
        ({"target_class": 2}, r"target_class must be below 2, the number of classes \(got 2\)"),
        ({"num_classes": 0}, "needs a dataset with two classes or more, its domains; for a folder of two folders say -o labels=true"),
        ({"num_downsamplings": 3}, r"num_downsamplings must be such that 16 pixels .* \(got 3\)"),
        ({"patch_layers": 3}, r"patch_layers must be smaller for 16 pixels \(got 3\)"),
    ],
)
def test_wrong_options_of_cyclegan_say_what_is_allowed(options: dict[str, Any], message: str) -> None:
    """Field, bound and value."""
    with pytest.raises(ValueError, match=message):
        cycle(**options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"discriminator_width": 0}, r"discriminator_width must be 1 or more \(got 0\)"),
        ({"hole_size": 1.0}, r"hole_size must be above 0 and below 1 \(got 1.0\)"),
        ({"dropout": 1.0}, r"dropout must be at least 0 and below 1 \(got 1.0\)"),
        ({"l1_weight": -1.0}, r"l1_weight must be 0 or more \(got -1.0\)"),
        ({"discriminator_weight": 0.0}, r"discriminator_weight must be above 0 \(got 0.0\)"),
        ({"num_scales": 0}, r"num_scales must be 1 or more \(got 0\)"),
        ({"num_scales": 3}, r"patch_layers and num_scales must be smaller for 16 pixels \(got 1 and 3\)"),
        ({"task": "pairs"}, r"task=pairs needs images of an even number of channels, input and target \(got 3\)"),
    ],
)
def test_wrong_options_of_pix2pix_say_what_is_allowed(options: dict[str, Any], message: str) -> None:
    """Field, bound and value."""
    with pytest.raises(ValueError, match=message):
        paired(**options)
