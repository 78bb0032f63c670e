"""The reference of upfirdn2d by its definition, its derivatives, the op's registration, the modules around it, and bad input."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from upfirdn2d_table import CASES, by_definition, taps

from ganbench_kernels import Downsample2d, Upsample2d, upfirdn2d, upfirdn2d_ref
from ganbench_kernels.upfirdn2d import _op, adjoint_sides, forward

RTOL = {torch.float64: 1e-12, torch.float32: 1e-5, torch.float16: 4e-3, torch.bfloat16: 3e-2}


def maps(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(shape or (2, 3, 7, 6), generator=torch.Generator().manual_seed(0), dtype=torch.float64).to(dtype)


def arguments(name: str) -> tuple[Tensor, dict[str, Any]]:
    case = dict(CASES[name])
    return taps(case.pop("taps")), case


def positional(x: Tensor, name: str, flip: bool = False) -> tuple[Any, ...]:
    """Return the arguments as the registered op takes them."""
    filter, case = arguments(name)
    padding = case.get("padding", 0)
    sides = [padding] * 4 if isinstance(padding, int) else list(padding)
    return x, filter.to(x.dtype), case.get("up", 1), case.get("down", 1), sides, case.get("gain", 1.0), flip


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_it_is_its_definition(name: str, flip: bool) -> None:
    """Zeros between, padding or cropping, all taps one by one, samples left out."""
    filter, case = arguments(name)
    torch.testing.assert_close(upfirdn2d_ref(maps(), filter, **case, flip=flip), by_definition(maps(), filter, **case, flip=flip))


@pytest.mark.parametrize("dtype", RTOL)
@pytest.mark.parametrize("name", ["up", "down", "long"])
def test_values_are_of_the_type_of_x(name: str, dtype: torch.dtype) -> None:
    """Near the definition in float64, whose inputs are rounded alike."""
    filter, case = arguments(name)
    found = upfirdn2d(maps(dtype=dtype), filter.float(), **case)
    assert found.dtype == dtype
    wanted = by_definition(maps(dtype=dtype).double(), filter.float().double(), **case)
    torch.testing.assert_close(found.double(), wanted, rtol=RTOL[dtype], atol=RTOL[dtype] * float(wanted.abs().max()))


def test_on_a_cpu_auto_is_the_reference() -> None:
    """Bit for bit."""
    filter, case = arguments("up")
    x = maps(dtype=torch.float32)
    assert torch.equal(upfirdn2d(x, filter.float(), **case), upfirdn2d_ref(x, filter.float(), **case))


def test_under_autocast_the_result_has_the_type_of_x() -> None:
    """An image in float32 is not rounded on its way up."""
    filter, case = arguments("up")
    x = maps(dtype=torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = upfirdn2d(x, filter.float(), **case)
    assert torch.equal(found, upfirdn2d(x, filter.float(), **case))


@pytest.mark.parametrize("name", CASES)
def test_the_adjoint_exchanges_up_and_down_and_flips_the_filter(name: str) -> None:
    """<y, A x> is <A' y, x> for the op that the derivative is made of, at the shape of x."""
    x, filter, up, down, sides, gain, flip = positional(maps(), name)
    y = forward(x, filter, up, down, sides, gain, flip)
    dy = torch.randn(y.shape, generator=torch.Generator().manual_seed(1), dtype=y.dtype)
    dx = forward(dy, filter, down, up, list(adjoint_sides(x.shape, filter, up, down, tuple(sides))), gain, not flip)
    assert dx.shape == x.shape
    torch.testing.assert_close((dy * y).sum(), (dx * x).sum())
    (expected,) = torch.autograd.grad(upfirdn2d_ref(x.requires_grad_(), filter, **arguments(name)[1]), x, dy)
    torch.testing.assert_close(dx, expected)


@pytest.mark.slow(keep=3)
@pytest.mark.parametrize("registered", [False, True])
@pytest.mark.parametrize("name", ["up", "down", "up-and-down", "cropped", "long"])
def test_first_and_second_derivatives(name: str, registered: bool) -> None:
    """Against finite differences in float64: of the reference, and of the registered op, whose derivative is itself."""
    filter, case = arguments(name)
    x = maps(1, 1, 5, 6).requires_grad_()

    def function(x: Tensor) -> Tensor:
        return (_op(*positional(x, name)) if registered else upfirdn2d_ref(x, filter, **case)).sin()

    assert torch.autograd.gradcheck(function, x)
    assert torch.autograd.gradgradcheck(function, x)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor")  # opcheck looks at that of clones
@pytest.mark.parametrize("name", ["up", "up-and-cropped", "long-down"])
def test_opcheck(name: str) -> None:
    """Schema, shapes and strides without values, derivatives and tracing agree with what the op does."""
    for x in (maps(2, 3, 7, 6), maps(2, 3, 8, 7).contiguous(memory_format=torch.channels_last), maps(0, 3, 7, 6)):
        torch.library.opcheck(forward, positional(x, name))
    leaf = torch.randn(2, 2, 5, 6, requires_grad=True)
    torch.library.opcheck(_op, positional(leaf, name))


