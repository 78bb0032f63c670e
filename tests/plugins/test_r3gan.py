"""R3GAN's networks: sizes as published, the identity of a new block, its initialisation, and what a label does."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from ganbench import BuildContext, ConfigError, Networks
from ganbench.config.resolve import Layer, resolve
from ganbench.plugin.manager import PluginManager
from ganbench_kernels import Upsample2d
from ganbench_r3gan import R3GANOptions
from ganbench_r3gan.networks import ResidualBlock, build, widths_of
from ganbench_spaces.images import ImageSpace

MANAGER = PluginManager()


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def networks(resolution: int = 16, num_classes: int = 4, **options: Any) -> Networks:
    """Build narrow networks."""
    narrow = {"width": 16, "latent_dim": 6, "group_channels": 8}
    context = BuildContext(space=ImageSpace.square(3, resolution), num_classes=num_classes)
    return build(R3GANOptions(**{**narrow, **options}), context)


def counts(made: Networks) -> tuple[int, ...]:
    return tuple(sum(p.numel() for p in made[name].parameters()) for name in ("generator", "discriminator"))


@pytest.mark.parametrize(
    ("name", "resolution", "num_classes", "expected"),
    [
        ("r3gan-cifar", 32, 10, (20_781_952, 21_280_512)),
        ("r3gan-cifar-unconditional", 32, 0, (20_732_160, 20_683_776)),
        ("r3gan-ffhq-64", 64, 0, (22_429_824, 22_381_440)),
        ("r3gan-ffhq-256", 256, 0, (23_057_952, 23_009_568)),
        ("r3gan-imagenet-32", 32, 1000, (82_914_304, 86_548_992)),
        ("r3gan-imagenet-64", 64, 1000, (103_570_432, 107_205_120)),
    ],
)
def test_each_preset_has_its_parameter_counts(name: str, resolution: int, num_classes: int, expected: tuple[int, int]) -> None:
    """Derived from the layers of brownvc/R3GAN @19a7ddf; the article has 23.058 and 23.010 million at 256x256."""
    resolved = resolve(MANAGER, name, [])
    context = BuildContext(space=ImageSpace.square(3, resolution), num_classes=num_classes)
    with torch.device("meta"):
        assert counts(resolved.architecture.build(resolved.config.architecture.options, context)) == expected


def test_the_cifar_count_is_the_sum_of_its_layers() -> None:
    """768 channels, twice as many inside, 96 groups; biases behind convolutions with an activation alone."""
    block = 2 * 768 * 1536 + 1536 * 16 * 9 + 2 * 1536
    generator = 8 * block + (64 + 64) * 768 + 768 * 16 + 768 * 3 + 10 * 64
    discriminator = 8 * block + 768 * 3 + 768 * 16 + 768 * 768 + 10 * 768
    assert (generator, discriminator) == (20_781_952, 21_280_512)


@pytest.mark.parametrize(
    ("options", "resolution", "widths"),
    [
        ({}, 32, [768] * 4),
        ({}, 256, [768, 768, 768, 768, 384, 192, 96]),
        ({"width": 1536, "group_channels": 32, "full_width_resolution": 64}, 64, [1536] * 5),
        ({"width": 64}, 16, [64] * 3),
    ],
)
def test_the_widths_are_the_sources(options: dict[str, int], resolution: int, widths: list[int]) -> None:
    """Half as many channels beyond 32x32."""
    assert widths_of(R3GANOptions(**options), resolution) == widths


def test_a_width_without_whole_groups_is_refused() -> None:
    """At the resolution where it happens."""
    with pytest.raises(ValueError, match=r"whole groups of 16 at every resolution \(got 12: 12 channels at 4x4, times expansion 2\)"):
        networks(width=12, group_channels=16)
    with pytest.raises(ValueError, match=r"\(got 16: 4 channels at 128x128"):
        networks(128, width=16, group_channels=16)


def test_a_new_block_is_the_identity_to_the_bit() -> None:
    """Its last convolution is zero; nothing else in it is."""
    block = ResidualBlock(16, R3GANOptions(width=16), 6)
    x = torch.randn(2, 16, 8, 8)
    assert torch.equal(block(x), x)
    assert not block.narrow.weight.any()
    assert block.widen.weight.std() > 0
    assert block.mix.weight.std() > 0


def test_a_block_is_its_formula() -> None:
    """1x1, leaky ReLU 0.2, grouped 3x3, leaky ReLU, 1x1, and the input."""
    block = ResidualBlock(16, R3GANOptions(width=16), 6)
    for parameter in block.parameters():
        nn.init.normal_(parameter, std=0.3)
    x = torch.randn(2, 16, 5, 5)
    h = F.leaky_relu(F.conv2d(x, block.widen.weight, block.widen.bias), 0.2)
    h = F.leaky_relu(F.conv2d(h, block.mix.weight, block.mix.bias, padding=1, groups=2), 0.2)
    torch.testing.assert_close(block(x), x + F.conv2d(h, block.narrow.weight))
    assert block.narrow.bias is None


def test_weights_begin_with_the_scaled_variance() -> None:
    """Gain sqrt(2 / 1.04) of leaky ReLU, times L^(-1/(2 * 3 - 2)) for L blocks of three layers; biases are zero."""
    generator: Any = networks(32, width=128, blocks=2, group_channels=16)["generator"]
    block = generator.main.stages[0][0]
    gain = math.sqrt(2 / 1.04) * 8**-0.25
    assert block.widen.weight.std().item() == pytest.approx(gain / math.sqrt(128), rel=0.02)
    assert block.mix.weight.std().item() == pytest.approx(gain / math.sqrt(16 * 9), rel=0.02)
    assert not block.widen.bias.any()
    assert not block.mix.bias.any()


def test_a_new_generator_is_a_scaled_basis_that_is_enlarged() -> None:
    """The residual branches add nothing yet: what is left is linear in z."""
    generator: Any = networks(16, num_classes=0)["generator"]
    z = torch.randn(3, 6)
    with torch.no_grad():
        x = generator.scale(z)[:, :, None, None] * generator.basis
        for _ in range(2):
            x = Upsample2d()(x)
        torch.testing.assert_close(generator(z), generator.output(x))
        torch.testing.assert_close(generator(2 * z), 2 * generator(z))


def test_labels_decide_what_a_conditional_network_says() -> None:
    """An embedding beside z, and an inner product; without labels neither."""
    made = networks()
    images = made["generator"](torch.randn(1, 6).expand(2, -1), torch.tensor([0, 3]))
    assert (images[0] - images[1]).abs().max() > 1e-3
    logits = made["discriminator"](images[:1].expand(2, -1, -1, -1), torch.tensor([0, 3])).logits
    assert logits[0] != logits[1]
    assert made.inputs.labels
    for plain in (networks(num_classes=0), networks(conditional=False)):
        assert not plain.inputs.labels
        assert (plain["generator"].embedding, plain["discriminator"].embedding) == (None, None)
        assert plain["discriminator"](plain["generator"](torch.randn(2, 6), None), None).logits.shape == (2,)
    with pytest.raises(ValueError, match="conditional needs labels"):
        networks(num_classes=0, conditional=True)


def test_the_logit_is_the_inner_product_with_the_labels_embedding() -> None:
    """Of the linear image of what a 4x4 convolution in each channel says."""
    discriminator: Any = networks()["discriminator"]
    images, labels = torch.randn(3, 3, 16, 16), torch.tensor([1, 0, 3])
    judged = discriminator(images, labels)
    x = discriminator.main(discriminator.input(images))
    assert x.shape == (3, 16, 4, 4)
    features = (x * discriminator.basis.weight[:, 0]).sum((2, 3))
    torch.testing.assert_close(judged.features, features)
    said = features @ discriminator.head.weight.T
    torch.testing.assert_close(judged.logits, (said * discriminator.embedding.weight[labels]).sum(1))


@pytest.mark.parametrize("exact", [0, 1, 3])
def test_the_coarsest_maps_stay_in_fp32_where_the_run_is_in_bf16(exact: int) -> None:
    """Trap: what the source calls FP16 is bf16, in its top stages alone; the second derivative is finite."""
    made = networks(fp32_stages=exact)
    for name, order in (("generator", 1), ("discriminator", -1)):
        network: Any = made[name]
        kinds: list[torch.dtype] = []
        for block in [m for m in network.modules() if isinstance(m, ResidualBlock)][::2]:
            block.narrow.register_forward_hook(lambda m, i, o, kinds=kinds: kinds.append(o.dtype))
        images = torch.randn(2, 3, 16, 16, requires_grad=True)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            inputs = torch.randn(2, 6) if name == "generator" else images
            answer = network(inputs, torch.tensor([0, 1]))
        wanted = [torch.float32] * exact + [torch.bfloat16] * (3 - exact)
        assert kinds == wanted[::order]
        if name == "discriminator":
            (gradient,) = torch.autograd.grad(answer.logits.float().sum(), images, create_graph=True)
            gradient.square().sum().backward()
            assert all(p.grad is None or p.grad.isfinite().all() for p in network.parameters())


def test_no_run_is_in_fp16() -> None:
    """Trap: there the second derivative overflows; a run is in fp32 or bf16."""
    with pytest.raises(ConfigError, match=r"training\.precision must be"):
        resolve(MANAGER, "r3gan", [Layer(origin="test", settings={"training.precision": "fp16"})])
