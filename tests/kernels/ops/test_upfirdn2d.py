"""The kernel of upfirdn2d against its definition in float64."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from upfirdn2d_table import CASES, by_definition, taps

from ganbench_kernels import upfirdn2d
from ganbench_kernels.jit.upfirdn2d import plan_upfirdn2d
from ganbench_kernels.upfirdn2d import empty_output, forward

RTOL = {torch.float32: 1.3e-6, torch.float64: 1e-12, torch.float16: 1e-3, torch.bfloat16: 8e-3}


def maps(device: torch.device, *shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    drawn = torch.randn(shape or (2, 3, 7, 6), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return drawn.to(device=device, dtype=dtype)


def arguments(name: str, device: torch.device, dtype: torch.dtype = torch.float64) -> tuple[Tensor, dict[str, Any]]:
    case = dict(CASES[name])
    return taps(case.pop("taps"), dtype).to(device), case


def close(found: Tensor, wanted: Tensor, rtol: float) -> None:
    """Compare, with an absolute tolerance for sums that cancel."""
    torch.testing.assert_close(found.double(), wanted.double(), rtol=rtol, atol=4 * rtol * float(wanted.abs().max()))


@pytest.mark.parametrize(("name", "flip"), [(name, number % 2 == 1) for number, name in enumerate(CASES)])
def test_it_is_its_definition(device: torch.device, name: str, flip: bool) -> None:
    """Any up, down, padding and cropping, in one pass."""
    filter, case = arguments(name, device)
    found = upfirdn2d(maps(device), filter, **case, flip=flip, impl="triton")
    close(found, by_definition(maps(device), filter, **case, flip=flip), RTOL[torch.float64])


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("dtype", RTOL)
@pytest.mark.parametrize("name", ["up", "down", "long"])
def test_values_in_each_precision(device: torch.device, name: str, dtype: torch.dtype, layout: torch.memory_format) -> None:
    """Summed in float32 or better and rounded once; the layout is that of x."""
    filter, case = arguments(name, device, torch.float32)
    x = maps(device, 2, 5, 7, 6, dtype=dtype).contiguous(memory_format=layout)
    found = upfirdn2d(x, filter, **case, impl="triton")
    assert found.is_contiguous(memory_format=layout)
    close(found, by_definition(x.double(), filter.double(), **case), RTOL[dtype])


@pytest.mark.parametrize("shape", [(0, 3, 7, 6), (2, 0, 7, 6), (1, 1, 1, 9), (1, 2, 17, 19)])
def test_odd_and_empty_maps(device: torch.device, shape: tuple[int, ...]) -> None:
    """Nothing at all, one row, and more than a program's block."""
    filter, case = arguments("up", device)
    found = upfirdn2d(maps(device, *shape), filter, **case, impl="triton")
    assert found.shape == (*shape[:2], 2 * shape[2], 2 * shape[3])
    if found.numel():
        close(found, by_definition(maps(device, *shape), filter, **case), RTOL[torch.float64])


@pytest.mark.parametrize("name", ["up", "down"])
def test_every_number_is_written(device: torch.device, name: str) -> None:
    """Into memory that held none."""
    filter, case = arguments(name, device)
    x, (up, down, gain) = maps(device), (case.get("up", 1), case.get("down", 1), case.get("gain", 1.0))
    sides = case["padding"] if isinstance(case["padding"], tuple) else (case["padding"],) * 4
    y = torch.full_like(empty_output(x, filter, up, down, sides), float("nan"))
    plan_upfirdn2d(x, filter, y, up, down, sides, gain, False).run()
    close(y, by_definition(x, filter, **case), RTOL[torch.float64])


STRIDES = {
    "turned": lambda x: x.transpose(2, 3),
    "stepped": lambda x: x[:, :, ::2],
    "some-channels": lambda x: x[:, 1:],
    "one-sample-repeated": lambda x: x[:1].expand(3, -1, -1, -1),
    "one-pixel-repeated": lambda x: x[:, :, :1, :1].expand(-1, -1, 5, 4),
}


@pytest.mark.parametrize("strides", STRIDES)
def test_any_strides(device: torch.device, strides: str) -> None:
    """Views have the values and the gradients of their copies."""
    filter, case = arguments("down", device)
    x = STRIDES[strides](maps(device, 2, 3, 8, 6)).requires_grad_()
    y = upfirdn2d(x, filter, **case, impl="triton")
    close(y.detach(), by_definition(x.detach().contiguous(), filter, **case), RTOL[torch.float64])
    (gradient,) = torch.autograd.grad(y.sum(), x)  # the incoming one has strides of 0
    (wanted,) = torch.autograd.grad(by_definition(x, filter, **case).sum(), x)
    close(gradient, wanted, RTOL[torch.float64])


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("name", ["up", "down", "up-and-down", "up-and-cropped"])
def test_first_and_second_derivatives(device: torch.device, name: str, layout: torch.memory_format) -> None:
    """Against finite differences in float64: the same kernel with up and down exchanged."""
    filter, case = arguments(name, device)
    x = maps(device, 1, 2, 4, 3).contiguous(memory_format=layout).requires_grad_()

    def function(x: Tensor) -> Tensor:
        return upfirdn2d(x, filter, **case, impl="triton").sin()

    assert torch.autograd.gradcheck(function, x, fast_mode=True)  # along random directions: each launch takes the interpreter long
    assert torch.autograd.gradgradcheck(function, x, fast_mode=True)


def test_two_runs_are_equal(device: torch.device) -> None:
    """Bit for bit: nothing is added in an order that changes, in the derivative neither."""
    filter, case = arguments("up", device, torch.float32)
    x = maps(device, 2, 3, 17, 16, dtype=torch.float32).requires_grad_()
    first, second = (torch.autograd.grad(upfirdn2d(x, filter, **case, impl="triton").square().sum(), x)[0] for _ in range(2))
    assert torch.equal(first, second)


def test_opcheck(device: torch.device) -> None:
    """Schema, shapes without values, and tracing agree with what the kernel does."""
    filter, _ = arguments("up", device, torch.float32)
    for x in (maps(device, dtype=torch.float32), maps(device, dtype=torch.float32).contiguous(memory_format=torch.channels_last)):
        torch.library.opcheck(forward, (x, filter, 2, 1, [2, 1, 2, 1], 4.0, False))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs 12 GiB of a GPU")
def test_more_elements_than_32_bits_can_count(device: torch.device) -> None:
    """Addresses have 64 bits."""
    x = torch.ones(3, 1, 2**15, 2**15, dtype=torch.bfloat16, device=device)
    y = upfirdn2d(x, torch.ones(2, device=device) / 2, down=2, impl="triton")
    assert float(y[2, 0, -1, -1]) == 1.0
