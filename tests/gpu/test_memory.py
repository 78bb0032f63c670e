"""What the fused activation saves in memory, and tensors of more than 2^31 elements."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor, nn

from ganbench_kernels import ConvBiasAct, bias_act, to_uint8

GIB = 2**30
CHANNELS, RESOLUTION, BATCH, LAYERS = 32, 256, 16, 6


class EagerLayer(nn.Module):
    """Convolution, bias and leaky ReLU as the published discriminators write them: each keeps what its backward needs."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1, bias=False)
        self.bias = nn.Parameter(torch.zeros(CHANNELS))

    def forward(self, x: Tensor) -> Tensor:
        """Return ``[N, C, H, W]``."""
        x = self.convolution(x)
        x = x + self.bias.to(x.dtype).view(1, -1, 1, 1)
        return nn.functional.leaky_relu(x, 0.2) * 2**0.5


def activation_bytes(build: Callable[[], nn.Module]) -> int:
    """Return how much more memory the forward pass of a stack of layers holds for its backward pass, its last output included."""
    layers = nn.Sequential(*(build() for _ in range(LAYERS))).to("cuda", torch.bfloat16).to(memory_format=torch.channels_last)
    x = torch.randn(BATCH, CHANNELS, RESOLUTION, RESOLUTION, device="cuda", dtype=torch.bfloat16).to(memory_format=torch.channels_last)
    torch.autograd.backward(layers(x[:1]).float().sum())  # workspaces and compiled kernels are there before anything is measured
    layers.zero_grad(set_to_none=True)
    torch.cuda.synchronize()
    before = torch.cuda.memory_allocated()
    y = layers(x)
    torch.cuda.synchronize()
    held = torch.cuda.memory_allocated() - before
    assert y.requires_grad
    return held


def test_the_fused_activation_holds_at_least_45_percent_less(record_property: Callable[[str, object], None]) -> None:
    """In a discriminator as StyleGAN's, at high resolution in bf16."""
    eager = activation_bytes(EagerLayer)
    ours = activation_bytes(lambda: ConvBiasAct(CHANNELS, CHANNELS, 3, padding=1, gain=2**0.5))
    record_property("eager_mib", eager / 2**20)
    record_property("ours_mib", ours / 2**20)
    assert ours <= 0.55 * eager


@pytest.fixture
def large() -> Iterator[Tensor]:
    """A bf16 tensor of a few elements more than 2^31, ``[N, C, H, W]`` with C = 3, in [-1, 1]."""
    free, _ = torch.cuda.mem_get_info()
    if free < 40 * GIB:
        pytest.skip(f"needs 40 GiB of free GPU memory (there are {free / GIB:.0f})")
    count = 2**31 // (3 * 1024 * 1024) + 2
    x = torch.zeros(count, 3, 1024, 1024, device="cuda", dtype=torch.bfloat16)
    assert x.numel() > 2**31
    x[-1] = torch.linspace(-1, 1, 3 * 1024 * 1024, device="cuda").view(3, 1024, 1024)
    yield x
    del x
    torch.cuda.empty_cache()


@torch.no_grad()
def test_bias_act_reaches_beyond_2_to_the_31_elements(large: Tensor) -> None:
    """The last image is what it is alone, and the first one too."""
    bias = torch.tensor([0.5, -0.5, 0.25], device="cuda")
    y = bias_act(large, bias, impl="triton")
    for index in (0, -1):
        torch.testing.assert_close(y[index], bias_act(large[index][None], bias, impl="ref")[0], rtol=8e-3, atol=1e-5)


def test_the_gradient_of_bias_act_reaches_beyond_2_to_the_31_elements(large: Tensor) -> None:
    """Of the last image; the bias gets the sum over everything."""
    bias = torch.zeros(3, device="cuda", requires_grad=True)
    x = large.requires_grad_(True)
    y = bias_act(x, bias, impl="triton")
    (dx,) = torch.autograd.grad(y, x, torch.ones((), device="cuda", dtype=y.dtype).expand_as(y))
    last = large[-1].detach()
    torch.testing.assert_close(dx[-1], torch.where(last > 0, 1.0, 0.2).to(dx.dtype), rtol=8e-3, atol=0.0)
    assert dx[0].unique().tolist() == [pytest.approx(0.2, rel=8e-3)]


@torch.no_grad()
def test_to_uint8_reaches_beyond_2_to_the_31_elements(large: Tensor) -> None:
    """The first and the last image are quantised as they are alone."""
    y = to_uint8(large, impl="triton")
    for index in (0, -1):
        assert torch.equal(y[index], to_uint8(large[index].clone(), impl="ref"))
