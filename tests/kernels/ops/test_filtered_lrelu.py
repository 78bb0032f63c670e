"""The kernel of filtered_lrelu against its reference in float64."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from upfirdn2d_table import taps

from ganbench_kernels import filtered_lrelu, filtered_lrelu_ref
from ganbench_kernels.filtered_lrelu_ops import Numbers, empty_result, fits, forward, wide_size
from ganbench_kernels.jit.filtered_lrelu import plan_filtered_lrelu, way_there
from ganbench_kernels.jit.launch import Launch

RTOL = {torch.float32: 1.3e-6, torch.float64: 1e-12, torch.float16: 1e-3, torch.bfloat16: 8e-3}
CASES: dict[str, dict[str, Any]] = {
    "stylegan3": {"taps": (12, 12), "padding": (9, 8, 9, 8)},
    "four-times": {"taps": (24, 12), "up": 4, "padding": (20, 19, 21, 18)},
    "same-rate": {"taps": (3, 5), "up": 1, "down": 1, "padding": (3, 2, 1, 4)},
    "cropped": {"taps": (6, 5), "down": 1, "padding": (-1, 2, 0, 3)},
    "wide-borders": {"taps": (4, 4), "down": 3, "padding": 9},
}
"""By name: the taps of both filters, and arguments."""


def maps(device: torch.device, *shape: int, dtype: torch.dtype = torch.float64, seed: int = 0) -> Tensor:
    drawn = torch.randn(shape or (1, 3, 9, 8), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return drawn.to(device=device, dtype=dtype)


def arguments(name: str, device: torch.device) -> tuple[tuple[Tensor, Tensor], dict[str, Any]]:
    case = {"gain": 1.3, "clamp": 1.0, **CASES[name]}
    up_taps, down_taps = case.pop("taps")
    return (taps(up_taps).to(device), taps(down_taps).to(device)), case


def close(found: Tensor, wanted: Tensor, rtol: float) -> None:
    """Compare, with an absolute tolerance for sums that cancel."""
    found, wanted = found.detach().double(), wanted.detach().double()
    torch.testing.assert_close(found, wanted, rtol=rtol, atol=4 * rtol * float(wanted.abs().max()))


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients_are_the_reference_s(device: torch.device, name: str, layout: torch.memory_format) -> None:
    """Any rates and paddings; the bias's gradient counts every place of the enlarged map once, borders that no pixel reaches too."""
    filters, case = arguments(name, device)
    x, bias = maps(device, 1, 2, 13, 11).contiguous(memory_format=layout).requires_grad_(), maps(device, 2, seed=1).requires_grad_()
    found, wanted = filtered_lrelu(x, bias, *filters, **case, impl="triton"), filtered_lrelu_ref(x, bias, *filters, **case)
    assert found.is_contiguous(memory_format=layout)
    close(found, wanted, RTOL[torch.float64])
    dy = maps(device, *wanted.shape, seed=2)
    for mine, theirs in zip(*(torch.autograd.grad(y, (x, bias), dy) for y in (found, wanted)), strict=True):
        close(mine, theirs, RTOL[torch.float64])


@pytest.mark.parametrize("bias_dtype", [None, torch.float32])
@pytest.mark.parametrize("dtype", RTOL)
def test_values_in_each_precision(device: torch.device, dtype: torch.dtype, bias_dtype: torch.dtype | None) -> None:
    """The enlarged map is never rounded to x's type."""
    filters, case = arguments("stylegan3", device)
    x, bias = maps(device, dtype=dtype), maps(device, 3, dtype=bias_dtype or dtype, seed=1)
    x, dy = x.requires_grad_(), maps(device, 1, 3, 9, 8, dtype=dtype, seed=2)
    found = filtered_lrelu(x, bias, *(f.float() for f in filters), **{**case, "clamp": None}, impl="triton")
    exact = x.detach().double().requires_grad_()
    wanted = filtered_lrelu_ref(exact, bias.double(), *(f.float().double() for f in filters), **{**case, "clamp": None})
    assert found.dtype == dtype
    close(found, wanted, RTOL[dtype])
    dy = dy[:, :, : found.shape[2], : found.shape[3]]
    close(torch.autograd.grad(found, x, dy)[0], torch.autograd.grad(wanted, exact, dy.double())[0], RTOL[dtype])


@pytest.mark.parametrize("with_bias", [True, False])
@pytest.mark.parametrize("clamp", [None, 20.0])
def test_first_and_second_derivatives(device: torch.device, clamp: float | None, with_bias: bool) -> None:
    """Against finite differences in float64: the backward's derivative is the forward with the slope held."""
    x = maps(device, 1, 2, 3, 4).requires_grad_()
    bias = torch.tensor([0.3, -0.4], dtype=torch.float64, device=device, requires_grad=True)

    def function(x: Tensor, bias: Tensor) -> Tensor:
        filters = (taps(4).to(device), taps(4).to(device))
        return filtered_lrelu(x, bias if with_bias else None, *filters, padding=3, clamp=clamp, impl="triton").sin()

    inputs = (x, bias) if with_bias else (x, bias.detach())
    assert torch.autograd.gradcheck(function, inputs, fast_mode=True)
    assert torch.autograd.gradgradcheck(function, inputs, fast_mode=True)


