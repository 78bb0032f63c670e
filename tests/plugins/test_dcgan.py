"""DCGAN's networks: sizes as published, shapes at every resolution, initialisation, and the traps of batch norm and in-place layers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganbench import BuildContext, Networks
from ganbench.config.resolve import resolve
from ganbench.plugin.manager import PluginManager
from ganbench_dcgan import DCGANOptions
from ganbench_dcgan.networks import build
from ganbench_kernels import ConvBiasAct, NormAct
from ganbench_spaces.images import ImageSpace

MANAGER = PluginManager()


def networks(resolution: int = 16, image_channels: int = 3, num_classes: int = 0, **options: Any) -> Networks:
    """Build with narrow layers unless the widths are given."""
    torch.manual_seed(0)
    narrow = {"latent_dim": 16, "generator_width": 8, "discriminator_width": 8}
    context = BuildContext(space=ImageSpace.square(image_channels, resolution), num_classes=num_classes)
    return build(DCGANOptions(**{**narrow, **options}), context)


def published(name: str, context: BuildContext) -> Networks:
    """Build what a recipe builds."""
    resolved = resolve(MANAGER, name, [])
    made: Networks = resolved.architecture.build(resolved.config.architecture.options, context)
    return made


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_dcgan_64_has_pytorch_examples_parameter_counts() -> None:
    """pytorch/examples dcgan/main.py with nz 100, ngf 64, ndf 64, nc 3."""
    made = published("dcgan-64", BuildContext(space=ImageSpace.square(3, 64)))
    assert (count(made["generator"]), count(made["discriminator"])) == (3_576_704, 2_765_568)


def test_dcgan_32_has_the_parameter_counts_of_its_layer_table() -> None:
    """w86763777/pytorch-gan-collections: z 100, ConvT 2x2 to 1024, 512, 256, 128, 3; 5x5 convolutions 64, 128, 256, 512, linear."""
    made = published("dcgan-32", BuildContext(space=ImageSpace.square(3, 32)))
    norms = 2 * (1024 + 512 + 256 + 128)
    generator = 100 * 1024 * 2 * 2 + 4 * 4 * (1024 * 512 + 512 * 256 + 256 * 128 + 128 * 3) + norms
    weights = 5 * 5 * (3 * 64 + 64 * 128 + 128 * 256 + 256 * 512)
    biases, norms, linear = 64 + 128 + 256 + 512, 2 * (128 + 256 + 512), 512 * 2 * 2 + 1
    assert count(made["generator"]) == generator
    assert count(made["discriminator"]) == weights + biases + norms + linear


@pytest.mark.slow
def test_lsgan_has_its_sources_networks_and_values() -> None:
    """MMGeneration's DCGAN at 64x64, base channels 1024 and 128, without the biases that it has where batch norm is missing."""
    made = published("lsgan", BuildContext(space=ImageSpace.square(3, 64)))
    norms, critic_norms = 2 * (1024 + 512 + 256 + 128), 2 * (256 + 512 + 1024)
    up = 16 * (100 * 1024 + 1024 * 512 + 512 * 256 + 256 * 128 + 128 * 3)
    assert count(made["generator"]) == up + norms
    assert count(made["discriminator"]) == 16 * (3 * 128 + 128 * 256 + 256 * 512 + 512 * 1024 + 1024) + critic_norms
    config = resolve(MANAGER, "lsgan", []).config
    assert (config.loss.name, config.training.batch_size, config.training.total_kimg) == ("least-squares", 128, 12_800)
    for optimizer in (config.generator_optimizer, config.discriminator_optimizer):
        assert (optimizer.learning_rate, optimizer.beta1, optimizer.beta2, optimizer.eps) == (1e-3, 0.5, 0.99, 1e-8)


