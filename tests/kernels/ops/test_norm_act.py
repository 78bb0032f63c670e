"""The kernels of batch norm + leaky-ReLU, in one launch and in two stages, against torch's batch norm in float64."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from ganbench_kernels import NormAct, higher_order, norm_act, norm_act_ref
from ganbench_kernels.jit import norm_act as launches
from ganbench_kernels.jit.norm_act_tiling import small_tiling, tiling

RTOL = {torch.float64: 1e-11, torch.float32: 1.3e-6, torch.float16: 1e-3, torch.bfloat16: 8e-3}
SHAPES = [(2, 4, 32, 32), (3, 20, 2, 2), (40, 24), (3, 2, 16, 12), (1, 2, 64, 64), (4, 3, 2, 3, 4), (6, 5, 7)]
LAYOUTS = {"contiguous": lambda x: x, "channels-last": lambda x: x.movedim(1, -1).contiguous().movedim(-1, 1)}


@pytest.fixture(params=["one-launch", "stages"])
def stages(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Take tensors of the tests for large ones, too."""
    if request.param == "stages":
        monkeypatch.setattr(launches, "small_tiling", lambda *_, **__: None)


class Case:
    """Inputs of one call, and the same in float64."""

    def __init__(self, x: Tensor, *, affine: bool = True, tracked: bool = True) -> None:
        self.dtype = torch.float64 if x.dtype == torch.float64 else torch.float32
        self.x = x.detach().requires_grad_()
        self.weight, self.bias = (self._draw() if affine else None for _ in range(2))
        self.running = [self._draw().detach().abs() if tracked else None for _ in range(2)]

    def _draw(self) -> Tensor:
        return torch.randn(self.x.shape[1], dtype=self.dtype, device=self.x.device).requires_grad_()

    def in_float64(self) -> Case:
        """Return a copy."""
        other = copy.copy(self)
        other.x, other.weight, other.bias = (None if t is None else t.detach().double().requires_grad_() for t in self.inputs())
        other.running = [None if t is None else t.double() for t in self.running]
        return other

    def inputs(self) -> list[Tensor | None]:
        """Return x, weight and bias."""
        return [self.x, self.weight, self.bias]

    def run(self, dy: Tensor, *, impl: str, **options: float) -> tuple[Tensor, list[Tensor]]:
        """Return y and the gradients of what is there."""
        y = norm_act(*self.inputs(), *self.running, impl=impl, **options)
        return y, list(torch.autograd.grad(y, [t for t in self.inputs() if t is not None], dy.to(y.dtype)))


def draw(shape: tuple[int, ...], dtype: torch.dtype, device: torch.device, *, mean: float = 3.0) -> Tensor:
    """Return values away from zero mean and unit variance."""
    return (2 * torch.randn(shape, generator=torch.Generator().manual_seed(1)) + mean).to(device=device, dtype=dtype)


def assert_agrees(case: Case, dy: Tensor, **options: float) -> None:
    """Compare values, gradients and running statistics with torch in float64."""
    exact = case.in_float64()
    y, gradients = case.run(dy, impl="triton", **options)
    expected, exact_gradients = exact.run(dy, impl="ref", **options)
    rtol = RTOL[case.x.dtype]
    count = case.x.numel() / case.x.shape[1]
    torch.testing.assert_close(y.double(), expected, rtol=rtol, atol=4 * rtol)
    torch.testing.assert_close(gradients[0].double(), exact_gradients[0], rtol=rtol, atol=4 * rtol)
    for actual, wanted in zip(gradients[1:], exact_gradients[1:], strict=True):
        torch.testing.assert_close(actual.double(), wanted, rtol=RTOL[case.dtype], atol=8 * RTOL[case.dtype] * count**0.5)
    for actual, wanted in zip(case.running, exact.running, strict=True):
        if actual is not None:
            torch.testing.assert_close(actual.double(), wanted, rtol=1.3e-6, atol=1e-6)  # the momentum is a float32 in the kernel