@pytest.mark.parametrize("backend", ["aot_eager", pytest.param("inductor", marks=pytest.mark.slow)])
@pytest.mark.filterwarnings("ignore")  # of the compilers of some versions of torch
def test_r1_as_one_compiled_region(backend: str) -> None:
    """The gradient of the weight is the eager one."""
    torch._dynamo.reset()
    filter, case = arguments("down")
    x, weight = maps(2, 3, 6, 6, dtype=torch.float32).requires_grad_(), maps(3, 3, 3, dtype=torch.float32).requires_grad_()

    def gradient(x: Tensor) -> Tensor:
        y = upfirdn2d(x, filter.float(), **case)
        (by_image,) = torch.autograd.grad((y**3 * weight).sum(), x, create_graph=True)
        return torch.autograd.grad(by_image.square().sum(), weight)[0]

    with torch._dynamo.config.patch(trace_autograd_ops=True):
        found = torch.compile(gradient, backend=backend, fullgraph=True)(x)
    assert found.abs().max() > 0
    torch.testing.assert_close(found, gradient(x))


def test_doubling_and_halving_is_the_binomial_filter() -> None:
    """As StyleGAN2's and R3GAN's [1, 3, 3, 1]: [1, 2, 1] on repeated pixels; constants stay what they are, but for the border."""
    x, line = maps(2, 3, 6, 6), torch.tensor([1.0, 3.0, 3.0, 1.0], dtype=torch.float64) / 8
    repeated = x.repeat_interleave(2, 2).repeat_interleave(2, 3)
    short = torch.tensor([1.0, 2.0, 1.0], dtype=torch.float64) / 4
    torch.testing.assert_close(Upsample2d().double()(x), by_definition(repeated, short, padding=1))
    torch.testing.assert_close(Downsample2d().double()(x), by_definition(x, line, down=2, padding=1))
    inner = Upsample2d()(torch.ones(1, 1, 6, 6))[..., 1:-1, 1:-1]
    torch.testing.assert_close(inner, torch.ones_like(inner))
    assert list(Upsample2d().state_dict()) == []


@pytest.mark.parametrize("count", [2, 4, 6, 12])
def test_a_filter_of_any_even_length_doubles_and_halves(count: int) -> None:
    """The size, and the place: a ramp comes back as it was, away from the border."""
    ramp = torch.arange(24.0).expand(1, 1, 24, 24)
    there = Upsample2d([1.0] * count)(ramp)
    assert there.shape == (1, 1, 48, 48)
    back = Downsample2d([1.0] * count)(there)
    torch.testing.assert_close(back[..., 9:-9, 9:-9], ramp[..., 9:-9, 9:-9])


@pytest.mark.parametrize(("wrong", "message"), [([1.0, 2.0, 1.0], "even number"), ([], "even number"), ([1.0, -1.0], "sum is not 0")])
def test_a_filter_that_cannot_double_is_refused(wrong: list[float], message: str) -> None:
    """One of an odd length would move the map by half a pixel."""
    with pytest.raises(ValueError, match=message):
        Upsample2d(wrong)


@pytest.mark.parametrize("function", [upfirdn2d, upfirdn2d_ref])
@pytest.mark.parametrize(
    ("x", "filter", "numbers", "message"),
    [
        (torch.zeros(1, 1, 4, 4, dtype=torch.int32), torch.ones(2), {}, r"x must be float32, .* \(got torch.int32\)"),
        (torch.zeros(1, 4, 4), torch.ones(2), {}, r"x must be \[N, C, H, W\] \(got shape \[1, 4, 4\]\)"),
        (torch.zeros(1, 1, 4, 4), torch.ones(2, 2), {}, r"filter must be \[T\] float32 or float64"),
        (torch.zeros(1, 1, 4, 4), torch.ones(0), {}, r"filter must be \[T\]"),
        (torch.zeros(1, 1, 4, 4), torch.ones(2).requires_grad_(), {}, "must not require grad"),
        (torch.zeros(1, 1, 4, 4), torch.ones(2), {"up": 0}, r"up must be 1 or more \(got 0\)"),
        (torch.zeros(1, 1, 4, 4), torch.ones(2), {"down": -1}, r"down must be 1 or more \(got -1\)"),
        (torch.zeros(1, 1, 4, 4), torch.ones(2), {"padding": (1, 2)}, r"padding must be one number or \(left"),
        (torch.zeros(1, 1, 4, 4), torch.ones(6), {"padding": (0, 1, 1, 1)}, "6 taps need as many samples, and an axis of 4 has 5"),
    ],
)
def test_bad_input_is_refused(function: Any, x: Tensor, filter: Tensor, numbers: dict[str, Any], message: str) -> None:
    """With what it must be, and what it was."""
    with pytest.raises(ValueError, match=message):
        function(x, filter, **numbers)
