"""ProGAN's layers: scaling, resampling and pixel norm, each against its plain formula."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from ganbench_progan.layers import DownConv, EqualisedConv, FirstConv, UpConv, pixel_norm, spread


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def lrelu(x: Tensor) -> Tensor:
    return F.leaky_relu(x, 0.2)


def with_bias(layer: EqualisedConv) -> EqualisedConv:
    """Give the bias a value, which starts at 0."""
    assert layer.bias is not None
    assert not layer.bias.any()
    torch.nn.init.normal_(layer.bias)
    return layer


def test_weights_are_standard_normal_and_scaled_at_run_time() -> None:
    """Section 4.1: N(0, 1) in memory, He's constant in the forward."""
    layer = with_bias(EqualisedConv(32, 64, 3, padding=1))
    assert layer.weight.std().item() == pytest.approx(1, rel=0.02)
    x = torch.randn(2, 32, 5, 5)
    expected = lrelu(F.conv2d(x, layer.weight * math.sqrt(2 / (32 * 9)), layer.bias, padding=1))
    torch.testing.assert_close(layer(x), expected)


def test_adam_moves_every_layer_alike() -> None:
    """The purpose of the scaling: one step of Adam changes each weight by the same number, whatever its layer's fan-in."""
    layers = [EqualisedConv(8, 8, 1), EqualisedConv(64, 8, 3, padding=1)]
    optimizer = torch.optim.Adam([p for layer in layers for p in layer.parameters()], lr=1e-3, betas=(0.0, 0.99))
    before = [layer.weight.clone() for layer in layers]
    sum(layer(torch.randn(4, layer.in_channels, 4, 4)).sum() for layer in layers).backward()  # type: ignore[union-attr]
    optimizer.step()
    for layer, old in zip(layers, before, strict=True):
        torch.testing.assert_close((layer.weight - old).abs(), torch.full_like(old, 1e-3), rtol=1e-2, atol=1e-6)


def test_the_last_layers_are_linear_with_gain_one() -> None:
    """To images and to logits: no activation, std 1 / sqrt(fan-in)."""
    layer = with_bias(EqualisedConv(32, 3, 1, gain=1.0, linear=True))
    x = torch.randn(2, 32, 4, 4)
    torch.testing.assert_close(layer(x), F.conv2d(x, layer.weight / math.sqrt(32), layer.bias))


def test_the_first_layer_is_a_linear_one_with_a_quarter_of_the_gain() -> None:
    """networks.py of the source: gain sqrt(2) / 4, a fan-in of the latents, one bias for each channel."""
    layer = with_bias(FirstConv(16, 8))
    z = torch.randn(3, 16)
    matrix = layer.weight.permute(1, 0, 2, 3).reshape(16, 8 * 16) * (math.sqrt(2) / 4 / math.sqrt(16))
    assert layer.bias is not None
    expected = lrelu((z @ matrix).view(3, 8, 4, 4) + layer.bias.view(1, 8, 1, 1))
    torch.testing.assert_close(layer(z[:, :, None, None]), expected)


def test_upsampling_is_nearest_and_a_convolution() -> None:
    """One transposed convolution does what the two do, with the mirrored kernel."""
    layer = with_bias(UpConv(6, 4))
    x = torch.randn(2, 6, 4, 4)
    doubled = x.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    expected = lrelu(F.conv2d(doubled, layer.weight.flip(2, 3) * math.sqrt(2 / (6 * 9)), layer.bias, padding=1))
    torch.testing.assert_close(layer(x), expected, rtol=1e-4, atol=1e-5)


def test_downsampling_is_a_convolution_and_average_pooling() -> None:
    """One strided convolution does what the two do; the activation comes last."""
    layer = with_bias(DownConv(6, 4))
    x = torch.randn(2, 6, 8, 8)
    convolved = F.conv2d(x, layer.weight * math.sqrt(2 / (6 * 9)), layer.bias, padding=1)
    torch.testing.assert_close(layer(x), lrelu(F.avg_pool2d(convolved, 2)), rtol=1e-4, atol=1e-5)


def test_a_spread_kernel_keeps_its_sum() -> None:
    """A constant image stays what it is."""
    weight = torch.randn(2, 3, 3, 3)
    assert spread(weight).shape == (2, 3, 4, 4)
    torch.testing.assert_close(spread(weight).sum((2, 3)), weight.sum((2, 3)), rtol=1e-4, atol=1e-5)


def test_pixel_norm_gives_each_pixel_a_mean_square_of_one() -> None:
    """Section 4.2, with eps 1e-8 inside the root: a pixel of zeros stays zero."""
    x = torch.randn(2, 16, 3, 3) * torch.rand(2, 1, 3, 3).add(0.1)
    y = pixel_norm(x)
    torch.testing.assert_close(y.square().mean(1), torch.ones(2, 3, 3), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(y, x / (x.square().mean(1, keepdim=True) + 1e-8).sqrt())
    assert not pixel_norm(torch.zeros(1, 4, 2, 2)).any()


@pytest.mark.parametrize("layer", [EqualisedConv(2, 2, 3, padding=1), UpConv(2, 2), DownConv(2, 2)], ids=["plain", "up", "down"])
def test_layers_can_be_differentiated_twice(layer: EqualisedConv) -> None:
    """WGAN-GP needs it."""
    x = torch.randn(1, 2, 4, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(layer.double(), x)


@pytest.mark.slow
def test_the_norm_can_be_differentiated_twice() -> None:
    """In float64, which they keep."""
    x = torch.randn(4, 2, 2, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(pixel_norm, x)