def kept_away_from_the_kink(case: Case) -> Tensor:
    """Return cotangents that are 0 where rounding could decide the sign of z."""
    z = norm_act_ref(*case.in_float64().inputs(), None, None, negative_slope=1.0)
    return torch.where(z.abs() > 1e-4, torch.randn(z.shape, dtype=torch.float32).to(z.device), 0.0).to(case.x.dtype)


@pytest.mark.usefixtures("stages")
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", RTOL)
@pytest.mark.parametrize("shape", [(4, 3, 5, 7), (8, 16, 4, 4)], ids=str)
def test_values_gradients_and_running_statistics(device: torch.device, shape: tuple[int, ...], dtype: torch.dtype, layout: str) -> None:
    """In every type and layout, what torch computes in float64; y and dx have the layout of x."""
    case = Case(LAYOUTS[layout](draw(shape, dtype, device)))
    assert_agrees(case, kept_away_from_the_kink(case))
    y, (dx, dweight, dbias) = case.run(torch.ones_like(case.x), impl="triton")
    assert y.stride() == dx.stride() == case.x.stride()
    assert (y.dtype, dx.dtype, dweight.dtype, dbias.dtype) == (dtype, dtype, case.dtype, case.dtype)


@pytest.mark.usefixtures("stages")
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_other_shapes(device: torch.device, shape: tuple[int, ...]) -> None:
    """Vectors, sequences, volumes, and planes of one tile, of several tiles and of several to a tile."""
    case = Case(draw(shape, torch.float64, device))
    assert_agrees(case, kept_away_from_the_kink(case))


@pytest.mark.usefixtures("stages")
@pytest.mark.parametrize(("affine", "tracked"), [(False, True), (True, False), (False, False)])
def test_without_parameters_or_running_statistics(device: torch.device, affine: bool, tracked: bool) -> None:
    """Each may be left out."""
    case = Case(draw((6, 8, 4, 4), torch.float32, device), affine=affine, tracked=tracked)
    assert_agrees(case, kept_away_from_the_kink(case))


@pytest.mark.parametrize(("slope", "momentum", "eps"), [(0.0, 0.1, 1e-3), (0.01, 1.0, 1e-5), (1.0, 0.0, 0.1)])
def test_other_options(device: torch.device, slope: float, momentum: float, eps: float) -> None:
    """Slope, momentum and eps are those of torch."""
    case = Case(draw((6, 8, 4, 4), torch.float32, device))
    assert_agrees(case, kept_away_from_the_kink(case), negative_slope=slope, momentum=momentum, eps=eps)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_many_programs(device: torch.device, layout: str) -> None:
    """Tiles, chunks and merged parts that are not full."""
    case = Case(LAYOUTS[layout](draw((35, 6, 12, 12), torch.float32, device)))
    assert small_tiling(case.x.detach()) is None  # 12 * 12 is no power of two, or there are too many rows
    assert tiling(case.x.detach()).parts > 8
    assert_agrees(case, kept_away_from_the_kink(case))


@pytest.mark.usefixtures("stages")
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_large_mean_costs_no_precision_of_the_variance(device: torch.device, layout: str) -> None:
    """With a mean of 4096 standard deviations, the variance keeps four digits; the naive formula would have none."""
    noise = torch.randn(8, 4, 16, 16, generator=torch.Generator().manual_seed(2))
    x = LAYOUTS[layout]((noise + 4096).to(device))
    running_mean, running_var = torch.zeros(4, device=device), torch.zeros(4, device=device)
    norm_act(x, None, None, running_mean, running_var, momentum=1.0, impl="triton")
    wide = x.double().movedim(1, 0).flatten(1)
    torch.testing.assert_close(running_var.double(), wide.var(1), rtol=1e-4, atol=0)
    torch.testing.assert_close(running_mean.double(), wide.mean(1), rtol=2e-7, atol=0)


@pytest.mark.usefixtures("stages")
def test_outliers_in_the_first_row_cost_no_precision_of_the_variance(device: torch.device) -> None:
    """The values that the kernel subtracts first may be far from the rest."""
    x = torch.randn(512, 16, generator=torch.Generator().manual_seed(3)).to(device)
    x[0] = 1e4
    variance = torch.zeros(16, device=device)
    norm_act(x, None, None, torch.zeros(16, device=device), variance, momentum=1.0, impl="triton")
    torch.testing.assert_close(variance.double(), x.double().var(0), rtol=1e-5, atol=0)


