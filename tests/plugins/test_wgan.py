"""WGAN and WGAN-GP's convolutional networks: sizes and initialisation as published, and what the recipes fix."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from ganbench import BuildContext, Networks
from ganbench.config.resolve import resolve
from ganbench.plugin.manager import PluginManager
from ganbench_spaces.images import ImageSpace
from ganbench_wgan import ConvOptions
from ganbench_wgan.networks import build

MANAGER = PluginManager()


def networks(resolution: int = 16, image_channels: int = 3, packing: int = 1, **options: Any) -> Networks:
    """Build with narrow layers unless the widths are given."""
    torch.manual_seed(0)
    narrow = {"latent_dim": 16, "generator_width": 8, "discriminator_width": 8}
    return build(ConvOptions(**{**narrow, **options}), BuildContext(space=ImageSpace.square(image_channels, resolution), packing=packing))


def published(name: str, resolution: int) -> Networks:
    """Build what a recipe builds."""
    resolved = resolve(MANAGER, name, [])
    context = BuildContext(space=ImageSpace.square(3, resolution))
    made: Networks = resolved.architecture.build(resolved.config.architecture.options, context)
    return made


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_wgan_gp_conv_has_the_parameter_counts_of_its_layer_table() -> None:
    """igul222 gan_cifar.py: linear to 4x4x512 with batch norm of each feature, 5x5 deconvolutions 256, 128, 3; 5x5 convolutions, linear."""
    made = published("wgan-gp-conv", 32)
    features = 4 * 4 * 512
    up = 25 * (512 * 256 + 256 * 128 + 128 * 3) + 256 + 128 + 3
    assert count(made["generator"]) == 128 * features + features + 2 * (features + 256 + 128) + up
    assert count(made["discriminator"]) == 25 * (3 * 128 + 128 * 256 + 256 * 512) + 128 + 256 + 512 + features + 1


def test_wgan_has_pytorch_examples_parameter_counts() -> None:
    """martinarjovsky/WassersteinGAN models/dcgan.py has the layers of pytorch/examples without the sigmoid, batch norm included."""
    made = published("wgan", 64)
    assert (count(made["generator"]), count(made["discriminator"])) == (3_576_704, 2_765_568)


@pytest.mark.parametrize(("resolution", "channels"), [(8, 1), (16, 3), (32, 1), (64, 3)])
def test_shapes_fit_at_every_resolution(resolution: int, channels: int) -> None:
    """Images in [-1, 1] of the dataset's context, one logit for each, or for each pack."""
    made = networks(resolution, channels, generator_width=2, discriminator_width=2)
    images = made["generator"](torch.randn(4, made.inputs.dim), None)
    assert images.shape == (4, channels, resolution, resolution)
    assert images.abs().max() <= 1
    assert made["discriminator"](images, None).shape == (4,)
    packed = networks(resolution, channels, packing=2, generator_width=2, discriminator_width=2)
    assert packed["discriminator"](images.view(2, 2 * channels, resolution, resolution), None).shape == (2,)


def test_the_first_samples_are_neither_flat_nor_saturated() -> None:
    """At initialisation: zero mean, a visible spread, logits of moderate size that differ from image to image."""
    made = networks(32, generator_width=32, discriminator_width=32, latent_dim=128)
    with torch.no_grad():
        images = made["generator"](torch.randn(16, 128), None)
        logits = made["discriminator"](images, None)
    assert abs(images.mean().item()) < 0.15
    assert 0.3 < images.std().item() < 0.8
    assert logits.abs().max() < 5
    assert logits.std() > 0.01


def test_weights_are_initialised_as_tflib_does() -> None:
    """Bounds worked out by hand from tflib's fans, which count what a stride leaves: 8 to 16 channels, 5x5, stride 2."""
    made = networks(16)
    strided, transposed = made["discriminator"].layers[1], made["generator"].layers[0]  # type: ignore[index]
    linear = made["generator"].input[0]  # type: ignore[index]
    assert strided.weight.abs().max().item() == pytest.approx((12 / (25 * (8 + 16 / 4))) ** 0.5, rel=0.01)
    assert transposed.weight.abs().max().item() == pytest.approx((12 / (25 * (16 / 4 + 8))) ** 0.5, rel=0.01)
    assert linear.weight.abs().max().item() == pytest.approx((6 / (16 + 256)) ** 0.5, rel=0.01)
    assert not any(p.any() for n in (made["generator"], made["discriminator"]) for k, p in n.named_parameters() if k == "bias")


def test_the_critic_has_no_norm() -> None:
    """Trap 2: each logit depends on its own image alone."""
    critic = networks(16)["discriminator"]
    images = torch.randn(3, 3, 16, 16)
    torch.testing.assert_close(critic(images)[:1], critic(images[:1]))
    assert not [m for m in critic.modules() if isinstance(m, nn.BatchNorm2d)]


def test_wgan_trains_as_its_source() -> None:
    """Trap 14: 100 critic steps in the first 25 iterations; clipping, RMSprop, batch 64, z of 100 numbers."""
    config = resolve(MANAGER, "wgan", []).config
    training = config.training
    assert (training.batch_size, training.d_steps, training.d_steps_boost, training.ema_halflife_kimg) == (64, 5, 100, 0.0)
    assert config.loss.options.weight_clip == 0.01  # type: ignore[attr-defined]
    assert config.loss.options.gp_weight == 0  # type: ignore[attr-defined]
    for optimizer in (config.generator_optimizer, config.discriminator_optimizer):
        assert (optimizer.kind, optimizer.learning_rate, optimizer.rmsprop_alpha, optimizer.eps) == ("rmsprop", 5e-5, 0.99, 1e-8)


def test_wgan_gp_conv_trains_as_its_source() -> None:
    """200,000 iterations of 5 x 64 real images, Adam (0.5, 0.9) at 1e-4 with eps 1e-8 (trap 15), penalty 10, no decay."""
    config = resolve(MANAGER, "wgan-gp-conv", []).config
    assert config.training.total_kimg == 200 * 5 * 64
    assert (config.training.d_steps, config.training.generator_batch_factor, config.training.dequantise) == (5, 1, False)
    assert config.loss.options.gp_weight == 10  # type: ignore[attr-defined]
    optimizer = config.discriminator_optimizer
    assert config.generator_optimizer == optimizer
    assert (optimizer.learning_rate, optimizer.beta1, optimizer.beta2, optimizer.eps) == (1e-4, 0.5, 0.9, 1e-8)
    assert optimizer.schedule == "constant"


@pytest.mark.parametrize("name", ["latent_dim", "generator_width", "discriminator_width"])
def test_a_size_below_one_is_refused(name: str) -> None:
    """Field, bound and value."""
    with pytest.raises(ValueError, match=rf"{name} must be 1 or more \(got 0\)"):
        ConvOptions(**{name: 0})
