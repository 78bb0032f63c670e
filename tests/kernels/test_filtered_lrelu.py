"""The filtered activation: its parts, what the filters are for, derivatives, registration, and bad input."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor
from upfirdn2d_table import by_definition, taps

from ganbench_kernels import filtered_lrelu, filtered_lrelu_ref
from ganbench_kernels.filtered_lrelu import _op
from ganbench_kernels.filtered_lrelu_ops import backward, forward, tangent

NUMBERS: dict[str, Any] = {"up": 2, "down": 2, "padding": (3, 4, 4, 3), "negative_slope": 0.1, "gain": 1.25, "clamp": 0.5}


def maps(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64).to(dtype)


@pytest.mark.parametrize("function", [filtered_lrelu, filtered_lrelu_ref])
@pytest.mark.parametrize("with_bias", [True, False])
def test_it_is_its_parts(function: Any, with_bias: bool) -> None:
    """Up with a gain of 4, bias, slope, gain, clamp, down; each by its definition."""
    x, bias = maps(2, 3, 5, 6), torch.tensor([0.3, -0.2, 0.1], dtype=torch.float64) if with_bias else None
    wide = by_definition(x, taps(6), up=2, padding=(3, 4, 4, 3), gain=4.0)
    wide = wide if bias is None else wide + bias[:, None, None]
    active = (1.25 * torch.where(wide > 0, wide, 0.1 * wide)).clamp(-0.5, 0.5)
    wanted = by_definition(active, taps(4), down=2)
    torch.testing.assert_close(function(x, bias, taps(6), taps(4), **NUMBERS), wanted)


def sinc(count: int) -> Tensor:
    """Return a windowed low-pass filter for half the rate."""
    place = torch.arange(count, dtype=torch.float64) - (count - 1) / 2
    line = torch.sinc(place / 2) * torch.kaiser_window(count, periodic=False, beta=8.0, dtype=torch.float64)
    return line / line.sum()


def test_it_keeps_what_an_activation_folds_back() -> None:
    """What it is for: moved by half a pixel, a wave's activation is the moved activation, up to what the filters let through."""

    def active(phase: float, filtered: bool) -> Tensor:
        wave = torch.sin(2 * math.pi * 0.3 * (torch.arange(64, dtype=torch.float64) + phase)).expand(1, 1, 64, 64)
        if not filtered:
            return torch.nn.functional.leaky_relu(wave, 0.0)[0, 0, 32]
        line = sinc(24)
        return filtered_lrelu(wave, None, line, line, padding=23, negative_slope=0.0)[0, 0, 32]

    def error(filtered: bool) -> float:
        frequencies = torch.fft.rfftfreq(64, dtype=torch.float64)
        window = torch.hann_window(64, dtype=torch.float64)
        spectrum = torch.fft.rfft(window * active(0.0, filtered))
        moved = torch.fft.irfft(spectrum * torch.exp(2j * math.pi * 0.5 * frequencies), 64)
        return float((moved - window * active(0.5, filtered))[16:48].abs().mean())

    assert error(filtered=True) < 0.3 * error(filtered=False)


@pytest.mark.parametrize("function", [filtered_lrelu, filtered_lrelu_ref])
def test_first_and_second_derivatives(function: Any) -> None:
    """Of map and bias, against finite differences in float64; a wave keeps away from the kinks."""
    x, bias = maps(1, 2, 2, 3).requires_grad_(), torch.tensor([0.3, -0.4], dtype=torch.float64, requires_grad=True)

    def call(x: Tensor, bias: Tensor) -> Tensor:
        return function(x, bias, taps(4), taps(4), padding=3, clamp=20.0).sin()

    assert torch.autograd.gradcheck(call, (x, bias))
    assert torch.autograd.gradgradcheck(call, (x, bias))


def test_first_and_second_derivatives_of_the_registered_op() -> None:
    """On a CPU the passes of the derivative are PyTorch's operations, and as exact."""
    x, bias = maps(1, 2, 2, 3).requires_grad_(), torch.tensor([0.3, -0.4], dtype=torch.float64, requires_grad=True)

    def call(x: Tensor, bias: Tensor) -> Tensor:
        return _op(x, bias, taps(4), taps(4), 2, 2, [3, 3, 3, 3], 0.1, 1.2, 20.0).sin()

    assert torch.autograd.gradcheck(call, (x, bias))
    assert torch.autograd.gradgradcheck(call, (x, bias))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor")  # opcheck looks at that of clones
def test_opcheck() -> None:
    """Schema, shapes without values, derivatives and tracing agree with what the op does."""
    x, bias = maps(2, 3, 5, 6, dtype=torch.float32).requires_grad_(), torch.zeros(3, requires_grad=True)
    numbers = (2, 2, [3, 4, 4, 3], 0.2, 1.0, None)
    arguments = (x.detach(), bias.detach(), taps(6).float(), taps(4).float(), *numbers)
    torch.library.opcheck(_op, (x, bias, *arguments[2:]))
    torch.library.opcheck(forward, arguments)
    dy = forward(*arguments)
    torch.library.opcheck(backward, (dy, *arguments, torch.float32))
    torch.library.opcheck(backward, (dy, *arguments, None))
    torch.library.opcheck(tangent, (x.detach(), bias.detach(), *arguments))
    found = _op(x, bias, taps(6).float(), taps(4).float(), *numbers)
    torch.testing.assert_close(found, filtered_lrelu(x, bias, taps(6).float(), taps(4).float(), padding=(3, 4, 4, 3)))


def test_bad_input_is_refused_by_its_parts() -> None:
    """With the op that it is for."""
    with pytest.raises(ValueError, match="upfirdn2d: filter must be"):
        filtered_lrelu(maps(1, 1, 4, 4), None, torch.ones(2, 2), taps(2))
    with pytest.raises(ValueError, match=r"bias_act: bias must be \[1\]"):
        filtered_lrelu(maps(1, 1, 4, 4), torch.zeros(3, dtype=torch.float64), taps(2), taps(2))
    with pytest.raises(ValueError, match="bias_act: clamp must be finite and above 0"):
        filtered_lrelu(maps(1, 1, 4, 4), None, taps(2), taps(2), clamp=0.0)