@pytest.mark.usefixtures("stages")
def test_the_same_input_gives_the_same_bits(device: torch.device) -> None:
    """Two runs of forward and backward are equal."""
    case = Case(draw((17, 8, 8, 8), torch.bfloat16, device), tracked=False)
    dy = torch.randn(case.x.shape, device=device)
    (y, gradients), (again, gradients_again) = (case.run(dy, impl="triton") for _ in range(2))
    assert torch.equal(y, again)
    assert all(torch.equal(a, b) for a, b in zip(gradients, gradients_again, strict=True))


VIEWS = {
    "transposed": lambda x: x.transpose(2, 3),
    "step": lambda x: x[:, ::2],
    "expanded": lambda x: x[:1].expand(6, -1, -1, -1),
    "offset": lambda x: x.flatten()[1:-7].reshape(1, 8, -1, 1),
}


@pytest.mark.parametrize("view", VIEWS)
def test_any_strides(device: torch.device, view: str) -> None:
    """Views are normalised like their copies, forward and backward."""
    case = Case(VIEWS[view](draw((6, 8, 4, 4), torch.float32, device)[..., : 3 if view == "transposed" else 4]))
    assert_agrees(case, kept_away_from_the_kink(case))


@pytest.mark.parametrize("view", ["channels-last", "expanded"])
def test_a_gradient_of_any_strides(device: torch.device, view: str) -> None:
    """The cotangent's layout need not be x's."""
    case = Case(draw((6, 8, 4, 4), torch.float32, device))
    dy = kept_away_from_the_kink(case)
    assert_agrees(case, LAYOUTS["channels-last"](dy) if view == "channels-last" else torch.ones((), device=device).expand(dy.shape) * 0.5)


def test_an_empty_batch_leaves_the_running_statistics(device: torch.device) -> None:
    """As torch does."""
    case = Case(torch.empty(0, 3, 4, 4, device=device))
    before = [t.clone() for t in case.running]
    y, gradients = case.run(torch.empty(0, 3, 4, 4, device=device), impl="triton")
    assert y.shape == (0, 3, 4, 4)
    assert all(torch.equal(a, b) for a, b in zip(before, case.running, strict=True))
    assert all(not g.any() for g in gradients)


@pytest.mark.usefixtures("stages")
def test_every_element_is_written(device: torch.device, monkeypatch: pytest.MonkeyPatch) -> None:
    """Outputs that start as NaN end without one."""

    def filled(make):
        return lambda *a, **k: make(*a, **k).fill_(float("nan"))

    monkeypatch.setattr(torch, "empty", filled(torch.empty))
    monkeypatch.setattr(torch, "empty_like", filled(torch.empty_like))
    case = Case(draw((5, 6, 7, 5), torch.float32, device))
    y, gradients = case.run(torch.ones_like(case.x), impl="triton")
    assert not any(t.isnan().any() for t in (y, *gradients))


def test_a_nan_reaches_its_channel(device: torch.device) -> None:
    """And no other channel."""
    x = draw((6, 8, 4, 4), torch.float32, device)
    x[1, 2, 3, 3] = float("nan")
    bad = norm_act(x, None, None, None, None, impl="triton").isnan().flatten(2).any(2).any(0)
    assert bad.tolist() == [c == 2 for c in range(8)]


def test_gradcheck_in_float64(device: torch.device) -> None:
    """The derivatives agree with finite differences, away from the kink."""
    x = torch.randn(3, 4, 2, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(5)).to(device).requires_grad_()
    weight, bias = (torch.tensor(v, dtype=torch.float64, device=device, requires_grad=True) for v in ([1, 2, -1, 0.5], [4.0, -5, 4, -3]))
    assert torch.autograd.gradcheck(lambda *i: norm_act(*i, None, None, impl="triton"), (x, weight, bias), fast_mode=True)


