"""The kernels of minibatch_stddev against its definition in float64."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ganbench_kernels import minibatch_stddev, minibatch_stddev_ref
from ganbench_kernels.jit.minibatch_stddev import plan_forward, table
from ganbench_kernels.minibatch_stddev import LARGEST_GROUP, backward, empty_result, forward

RTOL = {torch.float32: 1.3e-6, torch.float64: 1e-12, torch.float16: 1e-3, torch.bfloat16: 8e-3}


def maps(device: torch.device, *shape: int, dtype: torch.dtype = torch.float64, seed: int = 0) -> Tensor:
    drawn = torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return drawn.to(device=device, dtype=dtype)


def close(found: Tensor, wanted: Tensor, rtol: float) -> None:
    """Compare, with an absolute tolerance for sums that cancel."""
    found, wanted = found.detach().double(), wanted.detach().double()
    torch.testing.assert_close(found, wanted, rtol=rtol, atol=4 * rtol * float(wanted.abs().max()))


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("dtype", RTOL)
@pytest.mark.parametrize(("count", "group", "parts"), [(6, 3, 1), (8, 4, 2), (5, 4, 3)])
def test_values_and_gradients(
    device: torch.device, count: int, group: int, parts: int, dtype: torch.dtype, layout: torch.memory_format
) -> None:
    """Of every group and part, in more than a block; the first channels are the bits of x."""
    x = maps(device, count, 6, 23, 13, dtype=dtype).contiguous(memory_format=layout).requires_grad_()
    found = minibatch_stddev(x, group_size=group, num_channels=parts, impl="triton")
    exact = x.detach().double().requires_grad_()
    wanted = minibatch_stddev_ref(exact, group_size=group, num_channels=parts)
    assert found.is_contiguous(memory_format=layout)
    assert torch.equal(found[:, :6], x)
    close(found, wanted, RTOL[dtype])
    dy = maps(device, *found.shape, dtype=dtype, seed=1)
    close(torch.autograd.grad(found, x, dy)[0], torch.autograd.grad(wanted, exact, dy.double())[0], RTOL[dtype])


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_first_and_second_derivatives(device: torch.device, layout: torch.memory_format) -> None:
    """Against finite differences in float64; the second with respect to the incoming gradient and to x."""
    x = maps(device, 4, 4, 2, 3).contiguous(memory_format=layout).requires_grad_()

    def function(x: Tensor) -> Tensor:
        return minibatch_stddev(x, group_size=2, num_channels=2, impl="triton").sin()

    assert torch.autograd.gradcheck(function, x, fast_mode=True)
    assert torch.autograd.gradgradcheck(function, x, fast_mode=True)


@pytest.mark.parametrize("shape", [(0, 2, 3, 3), (4, 2, 0, 3), (1, 1, 1, 1), (7, 3, 1, 5)])
def test_odd_and_empty_batches(device: torch.device, shape: tuple[int, ...]) -> None:
    """Nothing at all, a sample alone, and a batch that no group divides."""
    x = maps(device, *shape).requires_grad_()
    found = minibatch_stddev(x, group_size=4, impl="triton")
    assert found.shape == (shape[0], shape[1] + 1, *shape[2:])
    (gradient,) = torch.autograd.grad(found.sum(), x)
    assert gradient.shape == x.shape
    if found.numel():
        close(found, minibatch_stddev_ref(x, group_size=4), RTOL[torch.float64])


@pytest.mark.parametrize("view", [lambda x: x.transpose(2, 3), lambda x: x[:, ::2], lambda x: x[:1].expand(4, -1, -1, -1)])
def test_any_strides(device: torch.device, view) -> None:
    """Views have the values and gradients of their copies."""
    x = view(maps(device, 4, 4, 3, 5)).requires_grad_()
    found, wanted = minibatch_stddev(x, group_size=2, impl="triton"), minibatch_stddev_ref(x, group_size=2)
    close(found, wanted, RTOL[torch.float64])
    close(torch.autograd.grad(found.sum(), x)[0], torch.autograd.grad(wanted.sum(), x)[0], RTOL[torch.float64])


def test_every_number_is_written(device: torch.device) -> None:
    """The copy and the sums, into memory that held none; the channel that is added is the sums'."""
    x = maps(device, 4, 3, 5, 7)
    y, t = torch.full_like(empty_result(x, 1), float("nan")), table(x, 1, 4)
    partial = x.new_full((t.groups, 1, t.blocks), float("nan"))
    plan_forward(x, y, partial, t).run()
    assert torch.equal(y[:, :3], x)
    close(partial.sum() / x[0].numel(), minibatch_stddev_ref(x, group_size=4)[0, 3, 0, 0], RTOL[torch.float64])


def test_a_group_that_no_program_holds_is_the_reference(device: torch.device) -> None:
    """As exact."""
    x = maps(device, LARGEST_GROUP + 1, 1, 1, 2)
    found = minibatch_stddev(x, group_size=LARGEST_GROUP + 1, impl="triton")
    close(found, minibatch_stddev_ref(x, group_size=LARGEST_GROUP + 1), RTOL[torch.float64])


def test_two_runs_are_equal(device: torch.device) -> None:
    """Bit for bit."""
    x = maps(device, 8, 4, 9, 9, dtype=torch.float32).requires_grad_()
    first, second = (torch.autograd.grad(minibatch_stddev(x, group_size=4, impl="triton").square().sum(), x)[0] for _ in range(2))
    assert torch.equal(first, second)


def test_opcheck(device: torch.device) -> None:
    """Schema, shapes without values, and tracing agree with what the kernels do."""
    for x in (maps(device, 6, 4, 3, 3), maps(device, 6, 4, 3, 3).contiguous(memory_format=torch.channels_last)):
        torch.library.opcheck(forward, (x, 3, 2))
        torch.library.opcheck(backward, (forward(x, 3, 2), x, 3, 2))
