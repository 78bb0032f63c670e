"""The kernels of bias_act against the reference in float64, and their derivatives against finite differences."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck, gradgradcheck

from ganbench_kernels import BiasAct, ConvBiasAct, bias_act, bias_act_ref, no_param_grads
from ganbench_kernels.jit import bias_act_plan

TOLERANCE = {torch.float32: 1.3e-6, torch.float64: 1e-12, torch.float16: 1e-3, torch.bfloat16: 8e-3}
SHAPES = [(5, 7), (64, 48), (3, 5, 9), (2, 3, 33, 33), (2, 16, 1, 1), (7, 64, 4, 4), (2, 96, 8, 8), (1, 1, 5, 5), (2, 3, 2, 3, 5)]
CASES = [(dtype, shape) for dtype in TOLERANCE for shape in (SHAPES if dtype == torch.float32 else SHAPES[::3])]
CURVES = [{}, {"negative_slope": 0.0}, {"negative_slope": 1.0, "gain": 0.5}, {"gain": 2**0.5, "clamp": 0.7}]


pytestmark = pytest.mark.filterwarnings("ignore:.*eterministic")  # a convolution of the modules may not be, on a GPU


@pytest.fixture(autouse=True)
def nan_in_empty_tensors() -> Iterator[None]:
    """Fill what is allocated with NaN, so that what a kernel forgets to write is seen."""
    torch.use_deterministic_algorithms(True, warn_only=True)  # which does that
    yield
    torch.use_deterministic_algorithms(False)


def tensor(device: torch.device, dtype: torch.dtype, shape: tuple[int, ...], last: bool, seed: int = 0) -> Tensor:
    """Return a random tensor, channels first or last."""
    x = torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(device=device, dtype=dtype)
    return x.movedim(1, -1).contiguous().movedim(-1, 1) if last else x


def off_the_kinks(x: Tensor, bias: Tensor | None, gain: float = 1.0, negative_slope: float = 0.2, clamp: float | None = None) -> Tensor:
    """Return x without the elements that rounding could move over a kink: these become 0.3 before the bias."""
    t = x.double() if bias is None else x.double() + bias.double().view(1, -1, *[1] * (x.ndim - 2))
    u = gain * torch.where(t > 0, t, negative_slope * t)
    near = t.abs() < 0.02
    if clamp is not None:
        near |= (u.abs() - clamp).abs() < 0.02
    t = torch.where(near, 0.3, t)
    return (t if bias is None else t - bias.double().view(1, -1, *[1] * (x.ndim - 2))).to(x.dtype)


def assert_near(actual: Tensor, expected: Tensor, terms: int = 1) -> None:
    """Compare with float64 to the dtype's tolerance; a sum's error grows with the root of its terms."""
    tolerance = TOLERANCE[actual.dtype]
    torch.testing.assert_close(actual.double(), expected, rtol=tolerance, atol=tolerance * max(terms, 1) ** 0.5)


@pytest.mark.parametrize("last", [False, True], ids=["first", "last"])
@pytest.mark.parametrize(("dtype", "shape"), CASES, ids=str)
def test_values_and_both_gradients(device: torch.device, dtype: torch.dtype, shape: tuple[int, ...], last: bool) -> None:
    """y, dx and db are float64's to the tolerance of their dtype, in the layout of x, with a bias of either dtype."""
    for number, curve in enumerate(CURVES):
        if dtype != torch.float32 and (number // 2) % 2 != last:
            continue  # the other layout has it
        bias = tensor(device, torch.float32 if number % 2 else dtype, (shape[1], 1), False, seed=1)[:, 0].contiguous()
        x = off_the_kinks(tensor(device, dtype, shape, last), bias, **curve)
        dy = tensor(device, dtype, shape, last, seed=2)
        y, *gradients = with_gradients(bias_act, x, bias, dy, impl="triton", **curve)
        expected, *others = with_gradients(bias_act_ref, x.double(), bias.double(), dy.double(), **curve)
        assert y.dtype == gradients[0].dtype == dtype
        assert gradients[1].dtype == bias.dtype
        assert y.stride() == gradients[0].stride() == x.stride()
        assert_near(y, expected)
        assert_near(gradients[0], others[0])
        assert_near(gradients[1], others[1], terms=x.numel() // shape[1])


def with_gradients(op, x: Tensor, bias: Tensor, dy: Tensor, **settings) -> tuple[Tensor, Tensor, Tensor]:
    """Return y, dx and db."""
    x, bias = x.detach().requires_grad_(), bias.detach().requires_grad_()
    y = op(x, bias, **settings)
    return y.detach(), *torch.autograd.grad(y, (x, bias), dy)


@pytest.mark.parametrize("last", [False, True], ids=["first", "last"])
def test_long_strips(device: torch.device, last: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tensor that is summed in strips of several tiles, the last of them incomplete, has the right db, the same each time."""
    monkeypatch.setattr(bias_act_plan, "PROGRAMS", 24)  # as if the tensor were 170 times as large
    monkeypatch.setattr(bias_act_plan, "_table", bias_act_plan._table.__wrapped__)
    x, bias = tensor(device, torch.float32, (3, 24, 19, 41), last), torch.linspace(-1, 1, 24, device=device)
    assert bias_act_plan.table(x, vectors=1, sums=True).steps == 4
    dy = tensor(device, torch.float32, (3, 24, 19, 41), last, seed=2)
    _, dx, db = with_gradients(bias_act, x, bias, dy, impl="triton")
    _, dx_expected, db_expected = with_gradients(bias_act_ref, x.double(), bias.double(), dy.double())
    assert_near(dx, dx_expected)
    assert_near(db, db_expected, terms=x.numel() // 24)
    assert torch.equal(db, with_gradients(bias_act, x, bias, dy, impl="triton")[2])


@pytest.mark.parametrize("clamp", [None, 0.5])
@pytest.mark.parametrize("negative_slope", [0.0, 0.2, 1.0])
@pytest.mark.parametrize("with_bias", [False, True], ids=["plain", "bias"])
@pytest.mark.parametrize("last", [False, True], ids=["first", "last"])
def test_first_and_second_derivatives(
    device: torch.device, last: bool, with_bias: bool, negative_slope: float, clamp: float | None
) -> None:
    """Both are those of finite differences in float64, away from the kinks."""
    bias = tensor(device, torch.float64, (2, 1), False, seed=1)[:, 0].contiguous() if with_bias else None
    x = off_the_kinks(tensor(device, torch.float64, (2, 2, 1, 2), last), bias, 1.3, negative_slope, clamp)
    inputs = tuple(t.requires_grad_() for t in (x, bias) if t is not None)

    def op(*inputs: Tensor) -> Tensor:
        return bias_act(*inputs, negative_slope=negative_slope, gain=1.3, clamp=clamp, impl="triton")

    # The interpreter is slow: the whole matrices in one case of each layout, random projections of them in the others.
    by_projection = not (with_bias and negative_slope == 0.2 and clamp is not None)
    gradcheck(op, inputs, fast_mode=by_projection)
    gradgradcheck(op, inputs, fast_mode=by_projection)


@pytest.mark.parametrize("want_db", [False, True], ids=["dx", "dx and db"])
def test_third_derivative(device: torch.device, want_db: bool) -> None:
    """The derivative of the second derivative is the reference's; each of the two cotangents may be missing."""
    x, bias = tensor(device, torch.float64, (2, 3, 4, 4), False).requires_grad_(), torch.zeros(3, device=device, dtype=torch.float64)
    weights = tensor(device, torch.float64, (2, 3, 4, 4), False, seed=3)

    def third(op, impl: str) -> tuple[Tensor, ...]:
        b = bias.clone().requires_grad_()
        y = op((x * weights).sin(), b, impl=impl)
        dx, db = torch.autograd.grad(y.pow(3).sum(), (x, b), create_graph=True)
        first = db.square().sum() if want_db else dx.square().sum()
        (second,) = torch.autograd.grad(first, x, create_graph=True)
        return torch.autograd.grad(second.square().sum(), (x, b))

    torch.testing.assert_close(third(bias_act, "triton"), third(bias_act_ref, "ref"))


def test_strides_of_every_kind(device: torch.device) -> None:
    """Views and gradients with gaps, permuted or with strides of 0 give what their copies give."""
    base = tensor(device, torch.float32, (6, 8, 6, 6), False)
    views = [base.transpose(0, 1), base[:, ::2], base[..., 1:5, ::3], base[:1].expand(4, -1, -1, -1), base.movedim(1, -1)[:, :, :, 1:4]]
    views += [base.to(memory_format=torch.channels_last)[:, 1:6], base[:, :, 0, 0], base[:, :1].expand(-1, 8, -1, -1)]
    for x in views:
        bias = torch.linspace(-1, 1, 2 * x.shape[1], device=device)[::2]
        for dy in (torch.ones((), device=device).expand(x.shape), tensor(device, torch.float32, tuple(x.shape), True, seed=1), x):
            actual = with_gradients(bias_act, x, bias, dy, impl="triton")
            expected = with_gradients(bias_act_ref, x.double(), bias.double(), dy.double())
            for a, e in zip(actual, expected, strict=True):
                assert_near(a, e, terms=x.numel())


@pytest.mark.parametrize("shape", [(0, 3), (2, 0), (0, 3, 4, 4), (2, 3, 0, 4), (2, 0, 3, 3)], ids=str)
def test_nothing_to_do(device: torch.device, shape: tuple[int, ...]) -> None:
    """Empty tensors have empty results, and a bias that adds to nothing has a gradient of 0."""
    x, bias = torch.empty(shape, device=device), torch.ones(shape[1], device=device)
    y, dx, db = with_gradients(bias_act, x, bias, torch.empty(shape, device=device), impl="triton")
    assert y.shape == dx.shape == x.shape
    assert torch.equal(db, torch.zeros_like(bias))


@pytest.mark.parametrize("clamp", [0.7, 0.3, 1.1])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_a_clamped_value_has_no_slope(device: torch.device, dtype: torch.dtype, clamp: float) -> None:
    """Also where the dtype rounds the clamp down, so that a clamped y is below the number that was asked for."""
    x = torch.tensor([[-90.0, -20.0, 0.1, 2.0, 100.0]], device=device, dtype=dtype).requires_grad_()
    y = bias_act(x, clamp=clamp, impl="triton")
    (dx,) = torch.autograd.grad(y.sum(), x)
    assert torch.equal(dx, torch.tensor([[0, 0, 1, 0, 0]], device=device, dtype=dtype))


def test_infinite_and_not_a_number(device: torch.device) -> None:
    """They come out as in PyTorch: a clamp hides no NaN, and ReLU of minus infinity is 0."""
    x = torch.tensor([[float("nan"), float("inf"), float("-inf"), -0.0]], device=device)
    for curve in ({}, {"negative_slope": 0.0}, {"clamp": 2.0}, {"negative_slope": 0.0, "clamp": 2.0}):
        torch.testing.assert_close(bias_act(x, impl="triton", **curve), bias_act_ref(x, **curve), equal_nan=True, rtol=0, atol=0)


def test_only_what_is_needed_is_kept(device: torch.device) -> None:
    """The graph holds y and nothing else."""
    kept: list[Tensor] = []
    x, bias = torch.randn(2, 3, 4, 4, device=device, requires_grad=True), torch.zeros(3, device=device, requires_grad=True)
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t) or t, lambda t: t):
        y = bias_act(x, bias, impl="triton")
    assert [t.data_ptr() for t in kept] == [y.data_ptr()]


def test_no_param_grads(device: torch.device) -> None:
    """Inside, a first derivative leaves the bias out; the penalty's second derivative reaches parameters as always."""
    x = torch.randn(2, 3, 6, 6, device=device, dtype=torch.float64, requires_grad=True)
    first, second = (ConvBiasAct(3, 3, 3, device=device, dtype=torch.float64, impl="triton") for _ in range(2))
    parameters = [*first.parameters(), second.weight]

    def penalty() -> tuple[Tensor, ...]:
        (g,) = torch.autograd.grad(second(first(x)).square().sum(), x, create_graph=True)
        return torch.autograd.grad(g.square().sum(), parameters)

    expected = penalty()
    with no_param_grads():
        (g,) = torch.autograd.grad(second(first(x)).square().sum(), x, create_graph=True)
        assert torch.autograd.grad(second(first(x)).sum(), second.bias, allow_unused=True) == (None,)
    actual = torch.autograd.grad(g.square().sum(), parameters)
    torch.testing.assert_close(actual, expected)
    assert all(gradient.count_nonzero() > 0 for gradient in actual)


def test_modules(device: torch.device) -> None:
    """Both modules compute the same on Triton as on the reference, channels last or not, with and without a bias."""
    for memory_format in (torch.contiguous_format, torch.channels_last):
        x = torch.randn(2, 3, 8, 8, device=device, dtype=torch.float64).to(memory_format=memory_format)
        for bias in (True, False):
            settings = {"padding": 1, "bias": bias, "gain": 2**0.5, "clamp": 0.9, "device": device, "dtype": torch.float64}
            fused, plain = ConvBiasAct(3, 8, 3, impl="triton", **settings), ConvBiasAct(3, 8, 3, impl="ref", **settings)
            plain.load_state_dict(fused.state_dict())
            torch.testing.assert_close(fused(x), plain(x))
            alone = BiasAct(3, bias=bias, impl="triton").to(device)
            torch.testing.assert_close(alone(x), bias_act_ref(x, alone.bias))


def test_one_image_without_a_batch(device: torch.device) -> None:
    """The convolution takes [C, H, W] as ``nn.Conv2d`` does, where dimension 1 is not the channels."""
    layer = ConvBiasAct(3, 8, 3, impl="triton", device=device, dtype=torch.float64)
    x = torch.randn(3, 10, 10, device=device, dtype=torch.float64)
    torch.testing.assert_close(layer(x), layer(x[None])[0])