def test_a_second_derivative_raises_and_names_the_reference(device: torch.device) -> None:
    """R1 through the kernels stops with what to do; in higher_order auto takes the reference, and the penalty has gradients."""
    case = Case(draw((6, 8, 4, 4), torch.float32, device))

    def penalty(impl: str) -> Tensor:
        y = norm_act(*case.inputs(), *case.running, impl=impl)
        (gradient,) = torch.autograd.grad(y.square().sum(), case.x, create_graph=True)
        return gradient.square().sum()

    with pytest.raises(RuntimeError, match="impl='ref'"):
        penalty("triton").backward()
    with higher_order():
        penalty("auto").backward()
    assert case.weight is not None
    assert case.weight.grad.any()


def test_only_x_is_kept_for_the_backward(device: torch.device) -> None:
    """Of the tensors of x's size, none but x is saved."""
    case = Case(draw((6, 8, 4, 4), torch.float32, device))
    saved: list[Tensor] = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: saved.append(t) or t, lambda t: t):
        norm_act(*case.inputs(), *case.running, impl="triton")
    assert [t.data_ptr() for t in saved if t.numel() == case.x.numel()] == [case.x.data_ptr()]


def test_a_backward_that_needs_the_old_running_statistics_is_stopped(device: torch.device) -> None:
    """Evaluation with gradients saves them; torch says so when training moves them before the backward."""
    case = Case(draw((6, 8, 4, 4), torch.float32, device))
    y = norm_act(*case.inputs(), *case.running, training=False, impl="triton")
    norm_act(*case.inputs(), *case.running, impl="triton")
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


def test_some_inputs_without_gradient(device: torch.device) -> None:
    """Frozen parameters, or a frozen input."""
    case = Case(draw((6, 8, 4, 4), torch.float32, device))
    _, full = case.run(torch.ones_like(case.x), impl="triton")
    for frozen in range(3):
        inputs = [t.detach().requires_grad_(i != frozen) for i, t in enumerate(case.inputs())]
        norm_act(*inputs, None, None, impl="triton").sum().backward()
        assert inputs[frozen].grad is None
        assert all(torch.equal(t.grad, g) for i, (t, g) in enumerate(zip(inputs, full, strict=True)) if i != frozen)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_evaluation_uses_the_running_statistics(device: torch.device, dtype: torch.dtype, layout: str) -> None:
    """The kernel without gradients, and the reference with them."""
    case = Case(LAYOUTS[layout](draw((6, 8, 4, 4), dtype, device)))
    expected = norm_act_ref(*case.in_float64().inputs(), *case.in_float64().running, training=False)
    with torch.no_grad():
        y = norm_act(*case.inputs(), *case.running, training=False, impl="triton")
    torch.testing.assert_close(y.double(), expected, rtol=RTOL[dtype], atol=4 * RTOL[dtype])
    differentiable = norm_act(*case.inputs(), *case.running, training=False, impl="triton")
    assert torch.autograd.grad(differentiable.sum(), case.x)[0].any()


def test_half_precision_parameters(device: torch.device) -> None:
    """A model cast as a whole to bfloat16 runs, and its gradients have the parameters' type."""
    case = Case(draw((6, 8, 4, 4), torch.bfloat16, device))
    parameters = [t.detach().bfloat16().requires_grad_() for t in case.inputs()[1:]]
    y = norm_act(case.x, *parameters, *(t.bfloat16() for t in case.running), impl="triton")
    assert [g.dtype for g in torch.autograd.grad(y.sum(), parameters)] == [torch.bfloat16] * 2


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_module_trains_like_batch_norm_and_leaky_relu(device: torch.device, dtype: torch.dtype) -> None:
    """Several steps: outputs, running statistics and the count of batches."""
    ours = NormAct(8, impl="triton").to(device)
    theirs = nn.Sequential(nn.BatchNorm2d(8), nn.LeakyReLU(0.2)).to(device).double()
    for step in range(4):
        x = (torch.randn(6, 8, 4, 4, generator=torch.Generator().manual_seed(step)) * (step + 1) + step).to(device=device, dtype=dtype)
        torch.testing.assert_close(ours(x).double(), theirs(x.double()), rtol=RTOL[dtype], atol=4 * RTOL[dtype])
    assert int(ours.num_batches_tracked) == 4
    torch.testing.assert_close(ours.running_mean.double(), theirs[0].running_mean, rtol=1.3e-6, atol=1e-6)
    torch.testing.assert_close(ours.running_var.double(), theirs[0].running_var, rtol=1.3e-6, atol=1e-6)