def test_a_third_derivative_is_the_reference_s(device: torch.device) -> None:
    """Of the cube: each derivative is one of the two linear passes."""
    filters, case = arguments("stylegan3", device)
    results = []
    for function, impl in ((filtered_lrelu, "triton"), (filtered_lrelu_ref, "ref")):
        x, bias = maps(device, 1, 2, 5, 4).requires_grad_(), maps(device, 2, seed=1).requires_grad_()
        y = function(x, bias, *filters, **case, impl=impl).pow(3).sum()
        for _ in range(3):
            first, second = torch.autograd.grad(y, (x, bias), create_graph=True)
            y = first.square().sum() + second.square().sum()
        results.append(first)
    close(results[0], results[1], 1e-9)


def test_where_no_tile_is_large_enough_it_is_its_parts(device: torch.device, monkeypatch: pytest.MonkeyPatch) -> None:
    """On Triton too, and StyleGAN3's filters are one launch."""
    launched: list[str] = []
    run = Launch.run
    monkeypatch.setattr(Launch, "run", lambda launch: (launched.append(launch.kernel.fn.__name__), run(launch))[1])
    assert fits(2, 12, 2, 12)
    assert fits(4, 24, 2, 12)
    assert not fits(1, 2, 20, 2)
    for down, kernels in ((2, ["filtered_lrelu_kernel"]), (20, ["upfirdn2d_kernel", "bias_act_kernel", "upfirdn2d_kernel"])):
        launched.clear()
        arguments = (maps(device, 1, 1, 24, 24), None, taps(2).to(device), taps(2).to(device))
        found = filtered_lrelu(*arguments, up=1, down=down, impl="triton")
        close(found, filtered_lrelu_ref(*arguments, up=1, down=down), 1e-12)
        assert launched == kernels


@pytest.mark.parametrize("shape", [(0, 3, 7, 6), (2, 0, 7, 6), (1, 1, 3, 9), (1, 2, 37, 5)])
def test_odd_and_empty_maps(device: torch.device, shape: tuple[int, ...]) -> None:
    """Nothing at all, one row, and more than a tile."""
    filters, case = arguments("stylegan3", device)
    x = maps(device, *shape)
    found = filtered_lrelu(x, None, *filters, **case, impl="triton")
    assert found.shape == (*shape[:2], *(side - 2 for side in shape[2:]))
    if found.numel():
        close(found, filtered_lrelu_ref(x, None, *filters, **case), RTOL[torch.float64])


STRIDES = {
    "turned": lambda x: x.transpose(2, 3),
    "stepped": lambda x: x[:, :, ::2],
    "one-pixel-repeated": lambda x: x[:, :, :1, :1].expand(-1, -1, 8, 7),
}


@pytest.mark.parametrize("strides", STRIDES)
def test_any_strides(device: torch.device, strides: str) -> None:
    """Views have the values and the gradients of their copies; the gradient of a sum has strides of 0."""
    filters, case = arguments("same-rate", device)
    x = STRIDES[strides](maps(device)).requires_grad_()
    found, wanted = filtered_lrelu(x, None, *filters, **case, impl="triton"), filtered_lrelu_ref(x, None, *filters, **case)
    close(found.detach(), wanted.detach(), RTOL[torch.float64])
    close(torch.autograd.grad(found.sum(), x)[0], torch.autograd.grad(wanted.sum(), x)[0], RTOL[torch.float64])


def test_every_number_is_written(device: torch.device) -> None:
    """Into memory that held none."""
    filters, case = arguments("stylegan3", device)
    x, numbers = maps(device), Numbers(2, 2, case["padding"], 0.2, 1.3, 1.0)
    y = torch.full_like(empty_result(x, *filters, numbers), float("nan"))
    plan_filtered_lrelu(x, None, None, None, y, way_there(*filters, numbers), wide_size(x, filters[0], numbers), filters[0], numbers)[
        0
    ].run()
    close(y, filtered_lrelu_ref(x, None, *filters, **case), RTOL[torch.float64])


def test_two_runs_are_equal(device: torch.device) -> None:
    """Bit for bit, the sums of the bias too."""
    filters, case = arguments("stylegan3", device)
    x, bias = maps(device, dtype=torch.float32).requires_grad_(), maps(device, 3, dtype=torch.float32).requires_grad_()
    first, second = (
        torch.autograd.grad(filtered_lrelu(x, bias, *filters, **case, impl="triton").square().sum(), (x, bias)) for _ in range(2)
    )
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_opcheck(device: torch.device) -> None:
    """Schema, shapes without values, and tracing agree with what the kernel does."""
    filters, case = arguments("stylegan3", device)
    for x in (maps(device, dtype=torch.float32), maps(device, dtype=torch.float32).contiguous(memory_format=torch.channels_last)):
        torch.library.opcheck(forward, (x, None, *filters, 2, 2, list(case["padding"]), 0.2, 1.3, 1.0))
