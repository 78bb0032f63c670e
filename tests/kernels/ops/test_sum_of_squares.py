"""The kernel of the sums of squares against float64."""

from __future__ import annotations

import warnings

import pytest
import torch
from torch import Tensor, nn

from ganbench_kernels import sum_of_squares_per_sample
from ganbench_kernels.jit.sum_of_squares import CHUNK, plan_sum_of_squares
from ganbench_kernels.sum_of_squares import _op

RTOL = {torch.float32: 1.3e-6, torch.float64: 1e-13, torch.float16: 1.3e-6, torch.bfloat16: 1.3e-6}


def images(device: torch.device, *shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0)).to(device=device, dtype=dtype)


def wanted(x: Tensor) -> Tensor:
    """The definition, in float64."""
    return x.detach().double().flatten(1).square().sum(1)


@pytest.mark.parametrize("dtype", RTOL)
@pytest.mark.parametrize("shape", [(5, 3, 8, 8), (3, 3, 5, 7), (1, 1, 1, 1), (2, 3, 110, 110), (0, 3, 4, 4), (2, 0, 4, 4), (4, 9)])
def test_values(device: torch.device, dtype: torch.dtype, shape: tuple[int, ...]) -> None:
    """Odd sizes, nothing at all, and a sample that takes two programs; sums are float32 or better."""
    x = images(device, *shape, dtype=dtype)
    sums = sum_of_squares_per_sample(x, impl="triton")
    assert sums.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    torch.testing.assert_close(sums.double(), wanted(x), rtol=RTOL[dtype], atol=0.0)


def test_of_a_vector_each_element_is_a_sample(device: torch.device) -> None:
    """[N] without more dimensions."""
    x = images(device, 5)
    torch.testing.assert_close(sum_of_squares_per_sample(x, impl="triton"), x * x)


def test_every_sum_is_written(device: torch.device) -> None:
    """Into memory that held no numbers."""
    x = images(device, 3, CHUNK + 1)
    sums = torch.full((3, 2), float("nan"), device=device)
    plan_sum_of_squares(x, sums).run()
    torch.testing.assert_close(sums.sum(1).double(), wanted(x), rtol=1.3e-6, atol=0.0)


LAYOUTS = {
    "channels-last": lambda x: x.contiguous(memory_format=torch.channels_last),
    "transposed": lambda x: x.transpose(0, 1),
    "turned": lambda x: x.transpose(2, 3),
    "stepped": lambda x: x[:, :, ::2],
    "some-channels": lambda x: x[:, 1:],
    "some-samples": lambda x: x[1::2],
    "one-sample-repeated": lambda x: x[:1].expand(5, -1, -1, -1),
    "one-pixel-repeated": lambda x: x[:, :, :1, :1].expand(-1, -1, 3, 3),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_any_strides(device: torch.device, layout: str) -> None:
    """Views have the sums and the gradients of their copies."""
    x = LAYOUTS[layout](images(device, 4, 3, 6, 5)).requires_grad_()
    sums = sum_of_squares_per_sample(x, impl="triton")
    torch.testing.assert_close(sums.double(), wanted(x), rtol=1.3e-6, atol=0.0)
    weights = torch.arange(1.0, 1 + len(x), device=device)
    (gradient,) = torch.autograd.grad(sums, x, weights)
    torch.testing.assert_close(gradient, 2 * x.detach() * weights.view(-1, 1, 1, 1))


def test_a_sum_does_not_depend_on_the_batch_and_two_runs_are_equal(device: torch.device) -> None:
    """Bit for bit: the order of the additions is that of a sample's size alone."""
    x = images(device, 3, 3, 110, 110)
    sums = sum_of_squares_per_sample(x, impl="triton")
    assert torch.equal(sums, sum_of_squares_per_sample(x, impl="triton"))
    assert torch.equal(sums[1:2], sum_of_squares_per_sample(x[1:2].clone(), impl="triton"))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_gradients_are_in_the_type_of_x(device: torch.device, dtype: torch.dtype) -> None:
    """2 x g, rounded once."""
    x = images(device, 3, 2, 4, 4, dtype=dtype).requires_grad_()
    incoming = torch.tensor([1.0, 0.3, 0.0], device=device)
    (gradient,) = torch.autograd.grad(sum_of_squares_per_sample(x, impl="triton"), x, incoming)
    assert torch.equal(gradient, (2 * x.detach().float() * incoming.view(3, 1, 1, 1)).to(dtype))


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_first_and_second_derivatives(device: torch.device, memory_format: torch.memory_format) -> None:
    """Against finite differences in float64."""
    x = images(device, 2, 2, 3, 2, dtype=torch.float64).contiguous(memory_format=memory_format).requires_grad_()
    assert torch.autograd.gradcheck(lambda t: sum_of_squares_per_sample(t, impl="triton"), x)
    assert torch.autograd.gradgradcheck(lambda t: sum_of_squares_per_sample(t, impl="triton"), x)


def r1_gradients(network: nn.Module, x: Tensor, impl: str) -> tuple[Tensor, ...]:
    """Return the gradients of the weights from the mean squared norm of the input gradient."""
    x = x if x.requires_grad else x.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(network(x).sum(), x, create_graph=True)
    penalty = sum_of_squares_per_sample(gradient, impl=impl).mean()
    return torch.autograd.grad(penalty, [p for p in network.parameters() if p.ndim > 1])


def network(device: torch.device) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.Softplus(), nn.Flatten(), nn.Linear(4 * 9, 1)).to(device)


def test_r1_reaches_the_weights(device: torch.device) -> None:
    """Through the second derivative of the network, with the gradients of the reference."""
    x = images(device, 4, 3, 5, 5)
    found, reference = (r1_gradients(network(device), x, impl) for impl in ("triton", "ref"))
    assert all(bool(g.abs().max() > 0) for g in found)
    torch.testing.assert_close(found, reference, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("backend", ["aot_eager", "inductor"])
def test_r1_as_one_compiled_region(device: torch.device, backend: str) -> None:
    """The kernel, asked for by name, is one op of the graph; the double backward is traced."""
    torch._dynamo.reset()
    module, x = network(device), images(device, 4, 3, 5, 5).requires_grad_()
    with warnings.catch_warnings(), torch._dynamo.config.patch(trace_autograd_ops=True):
        warnings.simplefilter("ignore")  # of the compiler's own
        found = torch.compile(lambda t: r1_gradients(module, t, "triton"), backend=backend, fullgraph=True)(x)
    torch.testing.assert_close(found, r1_gradients(module, x, "ref"), rtol=1e-5, atol=1e-6)


def test_opcheck(device: torch.device) -> None:
    """Schema, shapes without values, and tracing agree with what the kernel does."""
    for x in (images(device, 3, 2, 4, 4), images(device, 2, CHUNK + 1), images(device, 0, 4)):
        torch.library.opcheck(_op, (x,))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs 6 GiB of a GPU")
def test_more_elements_than_32_bits_can_count(device: torch.device) -> None:
    """Addresses have 64 bits."""
    x = torch.ones(3, 2**30, dtype=torch.bfloat16, device=device)
    assert sum_of_squares_per_sample(x, impl="triton").tolist() == [2.0**30] * 3
