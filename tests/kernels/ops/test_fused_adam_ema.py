"""The kernel of fused_adam_ema against its reference in float64."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from adam_table import made, train
from torch import Tensor

from ganbench_kernels import FusedAdamEMA, fused_adam_ema
from ganbench_kernels.fused_adam_ema import _op
from ganbench_kernels.jit.fused_adam_ema import TENSORS
from ganbench_kernels.jit.launch import Launch

RTOL = {torch.float32: 1e-5, torch.float64: 1e-12, torch.float16: 2e-2, torch.bfloat16: 1e-1}
"""Four steps, each of which rounds what is kept; the kernel and the reference round alike."""


def stepped(
    device: torch.device, dtype: torch.dtype, impl: str, count: int = 7, averaged: bool = True, **numbers: Any
) -> list[list[Tensor]]:
    """Return parameters, moments, steps and averages after four steps."""
    params, squares = made(device, dtype, count), [torch.zeros_like(p) for p in made(device, dtype, count)]
    means, steps = [torch.zeros_like(p) for p in params], [torch.zeros((), device=device) for _ in params]
    averages = [p.clone() for p in params] if averaged else []
    settings: dict[str, Any] = {"lr": 0.01, "betas": (0.5, 0.99), "eps": 1e-3, "decay": 0.9, **numbers}
    train(params, lambda grads: fused_adam_ema(params, grads, means, squares, steps, averages, **settings, impl=impl))
    return [params, means, squares, steps, averages]


@pytest.mark.parametrize(
    "numbers",
    [{}, {"betas": (0.0, 0.99)}, {"weight_decay": 0.1, "averaged": False}, {"count": TENSORS + 3}],
    ids=["plain", "beta", "decay", "many"],
)
@pytest.mark.parametrize("dtype", RTOL)
def test_it_is_the_reference(device: torch.device, dtype: torch.dtype, numbers: dict[str, Any]) -> None:
    """In each precision, for sizes that a vector divides and others, and for more parameters than a launch has."""
    for found, wanted in zip(stepped(device, dtype, "triton", **numbers), stepped(device, dtype, "ref", **numbers), strict=True):
        for mine, theirs in zip(found, wanted, strict=True):
            torch.testing.assert_close(mine, theirs, rtol=RTOL[dtype], atol=RTOL[dtype])


def test_the_first_correction_keeps_its_digits(device: torch.device) -> None:
    """1 - 0.999999 in float32 from an exponential has none left; the first step of Adam is lr, whatever the gradient."""
    p, mean, square, step = (
        torch.zeros(16, device=device),
        torch.zeros(16, device=device),
        torch.zeros(16, device=device),
        torch.zeros((), device=device),
    )
    g = torch.linspace(1, 2, 16, device=device)
    fused_adam_ema([p], [g], [mean], [square], [step], lr=1.0, betas=(0.0, 1 - 1e-6), eps=1e-12, impl="triton")
    torch.testing.assert_close(p, torch.full_like(p, -1.0), rtol=1e-4, atol=0.0)


def test_parameters_that_no_vector_divides_in_place(device: torch.device) -> None:
    """A view that begins at an odd address is not read 16 bytes at a time, and what lies around it stays."""
    memory = torch.zeros(4, 40, device=device)
    p, mean, square, average = (row[1:33] for row in memory)
    fused_adam_ema(
        [p], [torch.ones(32, device=device)], [mean], [square], [torch.zeros((), device=device)], [average], lr=1.0, impl="triton"
    )
    torch.testing.assert_close(p, torch.full_like(p, -1.0), rtol=1e-5, atol=0.0)
    assert not memory[:, 0].any()
    assert not memory[:, 33:].any()


def test_the_optimizer_is_one_launch_for_sixteen_parameters(device: torch.device, monkeypatch: pytest.MonkeyPatch) -> None:
    """And reads nothing on the host: rate and decay are the tensors that it was given."""
    launched: list[Launch] = []
    run = Launch.run
    monkeypatch.setattr(Launch, "run", lambda launch: (launched.append(launch), run(launch))[1])
    params = [p.requires_grad_() for p in made(device, torch.float32, 7)]
    lr, decay = torch.tensor(0.1, device=device), torch.tensor(0.9, device=device)
    optimizer = FusedAdamEMA(params, lr=lr, averages=[p.detach().clone() for p in params], decay=decay, impl="triton")
    for p in params:
        p.grad = torch.ones_like(p)
    optimizer.step()
    (one,) = launched
    assert any(argument is lr for argument in one.arguments)
    assert any(argument is decay for argument in one.arguments)


def test_opcheck(device: torch.device) -> None:
    """Schema, with what it mutates, and tracing agree with what the kernel does."""
    params, grads, means = (made(device, torch.float32, 3, seed=i) for i in range(3))
    squares, averages = [p.abs() for p in params], made(device, torch.float32, 3)
    steps, scalars = [torch.zeros((), device=device) for _ in params], (torch.tensor(0.1, device=device), torch.tensor(0.9, device=device))
    torch.library.opcheck(_op, (params, grads, means, squares, steps, averages, *scalars, 0.5, 0.9, 1e-8, 0.1))
