"""The kernels of scaled_bias_act against its definition in float64."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from scaled_bias_act_table import LEFT_OUT, RTOL, close, drawn, inputs
from torch import Tensor

from ganbench_kernels import modulated_conv2d, modulated_conv2d_ref, scaled_bias_act, scaled_bias_act_ref
from ganbench_kernels.bias_act_ops import Curve
from ganbench_kernels.jit.scaled_bias_act import empty_sums, plan_backward, plan_forward
from ganbench_kernels.scaled_bias_act import backward, forward

NUMBERS: dict[str, Any] = {"negative_slope": 0.2, "gain": 1.4, "clamp": 1.5}


def on(device: torch.device, *arguments: Any) -> list[Any]:
    """Return the inputs there, as leaves of a graph."""
    return [None if t is None else t.to(device).requires_grad_() for t in inputs(*arguments)]


def gradients(y: Tensor, leaves: list[Any], dy: Tensor) -> tuple[Tensor, ...]:
    return torch.autograd.grad(y, [t for t in leaves if t is not None], dy)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("dtype", RTOL)
@pytest.mark.parametrize("name", LEFT_OUT)
def test_values_and_gradients(device: torch.device, name: str, dtype: torch.dtype, layout: torch.memory_format) -> None:
    """In more than a tile along either axis, and summed in float32 or better."""
    leaves = on(device, name, (2, 20, 17, 19), dtype, layout)
    exact = [None if t is None else t.detach().double().requires_grad_() for t in leaves]
    numbers = {**NUMBERS, "clamp": 1.5 if dtype == torch.float64 else None}  # at a clamp, rounding decides
    found, wanted = scaled_bias_act(*leaves, **numbers, impl="triton"), scaled_bias_act_ref(*exact, **numbers)
    assert found.is_contiguous(memory_format=layout)
    assert found.dtype == dtype
    close(found, wanted, RTOL[dtype])
    dy = drawn(*found.shape, dtype=dtype, seed=4).to(device)
    for mine, theirs in zip(gradients(found, leaves, dy), gradients(wanted, exact, dy.double()), strict=True):
        close(mine, theirs, 4 * RTOL[dtype])  # sums of some hundred


@pytest.mark.parametrize("name", LEFT_OUT)
def test_first_and_second_derivatives(device: torch.device, name: str) -> None:
    """Against finite differences in float64, of all inputs; path length regularisation takes the second."""
    leaves = on(device, name, (2, 3, 2, 4))

    def function(*given: Tensor) -> Tensor:
        left = iter(given)
        arguments = [None if t is None else next(left) for t in leaves]
        return scaled_bias_act(*arguments, negative_slope=0.3, gain=1.2, clamp=30.0, impl="triton").sin()

    there = tuple(t for t in leaves if t is not None)
    assert torch.autograd.gradcheck(function, there, fast_mode=True)
    assert torch.autograd.gradgradcheck(function, there, fast_mode=True)


def test_one_noise_for_all_samples(device: torch.device) -> None:
    """Its gradient is the sum over them."""
    x, scale, noise, bias = on(device)
    noise = noise[:1].detach().requires_grad_()
    found, wanted = (f(x, scale, noise, bias, impl=i) for f, i in ((scaled_bias_act, "triton"), (scaled_bias_act_ref, "ref")))
    close(found, wanted, RTOL[torch.float64])
    close(torch.autograd.grad(found.sum(), noise)[0], torch.autograd.grad(wanted.sum(), noise)[0], RTOL[torch.float64])


@pytest.mark.parametrize("shape", [(0, 3, 4, 4), (2, 3, 0, 4), (1, 1, 1, 1), (2, 300, 1, 3)])
def test_odd_and_empty_maps(device: torch.device, shape: tuple[int, ...]) -> None:
    """Nothing at all has gradients of 0."""
    leaves = on(device, "all", shape)
    found, wanted = scaled_bias_act(*leaves, impl="triton"), scaled_bias_act_ref(*leaves)
    close(found, wanted, RTOL[torch.float64])
    for mine, theirs in zip(gradients(found.sum(), leaves, None), gradients(wanted.sum(), leaves, None), strict=True):
        close(mine, theirs, RTOL[torch.float64])


@pytest.mark.parametrize("view", [lambda x: x.transpose(2, 3), lambda x: x[:, ::2], lambda x: x[:1].expand(4, -1, -1, -1)])
def test_any_strides(device: torch.device, view: Any) -> None:
    """Views have the values and gradients of their copies."""
    x = view(drawn(4, 4, 3, 5).to(device)).requires_grad_()
    scale = drawn(len(x), x.shape[1], seed=1).to(device).T.contiguous().T
    found, wanted = scaled_bias_act(x, scale, impl="triton"), scaled_bias_act_ref(x, scale)
    close(found, wanted, RTOL[torch.float64])
    close(torch.autograd.grad(found.sum(), x)[0], torch.autograd.grad(wanted.sum(), x)[0], RTOL[torch.float64])


def test_every_number_is_written(device: torch.device) -> None:
    """The result and all sums, into memory that held none."""
    x, scale, noise, bias = (t.detach() for t in on(device, "all", (2, 20, 17, 19)))
    y, curve = torch.full_like(x, float("nan")), Curve(0.2, 1.0, None)
    plan_forward(x, scale, noise, bias, y, curve).run()
    sums = empty_sums(x, scale, noise, bias)
    for one in (dx := torch.empty_like(x), *sums):
        one.fill_(float("nan"))
    plan_backward(y, x, scale, noise, bias, dx, sums, curve).run()
    assert all(bool(torch.isfinite(t).all()) for t in (y, dx, *sums))


def test_two_runs_are_equal(device: torch.device) -> None:
    """Bit for bit, all sums."""
    leaves = on(device, "all", (2, 20, 17, 19), torch.float32)
    first, second = (gradients(scaled_bias_act(*leaves, impl="triton").square().sum(), leaves, None) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("up", [1, 2])
def test_a_whole_styled_convolution(device: torch.device, up: int) -> None:
    """The pass behind PyTorch's convolution gives what weights made for each sample give; gradients of weights and styles too."""
    x, weight, styles = (drawn(*shape, seed=i).to(device).requires_grad_() for i, shape in enumerate([(2, 3, 4, 4), (5, 3, 3, 3), (2, 3)]))
    size = 4 if up == 1 else 7
    behind = {"noise": drawn(2, 1, size, size, seed=3).to(device), "bias": drawn(5, seed=4).to(device), "gain": 1.4, "clamp": 2.0}
    numbers = {"padding": 1, "up": up, "negative_slope": 0.2, **behind}
    found, wanted = (f(x, weight, styles, **numbers, impl=i) for f, i in ((modulated_conv2d, "triton"), (modulated_conv2d_ref, "ref")))
    close(found, wanted, 1e-10)
    for mine, theirs in zip(*(torch.autograd.grad(y.square().sum(), (x, weight, styles)) for y in (found, wanted)), strict=True):
        close(mine, theirs, 1e-10)


def test_opcheck(device: torch.device) -> None:
    """Schema, shapes without values, and tracing agree with what the kernels do."""
    for name, layout in (("all", torch.contiguous_format), ("no noise", torch.channels_last)):
        arguments = [None if t is None else t.detach() for t in on(device, name, (3, 5, 4, 6), torch.float32, layout)]
        torch.library.opcheck(forward, (*arguments, 0.2, 1.4, 1.0))
        torch.library.opcheck(backward, (arguments[0], *arguments, 0.2, 1.4, 1.0))
