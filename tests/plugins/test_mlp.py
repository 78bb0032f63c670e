"""Multilayer perceptrons: sizes as published, ranges, labels, maxout, initial weights, and every option's effect."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ganbench import BuildContext, ModelSpec, Networks
from ganbench.config.resolve import Layer, Resolved, resolve
from ganbench.plugin.manager import PluginManager
from ganbench.spec import RecipeSpec
from ganbench_kernels import NormAct
from ganbench_mlp import conditional, ganbench_register
from ganbench_mlp.layers import Maxout
from ganbench_mlp.networks import build
from ganbench_mlp.options import CGANOptions, MLPOptions
from ganbench_spaces.images import ImageSpace
from ganbench_spaces.points import PointSpace

MANAGER = PluginManager()
MNIST = BuildContext(space=ImageSpace.square(1, 28), num_classes=10)
POINTS = BuildContext(space=PointSpace())
RECIPES = [spec.name for spec in ganbench_register() if isinstance(spec, RecipeSpec)]


def resolved(name: str, **settings: Any) -> Resolved:
    return resolve(MANAGER, name, [Layer(origin="test", settings=settings)])


def published(name: str, context: BuildContext) -> Networks:
    """Build what a recipe builds, from a fixed seed."""
    torch.manual_seed(0)
    found = resolved(name)
    made: Networks = found.architecture.build(found.config.architecture.options, context)
    return made


def networks(context: BuildContext = MNIST, **options: Any) -> Networks:
    """Build with narrow layers unless the widths are given."""
    torch.manual_seed(0)
    narrow = {"latent_dim": 8, "generator_widths": (16, 12), "discriminator_widths": (12, 16)}
    return build(MLPOptions(**{**narrow, **options}), context)


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def dense(*widths: int) -> int:
    """Return the weights and biases of linear layers."""
    return sum(before * after + after for before, after in pairwise(widths))


def test_registration_imports_nothing_heavy() -> None:
    """Listing the networks needs neither torch nor numpy."""
    code = "import sys, ganbench_mlp as m; m.ganbench_register(); print(sorted({'torch', 'numpy', 'rich'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("name", "context", "generator", "discriminator"),
    [
        ("mlp-tensorflow", MNIST, dense(100, 128, 128, 784), dense(784, 128, 128, 1)),
        ("mlp-tensorflow-small", MNIST, dense(100, 128, 784), dense(784, 128, 1)),
        ("mlp-pytorch", MNIST, 1_486_352, 533_505),
        # eriklindernoren/PyTorch-GAN gan.py: batch norm behind 256, 512 and 1024.
        ("mlp-teaching", MNIST, dense(100, 128, 256, 512, 1024, 784) + 2 * (256 + 512 + 1024), 533_505),
        # goodfeli/adversarial mnist.yaml: 1200, 1200, 784; maxout 240x5 twice.
        ("gan-2014", MNIST, dense(100, 1200, 1200, 784), dense(784, 1200) + dense(240, 1200) + dense(240, 1)),
        # fjxmlzn/PacGAN pacgan_task.py: no biases before batch norm, packs of two.
        ("pacgan-2d", POINTS, 2 * 400 + 3 * 400**2 + 4 * 800 + dense(400, 2), dense(2, 1000) + 2 * dense(200, 1000) + dense(200, 1)),
        # igul222/improved_wgan_training gan_toy.py, DIM 512.
        ("wgan-gp-toy", POINTS, dense(2, 512, 512, 512, 2), dense(2, 512, 512, 512, 1)),
        # Mirza and Osindero 2014, section 4.1.
        (
            "cgan",
            MNIST,
            dense(100, 200) + dense(10, 1000) + dense(1200, 1200, 784),
            dense(784, 1200) + dense(10, 250) + dense(290, 960) + dense(240, 1),
        ),
    ],
)
def test_a_recipe_has_the_parameters_of_its_source(name: str, context: BuildContext, generator: int, discriminator: int) -> None:
    """Layer by layer as the source lists them."""
    made = published(name, context)
    assert (count(made["generator"]), count(made["discriminator"])) == (generator, discriminator)


def test_a_pack_widens_the_discriminators_input_alone() -> None:
    """PacGAN2: m times the coordinates."""
    found = resolved("pacgan-2d")
    assert found.config.training.packing == 2
    assert found.config.training.batch_size == 200
    packed = found.architecture.build(found.config.architecture.options, BuildContext(space=PointSpace(), packing=2))
    single = published("pacgan-2d", POINTS)
    assert count(packed["discriminator"]) - count(single["discriminator"]) == 2 * 1000
    assert count(packed["generator"]) == count(single["generator"])
    assert packed["discriminator"](torch.zeros(5, 4, 1, 1), None).logits.shape == (5,)


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_resolves_and_says_what_it_comes_from(name: str) -> None:
    """Source and deviations; what is resolved can be built for its own data."""
    spec = MANAGER.find(ModelSpec, name).spec
    assert isinstance(spec, RecipeSpec)
    assert spec.paper
    assert spec.deviations
    assert resolved(name).overridden == ()


@pytest.mark.parametrize("name", ["mlp-tensorflow", "mlp-tensorflow-small", "mlp-pytorch", "mlp-teaching", "gan-2014", "cgan"])
def test_the_first_images_are_neither_flat_nor_saturated(name: str) -> None:
    """At initialisation: in range, different from image to image, logits near 0."""
    made = published(name, MNIST)
    labels = torch.arange(16) % 10 if made.inputs.labels else None
    with torch.no_grad():
        images = made["generator"](torch.rand(16, made.inputs.dim) * 2 - 1, labels)
        logits = made["discriminator"](images, labels).logits
    assert images.shape == (16, 1, 28, 28)
    assert images.abs().max() < 1
    assert abs(images.mean().item()) < 0.1
    assert images.std(0).mean() > 0.005
    assert logits.shape == (16,)
    assert logits.abs().max() < 3


@pytest.mark.parametrize("name", ["pacgan-2d", "wgan-gp-toy"])
def test_the_first_points_are_spread(name: str) -> None:
    """No bound and no collapse at initialisation."""
    made = published(name, POINTS)
    with torch.no_grad():
        points = made["generator"](torch.randn(500, 2), None)
    assert points.shape == (500, 2)
    assert points.std(0).min() > 0.01


@pytest.mark.parametrize(("resolution", "channels"), [(8, 1), (13, 3), (64, 3)])
def test_any_image_size_fits(resolution: int, channels: int) -> None:
    """Images in either memory layout give the same logits."""
    made = networks(BuildContext(space=ImageSpace.square(channels, resolution)))
    images = made["generator"](torch.randn(3, 8), None)
    assert images.shape == (3, channels, resolution, resolution)
    logits = made["discriminator"](images, None).logits
    assert torch.equal(logits, made["discriminator"](images.contiguous(memory_format=torch.channels_last), None).logits)


@pytest.mark.parametrize("name", ["mlp-pytorch", "gan-2014", "cgan"])
def test_the_features_are_what_the_last_layer_sees(name: str) -> None:
    """So that feature matching can be had with each."""
    made = published(name, MNIST)
    seen: list[Tensor] = []
    (*_, last) = (m for m in made["discriminator"].modules() if isinstance(m, nn.Linear))
    last.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0]))
    judged = made["discriminator"](torch.randn(3, 1, 28, 28), torch.arange(3) if made.inputs.labels else None)
    assert torch.equal(judged.features, seen[0])
    assert (judged.features.shape, judged.logits.shape) == ((3, last.in_features), (3,))


def test_both_networks_have_the_same_range() -> None:
    """Trap 6: with a sigmoid both work in [0, 1] inside, with tanh in [-1, 1], and images are in [-1, 1] outside."""
    for output, lowest in (("sigmoid", 0.0), ("tanh", -1.0)):
        made = networks(output=output)
        seen: list[Tensor] = []
        made["discriminator"].layers[0].register_forward_hook(lambda module, inputs, result, seen=seen: seen.append(inputs[0]))  # type: ignore[union-attr,operator]
        images = torch.cat([torch.full((1, 1, 28, 28), value) for value in (-1.0, 0.0, 1.0)])
        made["discriminator"](images, torch.zeros(3, dtype=torch.int64))
        assert seen[0][:, 0].tolist() == [lowest, (lowest + 1) / 2, 1.0]
    last = torch.tensor([[-3.0, 0.5]])
    torch.testing.assert_close(networks(output="sigmoid")["generator"].layers[-1](last), torch.sigmoid(last) * 2 - 1)  # type: ignore[index,operator]


def test_labels_decide_what_a_conditional_network_says() -> None:
    """Both networks see them, where there are any and unless they are not wanted."""
    for made in (networks(), conditional.build(CGANOptions(dropout=0.0), MNIST)):
        latents = torch.randn(1, made.inputs.dim).expand(2, -1)
        images = made["generator"](latents, torch.tensor([0, 3]))
        assert (images[0] - images[1]).abs().max() > 1e-4
        logits = made["discriminator"](images[:1].expand(2, -1, -1, -1), torch.tensor([0, 3])).logits
        assert logits[0] != logits[1]
        assert made.inputs.labels
    assert not networks(conditional=False).inputs.labels
    assert not networks(POINTS).inputs.labels
    assert not networks(BuildContext(space=ImageSpace.square(1, 8), num_classes=10, packing=2)).inputs.labels


def test_maxout_is_the_largest_piece() -> None:
    """Goodfellow et al. 2013, equation 1, and it can be differentiated twice."""
    layer = Maxout(3, 4, 5).double()
    x = torch.randn(6, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    pieces = torch.stack([x @ layer.linear.weight[p::5].T + layer.linear.bias[p::5] for p in range(5)])
    torch.testing.assert_close(layer(x), pieces.max(0).values)
    function: Callable[[Tensor], Tensor] = lambda inputs: layer(inputs).square()  # noqa: E731
    assert torch.autograd.gradcheck(function, x)
    assert torch.autograd.gradgradcheck(function, x)


def test_a_discriminator_without_batch_statistics_can_be_penalised() -> None:
    """Trap 2: no batch norm in any of the critics; R1 and WGAN-GP differentiate twice."""
    for name, context in (("wgan-gp-toy", POINTS), ("pacgan-2d", POINTS), ("gan-2014", MNIST)):
        made = published(name, context)
        assert not [m for m in made["discriminator"].modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
        images = made["generator"](torch.randn(4, made.inputs.dim), None).detach().requires_grad_()
        (gradient,) = torch.autograd.grad(made["discriminator"](images, None).logits.sum(), images, create_graph=True)
        gradient.square().sum().backward()
        assert any(p.grad is not None and bool(p.grad.any()) for p in made["discriminator"].parameters())


def test_weights_are_drawn_as_the_sources_draw_them() -> None:
    """2014: U(+-0.05) and U(+-0.005); PacGAN: N(0, 0.02); WGAN-GP: He, Glorot in the last layer; biases 0."""

    def linears(module: nn.Module) -> list[nn.Linear]:
        return [m for m in module.modules() if isinstance(m, nn.Linear)]

    for name in ("gan-2014", "cgan"):
        made = published(name, MNIST)
        for network, bound in ((made["generator"], 0.05), (made["discriminator"], 0.005)):
            for layer in linears(network):
                assert 0.9 * bound < layer.weight.abs().max() <= bound
                assert not layer.bias.any()
    packed = published("pacgan-2d", POINTS)
    for layer in linears(packed["generator"])[1:4] + linears(packed["discriminator"])[1:3]:
        assert layer.weight.std().item() == pytest.approx(0.02, rel=0.02)
    toy = linears(published("wgan-gp-toy", POINTS)["discriminator"])
    assert toy[1].weight.abs().max().item() == pytest.approx((6 / 512) ** 0.5, rel=1e-3)
    assert toy[-1].weight.abs().max().item() == pytest.approx((6 / 513) ** 0.5, rel=0.02)


def test_batch_norm_is_where_and_as_the_sources_have_it() -> None:
    """PyTorch-GAN: not behind the first layer, eps 0.8 (trap 3: passed for the momentum); PacGAN: everywhere, statistics by 0.05."""
    teaching = [m for m in published("mlp-teaching", MNIST)["generator"].modules() if isinstance(m, NormAct)]
    assert [(m.num_features, m.eps, m.momentum) for m in teaching] == [(256, 0.8, 0.1), (512, 0.8, 0.1), (1024, 0.8, 0.1)]
    packed = [m for m in published("pacgan-2d", POINTS)["generator"].modules() if isinstance(m, NormAct)]
    assert [(m.num_features, m.eps, m.momentum, m.negative_slope) for m in packed] == [(400, 1e-5, 0.05, 0.0)] * 4
    assert not [m for m in networks()["generator"].modules() if isinstance(m, nn.BatchNorm2d)]
    tanh = networks(generator_norm="batch", generator_activation="tanh")["generator"]
    assert [type(m) for m in tanh.layers][:3] == [nn.Linear, nn.BatchNorm1d, nn.Tanh]  # type: ignore[union-attr]


def test_dropout_is_for_training_and_keeps_the_mean() -> None:
    """2014: 0.8 of the input scaled by 1.25, half of the rest scaled by 2."""
    discriminator = published("gan-2014", MNIST)["discriminator"]
    drops = [m.p for m in discriminator.modules() if isinstance(m, nn.Dropout)]
    assert drops == [0.2, 0.5, 0.5]
    images = torch.zeros(4, 1, 28, 28)
    assert not torch.equal(discriminator(images).logits, discriminator(images).logits)
    discriminator.eval()
    assert torch.equal(discriminator(images).logits, discriminator(images).logits)
    assert not [m for m in networks()["discriminator"].modules() if isinstance(m, nn.Dropout)]


def test_the_2014_optimizers_are_pylearn2s() -> None:
    """Rates 0.1 and, for the halved loss, 0.05; a factor of 1.000004 (1.00004 in the conditional paper) after each batch of 100."""
    for name, factor in (("gan-2014", 1.000004), ("cgan", 1.00004)):
        config = resolved(name).config
        for one, rate in ((config.generator_optimizer, 0.1), (config.discriminator_optimizer, 0.05)):
            assert (one.kind, one.learning_rate, one.momentum, one.final_momentum) == ("sgd", rate, 0.5, 0.7)
            assert 0.5 ** (0.1 / one.halflife_kimg) == pytest.approx(1 / factor, rel=1e-12)
            assert one.momentum_ramp_kimg == 12_500
        assert config.training.batch_size == 100


@pytest.mark.parametrize(
    ("context", "options", "message"),
    [
        (POINTS, {"conditional": True}, "conditional needs labels, and this dataset has none; use -o conditional=false"),
        (POINTS, {"output": "tanh"}, r"output must be auto or linear for points, which have no bounds \(got tanh\)"),
        (MNIST, {"latent_dim": 0}, r"latent_dim must be 1 or more \(got 0\)"),
        (MNIST, {"maxout_pieces": 0}, r"maxout_pieces must be 1 or more \(got 0\)"),
        (MNIST, {"generator_widths": ()}, r"generator_widths must be one number or more, each 1 or more \(got none\)"),
        (MNIST, {"discriminator_widths": (5, 0)}, r"discriminator_widths must be one number or more, each 1 or more \(got 5,0\)"),
        (MNIST, {"norm_eps": 0.0}, r"norm_eps must be above 0 \(got 0.0\)"),
        (MNIST, {"norm_momentum": 0.0}, r"norm_momentum must be above 0 and at most 1 \(got 0.0\)"),
        (MNIST, {"discriminator_scale": -1.0}, r"discriminator_scale must be above 0 \(got -1.0\)"),
        (MNIST, {"discriminator_dropout": 1.0}, r"discriminator_dropout must be at least 0 and below 1 \(got 1.0\)"),
    ],
)
def test_wrong_options_are_refused(context: BuildContext, options: dict[str, Any], message: str) -> None:
    """Field, what is allowed, and the value."""
    with pytest.raises(ValueError, match=message):
        networks(context, **options)


def test_cgan_refuses_what_it_cannot_be() -> None:
    """No labels, no network; no unit, no layer."""
    with pytest.raises(ValueError, match="cgan-mlp needs images with labels"):
        conditional.build(CGANOptions(), BuildContext(space=ImageSpace.square(1, 8)))
    with pytest.raises(ValueError, match=r"joint_units must be 1 or more \(got 0\)"):
        CGANOptions(joint_units=0)
    with pytest.raises(ValueError, match=r"dropout must be at least 0 and below 1 \(got 1.0\)"):
        CGANOptions(dropout=1.0)
    with pytest.raises(ValueError, match=r"scale must be above 0 \(got 0.0\)"):
        CGANOptions(scale=0.0)
