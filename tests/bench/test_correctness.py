"""What the check of an implementation catches."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from ganbench_bench.kernels.case import Case
from ganbench_bench.kernels.cases import Missing, cases_of
from ganbench_bench.kernels.correctness import compare
from ganbench_bench.kernels.sizes import QUICK

CPU = torch.device("cpu")


def first_case(op: str, dtype: torch.dtype = torch.float32) -> Case:
    found = cases_of(op, QUICK, (dtype,), ("nchw",))
    assert not isinstance(found, Missing)
    return found[0]


def spoilt(function: Callable[..., Tensor], spoil: Callable[[Tensor], Tensor]) -> Callable[..., Tensor]:
    return lambda *inputs: spoil(function(*inputs))


def without_the_end(y: Tensor) -> Tensor:
    return torch.cat([y.flatten()[:-3], torch.zeros(3, dtype=y.dtype)]).view(y.shape)


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (lambda y: y * 1.001, "values are off"),
        (without_the_end, "3 of 4,096 values are off"),
        (lambda y: y * float("nan"), "not finite"),
        (lambda y: y[:1], "has the shape [1, 16, 8, 8], the reference [4, 16, 8, 8]"),
    ],
    ids=["scaled", "unwritten end", "nan", "shape"],
)
def test_a_wrong_forward_is_told(spoil: Callable[[Tensor], Tensor], expected: str) -> None:
    """Small errors everywhere and large ones at three places alike."""
    case = first_case("bias_act")
    assert expected in compare(case, "forward", spoilt(case.plain, spoil), CPU).problem


class _WrongBias(torch.autograd.Function):
    """The right forward; the bias's gradient is a mean where it should be a sum."""

    @staticmethod
    def forward(ctx: object, x: Tensor, bias: Tensor) -> Tensor:
        return x + bias.view(1, -1, 1, 1)

    @staticmethod
    def backward(ctx: object, dy: Tensor) -> tuple[Tensor, Tensor]:
        return dy, dy.mean((0, 2, 3))


def test_a_wrong_gradient_is_told_by_its_place() -> None:
    """The second of two; the forward passes."""
    case = first_case("bias_act")

    def wrong(x: Tensor, bias: Tensor) -> Tensor:
        return torch.nn.functional.leaky_relu(_WrongBias.apply(x, bias), 0.2)

    assert compare(case, "forward", wrong, CPU).problem == ""
    assert compare(case, "backward", wrong, CPU).problem.startswith("result 1: 16 of 16 values are off")


def test_running_statistics_are_compared_too() -> None:
    """A batch norm that leaves them alone has the right output and is wrong."""
    case = first_case("norm_act")

    def forgetful(x: Tensor, weight: Tensor, bias: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
        return case.plain(x, weight, bias, mean.clone(), variance.clone())

    assert compare(case, "forward", forgetful, CPU).problem.startswith("result 1: 16 of 16 values are off")


def test_a_level_may_be_off_by_one_at_a_border_and_no_more() -> None:
    """One pixel of 3,072 is nothing; two levels, or many pixels, are."""
    case = first_case("to_uint8")

    def nudged(pixels: int, levels: int) -> Callable[[Tensor], Tensor]:
        def nudge(y: Tensor) -> Tensor:
            flat = y.flatten()
            flat[:pixels] = torch.where(flat[:pixels] < 128, flat[:pixels] + levels, flat[:pixels] - levels)
            return flat.view(y.shape)

        return nudge

    assert compare(case, "forward", spoilt(case.plain, nudged(1, 1)), CPU).problem == ""
    assert "1 of 3,072 values are off" in compare(case, "forward", spoilt(case.plain, nudged(1, 2)), CPU).problem
    assert "50 of 3,072 values are off" in compare(case, "forward", spoilt(case.plain, nudged(50, 1)), CPU).problem


def test_bf16_may_round_and_not_more() -> None:
    """Half a percent passes, three do not."""
    case = first_case("bias_act", torch.bfloat16)
    assert compare(case, "forward", spoilt(case.plain, lambda y: y * 1.004), CPU).problem == ""
    assert "values are off" in compare(case, "forward", spoilt(case.plain, lambda y: y * 1.03), CPU).problem
