"""The reference of the sums of squares, its derivatives, the op's registration, and bad input."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ganbench_kernels import sum_of_squares_per_sample, sum_of_squares_per_sample_ref
from ganbench_kernels.sum_of_squares import _op


def images(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0)).to(dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("shape", [(5, 3, 8, 8), (7,), (4, 9), (0, 3, 4, 4), (2, 0, 4, 4)])
def test_values(dtype: torch.dtype, shape: tuple[int, ...]) -> None:
    """In float32 or better, whatever x is in."""
    x = images(*shape, dtype=dtype)
    sums = sum_of_squares_per_sample_ref(x)
    assert sums.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    assert sums.shape == shape[:1]
    torch.testing.assert_close(sums.double(), x.double().unsqueeze(-1).flatten(1).square().sum(1), rtol=1.3e-6, atol=0.0)


def test_on_a_cpu_auto_is_the_reference() -> None:
    """Bit for bit, and what one writes in PyTorch for images."""
    x = images(4, 3, 6, 6)
    assert torch.equal(sum_of_squares_per_sample(x), sum_of_squares_per_sample_ref(x))
    assert torch.equal(sum_of_squares_per_sample(x), x.square().sum(dim=(1, 2, 3)))


def test_first_and_second_derivatives() -> None:
    """Against finite differences in float64."""
    x = images(2, 2, 3, 2, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(sum_of_squares_per_sample_ref, x)
    assert torch.autograd.gradgradcheck(sum_of_squares_per_sample_ref, x)


def test_opcheck() -> None:
    """Schema, shapes without values, and tracing agree with what the op does."""
    for x in (images(3, 2, 4, 4), images(3, 2, 4, 4).contiguous(memory_format=torch.channels_last), images(0, 4), images(5)):
        torch.library.opcheck(_op, (x,))


@pytest.mark.parametrize("backend", ["aot_eager", pytest.param("inductor", marks=pytest.mark.slow)])
@pytest.mark.filterwarnings("ignore")  # of the compilers of some versions of torch
def test_r1_as_one_compiled_region(backend: str) -> None:
    """The gradient of the weight is the eager one."""
    torch._dynamo.reset()
    x, weight = images(4, 3, 5, 5).requires_grad_(), images(3, 5, 5).requires_grad_()

    def gradient(x: Tensor) -> Tensor:
        (by_image,) = torch.autograd.grad((x**3 * weight).sum(), x, create_graph=True)
        return torch.autograd.grad(sum_of_squares_per_sample(by_image).mean(), weight)[0]

    with torch._dynamo.config.patch(trace_autograd_ops=True):
        found = torch.compile(gradient, backend=backend, fullgraph=True)(x)
    assert found.abs().max() > 0
    torch.testing.assert_close(found, gradient(x))


@pytest.mark.parametrize("function", [sum_of_squares_per_sample, sum_of_squares_per_sample_ref])
def test_bad_input_is_refused(function) -> None:
    """With what x must be, and what it was."""
    with pytest.raises(ValueError, match=r"sum_of_squares_per_sample: x must be float32, bfloat16, float16 or float64 .got torch.uint8"):
        function(torch.zeros(2, 3, dtype=torch.uint8))
    with pytest.raises(ValueError, match="sum_of_squares_per_sample: x must have a batch dimension"):
        function(torch.tensor(1.0))


def test_an_unknown_implementation_is_refused() -> None:
    """As in every op."""
    with pytest.raises(ValueError, match=r"impl must be auto, triton or ref .got 'cuda'"):
        sum_of_squares_per_sample(torch.zeros(2), impl="cuda")