@pytest.mark.slow
def test_dcgan_original_has_the_parameter_counts_of_its_source() -> None:
    """Newmu/dcgan_code faces/train_uncond_dcgan.py: gw to gwx and dw to dwy, with ngf and ndf 128; gg and gb are for each unit."""
    made = published("dcgan-original", BuildContext(space=ImageSpace.square(3, 64)))
    norms = 2 * (1024 * 4 * 4 + 512 + 256 + 128)
    generator = 100 * 1024 * 4 * 4 + 5 * 5 * (1024 * 512 + 512 * 256 + 256 * 128 + 128 * 3) + norms
    discriminator = 5 * 5 * (3 * 128 + 128 * 256 + 256 * 512 + 512 * 1024) + 2 * (256 + 512 + 1024) + 1024 * 4 * 4
    assert count(made["generator"]) == generator
    assert count(made["discriminator"]) == discriminator
    assert made.inputs.distribution == "uniform"


def test_dcgan_original_has_its_sources_optimizers() -> None:
    """Adam 2e-4 with beta1 0.5 and an L2 penalty of 1e-5, batches of 128; the generator's step has fakes of its own."""
    config = resolve(MANAGER, "dcgan-original", []).config
    for optimizer in (config.generator_optimizer, config.discriminator_optimizer):
        assert (optimizer.learning_rate, optimizer.beta1, optimizer.beta2) == (2e-4, 0.5, 0.999)
        assert (optimizer.eps, optimizer.weight_decay) == (1e-8, 1e-5)
    assert (config.training.batch_size, config.training.shared_fakes) == (128, False)


@pytest.mark.slow
def test_dcgan_deep_has_the_articles_discriminator() -> None:
    """64, 128, 256, 512, 1024 channels by 5x5 convolutions with stride 2, leaky ReLU, down to 2x2; pytorch/examples' generator."""
    made = published("dcgan-deep", BuildContext(space=ImageSpace.square(3, 64)))
    strided = [m for m in made["discriminator"].modules() if isinstance(m, nn.Conv2d)]
    assert [(m.out_channels, m.kernel_size, m.stride) for m in strided] == [(c, (5, 5), (2, 2)) for c in (64, 128, 256, 512, 1024)]
    weights = 5 * 5 * (3 * 64 + 64 * 128 + 128 * 256 + 256 * 512 + 512 * 1024)
    biases, norms = 64 + 128 + 256 + 512 + 1024, 2 * (128 + 256 + 512 + 1024)
    assert count(made["discriminator"]) == weights + biases + norms + 1024 * 2 * 2 + 1
    assert count(made["generator"]) == 3_576_704


def test_a_norm_of_units_normalises_each_value_of_the_first_map_apart() -> None:
    """As a batch norm behind a dense layer does: over the batch alone, every value has mean 0 before the ReLU."""
    layers: Any = networks(16, first_norm="unit")["generator"].layers
    norm = layers[2]
    assert norm.num_features == 16 * 4 * 4
    x = torch.randn(32, 16, 1, 1)
    values = layers[1](layers[0](x))
    expected = F.relu(F.batch_norm(values, None, None, norm.weight, norm.bias, training=True))
    torch.testing.assert_close(layers[3](norm(values)), expected.view(32, 16, 4, 4))
    assert not isinstance(networks(16)["generator"].layers[1], nn.Flatten)  # type: ignore[index]


def test_packing_widens_the_first_layer_and_leaves_labels_out() -> None:
    """A pack of images of several classes has no label (PacGAN)."""
    torch.manual_seed(0)
    context = BuildContext(space=ImageSpace.square(3, 16), num_classes=4, packing=2)
    made = build(DCGANOptions(generator_width=4, discriminator_width=4), context)
    assert not made.inputs.labels
    assert made["discriminator"](torch.randn(3, 6, 16, 16), None).logits.shape == (3,)


