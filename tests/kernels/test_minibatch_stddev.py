"""The standard deviation of groups of samples: by its definition, derivatives, registration, and bad input."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from ganbench_kernels import minibatch_stddev, minibatch_stddev_ref
from ganbench_kernels.minibatch_stddev import _op


def maps(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0)).to(dtype)


@pytest.mark.parametrize("count", [4, 8, 12])
def test_the_standard_deviation_is_that_of_groups_of_four(count: int) -> None:
    """Sample n belongs with all n modulo M; one number for each group, in every pixel of a new channel."""
    x = maps(count, 3, 4, 4)
    y = minibatch_stddev(x, group_size=4)
    assert torch.equal(y[:, :3], x)
    groups = count // 4
    for n in range(count):
        members = x[n % groups :: groups]
        assert len(members) == 4
        expected = (members.var(dim=0, unbiased=False) + 1e-8).sqrt().mean()
        torch.testing.assert_close(y[n, 3], expected.expand(4, 4))


@pytest.mark.parametrize(("count", "size"), [(2, 2), (3, 3), (6, 3), (7, 1), (1, 1)])
def test_a_batch_that_four_does_not_divide_has_smaller_groups(count: int, size: int) -> None:
    """The largest group up to four that divides it; a sample alone has no deviation."""
    x = maps(count, 3, 4, 4)
    first = minibatch_stddev(x, group_size=4)[0, 3, 0, 0]
    members = x[:: count // size]
    torch.testing.assert_close(first, (members.var(dim=0, unbiased=False) + 1e-8).sqrt().mean())


def test_samples_that_are_alike_show_it() -> None:
    """What the layer is for: a collapsed batch has another value than a varied one."""
    varied, alike = maps(4, 8, 4, 4), maps(1, 8, 4, 4).expand(4, -1, -1, -1)
    assert minibatch_stddev(varied, group_size=4)[0, 8, 0, 0] > 0.5
    assert minibatch_stddev(alike, group_size=4)[0, 8, 0, 0] < 1e-3


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16])
@pytest.mark.parametrize(("count", "group", "channels"), [(6, 3, 1), (8, 4, 2), (5, 4, 3), (0, 4, 1)])
def test_it_is_its_definition(count: int, group: int, channels: int, dtype: torch.dtype) -> None:
    """Group by group, each part of the channels by itself, in float32 or better."""
    x = maps(count, 6, 3, 5, dtype=dtype)
    arguments = {"group_size": group, "num_channels": channels}
    found = minibatch_stddev(x, **arguments)
    assert found.shape == (count, 6 + channels, 3, 5)
    assert found.dtype == dtype
    torch.testing.assert_close(found, minibatch_stddev_ref(x, **arguments), rtol=2 * torch.finfo(dtype).eps, atol=0.0)


def test_first_and_second_derivatives() -> None:
    """Against finite differences in float64."""
    x = maps(4, 2, 2, 2, dtype=torch.float64).requires_grad_()
    for function in (minibatch_stddev, minibatch_stddev_ref, lambda t, group_size: _op(t, group_size, 2)):
        assert torch.autograd.gradcheck(lambda t, f=function: f(t, group_size=2).sin(), x)
        assert torch.autograd.gradgradcheck(lambda t, f=function: f(t, group_size=2).sin(), x)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor")  # opcheck looks at that of clones
def test_opcheck() -> None:
    """Schema, shapes without values, derivatives and tracing agree with what the op does."""
    for x in (maps(6, 4, 3, 3).requires_grad_(), maps(4, 4, 3, 3).contiguous(memory_format=torch.channels_last)):
        torch.library.opcheck(_op, (x, 3, 2))


@pytest.mark.parametrize("function", [minibatch_stddev, minibatch_stddev_ref])
@pytest.mark.parametrize(
    ("x", "numbers", "message"),
    [
        (torch.zeros(4, 2, 2, 2, dtype=torch.uint8), {"group_size": 2}, r"x must be float32, .* \(got torch.uint8\)"),
        (torch.zeros(4, 2), {"group_size": 2}, r"x must be \[N, C, H, W\] \(got shape \[4, 2\]\)"),
        (torch.zeros(4, 2, 2, 2), {"group_size": 0}, r"group_size must be 1 or more \(got 0\)"),
        (torch.zeros(4, 2, 2, 2), {"group_size": 2, "num_channels": 3}, r"num_channels must divide the 2 channels of x \(got 3\)"),
    ],
)
def test_bad_input_is_refused(function: Any, x: Tensor, numbers: dict[str, int], message: str) -> None:
    """With what it must be, and what it was."""
    with pytest.raises(ValueError, match=message):
        function(x, **numbers)
