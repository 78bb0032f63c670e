"""The reference of scaled_bias_act by its definition, its derivatives, the op's registration, and bad input."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from scaled_bias_act_table import LEFT_OUT, close, inputs
from torch import Tensor

from ganbench_kernels import scaled_bias_act, scaled_bias_act_ref
from ganbench_kernels.scaled_bias_act import _op, backward, forward


@pytest.mark.parametrize("function", [scaled_bias_act, scaled_bias_act_ref])
@pytest.mark.parametrize("name", LEFT_OUT)
def test_it_is_its_definition(function: Any, name: str) -> None:
    """Number by number."""
    x, scale, noise, bias = inputs(name)
    assert x is not None
    t = x.clone()
    for n in range(t.shape[0]):
        for c in range(t.shape[1]):
            t[n, c] = x[n, c] * (1 if scale is None else scale[n, c]) + (0 if bias is None else bias[c])
            t[n, c] += 0 if noise is None else noise[n, 0]
    wanted = (1.4 * torch.where(t > 0, t, 0.3 * t)).clamp(-1.0, 1.0)
    close(function(x, scale, noise, bias, negative_slope=0.3, gain=1.4, clamp=1.0), wanted, 1e-12)


@pytest.mark.parametrize("function", [scaled_bias_act_ref, lambda *tensors, **numbers: _op(*tensors, *numbers.values())])
@pytest.mark.parametrize("name", LEFT_OUT)
def test_first_and_second_derivatives(function: Any, name: str) -> None:
    """Against finite differences in float64: of the reference, and of the registered op, whose second derivative has its own formula."""
    given = inputs(name, (2, 2, 2, 3))
    there = tuple(t.requires_grad_() for t in given if t is not None)

    def call(*tensors: Tensor) -> Tensor:
        left = iter(tensors)
        return function(*(None if t is None else next(left) for t in given), negative_slope=0.3, gain=1.2, clamp=30.0).sin()

    assert torch.autograd.gradcheck(call, there)
    assert torch.autograd.gradgradcheck(call, there)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor")  # opcheck looks at that of clones
def test_opcheck() -> None:
    """Schema, shapes without values, derivatives and tracing agree with what the op does."""
    for name in ("all", "no noise"):
        plain = inputs(name, dtype=torch.float32)
        torch.library.opcheck(forward, (*plain, 0.2, 1.4, 1.0))
        torch.library.opcheck(backward, (plain[0], *plain, 0.2, 1.4, 1.0))
        torch.library.opcheck(_op, (*(None if t is None else t.clone().requires_grad_() for t in plain), 0.2, 1.4, None))


@pytest.mark.parametrize("backend", ["aot_eager", pytest.param("inductor", marks=pytest.mark.slow)])
@pytest.mark.filterwarnings("ignore")  # of the compilers of some versions of torch
def test_path_lengths_as_one_compiled_region(backend: str) -> None:
    """The registered op's second derivative is traced, and is the eager one."""
    torch._dynamo.reset()
    x, scale, noise, bias = (t.requires_grad_() for t in inputs(dtype=torch.float32) if t is not None)

    def lengths(scale: Tensor) -> Tensor:
        y = _op(x, scale, noise, bias, 0.2, 1.4, None)
        (by_scale,) = torch.autograd.grad((y**2).sum(), scale, create_graph=True)
        return torch.autograd.grad(by_scale.square().sum(), x)[0]

    with torch._dynamo.config.patch(trace_autograd_ops=True):
        found = torch.compile(lengths, backend=backend, fullgraph=True)(scale)
    assert found.abs().max() > 0
    torch.testing.assert_close(found, lengths(scale))


@pytest.mark.parametrize("function", [scaled_bias_act, scaled_bias_act_ref])
@pytest.mark.parametrize(
    ("change", "numbers", "message"),
    [
        ({0: torch.zeros(3, 5, 4, 6, dtype=torch.int64)}, {}, r"x must be float32, .* \(got torch.int64\)"),
        ({0: torch.zeros(3, 5)}, {}, r"x must be \[N, C, H, W\] \(got shape \[3, 5\]\)"),
        ({1: torch.zeros(5)}, {}, r"scale must be \[3, 5\] \(got shape \[5\]\)"),
        ({2: torch.zeros(3, 5, 4, 6)}, {}, r"noise must be \[3, 1, 4, 6\] \(got shape \[3, 5, 4, 6\]\)"),
        ({3: torch.zeros(4)}, {}, r"bias must be \[5\] \(got shape \[4\]\)"),
        ({3: torch.zeros(5, dtype=torch.float16)}, {}, r"bias must be torch.float32, like x, or torch.float32 \(got torch.float16\)"),
        ({}, {"clamp": 0.0}, "clamp must be finite and above 0"),
    ],
)
def test_bad_input_is_refused(function: Any, change: dict[int, Tensor], numbers: dict[str, float], message: str) -> None:
    """With what it must be, and what it was."""
    arguments = [change.get(i, one) for i, one in enumerate(inputs(dtype=torch.float32))]
    with pytest.raises(ValueError, match=message):
        function(*arguments, **numbers)