@pytest.mark.parametrize("resolution", [8, 16, 32, 64, 128])
@pytest.mark.parametrize("base_resolution", [2, 4])
@pytest.mark.parametrize(("kernel", "head"), [(3, "conv"), (4, "conv"), (5, "linear")])
def test_shapes_fit_at_every_resolution(resolution: int, base_resolution: int, kernel: int, head: str) -> None:
    """Images in [-1, 1] of the dataset's context, one logit for each."""
    made = networks(
        resolution, 1, generator_width=2, discriminator_width=2, base_resolution=base_resolution, discriminator_kernel=kernel, head=head
    )
    images = made["generator"](torch.randn(3, made.inputs.dim), None)
    assert images.shape == (3, 1, resolution, resolution)
    assert images.abs().max() <= 1
    assert made["discriminator"](images, None).logits.shape == (3,)


@pytest.mark.parametrize("resolution", [8, 16, 64])
def test_the_first_samples_are_neither_flat_nor_saturated(resolution: int) -> None:
    """At initialisation: zero mean, a visible spread, logits near zero and different from image to image."""
    made = networks(resolution, generator_width=64, discriminator_width=64 if resolution < 64 else 16)
    with torch.no_grad():
        images = made["generator"](torch.randn(16, made.inputs.dim), None)
        logits = made["discriminator"](images, None).logits
    assert abs(images.mean().item()) < 0.1
    assert 0.05 < images.std().item() < 0.6
    assert images[0].sub(images[1]).abs().mean() > 0.02
    assert logits.abs().max() < 5
    assert logits.std() > 0


def test_weights_are_initialised_as_published() -> None:
    """Convolutions N(0, 0.02), batch-norm gains N(1, 0.02), no bias in the generator, every other bias 0."""
    made = networks(32, generator_width=64, discriminator_width=64, head="linear")
    for module in [*made["generator"].modules(), *made["discriminator"].modules()]:
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)) and module.weight.numel() > 5000:
            assert abs(module.weight.mean().item()) < 0.002
            assert module.weight.std().item() == pytest.approx(0.02, rel=0.05)
        if isinstance(module, nn.BatchNorm2d):
            assert abs(module.weight.mean().item() - 1) < 0.01
            assert module.weight.std().item() == pytest.approx(0.02, rel=0.5)
        bias = getattr(module, "bias", None)
        assert bias is None or not bias.any()
    assert not [m for m in made["generator"].modules() if isinstance(m, nn.ConvTranspose2d) and m.bias is not None]


def test_batch_norm_has_torchs_eps_and_momentum() -> None:
    """Trap 3: BatchNorm2d(c, 0.8) sets eps, not momentum."""
    made = networks(64)
    norms = [m for n in (made["generator"], made["discriminator"]) for m in n.modules() if isinstance(m, nn.BatchNorm2d)]
    assert len(norms) == 4 + 3
    assert {(m.eps, m.momentum) for m in norms} == {(1e-5, 0.1)}


def test_the_discriminators_first_layer_has_no_norm_and_none_can_be_asked_for() -> None:
    """Radford et al. 2016, section 3; none at all for penalties by sample."""
    first, second, norm = list(networks(32)["discriminator"].layers)[:3]  # type: ignore[arg-type]
    assert [type(m) for m in (first, second, norm)] == [ConvBiasAct, nn.Conv2d, NormAct]
    assert (first.curve.negative_slope, norm.negative_slope) == (0.2, 0.2)
    without = networks(32, discriminator_norm="none")["discriminator"]
    assert not [m for m in without.modules() if isinstance(m, nn.BatchNorm2d)]


def plain_forward(layers: Iterable[nn.Module], x: Tensor) -> Tensor:
    """The same layers one by one, with activations that are never in place."""
    for layer in layers:
        if isinstance(layer, NormAct):
            layer.num_batches_tracked.add_(1)  # type: ignore[union-attr]
            x = F.batch_norm(x, layer.running_mean, layer.running_var, layer.weight, layer.bias, training=True)
            x = F.leaky_relu(x, layer.negative_slope)
        elif isinstance(layer, ConvBiasAct):
            x = F.leaky_relu(F.conv2d(x, layer.weight, layer.bias, layer.stride, layer.padding), layer.curve.negative_slope)
        else:
            x = layer(x)
    return x.flatten() if x.shape[1:].numel() == 1 else x