def test_registered_ops(device: torch.device) -> None:
    """Schema, shape functions and tracing are right, with and without the optional inputs."""
    ops = torch.ops.ganbench_kernels
    x, x_last = draw((4, 8, 4, 4), torch.float32, device), LAYOUTS["channels-last"](draw((4, 8, 3, 3), torch.bfloat16, device))
    vectors = [torch.rand(8, device=device) + 0.5 for _ in range(4)]
    torch.library.opcheck(ops.norm_act.default, (x_last, *vectors, 0.1, 1e-5, 0.2))
    torch.library.opcheck(ops.norm_act.default, (x, None, None, None, None, 0.1, 1e-5, 0.0))
    torch.library.opcheck(ops.norm_act_backward.default, (torch.randn_like(x), x_last, *vectors, 0.2))
    torch.library.opcheck(ops.norm_act_inference.default, (x_last, *vectors, 1e-5, 0.2))


@pytest.mark.filterwarnings("ignore:Dynamo detected a call to a `functools.lru_cache`")  # of dispatch, only where "triton" is insisted on
def test_compiled_with_the_kernels(device: torch.device) -> None:
    """impl="triton" is traced without a break: the same values, gradients and running statistics."""
    eager, compiled = (NormAct(8, impl="triton").to(device) for _ in range(2))
    step = torch.compile(compiled, backend="aot_eager", fullgraph=True)
    for seed in range(2):
        x, x_compiled = (draw((6, 8, 4, 4), torch.float32, device, mean=seed).requires_grad_() for _ in range(2))
        y, y_compiled = eager(x), step(x_compiled)
        y.square().sum().backward()
        y_compiled.square().sum().backward()
        assert torch.equal(y, y_compiled)
        assert torch.equal(x.grad, x_compiled.grad)
    assert all(torch.equal(a, b) for a, b in zip(eager.state_dict().values(), compiled.state_dict().values(), strict=True))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("shape", [(4, 1, 1, 1), (1, 1, 7, 1), (2, 7, 1, 3), (3, 5, 6, 2), (7, 2, 3, 7), (5, 3, 1, 1)], ids=str)
def test_any_shape(device: torch.device, shape: tuple[int, ...], layout: str) -> None:
    """Odd sizes and sizes of one."""
    case = Case(LAYOUTS[layout](draw(shape, torch.float64, device)))
    assert_agrees(case, kept_away_from_the_kink(case))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="8 GiB in an interpreter")
@pytest.mark.parametrize("layout", LAYOUTS)
def test_more_than_two_to_the_31_elements(device: torch.device, layout: str) -> None:
    """The last images are normalised and differentiated like the first."""
    if torch.cuda.mem_get_info(device)[0] < 40 * 2**30:
        pytest.skip("needs 40 GiB")
    x = LAYOUTS[layout](torch.randn(33, 64, 1024, 1024, device=device, dtype=torch.float16)).requires_grad_()
    y = norm_act(x, None, None, None, None, impl="triton")
    (dx,) = torch.autograd.grad(y, x, y.detach())
    for image in (0, -1):
        z = x[image].detach().float()  # of mean 0 and variance 1, over so many
        torch.testing.assert_close(y[image].float(), torch.nn.functional.leaky_relu(z, 0.2), rtol=2e-3, atol=2e-3)
        # sum(dz z) / n is 0.52 and sum(dz) / n is 0.96 / sqrt(2 pi), of a unit normal z and dz = max(z, 0) + 0.04 min(z, 0)
        dz = torch.where(z > 0, z, 0.04 * z)
        torch.testing.assert_close(dx[image].float(), dz - 0.96 / (2 * torch.pi) ** 0.5 - 0.52 * z, rtol=1e-2, atol=1e-2)
