"""Adam with a moving average: against torch's, its state either way, and bad input."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from adam_table import made, train
from torch import Tensor, nn

from ganbench_kernels import FusedAdamEMA, fused_adam_ema, fused_adam_ema_ref
from ganbench_kernels.fused_adam_ema import _op

CPU = torch.device("cpu")
SETTINGS = [{}, {"betas": (0.0, 0.99)}, {"betas": (0.5, 0.999), "weight_decay": 0.1, "eps": 1e-3}]


def set_and_step(optimizer: torch.optim.Optimizer, params: list[Tensor]) -> Any:
    def step(grads: list[Tensor]) -> None:
        for p, g in zip(params, grads, strict=True):
            p.grad = g
        optimizer.step()

    return step


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_it_is_torch_s_adam_and_an_average(dtype: torch.dtype, settings: dict[str, Any]) -> None:
    """Parameters and moments are Adam's, and the average is lerped to them."""
    params, others = ([p.requires_grad_() for p in made(CPU, dtype)] for _ in range(2))
    averages, wanted = ([p.detach().clone() for p in params] for _ in range(2))
    ours = FusedAdamEMA(params, lr=0.01, averages=averages, decay=0.9, **settings)
    theirs = torch.optim.Adam(others, lr=0.01, **settings)
    train(params, set_and_step(ours, params))
    step = set_and_step(theirs, others)

    def step_and_average(grads: list[Tensor]) -> None:
        step(grads)
        for average, p in zip(wanted, others, strict=True):
            average.lerp_(p.detach(), 0.1)

    train(others, step_and_average)
    rtol = 1e-12 if dtype == torch.float64 else 2e-5
    for found, expected in zip([*params, *averages], [*others, *wanted], strict=True):
        torch.testing.assert_close(found.detach(), expected.detach(), rtol=rtol, atol=rtol)
    for p, q in zip(params, others, strict=True):
        for name, value in theirs.state[q].items():
            torch.testing.assert_close(ours.state[p][name], value, rtol=rtol, atol=rtol)


def test_adam_goes_on_from_our_state_and_we_from_adam_s() -> None:
    """Two steps by one and two by the other are four steps, in either order; a float learning rate or a tensor."""
    results = []
    for first, second in ((FusedAdamEMA, torch.optim.Adam), (torch.optim.Adam, FusedAdamEMA), (torch.optim.Adam, torch.optim.Adam)):
        params = [p.requires_grad_() for p in made(CPU, torch.float64)]
        before = first(params, lr=0.01)
        train(params, set_and_step(before, params), 2)
        after = second(params, lr=0.5)
        after.load_state_dict(copy.deepcopy(before.state_dict()))
        train(params, set_and_step(after, params), 2)
        results.append(params)
    for found in results[:2]:
        for p, q in zip(found, results[2], strict=True):
            torch.testing.assert_close(p.detach(), q.detach(), rtol=1e-12, atol=1e-12)


def test_a_parameter_without_a_gradient_stays_and_its_average_comes() -> None:
    """A network whose lower half is frozen is averaged whole."""
    frozen, trained = nn.Parameter(torch.ones(3)), nn.Parameter(torch.ones(3))
    averages = [torch.zeros(3), torch.zeros(3)]
    trained.grad = torch.ones(3)
    FusedAdamEMA([frozen, trained], lr=0.5, averages=averages, decay=0.75).step()
    assert torch.equal(frozen.detach(), torch.ones(3))
    assert torch.equal(averages[0], torch.full((3,), 0.25))
    torch.testing.assert_close(averages[1], 0.25 * trained.detach())


def test_rate_and_decay_may_be_tensors_that_change() -> None:
    """What a captured step needs: the numbers are read when it runs."""
    p, average, lr, decay = nn.Parameter(torch.zeros(2)), torch.zeros(2), torch.tensor(0.1), torch.tensor(0.0)
    optimizer = FusedAdamEMA([p], lr=lr, betas=(0.0, 0.0), averages=[average], decay=decay)
    p.grad = torch.ones(2)
    optimizer.step()
    torch.testing.assert_close(p.detach(), torch.full((2,), -0.1))
    torch.testing.assert_close(average, p.detach())
    lr.fill_(1.0)
    decay.fill_(1.0)
    optimizer.step()
    torch.testing.assert_close(p.detach(), torch.full((2,), -1.1))
    torch.testing.assert_close(average, torch.full((2,), -0.1))


def test_a_closure_computes_the_loss_with_gradients() -> None:
    """As of every optimizer of torch."""
    p = nn.Parameter(torch.ones(2))
    optimizer = FusedAdamEMA([p], lr=0.1)

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = p.square().sum()
        loss.backward()
        return loss

    assert optimizer.step(closure).item() == 2
    assert (p < 1).all()


@pytest.mark.slow
def test_opcheck() -> None:
    """Schema, with what it mutates, and tracing agree with what the op does."""
    lists = [made(CPU, torch.float32, 3, seed=i) for i in range(3)]
    squares, steps, averages = (
        [t.abs() for t in made(CPU, torch.float32, 3)],
        [torch.zeros(()) for _ in range(3)],
        made(CPU, torch.float32, 3),
    )
    torch.library.opcheck(_op, (*lists, squares, steps, averages, torch.tensor(0.1), torch.tensor(0.9), 0.5, 0.9, 1e-8, 0.1))


@pytest.mark.parametrize("function", [fused_adam_ema, fused_adam_ema_ref])
@pytest.mark.parametrize(
    ("change", "numbers", "message"),
    [
        ({0: [torch.zeros(3, dtype=torch.int32)]}, {}, r"params must be float32, .* \(got torch.int32\)"),
        ({0: [torch.zeros(6)[::2]]}, {}, r"params must have no gaps in memory \(parameter 0 has the strides \(2,\)\)"),
        ({1: []}, {}, r"grads must be 1, as many as parameters \(got 0\)"),
        ({2: [torch.zeros(4)]}, {}, r"means must be torch.float32 \[3\], like parameter 0 \(got torch.float32 \[4\]\)"),
        ({4: [torch.zeros(1)]}, {}, r"steps must be scalars in float32 \(got torch.float32 \[1\]\)"),
        ({5: [torch.zeros(6)[::2]]}, {}, r"averages must have the strides of parameter 0, \(1,\) \(got \(2,\)\)"),
        ({}, {"betas": (0.9, 1.0)}, r"betas must be from 0 to below 1 \(got \(0.9, 1.0\)\)"),
        ({}, {"eps": -1.0}, r"eps must be finite and 0 or more \(got -1.0\)"),
    ],
)
def test_bad_input_is_refused(function: Any, change: dict[int, list[Tensor]], numbers: dict[str, Any], message: str) -> None:
    """With what it must be, and what it was."""
    lists = [[torch.zeros(3)] for _ in range(4)] + [[torch.zeros(())], [torch.zeros(3)]]
    with pytest.raises(ValueError, match=message):
        function(*(change.get(i, one) for i, one in enumerate(lists)), lr=0.1, **numbers)


def test_a_state_of_another_adam_and_missing_averages_are_refused() -> None:
    """Before a step."""
    p = nn.Parameter(torch.zeros(3))
    with pytest.raises(ValueError, match=r"averages must be 1, as many as parameters \(got 0\)"):
        FusedAdamEMA([p], averages=[])
    with pytest.raises(ValueError, match="amsgrad must be False"):
        FusedAdamEMA([p]).load_state_dict(torch.optim.Adam([p], amsgrad=True).state_dict())
