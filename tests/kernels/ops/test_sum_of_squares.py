"""The kernel of the sums of squares against float64."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ganbench_kernels import Impl, sum_of_squares_per_sample
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


def r1_gradient(x: Tensor, weight: Tensor, impl: Impl) -> Tensor:
    """Return d / d weight of the mean squared norm of d D / d x, where D(x) is the sum of weight x^3."""
    (by_image,) = torch.autograd.grad((x**3 * weight).sum(), x, create_graph=True)
    return torch.autograd.grad(sum_of_squares_per_sample(by_image, impl=impl).mean(), weight)[0]


def test_r1_reaches_the_weights(device: torch.device) -> None:
    """Its gradient is 18 w x^4, a mean over samples."""
    x, weight = images(device, 4, 3, 5, 5).requires_grad_(), images(device, 3, 5, 5).requires_grad_()
    torch.testing.assert_close(r1_gradient(x, weight, "triton"), (18 * weight * x**4).mean(0).detach())


@pytest.mark.parametrize("backend", ["aot_eager", "inductor"])
@pytest.mark.filterwarnings("ignore")  # of the compilers of some versions of torch
def test_r1_as_one_compiled_region(device: torch.device, backend: str) -> None:
    """The kernel, asked for by name, is one op of the graph; the double backward is traced."""
    torch._dynamo.reset()
    x, weight = images(device, 4, 3, 5, 5).requires_grad_(), images(device, 3, 5, 5).requires_grad_()
    with torch._dynamo.config.patch(trace_autograd_ops=True):
        found = torch.compile(lambda t: r1_gradient(t, weight, "triton"), backend=backend, fullgraph=True)(x)
    torch.testing.assert_close(found, (18 * weight * x**4).mean(0).detach())


def test_opcheck(device: torch.device) -> None:
    """Schema, shapes without values, and tracing agree with what the kernel does."""
    for x in (images(device, 3, 2, 4, 4), images(device, 2, CHUNK + 1), images(device, 0, 4)):
        torch.library.opcheck(_op, (x,))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs 6 GiB of a GPU")
def test_more_elements_than_32_bits_can_count(device: torch.device) -> None:
    """Addresses have 64 bits."""
    x = torch.ones(3, 2**30, dtype=torch.bfloat16, device=device)
    assert sum_of_squares_per_sample(x, impl="triton").tolist() == [2.0**30] * 3
