"""The modulated convolution against weights that are made for each sample: values, derivatives, registration, and bad input."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from ganbench_kernels import modulated_conv2d, modulated_conv2d_ref
from ganbench_kernels.modulated_conv2d import _op

VARIANTS: dict[str, dict[str, Any]] = {
    "3x3": {"padding": 1},
    "1x1 as it is": {"demodulate": False, "kernel": 1},
    "larger": {"up": 2},
    "larger, cut": {"up": 2, "padding": 1},
}


def made(dtype: torch.dtype = torch.float64, kernel: int = 3, count: int = 3) -> tuple[Tensor, Tensor, Tensor]:
    random = torch.Generator().manual_seed(0)

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=random, dtype=torch.float64).to(dtype)

    return normal(count, 2, 4, 5), normal(3, 2, kernel, kernel), normal(count, 2) + 1


def of(name: str) -> tuple[int, dict[str, Any]]:
    variant = dict(VARIANTS[name])
    return variant.pop("kernel", 3), variant


@pytest.mark.parametrize("name", VARIANTS)
def test_it_is_a_convolution_with_weights_of_each_sample(name: str) -> None:
    """Equations 1 and 3 of the paper, without a copy of the weights for each."""
    kernel, variant = of(name)
    arguments = made(kernel=kernel)
    torch.testing.assert_close(modulated_conv2d(*arguments, **variant), modulated_conv2d_ref(*arguments, **variant))


def test_demodulated_weights_have_norm_one() -> None:
    """Whatever the styles are: a sample of white noise keeps its deviation, and scaling all styles changes nothing."""
    x, weight, styles = made()
    torch.testing.assert_close(modulated_conv2d(x, weight, 7 * styles), modulated_conv2d(x, weight, styles))
    one = torch.ones(1, 2, 1, 1, dtype=torch.float64)
    weight = made(kernel=1)[1]
    y = modulated_conv2d(one, weight, styles[:1])
    own = weight[:, :, 0, 0] * styles[0]
    torch.testing.assert_close(y[0, :, 0, 0], own.sum(1) / own.square().sum(1).sqrt())


@pytest.mark.parametrize(("dtype", "rtol"), [(torch.float32, 1e-5), (torch.float16, 5e-3), (torch.bfloat16, 4e-2)])
def test_values_are_of_the_type_of_x(dtype: torch.dtype, rtol: float) -> None:
    """Weights and styles may be in float32."""
    x, weight, styles = made(torch.float32)
    found = modulated_conv2d(x.to(dtype), weight, styles, padding=1)
    assert found.dtype == dtype
    wanted = modulated_conv2d_ref(x.to(dtype).double(), weight.double(), styles.double(), padding=1)
    torch.testing.assert_close(found.double(), wanted, rtol=rtol, atol=rtol * float(wanted.abs().max()))


def test_under_autocast_the_demodulation_stays_in_float32() -> None:
    """The convolution is in bfloat16; the norms, which are sums of squares, are not."""
    x, weight, styles = made(torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = modulated_conv2d(x, weight, 1e4 * styles, padding=1)
    assert found.dtype == torch.bfloat16
    wanted = modulated_conv2d_ref(x, weight, styles, padding=1)
    torch.testing.assert_close(found.float(), wanted, rtol=4e-2, atol=4e-2 * float(wanted.abs().max()))


@pytest.mark.slow(keep=1)
@pytest.mark.parametrize("function", [modulated_conv2d, modulated_conv2d_ref])
@pytest.mark.parametrize("name", ["3x3", "larger"])
def test_first_and_second_derivatives(function: Any, name: str) -> None:
    """Of maps, weights and styles, against finite differences in float64; path length regularisation takes the second."""
    kernel, variant = of(name)
    x, weight, styles = made(kernel=kernel, count=2)
    x, weight, styles = (t.requires_grad_() for t in (x[:, :, :2, :3].contiguous(), weight[:2].contiguous(), styles))
    assert torch.autograd.gradcheck(lambda *a: function(*a, **variant), (x, weight, styles))
    assert torch.autograd.gradgradcheck(lambda *a: function(*a, **variant).sin(), (x, weight, styles))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor")  # opcheck looks at that of clones
def test_opcheck() -> None:
    """Schema, shapes without values, derivatives and tracing agree with what the op does."""
    x, weight, styles = (t.requires_grad_() for t in made(torch.float32))
    for numbers in ((True, 1, 1), (False, 0, 2)):
        torch.library.opcheck(_op, (x, weight, styles, *numbers))


@pytest.mark.parametrize("function", [modulated_conv2d, modulated_conv2d_ref])
@pytest.mark.parametrize(
    ("change", "numbers", "message"),
    [
        ({0: torch.zeros(3, 2, 4, 4, dtype=torch.int64)}, {}, r"x must be float32, .* \(got torch.int64\)"),
        ({1: torch.zeros(3, 2, 3)}, {}, r"weight must be \[O, I, k, k\] \(got shape \[3, 2, 3\]\)"),
        ({1: torch.zeros(3, 4, 3, 3)}, {}, r"weight must have the 2 channels of x \(got shape \[3, 4, 3, 3\]\)"),
        ({2: torch.zeros(3, 4)}, {}, r"styles must be \[3, 2\], one for each channel of x \(got \[3, 4\]\)"),
        ({2: torch.zeros(1, 2)}, {}, r"styles must be \[3, 2\]"),
        ({}, {"padding": -1}, r"padding must be 0 or more \(got -1\)"),
        ({}, {"up": 0}, r"up must be 1 or more \(got 0\)"),
    ],
)
def test_bad_input_is_refused(function: Any, change: dict[int, Tensor], numbers: dict[str, int], message: str) -> None:
    """With what it must be, and what it was."""
    arguments = [change.get(i, one) for i, one in enumerate(made(torch.float32))]
    with pytest.raises(ValueError, match=message):
        function(*arguments, **numbers)