@pytest.mark.parametrize("after", [False, True], ids=["norm-first", "activation-first"])
@pytest.mark.parametrize("which", ["generator", "discriminator"])
def test_activations_in_place_change_no_value_and_no_gradient(which: str, after: bool) -> None:
    """Trap 4: what an in-place activation overwrites must not be needed by anyone, the caller's tensor included."""
    made = networks(16, norm_after_activation=after)
    module: nn.Module = made[which]
    x = torch.randn(6, made.inputs.dim) if which == "generator" else torch.randn(6, 3, 16, 16)
    before = x.clone()
    answer = module(x, None)
    images_or_logits = answer if which == "generator" else answer.logits
    ours = torch.autograd.grad(images_or_logits.square().sum(), list(module.parameters()))
    assert torch.equal(x, before)
    layers: Any = module.layers if which == "generator" else [*module.layers, module.head]  # type: ignore[misc]
    inner = x[:, :, None, None] if which == "generator" else x
    plain = torch.autograd.grad(plain_forward(layers, inner).square().sum(), list(module.parameters()))
    for a, b in zip(ours, plain, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("head", ["conv", "linear"])
def test_the_features_are_what_the_last_layer_sees(head: str) -> None:
    """The feature map pixel by pixel, or what the linear layer is given; channels last, as by default, without a copy."""
    discriminator = networks(16, head=head)["discriminator"].to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    seen: list[Tensor] = []
    discriminator.head.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0]))
    judged = discriminator(torch.randn(3, 3, 16, 16), None)
    (given,) = seen
    expected = given if head == "linear" else torch.stack([torch.cat([x[:, i, j] for i in range(4) for j in range(4)]) for x in given])
    assert torch.equal(judged.features, expected)
    assert judged.features.data_ptr() == given.data_ptr()
    assert judged.logits.shape == (3,)


@pytest.mark.slow
def test_the_discriminator_can_be_differentiated_twice() -> None:
    """R1 and WGAN-GP need it; in-place leaky ReLUs must not break it."""
    discriminator = networks(8, 1, discriminator_width=2, discriminator_norm="none")["discriminator"].double()
    x = torch.randn(2, 1, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(1)).requires_grad_()
    function: Callable[[Tensor], Tensor] = lambda images: 100 * discriminator(images, None).logits  # noqa: E731
    assert torch.autograd.gradcheck(function, x)
    assert torch.autograd.gradgradcheck(function, x)


def test_labels_decide_what_a_conditional_network_says() -> None:
    """Both networks see them, where there are any and unless they are not wanted."""
    made = networks(16, num_classes=4)
    made["generator"].eval()
    made["discriminator"].eval()
    latents = torch.randn(1, made.inputs.dim).expand(2, -1)
    images = made["generator"](latents, torch.tensor([0, 3]))
    assert (images[0] - images[1]).abs().max() > 1e-3
    logits = made["discriminator"](images[:1].expand(2, -1, -1, -1), torch.tensor([0, 3])).logits
    assert logits[0] != logits[1]
    assert made.inputs.labels
    plain = networks(16, num_classes=4, conditional=False)
    assert not plain.inputs.labels
    assert plain["discriminator"](images, torch.tensor([0, 3])).logits.shape == (2,)
    assert not networks(16).inputs.labels


def test_conditional_without_labels_is_refused() -> None:
    """The message says what to do."""
    with pytest.raises(ValueError, match="conditional needs labels, and this dataset has none; use -o conditional=false"):
        networks(16, conditional=True)


@pytest.mark.parametrize("name", ["latent_dim", "generator_width", "discriminator_width"])
def test_a_size_below_one_is_refused(name: str) -> None:
    """Field, bound and value."""
    with pytest.raises(ValueError, match=rf"{name} must be 1 or more \(got 0\)"):
        DCGANOptions(**{name: 0})
